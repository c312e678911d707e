//! A root key in a file: for development, and for single hosts that hold their own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ward::crypto::{InvalidKey, RootKey};
use ward::kernel::Entropy;

use crate::private_file::{self, Unfit};

/// No key is longer, whatever white space is around it.
const LONGEST: u64 = 256;

/// Why there is no root key. The path isn't told: it is the key itself where somebody mistook one for the other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Nobody should keep a key so.
    #[error(transparent)]
    Unfit(Unfit),
    /// There is no place for one.
    #[error("can't be made")]
    Unmade(#[source] io::Error),
    /// What it holds is not a key.
    #[error("is no key")]
    Invalid(#[from] InvalidKey),
}

/// Reads the [key](RootKey::parse) from a file that only the user Ward runs as can read.
pub fn read(file: &Path) -> Result<RootKey, KeyFileError> {
    let text = private_file::read(file, LONGEST).map_err(|unfit| match unfit {
        Unfit::Long => KeyFileError::Invalid(InvalidKey::Length),
        unfit => KeyFileError::Unfit(unfit),
    })?;
    Ok(RootKey::parse(&text)?)
}

/// Makes a file, and the directories above it, with a new key that no other user can read. One that is there already is left alone.
pub fn make(file: &Path, entropy: &dyn Entropy) -> Result<(), KeyFileError> {
    let key = RootKey::random(entropy)?;
    fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).map_err(KeyFileError::Unmade)?;
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let mut new = new.map_err(KeyFileError::Unmade)?;
    new.write_all(key.to_hex().as_bytes()).and_then(|()| new.sync_all()).map_err(KeyFileError::Unmade)
}
