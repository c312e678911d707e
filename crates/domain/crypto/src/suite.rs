/// Which authenticated cipher a key is for; one key never serves two.
///
/// Nonces are random. XChaCha20-Poly1305 has 24 octets of it
/// ([draft-irtf-cfrg-xchacha-03](https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03)), so a key
/// may seal as much as it likes. AES-256-GCM has 12 ([SP
/// 800-38D](https://csrc.nist.gov/pubs/sp/800/38/d/final)): a key must not seal more than 2³² values and is due
/// for rotation at 2³¹; at 2³² it seals no more. What a tenant's own key and those of [`SecretKey`](crate::SecretKey) seal is
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
