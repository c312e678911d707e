#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(any(test, not(feature = "aws-lc")))]
mod rust_crypto;

#[cfg(feature = "aws-lc")]
use aws_lc::Scheduled;
#[cfg(not(feature = "aws-lc"))]
use rust_crypto::Scheduled;

use crate::Suite;
use crate::material::leaving_nothing;
use crate::suite::TAG;

/// A suite under one key, scheduled once, where it stays.
pub(crate) struct Cipher(Scheduled);

impl Cipher {
    pub(crate) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        leaving_nothing(|| Self(Scheduled::new(suite, key)))
    }

    pub(crate) fn encrypt(&self, nonce: &[u8], ad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        leaving_nothing(|| self.0.encrypt(nonce, ad, text))
    }

    /// Leaves nothing of a text in `body` where it answers nothing.
    pub(crate) fn decrypt(&self, nonce: &[u8], ad: &[u8], body: &mut [u8], tag: &[u8; TAG]) -> Option<()> {
        leaving_nothing(|| self.0.decrypt(nonce, ad, body, tag))
    }
}

/// Whoever provides both suites. All give the same octets.
pub(crate) trait Provider {
    fn new(suite: Suite, key: &[u8; 32]) -> Self
    where
        Self: Sized;

    fn encrypt(&self, nonce: &[u8], ad: &[u8], text: &mut [u8]) -> Option<[u8; TAG]>;

    fn decrypt(&self, nonce: &[u8], ad: &[u8], body: &mut [u8], tag: &[u8; TAG]) -> Option<()>;
}

/// Each provider that is here, under one key.
#[cfg(test)]
pub(crate) fn providers(suite: Suite, key: &[u8; 32]) -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(rust_crypto::Scheduled::new(suite, key)),
        #[cfg(feature = "aws-lc")]
        Box::new(aws_lc::Scheduled::new(suite, key)),
    ]
}
