use std::error::Error as StdError;

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};

/// Why a token, or the library that leads to it, can't be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The library says so.
    #[error("the PKCS#11 library fails")]
    Library(#[from] Error),
    /// It isn't named by where it lies.
    #[error("a PKCS#11 library must be named by an absolute path")]
    Path,
    /// Others use it as it is, so it can't be initialised.
    #[error("the PKCS#11 library is in use")]
    InUse,
    /// No token has that label now.
    #[error("the token isn't there")]
    NoToken,
    /// There is no PIN to log in with.
    #[error("the PIN can't be had")]
    Pin(#[source] Box<dyn StdError + Send + Sync>),
    /// The library is to be initialised before it sees this PIN.
    #[error("the PIN was not tried")]
    Untried,
    /// The system gives no thread to call it from.
    #[error("there is no thread to be had")]
    NoThread(#[source] std::io::Error),
    /// The call ended without an answer.
    #[error("the call was cut short")]
    CutShort,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The token, or what lies on it, says no; in words, for the log.
    Refused(&'static str),
    /// What was to be unwrapped is no wrapped key.
    Broken,
    /// It may be well once the library is initialised anew.
    Lost(Trouble),
    /// It won't.
    Down(Trouble),
}

impl From<Error> for Failure {
    /// What any call but a login may answer.
    fn from(error: Error) -> Self {
        let Error::Pkcs11(code, function) = &error else { return Self::Lost(error.into()) };
        match (function, code) {
            (Function::Decrypt, code) if spoils(code) => Self::Broken,
            (_, RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid) => Self::Refused("the key is gone"),
            (_, RvError::KeyFunctionNotPermitted | RvError::ActionProhibited | RvError::FunctionRejected) => {
                Self::Refused("the key may not be used")
            }
            (_, RvError::MechanismInvalid | RvError::KeyTypeInconsistent | RvError::KeySizeRange) => {
                Self::Refused("the token doesn't do AES-GCM with this key")
            }
            _ => Self::Lost(error.into()),
        }
    }
}

/// Libraries say in many ways that a tag is not the right one; the last is `CKR_AEAD_DECRYPT_FAILED`.
fn spoils(code: &RvError) -> bool {
    matches!(
        code,
        RvError::GeneralError
            | RvError::EncryptedDataInvalid
            | RvError::EncryptedDataLenRange
            | RvError::UnknownErrorCode(0x42)
    )
}
