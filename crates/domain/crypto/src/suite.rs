use aes_gcm::Aes256Gcm;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce, Tag};

use crate::material::leaving_nothing;

/// Which authenticated cipher a key is for; one key never serves two.
///
/// Nonces are random. XChaCha20-Poly1305 has 24 octets of it
/// ([draft-irtf-cfrg-xchacha-03](https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03)), so a key
/// may seal as much as it likes. AES-256-GCM has 12 ([SP
/// 800-38D](https://csrc.nist.gov/pubs/sp/800/38/d/final)): a key must not seal more than 2³² values and is due
/// for rotation at 2³¹. What a tenant's own key and those of [`SecretKey`](crate::SecretKey) seal is
/// [counted](crate::Keyring::MOST_MESSAGES); a subject's seals one person's fields, and comes nowhere near.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(u8)]
pub enum Suite {
    /// The default: random nonces never run out.
    #[default]
    XChaCha20Poly1305 = 1,
    /// Where AES-256 is promised, or its hardware is faster.
    Aes256Gcm = 2,
}

pub(crate) const TAG: usize = 16;
pub(crate) const LONGEST_NONCE: usize = 24;

impl Suite {
    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::XChaCha20Poly1305, Self::Aes256Gcm].into_iter().find(|suite| suite.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XChaCha20Poly1305 => "xchacha20-poly1305",
            Self::Aes256Gcm => "aes-256-gcm",
        }
    }

    pub(crate) fn parse(byte: u8) -> Option<Self> {
        [Self::XChaCha20Poly1305, Self::Aes256Gcm].into_iter().find(|suite| *suite as u8 == byte)
    }

    pub(crate) const fn nonce(self) -> usize {
        match self {
            Self::XChaCha20Poly1305 => 24,
            Self::Aes256Gcm => 12,
        }
    }
}

/// A suite under one key, scheduled once, where it stays.
pub(crate) enum Cipher {
    XChaCha(Box<XChaCha20Poly1305>),
    Aes(Box<Aes256Gcm>),
}

impl Cipher {
    pub(crate) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        leaving_nothing(|| match suite {
            Suite::XChaCha20Poly1305 => Self::XChaCha(Box::new(XChaCha20Poly1305::new(key.into()))),
            Suite::Aes256Gcm => Self::Aes(Box::new(Aes256Gcm::new(key.into()))),
        })
    }

    pub(crate) fn encrypt(&self, nonce: &[u8], ad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        leaving_nothing(|| match self {
            Self::XChaCha(cipher) => encrypt(&**cipher, nonce, ad, text),
            Self::Aes(cipher) => encrypt(&**cipher, nonce, ad, text),
        })
    }

    /// Leaves `body` encrypted where it answers nothing.
    pub(crate) fn decrypt(&self, nonce: &[u8], ad: &[u8], body: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        leaving_nothing(|| match self {
            Self::XChaCha(cipher) => decrypt(&**cipher, nonce, ad, body, tag),
            Self::Aes(cipher) => decrypt(&**cipher, nonce, ad, body, tag),
        })
    }
}

fn encrypt<C: AeadInOut>(cipher: &C, nonce: &[u8], ad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
    let nonce = <&Nonce<C>>::try_from(nonce).ok()?;
    let tag = cipher.encrypt_inout_detached(nonce, ad, text.into()).ok()?;
    tag.as_slice().try_into().ok()
}

fn decrypt<C: AeadInOut>(
    cipher: &C,
    nonce: &[u8],
    ad: &[u8],
    body: &mut [u8],
    tag: &[u8; TAG],
) -> Option<()> {
    let nonce = <&Nonce<C>>::try_from(nonce).ok()?;
    let tag = <&Tag<C>>::try_from(tag.as_slice()).ok()?;
    cipher.decrypt_inout_detached(nonce, ad, body.into(), tag).ok()
}
