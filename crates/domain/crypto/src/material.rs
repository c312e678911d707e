use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use ward_kernel::{Entropy, length_prefix};
use zeroize::{Zeroizing, zeroize_stack};

use crate::Suite;

/// A key where it stays: whoever moves this moves no octet of it, so that none is left behind.
pub(crate) type Octets = Box<Zeroizing<[u8; 32]>>;

/// More stack than a cipher, a code or a signature takes, also where none of them is optimised: twice what a test finds to be enough.
const STACK: usize = match (cfg!(debug_assertions), cfg!(feature = "aws-lc")) {
    (true, _) => 65_536,
    (false, false) => 8_192,
    (false, true) => 2_048,
};

/// What `work` answers, and nothing on the stack of what it moved about there: the libraries wipe what they drop, and leave copies of
/// what they moved. What it answers is moved as well, so a key in it must lie in a box.
pub(crate) fn leaving_nothing<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    zeroize_stack::<STACK>();
    done
}

/// In a frame below that of the caller.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Gives key types a `Debug` that says nothing.
macro_rules! redacted {
    ($($key:ty),+) => {$(
        impl std::fmt::Debug for $key {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($key), "(..)"))
            }
        }
    )+};
}
pub(crate) use redacted;

/// A key before it has a use: 32 random octets, and the suite that it is for.
pub(crate) struct Material {
    pub(crate) suite: Suite,
    octets: Octets,
}

impl Material {
    pub(crate) fn new(suite: Suite, octets: Octets) -> Result<Self, InvalidKey> {
        let (left, right) = octets.split_at(16);
        if left.ct_eq(right).into() { Err(InvalidKey::Repeats) } else { Ok(Self { suite, octets }) }
    }

    pub(crate) fn random(suite: Suite, entropy: &dyn Entropy) -> Result<Self, InvalidKey> {
        let mut octets = Octets::default();
        entropy.fill(octets.as_mut_slice());
        Self::new(suite, octets)
    }

    pub(crate) fn octets(&self) -> &Octets {
        &self.octets
    }

    /// `suite ‖ octets`, to be wrapped.
    pub(crate) fn to_clear(&self) -> Zeroizing<Vec<u8>> {
        let mut clear = Zeroizing::new(Vec::with_capacity(33));
        clear.push(self.suite as u8);
        clear.extend_from_slice(self.octets.as_slice());
        clear
    }

    pub(crate) fn from_clear(clear: &[u8]) -> Result<Self, InvalidKey> {
        let (suite, octets) = clear.split_first().ok_or(InvalidKey::Length)?;
        let suite = Suite::parse(*suite).ok_or(InvalidKey::Suite)?;
        let octets: &[u8; 32] = octets.try_into().map_err(|_| InvalidKey::Length)?;
        Self::new(suite, boxed(octets))
    }

    /// What only this key commits to, suite included; stored when the key is made.
    pub(crate) fn commitment(&self) -> [u8; 32] {
        let label: &[u8] = match self.suite {
            Suite::XChaCha20Poly1305 => b"ward v1 key commitment 1",
            Suite::Aes256Gcm => b"ward v1 key commitment 2",
        };
        **self.derive(label)
    }

    /// Whether it is the key that committed to `commitment`, in constant time.
    pub(crate) fn is_that_of(&self, commitment: &[u8]) -> bool {
        self.commitment().ct_eq(commitment).into()
    }

    /// A key for one use: HKDF-Expand(octets, label, 32), [RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)
    /// §2.3.
    #[expect(
        clippy::expect_used,
        reason = "32 octets are a whole pseudo-random key, and one block of output"
    )]
    pub(crate) fn derive(&self, label: &[u8]) -> Octets {
        let mut derived = Octets::default();
        let expand = || {
            Hkdf::<Sha256>::from_prk(self.octets.as_slice())
                .ok()
                .and_then(|prk| prk.expand(label, derived.as_mut_slice()).ok())
        };
        leaving_nothing(expand).expect("lengths are fixed");
        derived
    }
}

/// Octets of a key, copied to where they stay.
pub(crate) fn boxed(octets: &[u8; 32]) -> Octets {
    let mut boxed = Octets::default();
    boxed.copy_from_slice(octets);
    boxed
}

/// HMAC-SHA256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) under one key, scheduled once.
pub(crate) struct Hmac256(Box<Hmac<Sha256>>);

impl Hmac256 {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        leaving_nothing(|| {
            let mut block = Zeroizing::new([0; 64]);
            block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
            Self(Box::new(Hmac::new((&*block).into())))
        })
    }

    /// The code of the parts laid end to end, each with its length before it.
    pub(crate) fn of_prefixed<const N: usize>(&self, parts: [&[u8]; N]) -> [u8; 32] {
        leaving_nothing(|| {
            let mut mac = Hmac::clone(&self.0);
            for part in parts {
                mac.update(&length_prefix(part));
                mac.update(part);
            }
            mac.finalize().into_bytes().into()
        })
    }

    /// The code of the parts laid end to end.
    pub(crate) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        leaving_nothing(|| {
            let mut mac = Hmac::clone(&self.0);
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().into()
        })
    }
}

redacted!(Material, Hmac256);

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// Too short or too long.
    #[error("a key has 32 bytes, or 64 hexadecimal digits")]
    Length,
    /// Typed by a person, so far from random.
    #[error("32 letters are a password, not a key")]
    Text,
    /// All zero, all one byte, or one half twice.
    #[error("a key must be random; this one repeats itself")]
    Repeats,
    /// Made for a cipher not known here.
    #[error("the key is for a cipher not known here")]
    Suite,
}
