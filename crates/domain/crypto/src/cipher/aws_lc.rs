use aws_lc_rs::aead::{
    AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use chacha20::{R20, hchacha};

use super::Provider;
use crate::Suite;
use crate::material::{Octets, boxed};
use crate::suite::TAG;

/// By AWS-LC, which wipes what it frees.
pub(crate) enum Scheduled {
    XChaCha(Octets),
    Aes(LessSafeKey),
}

impl Scheduled {
    /// The key that a message is under, and what is left of its nonce: XChaCha20-Poly1305 is ChaCha20-Poly1305 under a key derived from
    /// the first 16 octets.
    fn with<T>(&self, nonce: &[u8], act: impl FnOnce(&LessSafeKey, Nonce) -> Option<T>) -> Option<T> {
        match self {
            Self::Aes(key) => act(key, Nonce::try_assume_unique_for_key(nonce).ok()?),
            Self::XChaCha(key) => {
                let (head, tail) = nonce.split_first_chunk::<16>()?;
                let derived = hchacha::<R20>((&***key).into(), head.into());
                let mut nonce = [0; NONCE_LEN];
                *nonce.last_chunk_mut::<8>()? = tail.try_into().ok()?;
                let key = scheduled(&CHACHA20_POLY1305, derived.as_ref());
                act(&key, Nonce::assume_unique_for_key(nonce))
            }
        }
    }
}

impl Provider for Scheduled {
    fn new(suite: Suite, key: &[u8; 32]) -> Self {
        match suite {
            Suite::XChaCha20Poly1305 => Self::XChaCha(boxed(key)),
            Suite::Aes256Gcm => Self::Aes(scheduled(&AES_256_GCM, key)),
        }
    }

    fn encrypt(&self, nonce: &[u8], ad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        self.with(nonce, |key, nonce| {
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(ad), text).ok()?;
            tag.as_ref().try_into().ok()
        })
    }

    fn decrypt(&self, nonce: &[u8], ad: &[u8], body: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        self.with(nonce, |key, nonce| {
            key.open_in_place_separate_tag(nonce, Aad::from(ad), tag, body).ok().map(drop)
        })
    }
}

#[expect(clippy::expect_used, reason = "both ciphers take keys of 32 octets")]
fn scheduled(cipher: &'static Algorithm, key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(cipher, key).expect("lengths are fixed"))
}
