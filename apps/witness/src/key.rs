//! The witness's key: made once, kept beside what it signed, told to nobody.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use ward::audit::note::{InvalidKey, KeyKind, NoteSigner, VerifierKey};
use ward::kernel::{Entropy, SealError};
use zeroize::Zeroizing;

use crate::disk::{Directory, Disk as _, NotKept, replace};
use crate::records;

const FILE: &str = "key";
const HEAD: &str = "PRIVATE+KEY+";

/// A name's key for cosignatures. Written as Go's `note` package writes secret keys.
pub(crate) struct Key {
    secret: SigningKey,
    public: VerifierKey,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("a witness's name has no spaces and no plus")]
    Name(#[from] InvalidKey),
    #[error("the witness's key, `key` in its state directory, can't be read")]
    Unreadable(#[from] std::io::Error),
    #[error("the witness's key can't be kept")]
    Unkept(#[from] NotKept),
    #[error(
        "the witness's key must be a file that its owner alone reads (mode 0600), who is the user that the witness runs as"
    )]
    Exposed,
    #[error("`key` in the state directory is no witness's key")]
    Invalid,
    #[error(
        "the key in the state directory belongs to `{0}`: another name needs a key and a state directory of its own"
    )]
    Foreign(String),
    #[error(
        "the witness's key is gone, but not what it has signed: another key needs a state directory of its own"
    )]
    Gone,
}

impl Key {
    /// The key that the directory holds, or a new one where nothing was signed yet.
    pub(crate) fn load(directory: &Directory, name: &str, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let Some(text) = directory.read(FILE)?.map(Zeroizing::new) else {
            return Self::make(directory, name, entropy);
        };
        if !directory.is_private(FILE)? {
            return Err(KeyError::Exposed);
        }
        let key = Self::parse(&text).ok_or(KeyError::Invalid)?;
        if key.public.name() == name { Ok(key) } else { Err(KeyError::Foreign(key.public.name().to_owned())) }
    }

    fn make(directory: &Directory, name: &str, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        if directory.names()?.iter().any(|name| records::is_name(name)) {
            return Err(KeyError::Gone);
        }
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed);
        let key = Self::new(name, &seed)?;
        replace(directory, FILE, &key.to_text())?;
        Ok(key)
    }

    pub(crate) fn new(name: &str, seed: &[u8; 32]) -> Result<Self, InvalidKey> {
        let secret = SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, KeyKind::Cosignature, secret.verifying_key().to_bytes())?;
        Ok(Self { secret, public })
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.strip_prefix(HEAD)?.split_once('+')?;
        let bytes = Zeroizing::new(STANDARD.decode(rest.split_once('+')?.1.trim_end()).ok()?);
        let key = Self::new(name, bytes.get(1..)?.try_into().ok()?).ok()?;
        // Its id tells a key that is damaged.
        (*key.to_text() == text).then_some(key)
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([KeyKind::Cosignature as u8; 33]);
        let (_, seed) = bytes.split_at_mut(1);
        seed.copy_from_slice(self.secret.as_bytes());
        let (name, id) = (self.public.name(), u32::from_be_bytes(self.public.id()));
        let seed = Zeroizing::new(STANDARD.encode(*bytes));
        Zeroizing::new(format!("{HEAD}{name}+{id:08x}+{}\n", *seed))
    }
}

impl NoteSigner for Key {
    fn key(&self) -> &VerifierKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SealError> {
        Ok(self.secret.sign(message).to_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.public)
    }
}
