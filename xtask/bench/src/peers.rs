//! What sealing is measured against: the raw cipher of the same provider, `ring`, and a data key for each message.

use aes_gcm::Aes256Gcm;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Nonce as NonceOf, Payload};
use ring::aead::{AES_256_GCM, CHACHA20_POLY1305};
use ward::crypto::Suite;
use ward::kernel::Entropy as _;
use ward_testkit::Machine;

/// As long as what Ward binds a value to.
pub(crate) const ASSOCIATED: [u8; 150] = [7; 150];

type Act = Box<dyn Fn(&[u8]) -> Option<Vec<u8>>>;

/// Somebody else who seals and opens.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) seal: Act,
    pub(crate) open: Act,
}

/// Those that a suite is measured against: `ring` first, then the raw cipher.
pub(crate) fn peers(suite: Suite) -> Vec<Peer> {
    match suite {
        Suite::Aes256Gcm => {
            vec![ring("ring AES-256-GCM", &AES_256_GCM), raw(suite), envelope::<Aes256Gcm>()]
        }
        _ => vec![
            ring("ring ChaCha20-Poly1305", &CHACHA20_POLY1305),
            raw(suite),
            envelope::<XChaCha20Poly1305>(),
        ],
    }
}

/// Whoever has the interface of `ring`, under one key and one nonce.
macro_rules! peer {
    ($of:ident, $library:ident) => {
        fn $of(name: &'static str, algorithm: &'static $library::aead::Algorithm) -> Peer {
            use $library::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
            let key = || UnboundKey::new(algorithm, &[5; 32]).ok().map(LessSafeKey::new);
            let nonce = || Nonce::assume_unique_for_key([1; 12]);
            let (sealer, opener) = (key(), key());
            let seal = move |text: &[u8]| {
                let mut sealed = Vec::with_capacity(text.len() + 16);
                sealed.extend_from_slice(text);
                sealer
                    .as_ref()?
                    .seal_in_place_append_tag(nonce(), Aad::from(&ASSOCIATED), &mut sealed)
                    .ok()?;
                Some(sealed)
            };
            let open = move |sealed: &[u8]| {
                let mut text = sealed.to_vec();
                let opened = opener.as_ref()?.open_in_place(nonce(), Aad::from(&ASSOCIATED), &mut text);
                let length = opened.ok()?.len();
                text.truncate(length);
                Some(text)
            };
            Peer { name, seal: Box::new(seal), open: Box::new(open) }
        }
    };
}

peer!(ring, ring);
#[cfg(feature = "aws-lc")]
peer!(aws_lc, aws_lc_rs);

/// Who provides Ward's ciphers.
pub(crate) const PROVIDER: &str = if cfg!(feature = "aws-lc") { "AWS-LC" } else { "RustCrypto" };

/// The bare cipher of Ward's provider. AWS-LC has no XChaCha20-Poly1305, but what it ends in.
#[cfg(feature = "aws-lc")]
fn raw(suite: Suite) -> Peer {
    use aws_lc_rs::aead::{AES_256_GCM, CHACHA20_POLY1305};
    match suite {
        Suite::Aes256Gcm => aws_lc(RAW, &AES_256_GCM),
        _ => aws_lc(RAW, &CHACHA20_POLY1305),
    }
}

#[cfg(not(feature = "aws-lc"))]
fn raw(suite: Suite) -> Peer {
    match suite {
        Suite::Aes256Gcm => rust_crypto::<Aes256Gcm>(),
        _ => rust_crypto::<XChaCha20Poly1305>(),
    }
}

const RAW: &str = "raw cipher, same provider";

#[cfg(not(feature = "aws-lc"))]
fn rust_crypto<C: Aead + KeyInit + Clone + 'static>() -> Peer {
    let cipher = C::new(&Default::default());
    let opener = cipher.clone();
    let nonce = NonceOf::<C>::default();
    let beside = nonce.clone();
    let seal = move |text: &[u8]| cipher.encrypt(&nonce, bound(text)).ok();
    let open = move |sealed: &[u8]| opener.decrypt(&beside, bound(sealed)).ok();
    Peer { name: RAW, seal: Box::new(seal), open: Box::new(open) }
}

fn bound(msg: &[u8]) -> Payload<'_, '_> {
    Payload { msg, aad: &ASSOCIATED }
}

/// As AWS's encryption SDK does without a cache, but for the way to a KMS: each message has a data key, which a key at hand wraps and
/// which is stored with it, as `nonce ‖ wrapped key ‖ nonce ‖ sealed message`.
fn envelope<C: Aead + KeyInit + Clone + 'static>() -> Peer {
    let wrapper = C::new(&Default::default());
    let opener = wrapper.clone();
    let nonce = size_of::<NonceOf<C>>();
    let key = C::key_size();
    let seal = move |text: &[u8]| {
        let mut drawn = vec![0; 2 * nonce + key];
        Machine::default().fill(&mut drawn);
        let (nonces, data_key) = drawn.split_at_checked(2 * nonce)?;
        let (first, second) = nonces.split_at_checked(nonce)?;
        let wrapped = wrapper.encrypt(first.try_into().ok()?, bound(data_key)).ok()?;
        let body = C::new(data_key.try_into().ok()?).encrypt(second.try_into().ok()?, bound(text)).ok()?;
        Some([first, &wrapped, second, &body].concat())
    };
    let open = move |sealed: &[u8]| {
        let (first, rest) = sealed.split_at_checked(nonce)?;
        let (wrapped, rest) = rest.split_at_checked(key + 16)?;
        let (second, body) = rest.split_at_checked(nonce)?;
        let data_key = opener.decrypt(first.try_into().ok()?, bound(wrapped)).ok()?;
        C::new(data_key.as_slice().try_into().ok()?).decrypt(second.try_into().ok()?, bound(body)).ok()
    };
    Peer { name: "a data key a message", seal: Box::new(seal), open: Box::new(open) }
}
