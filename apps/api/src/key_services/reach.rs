use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use ward::crypto::KeyService;
use ward::kernel::Machine;
use ward_kms::aws::{AwsKeys, InvalidArn, KeyArn, Kms, Unusable};
use ward_kms::pkcs11::{self, Address, Module, Pin, Pins, Pkcs11Keys};
use ward_kms::{Guarded, Limits, private_file};

use crate::config::KeySettings;

/// No PIN is longer, its end of line included.
const LONGEST_PIN: u64 = 258;

/// Why there is no key service at an address.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidAddress {
    #[error("a key is at `pkcs11:…` or `aws-kms:…`")]
    Scheme,
    #[error(transparent)]
    Aws(#[from] InvalidArn),
    #[error(transparent)]
    Hardware(#[from] pkcs11::InvalidAddress),
    #[error("a token's label that is the name of no file has no PIN here")]
    Label,
    #[error("keys in hardware need `WARD_PKCS11_MODULE` and `WARD_PKCS11_PINS`")]
    NoHardware,
}

/// Where a key lies that a service holds. It is written in one way, however it was read.
pub(super) enum KeyAddress {
    Aws(KeyArn),
    Token(Address),
}

impl FromStr for KeyAddress {
    type Err = InvalidAddress;

    fn from_str(address: &str) -> Result<Self, InvalidAddress> {
        match address.split_once(':') {
            Some(("aws-kms", _)) => Ok(Self::Aws(address.parse()?)),
            Some(("pkcs11", _)) => Ok(Self::Token(address.parse()?)),
            _ => Err(InvalidAddress::Scheme),
        }
    }
}

impl fmt::Display for KeyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(key) => key.fmt(f),
            Self::Token(address) => address.fmt(f),
        }
    }
}

/// How key services are reached; each that is, is guarded.
pub(super) struct Reach {
    hardware: Option<(Module, PathBuf)>,
    kms: Kms,
    machine: Arc<dyn Machine>,
}

impl Reach {
    pub(super) fn new(settings: &KeySettings, machine: Arc<dyn Machine>) -> Result<Self, Unusable> {
        let hardware = settings.pkcs11_module.as_ref().map(Module::at).zip(settings.pkcs11_pins.clone());
        let environment = std::env::vars_os();
        let text = environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Ok(Self { hardware, kms: Kms::new(text)?, machine })
    }

    /// The service at `address`, which isn't asked yet.
    pub(super) fn at(&self, address: KeyAddress) -> Result<Arc<dyn KeyService>, InvalidAddress> {
        let service: Arc<dyn KeyService> = match address {
            KeyAddress::Aws(key) => Arc::new(AwsKeys::new(self.kms.clone(), key)),
            KeyAddress::Token(address) => Arc::new(self.on_token(address)?),
        };
        Ok(Arc::new(Guarded::new(service, Limits::default(), self.machine.clone())))
    }

    fn on_token(&self, address: Address) -> Result<Pkcs11Keys, InvalidAddress> {
        let (module, pins) = self.hardware.as_ref().ok_or(InvalidAddress::NoHardware)?;
        let label = address.token();
        if label.starts_with('.') || label.contains(['/', '\0']) {
            return Err(InvalidAddress::Label);
        }
        let pins = Arc::new(PinFile(pins.join(label)));
        Ok(Pkcs11Keys::new(module.clone(), address, pins, self.machine.clone()))
    }
}

/// The file that holds a token's PIN, read before every login.
struct PinFile(PathBuf);

impl Pins for PinFile {
    fn pin(&self) -> Result<Pin, Box<dyn std::error::Error + Send + Sync>> {
        let file = private_file::read(&self.0, LONGEST_PIN);
        Ok(Pin::parse(&file.map_err(|unfit| format!("the file of the token's PIN {unfit}"))?)?)
    }
}
