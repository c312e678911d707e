use std::path::PathBuf;
use std::str::FromStr;

use super::{Config, Mode, Parse};

/// Where a key that wraps tenants' keys is held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyAt {
    /// In a file.
    File(PathBuf),
    /// In a key service, which it never leaves.
    Service(String),
}

/// It says nowhere.
#[derive(Debug)]
pub struct InvalidKeyAt;

impl FromStr for KeyAt {
    type Err = InvalidKeyAt;

    fn from_str(text: &str) -> Result<Self, InvalidKeyAt> {
        match text.split_once(':') {
            Some(("file", path)) => {
                let path = path.strip_prefix("//").filter(|path| path.starts_with('/'));
                path.map(|path| Self::File(path.into())).ok_or(InvalidKeyAt)
            }
            Some(("pkcs11" | "aws-kms", _)) => Ok(Self::Service(text.to_owned())),
            _ => Err(InvalidKeyAt),
        }
    }
}

/// How key services are reached, and which a tenant may bring.
#[derive(Clone, Debug, Default)]
pub struct KeySettings {
    /// The root, unless it is in [`Config::root_key_file`]: `WARD_ROOT_KEY`.
    pub root: Option<String>,
    /// Another root, which unwraps what it wrapped and wraps nothing: `WARD_ROOT_KEY_BESIDE`.
    pub beside: Option<KeyAt>,
    /// The library that speaks to the hardware: `WARD_PKCS11_MODULE`.
    pub pkcs11_module: Option<PathBuf>,
    /// A directory in which the file named like a token holds its PIN: `WARD_PKCS11_PINS`.
    pub pkcs11_pins: Option<PathBuf>,
    /// Which addresses tenants may bring, `{tenant}` standing for who does and `*` at the end for whatever follows: `WARD_TENANT_KEYS`.
    pub tenants: Vec<String>,
}

impl Parse<'_> {
    pub(super) fn keys(&mut self) -> KeySettings {
        let elsewhere = "an address like `pkcs11:token=…;object=…` or `aws-kms:arn:…`";
        let root = match self.value("WARD_ROOT_KEY", elsewhere) {
            Some(KeyAt::Service(address)) => Some(address),
            Some(KeyAt::File(_)) => {
                self.errors.push(format!(
                    "`WARD_ROOT_KEY` must be {elsewhere}: a file is named by `WARD_ROOT_KEY_FILE`"
                ));
                None
            }
            None => None,
        };
        let tenants = self.text("WARD_TENANT_KEYS").unwrap_or_default();
        KeySettings {
            root,
            beside: self.value("WARD_ROOT_KEY_BESIDE", &format!("`file:///PATH`, or {elsewhere}")),
            pkcs11_module: self.text("WARD_PKCS11_MODULE").map(PathBuf::from),
            pkcs11_pins: self.text("WARD_PKCS11_PINS").map(PathBuf::from),
            tenants: tenants.split_whitespace().map(str::to_owned).collect(),
        }
    }

    pub(super) fn check_keys(&mut self, config: &Config) {
        let keys = &config.keys;
        if config.root_key_file.is_some() && keys.root.is_some() {
            self.errors.push("`WARD_ROOT_KEY_FILE` and `WARD_ROOT_KEY` each name a root: set one".into());
        }
        if config.mode == Mode::Production && config.root_key_file.is_none() && keys.root.is_none() {
            self.errors.push(
                "`WARD_ROOT_KEY_FILE` or `WARD_ROOT_KEY` is required in production: no key, no service"
                    .into(),
            );
        }
        let hardware = keys.addresses().any(|address| address.starts_with("pkcs11:"));
        if hardware && (keys.pkcs11_module.is_none() || keys.pkcs11_pins.is_none()) {
            self.errors
                .push("keys in hardware (`pkcs11:`) need `WARD_PKCS11_MODULE` and `WARD_PKCS11_PINS`".into());
        }
    }
}

impl KeySettings {
    /// The addresses of keys in services, those that tenants may bring as patterns.
    fn addresses(&self) -> impl Iterator<Item = &str> {
        let beside = self.beside.iter().filter_map(|at| match at {
            KeyAt::Service(address) => Some(address),
            KeyAt::File(_) => None,
        });
        self.root.iter().chain(beside).chain(&self.tenants).map(String::as_str)
    }
}
