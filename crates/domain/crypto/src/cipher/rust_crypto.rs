use aes_gcm::Aes256Gcm;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce, Tag};

use super::Provider;
use crate::Suite;
use crate::suite::TAG;

/// By RustCrypto, whose ciphers wipe their keys when they are dropped.
pub(crate) enum Scheduled {
    XChaCha(Box<XChaCha20Poly1305>),
    Aes(Box<Aes256Gcm>),
}

impl Provider for Scheduled {
    fn new(suite: Suite, key: &[u8; 32]) -> Self {
        match suite {
            Suite::XChaCha20Poly1305 => Self::XChaCha(Box::new(XChaCha20Poly1305::new(key.into()))),
            Suite::Aes256Gcm => Self::Aes(Box::new(Aes256Gcm::new(key.into()))),
        }
    }

    fn encrypt(&self, nonce: &[u8], ad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        match self {
            Self::XChaCha(cipher) => encrypt(&**cipher, nonce, ad, text),
            Self::Aes(cipher) => encrypt(&**cipher, nonce, ad, text),
        }
    }

    fn decrypt(&self, nonce: &[u8], ad: &[u8], body: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        match self {
            Self::XChaCha(cipher) => decrypt(&**cipher, nonce, ad, body, tag),
            Self::Aes(cipher) => decrypt(&**cipher, nonce, ad, body, tag),
        }
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
