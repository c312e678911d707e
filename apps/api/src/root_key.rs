//! The root key: a file that only its owner reads. No key, no start.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ward::crypto::{InvalidKey, RootKey};
use ward::kernel::Entropy;
use zeroize::Zeroizing;

use crate::config::{Config, Mode};

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootKeyError {
    /// There is no such file, or it can't be read or made.
    #[error("the root key at `{0}` can't be read")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// Others than its owner may read it.
    #[error("the root key at `{0}` must be readable by its owner alone (mode 0600)")]
    Exposed(PathBuf),
    /// What it holds is not a key.
    #[error("the root key at `{0}` is no key")]
    Invalid(PathBuf, #[source] InvalidKey),
}

/// Reads the key; in development makes one where there is none, and says so loudly.
pub(crate) fn load(config: &Config, entropy: &dyn Entropy) -> Result<RootKey, RootKeyError> {
    let file = config.root_key_file.clone().unwrap_or_else(|| config.data_dir.join("root.key"));
    if config.mode == Mode::Development && config.root_key_file.is_none() && !file.exists() {
        make(&file, entropy)?;
        tracing::warn!(file = %file.display(), "made a DEVELOPMENT root key: whoever has this file reads everything");
    }
    read(&file)
}

fn make(file: &Path, entropy: &dyn Entropy) -> Result<(), RootKeyError> {
    let unreadable = |error| RootKeyError::Unreadable(file.to_owned(), error);
    let key = RootKey::random(entropy).map_err(|error| RootKeyError::Invalid(file.to_owned(), error))?;
    let mut new =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(unreadable)?;
    new.write_all(key.to_hex().as_bytes()).and_then(|()| new.sync_all()).map_err(unreadable)
}

fn read(file: &Path) -> Result<RootKey, RootKeyError> {
    let unreadable = |error| RootKeyError::Unreadable(file.to_owned(), error);
    let mode = fs::metadata(file).map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(RootKeyError::Exposed(file.to_owned()));
    }
    let text = Zeroizing::new(fs::read(file).map_err(unreadable)?);
    RootKey::parse(&text).map_err(|error| RootKeyError::Invalid(file.to_owned(), error))
}
