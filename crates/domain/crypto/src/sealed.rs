use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ward_kernel::{Entropy, Place, SealError, TenantId, Uuid, length_prefixed};
use zeroize::{Zeroize, Zeroizing};

use crate::cipher::Cipher;
use crate::material::Material;
use crate::suite::{LONGEST_NONCE, TAG};
use crate::tally::Tally;
use crate::{KeyId, Keyring, Suite};

/// The most that one key of AES-256-GCM may ever seal under random nonces.
const BEARS: u64 = 1 << 32;

const VERSION: u8 = 1;
const SCHEMA: u16 = 1;
const HEADER: usize = 6;

/// A sealed value as stored, taken apart: at most 46 bytes more than the text. Nothing of it is trusted before
/// it opens.
///
/// In the notation of [RFC 8017](https://www.rfc-editor.org/rfc/rfc8017), `‖` being concatenation:
///
/// ```text
/// sealed     = version ‖ suite ‖ key ‖ nonce ‖ AEAD(K, nonce, ad, text)     the AEAD's output ends in the tag
/// version    = 0x01
/// suite      = 0x01 XChaCha20-Poly1305, 0x02 AES-256-GCM
/// key        = I2OSP(key id, 4)
/// nonce      = 24 or 12 random octets
/// ad         = lp(version) ‖ lp(suite) ‖ lp(key) ‖ lp(tenant) ‖ lp(table) ‖ lp(column) ‖ lp(row) ‖ lp(schema)
/// lp(x)      = I2OSP(len(x), 8) ‖ x
/// schema     = I2OSP(1, 2)
/// K          = HKDF-Expand(subject key, "ward v1 seal", 32)
/// commitment = HMAC-SHA256(HKDF-Expand(subject key, "ward v1 commit", 32), ad ‖ nonce ‖ text)
/// ```
///
/// [`SecretKey`](crate::SecretKey) seals alike, under HKDF-Expand(key, "ward v1 secret", 32), and commits to
/// nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sealed<'a> {
    bytes: &'a [u8],
    suite: Suite,
    key: KeyId,
    nonce: &'a [u8],
    body: &'a [u8],
    tag: &'a [u8; TAG],
}

impl<'a> Sealed<'a> {
    /// Reads the header; a version or a suite not known here is refused.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (&[VERSION, suite, key @ ..], rest) = bytes.split_first_chunk::<HEADER>().ok_or(Malformed)?
        else {
            return Err(Malformed);
        };
        let suite = Suite::parse(suite).ok_or(Malformed)?;
        let (nonce, rest) = rest.split_at_checked(suite.nonce()).ok_or(Malformed)?;
        let (body, tag) = rest.split_last_chunk().ok_or(Malformed)?;
        Ok(Self { bytes, suite, key: u32::from_be_bytes(key).into(), nonce, body, tag })
    }

    /// The bytes as stored.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Which cipher sealed it.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Which of the tenant's keys opens it.
    pub fn key(&self) -> KeyId {
        self.key
    }

    pub(crate) fn header(&self) -> Header {
        Header { suite: self.suite, key: self.key }
    }

    /// The nonce that it was sealed under, as long as its suite has it.
    pub fn nonce(&self) -> &'a [u8] {
        self.nonce
    }
}

/// The bytes are not a sealed value of a version and a suite known here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a sealed value")]
pub struct Malformed;

/// Under which suite and key something is sealed.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) suite: Suite,
    pub(crate) key: KeyId,
}

impl Header {
    fn octets(self) -> [u8; HEADER] {
        let [a, b, c, d] = u32::from(self.key).to_be_bytes();
        [VERSION, self.suite as u8, a, b, c, d]
    }

    /// What a value sealed at `place` is bound to.
    pub(crate) fn at(self, place: Place<'_>) -> Vec<u8> {
        let (table, column) = (place.row.kind(), place.column);
        self.bound(
            place.tenant,
            [table.as_bytes(), column.as_bytes(), place.row.id().as_bytes(), &SCHEMA.to_be_bytes()],
        )
    }

