use chrono::{DateTime, Utc};
use poem_openapi::registry::MetaSchema;
use poem_openapi::{Enum, Object};
use serde::Deserialize;
use ward::crypto::{KeyPurpose, Suite};
use ward::kernel::holds_card_number;
use ward::{Custody, Standing, wrapper};

use crate::http::given::{Form, Given};
use crate::http::problem::Refused;
use crate::http::time::Time;

/// Who is to wrap the tenant's key.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOwnKeyService {
    /// Where the tenant's key service and its key are. What addresses are taken is the deployment's decision; none holds a secret.
    address: Given<ServiceAddress>,
}

/// An address, of visible ASCII characters.
enum ServiceAddress {}

const LONGEST: usize = 2048;

impl Form for ServiceAddress {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        let visible = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible {
            return Err("must be 1 to 2048 visible ASCII characters");
        }
        if holds_card_number(text) {
            Err("must not hold a payment card's number")
        } else {
            Ok(text.to_owned())
        }
    }

    fn write(address: &String) -> String {
        address.clone()
    }

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(LONGEST),
            pattern: Some("^[!-~]+$".to_owned()),
            ..MetaSchema::new("string")
        }
    }
}

impl NewOwnKeyService {
    /// The address, which everybody may see who may list keys.
    pub(super) fn address(&self) -> Result<String, Refused> {
        let (address, lower) = (&self.address.0, self.address.0.to_ascii_lowercase());
        if ["pin-value=", "pin-source="].iter().any(|secret| lower.contains(secret)) {
            return Err(Refused::at("/address", "must not hold a PIN, nor say where one is"));
        }
        Ok(address.clone())
    }
}

/// Who wraps the tenant's key.
#[derive(Object)]
pub(super) struct OwnKeyService {
    /// Where the tenant's key service and its key are.
    address: String,
    /// Since when it wraps the tenant's key.
    since: Option<Time>,
}

impl OwnKeyService {
    pub(super) fn of(address: String, since: Option<DateTime<Utc>>) -> Self {
        Self { address, since: since.map(Time::from) }
    }
}

/// The tenant's keys, all but those of its people.
#[derive(Object)]
pub(super) struct HeldKeyList {
    items: Vec<HeldKeyView>,
    /// Always null: a tenant has few.
    next_cursor: Option<String>,
}

/// A key, without anything of the key itself.
#[derive(Object)]
struct HeldKeyView {
    /// Names it, within the tenant.
    id: u32,
    /// What it is for: `tenant` wraps the others.
    purpose: String,
    /// How it stands among those of its purpose.
    state: KeyStanding,
    /// The cipher it is for.
    suite: KeySuite,
    /// Who wraps it: `tenant`, if that is the tenant's own key; for that one `deployment`, or the address of the tenant's key service.
    wrapped_by: String,
    /// When it was made.
    created_at: Option<Time>,
}

/// How a key stands among those of its purpose.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum KeyStanding {
    /// It is used for what is new once every replica has it: after a minute, within two.
    Pending,
    /// It is used for what is new.
    Active,
    /// It is used beside the one after it, for a time.
    Retiring,
    /// It is used for what is old; for a minute after another came into use, a replica may use it still.
    Retired,
}

/// A cipher.
#[derive(Enum)]
pub(crate) enum KeySuite {
    #[oai(rename = "xchacha20-poly1305")]
    XChaCha20Poly1305,
    #[oai(rename = "aes-256-gcm")]
    Aes256Gcm,
}

impl HeldKeyList {
    pub(super) fn of(custody: &Custody, now: DateTime<Utc>) -> Self {
        let suite = custody.stored.suite().unwrap_or_default();
        let view = |(key, made, standing): (&ward::crypto::WrappedKey, Option<DateTime<Utc>>, Standing)| {
            HeldKeyView {
                id: key.id.into(),
                purpose: key.purpose.as_str().to_owned(),
                state: standing.into(),
                suite: suite.into(),
                wrapped_by: match key.purpose {
                    KeyPurpose::Tenant => wrapper(custody.stored.external.as_deref()).to_owned(),
                    _ => KeyPurpose::Tenant.as_str().to_owned(),
                },
                created_at: made.map(Time::from),
            }
        };
        Self { items: custody.keys(now).map(view).collect(), next_cursor: None }
    }
}

impl From<Standing> for KeyStanding {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Pending => Self::Pending,
            Standing::Active => Self::Active,
            Standing::Retiring => Self::Retiring,
            Standing::Retired => Self::Retired,
        }
    }
}

impl From<Suite> for KeySuite {
    fn from(suite: Suite) -> Self {
        match suite {
            Suite::XChaCha20Poly1305 => Self::XChaCha20Poly1305,
            Suite::Aes256Gcm => Self::Aes256Gcm,
        }
    }
}
