use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use ward::crypto::ServiceError;

use super::KeyArn;

const LONGEST_CODE: usize = 64;

/// The ciphertext is not what this key made for this tenant.
const BROKEN: &[&str] = &["IncorrectKeyException", "InvalidCiphertextException"];

/// KMS can't do it now.
const TRANSIENT: &[&str] = &[
    "DependencyTimeoutException",
    "InternalFailure",
    "KMSInternalException",
    "KeyUnavailableException",
    "LimitExceededException",
    "RequestTimeout",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// KMS doesn't know who asks: a matter between it and the deployment, in which whoever holds the key said nothing.
const UNKNOWN: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Why KMS gave no answer that counts. Nothing of what was sent or received is kept, but the word with which KMS names an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// The time was up.
    #[error("AWS KMS gave no answer in time")]
    Late,
    /// There was no connection, or it broke.
    #[error("there is no connection to AWS KMS")]
    Unconnected,
    /// No request could be made: there are no credentials, or it would have gone out in clear.
    #[error("AWS KMS can't be asked with what credentials and settings there are")]
    Unasked,
    /// What came is not an answer of KMS.
    #[error("what came is no answer of AWS KMS")]
    Garbled,
    /// KMS itself, or the deployment's access to it, is out of order.
    #[error("AWS KMS answered `{0}`")]
    Said(String),
}

impl From<Unanswered> for ServiceError {
    fn from(unanswered: Unanswered) -> Self {
        Self::Unavailable(Box::new(unanswered))
    }
}

/// What an error of the client's means; the table is in the [module's documentation](super).
pub(super) fn of<E: ProvideErrorMetadata>(key: &KeyArn, error: &SdkError<E, HttpResponse>) -> ServiceError {
    match error {
        SdkError::ServiceError(said) => {
            let code = said.err().meta().code();
            let meant = meaning(code, said.raw().status().as_u16());
            if matches!(meant, ServiceError::Refused) {
                tracing::info!(%key, code, "AWS KMS refuses a key");
            }
            meant
        }
        SdkError::TimeoutError(_) => Unanswered::Late.into(),
        SdkError::DispatchFailure(failed) if failed.is_timeout() => Unanswered::Late.into(),
        SdkError::DispatchFailure(failed) if failed.is_io() => Unanswered::Unconnected.into(),
        SdkError::DispatchFailure(failed) if failed.as_other().is_some() => Unanswered::Unconnected.into(),
        SdkError::ResponseError(_) => Unanswered::Garbled.into(),
        _ => Unanswered::Unasked.into(),
    }
}

/// What KMS means by a word. An answer without one isn't KMS's, whatever its status.
fn meaning(code: Option<&str>, status: u16) -> ServiceError {
    let is_word =
        |code: &&str| code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let Some(code) = code.filter(|code| !code.is_empty()).filter(is_word) else {
        return Unanswered::Garbled.into();
    };
    if BROKEN.contains(&code) {
        ServiceError::Broken
    } else if TRANSIENT.contains(&code) || UNKNOWN.contains(&code) || !(400..500).contains(&status) {
        Unanswered::Said(code.to_owned()).into()
    } else {
        ServiceError::Refused
    }
}

#[cfg(test)]
mod tests {
    use ward::crypto::ServiceError;

    use super::meaning;

    #[test]
    fn what_kms_says_means_one_thing() {
        let kind = |code: Option<&str>, status| match meaning(code, status) {
            ServiceError::Unavailable(why) => why.to_string(),
            other => format!("{other:?}"),
        };
        for code in
            ["DisabledException", "KMSInvalidStateException", "NotFoundException", "AccessDeniedException"]
        {
            assert_eq!(kind(Some(code), 400), "Refused");
        }
        assert_eq!(kind(Some("SomethingNewException"), 400), "Refused");
        assert_eq!(kind(Some("SomethingNewException"), 503), "AWS KMS answered `SomethingNewException`");
        assert_eq!(kind(Some("ExpiredTokenException"), 400), "AWS KMS answered `ExpiredTokenException`");
        assert_eq!(kind(Some("KeyUnavailableException"), 500), "AWS KMS answered `KeyUnavailableException`");
        for code in ["IncorrectKeyException", "InvalidCiphertextException"] {
            assert_eq!(kind(Some(code), 400), "Broken");
        }
        for none in [None, Some(""), Some("a\nb"), Some(&*"x".repeat(65))] {
            assert_eq!(kind(none, 403), "what came is no answer of AWS KMS");
        }
    }
}
