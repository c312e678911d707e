use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::{Builder, Credentials};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::connector;

/// AWS KMS, or what speaks its API, for all of a process and in every region; copies share one client.
///
/// Nothing is asked until the first key is: a process starts whether KMS and what gives credentials can be reached or not. Credentials
/// are renewed before they expire.
#[derive(Clone)]
pub struct Kms(Arc<Inner>);

struct Inner {
    settings: Settings,
    patience: Duration,
    client: OnceCell<Client>,
}

/// KMS can't be used as the settings have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// Keys would leave this machine in clear.
    #[error("`AWS_ENDPOINT_URL_KMS` must be an `https` URL, or lead to this machine itself")]
    Endpoint,
    /// An access key and its secret go together.
    #[error("`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` go together")]
    Credentials,
}

impl Kms {
    /// No request waits longer than this for its answer, its second try included.
    pub const LONGEST: Duration = Duration::from_secs(4);

    /// Of `settings`, these count: `AWS_ENDPOINT_URL_KMS` for a private endpoint or a compatible server, `AWS_REGION`, and
    /// `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. What they leave open, AWS's own chain finds: in the
    /// environment, in a profile, by a web identity, from the container or the machine.
    pub fn new(settings: impl IntoIterator<Item = (String, String)>) -> Result<Self, Unusable> {
        Self::within(Self::LONGEST, settings)
    }

    /// The same for those who have less patience than [`LONGEST`](Self::LONGEST), which is the most there is.
    pub fn within(
        patience: Duration,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Unusable> {
        let settings = Settings::of(settings)?;
        let patience = patience.min(Self::LONGEST);
        Ok(Self(Arc::new(Inner { settings, patience, client: OnceCell::new() })))
    }

    /// The client, made when it is first asked for, and what sends its request to `region`.
    pub(super) async fn client(&self, region: &str) -> (&Client, Builder) {
        let client = self.0.client.get_or_init(|| self.0.open(region)).await;
        (client, Builder::new().region(Region::new(region.to_owned())))
    }
}

/// Without a word of what is in it.
impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kms(..)")
    }
}

impl Inner {
    /// Reads what this machine has to say, and asks nobody. Whoever hands out credentials is looked for in the deployment's own region,
    /// or in the first key's.
    async fn open(&self, region: &str) -> Client {
        let region = self.settings.region.clone().unwrap_or_else(|| region.to_owned());
        let http = connector::client();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region))
            .http_client(http.clone())
            .retry_config(self.retries())
            .timeout_config(self.timeouts());
        if let Some(credentials) = self.settings.credentials() {
            loader = loader.credentials_provider(credentials);
        }
        let mut config = Builder::from(&loader.load().await).http_client(connector::strict(http));
        if let Some(endpoint) = &self.settings.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Client::from_conf(config.build())
    }

    /// A second try for what failed in passing; whoever asks has a circuit breaker for the rest.
    fn retries(&self) -> RetryConfig {
        let (first, last) = (self.patience / 40, self.patience / 10);
        RetryConfig::standard().with_max_attempts(2).with_initial_backoff(first).with_max_backoff(last)
    }

    fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.patience / 4)
            .operation_attempt_timeout(self.patience / 2)
            .operation_timeout(self.patience)
            .build()
    }
}

#[derive(Default)]
struct Settings {
    endpoint: Option<String>,
    region: Option<String>,
    access: Option<(String, Zeroizing<String>)>,
    session: Option<Zeroizing<String>>,
}

impl Settings {
    fn of(settings: impl IntoIterator<Item = (String, String)>) -> Result<Self, Unusable> {
        let (mut known, mut id, mut secret) = (Self::default(), None, None);
        for (name, value) in settings.into_iter().filter(|(_, value)| !value.is_empty()) {
            match &*name {
                "AWS_ENDPOINT_URL_KMS" => known.endpoint = Some(value),
                "AWS_REGION" => known.region = Some(value),
                "AWS_ACCESS_KEY_ID" => id = Some(value),
                "AWS_SECRET_ACCESS_KEY" => secret = Some(Zeroizing::new(value)),
                "AWS_SESSION_TOKEN" => known.session = Some(Zeroizing::new(value)),
                _ => {}
            }
        }
        known.access = match (id, secret) {
            (Some(id), Some(secret)) => Some((id, secret)),
            (None, None) => None,
            _ => return Err(Unusable::Credentials),
        };
        match &known.endpoint {
            Some(endpoint) if !connector::is_private(endpoint) => Err(Unusable::Endpoint),
            _ => Ok(known),
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        let (id, secret) = self.access.as_ref()?;
        let session = self.session.as_ref().map(|token| token.to_string());
        Some(Credentials::new(id, &**secret, session, None, "settings"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kms, Unusable};

    fn of(settings: &[(&str, &str)]) -> Result<Kms, Unusable> {
        Kms::new(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn settings_that_would_send_keys_in_clear_or_say_half_are_refused() {
        assert!(of(&[]).is_ok());
        assert!(
            of(&[("AWS_ENDPOINT_URL_KMS", "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com")]).is_ok()
        );
        assert!(of(&[("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:5000")]).is_ok());
        for endpoint in ["http://kms.example", "kms.example", "file:///etc"] {
            assert_eq!(of(&[("AWS_ENDPOINT_URL_KMS", endpoint)]).unwrap_err(), Unusable::Endpoint);
        }
        assert_eq!(of(&[("AWS_ACCESS_KEY_ID", "id")]).unwrap_err(), Unusable::Credentials);
        assert_eq!(of(&[("AWS_SECRET_ACCESS_KEY", "secret")]).unwrap_err(), Unusable::Credentials);
    }

    #[test]
    fn credentials_are_not_shown() {
        let named = [
            ("AWS_ACCESS_KEY_ID", "AKIDSHOWN"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
            ("AWS_SESSION_TOKEN", "hush"),
        ];
        assert_eq!(format!("{:?}", of(&named).unwrap()), "Kms(..)");
    }
}