    /// The header, the tenant and `parts`, each with its length before it, so that no two lists have one
    /// encoding.
    pub(crate) fn bound<const N: usize>(self, tenant: TenantId, parts: [&[u8]; N]) -> Vec<u8> {
        let [version, suite, key @ ..] = self.octets();
        let tenant = Uuid::from(tenant);
        let head: [&[u8]; 4] = [&[version], &[suite], &key, tenant.as_bytes()];
        length_prefixed(head.iter().chain(&parts).copied())
    }
}

/// What every key that seals has: its names, and its cipher.
pub(crate) struct Sealing {
    pub(crate) tenant: TenantId,
    pub(crate) header: Header,
    pub(crate) cipher: Cipher,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Messages that were sealed, of a suite that bears only so many: as far as is known here.
    messages: AtomicU64,
    /// How many of them were told.
    told: AtomicU64,
}

impl Sealing {
    /// What seals under what `label` derives from `key`.
    pub(crate) fn new(
        tenant: TenantId,
        id: KeyId,
        (key, label): (&Material, &[u8]),
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let cipher = Cipher::new(key.suite, &key.derive(label));
        let header = Header { suite: key.suite, key: id };
        Self { tenant, header, cipher, entropy, messages: AtomicU64::new(0), told: AtomicU64::new(0) }
    }

    /// Goes on from what was `sealed` before, here and elsewhere.
    pub(crate) fn go_on_from(&self, sealed: u64) {
        self.messages.store(sealed, Ordering::Relaxed);
        self.told.store(sealed, Ordering::Relaxed);
    }

    /// Whether it sealed so much that only what has another key follow may go on under it.
    pub(crate) fn is_spent(&self) -> bool {
        self.header.suite == Suite::Aes256Gcm
            && self.messages.load(Ordering::Relaxed) >= Keyring::LAST_MESSAGES
    }

    pub(crate) fn seal(&self, ad: &[u8], text: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut room = [0; LONGEST_NONCE];
        let (nonce, _) = room.split_at_mut_checked(self.header.suite.nonce()).ok_or(SealError)?;
        self.entropy.fill_nonces(nonce);
        self.seal_under(nonce, ad, text)
    }

    /// Nonces for so many values, drawn together.
    pub(crate) fn nonces(&self, count: usize) -> Vec<u8> {
        let mut nonces = vec![0; count * self.header.suite.nonce()];
        self.entropy.fill_nonces(&mut nonces);
        nonces
    }

    /// Seals under a `nonce` that serves nothing else. Header and text share one buffer, encrypted where it lies.
    pub(crate) fn seal_under(&self, nonce: &[u8], ad: &[u8], text: &[u8]) -> Result<Vec<u8>, SealError> {
        if nonce.iter().all(|octet| nonce.first() == Some(octet)) {
            return Err(SealError);
        }
        if self.header.suite == Suite::Aes256Gcm && self.messages.fetch_add(1, Ordering::Relaxed) >= BEARS {
            return Err(SealError);
        }
        let mut bytes = Vec::with_capacity(HEADER + nonce.len() + text.len() + TAG);
        bytes.extend_from_slice(&self.header.octets());
        bytes.extend_from_slice(nonce);
        bytes.extend_from_slice(text);
        let body = bytes.get_mut(HEADER + nonce.len()..).ok_or(SealError)?;
        let Some(tag) = self.cipher.encrypt(nonce, ad, body) else {
            bytes.zeroize();
            return Err(SealError);
        };
        bytes.extend_from_slice(&tag);
        Ok(bytes)
    }

    /// Adds how many messages were sealed since this was last called to what was counted.
    pub(crate) fn tell(&self, tally: &Tally) {
        let sealed = self.messages.load(Ordering::Relaxed);
        let told = self.told.fetch_max(sealed, Ordering::Relaxed);
        tally.add(self.tenant, self.header.key, sealed.saturating_sub(told));
    }

    /// The text, if `sealed` names this key and suite and was sealed under `ad`.
    pub(crate) fn open(&self, ad: &[u8], sealed: Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
        if sealed.header() != self.header {
            return None;
        }
        let mut text = Zeroizing::new(sealed.body.to_vec());
        self.cipher.decrypt(sealed.nonce, ad, &mut text, sealed.tag)?;
        Some(text)
    }
}
