//! The stored formats, byte for byte: what is expected was computed by another implementation, from the notation
//! in the docs alone.

use std::sync::{Arc, Mutex};

use chrono::DateTime;
use futures::executor::block_on;
use sha2::{Digest, Sha256};
use ward_crypto::{KeyId, LocalKeys, RootKey, Suite, TenantKeys, TokenPurpose};
use ward_kernel::{Entropy, Indexer, Sealer};

use crate::support::{email, subject, tenant};

/// Randomness that is none, so that anybody can repeat it: octet `n` is `(151 n + 43) ⊕ (n >> 8)`.
#[derive(Default)]
struct Counted(Mutex<usize>);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        let mut n = self.0.lock().unwrap();
        for byte in bytes {
            *byte = ((*n * 151 + 43) ^ (*n >> 8)) as u8;
            *n += 1;
        }
    }
}

struct Expected {
    tenant: &'static str,
    subject: &'static str,
    keys: &'static str,
    sealed: &'static str,
    commitment: &'static str,
    secret: &'static str,
    digest: &'static str,
    token: &'static str,
}

fn holds(suite: Suite, expected: &Expected) {
    let entropy = Arc::new(Counted::default());
    let root = RootKey::parse(&(0..32).map(|n| n * 7 + 3).collect::<Vec<_>>()).unwrap();
    let service = LocalKeys::new(root, entropy.clone());
    let (keys, mut stored) =
        block_on(TenantKeys::create(tenant(1), &service, suite, entropy.clone())).unwrap();
    // The last two came later than what is expected, which was computed as if they drew nothing.
    let mut drawn = entropy.0.lock().unwrap();
    *drawn -= 2 * ((*drawn - 56) / (stored.len() - 1)); // 56 for the tenant's own, under the root key
    drop(drawn);
    let later = stored.split_off(7);
    assert!(later.iter().map(|key| key.purpose.as_str()).eq(["log", "token"]));
    let expiry = DateTime::from_timestamp(1_800_000_000, 0);
    let token = keys.token().sign(TokenPurpose::Invitation, b"ada@example.org", expiry).unwrap();
    assert_eq!(token.as_str(), expected.token);
    let (key, wrapped) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    let sealed = key.seal(email(1), b"ada@example.org").unwrap();
    let secret = keys.idempotency().seal(email(1), b"ada@example.org").unwrap();
    stored.push(wrapped);
    let mut all = Sha256::new();
    stored.iter().for_each(|key| all.update([&key.bytes[..], &key.commitment].concat()));

    assert_eq!(hex::encode(&stored[0].bytes), expected.tenant);
    assert_eq!(hex::encode(&stored[7].bytes), expected.subject);
    assert_eq!(hex::encode(all.finalize()), expected.keys);
    assert_eq!(hex::encode(&sealed.bytes), expected.sealed);
    assert_eq!(sealed.commitment.to_string(), expected.commitment);
    assert_eq!(hex::encode(&secret), expected.secret);
    assert_eq!(
        hex::encode(keys.index().index("email", b"ada@example.org").0),
        "72985bf4ecdf53ca422f5e04949ed900"
    );
    assert_eq!(hex::encode(keys.api_key().digest(b"ada@example.org")), expected.digest);
}

#[test]
fn xchacha20_poly1305_is_stored_as_documented() {
    holds(
        Suite::XChaCha20Poly1305,
        &Expected {
            tenant: "0101000000000ba239d067fe952cc35af1881fb64de47b12a940d76e059cf8b54bd86cae5cad7c58acb80c535a6c0789\
                 a33cbd831a2314cc4f92b5d38dfa1e86cb1490e142cc1a305c9dc02327c606",
            subject: "01010000000142db70099e37cc65fa9328c156ef841db24be0790ea73cd539f8c59b231443e9b99317fcd9e2cebc7839\
                  adb25eb34c1d322128ba285b062c9140f612a6ec4e1ad7de193d0c315741c8",
            keys: "9551ab206445b245bace993aaf4b3ecf981349028f3109b736e935946ccc34b6",
            sealed: "0101000000406a039831c65ff48d22bb50e97e17ac45da7308a136cf64fd947d2fed23c19d483f90670fba3e41db9433\
                 7ce4c903338764ee95388de388",
            commitment: "dfac871872e8fefbf46e66f63c0a2a0d1fc9115fa5e3ffabaf0408ecfaa307fe",
            secret: "010100000005922bc059ee871cb54ae37811a63fd46d029b30c95ef78c2538ec355998f4785b6d9d758015a309222109\
                 235530b7a11ac49dac0e8d95c8",
            digest: "c1a9d607a00aea1bfa61e13ed1ccebf218d902569d566e1448e2d49ab7650fd2",
            token: "AQAAAAoAAAAAAAAAAAAAAAAAAAABAAAAAGtJ0gBhZGFAZXhhbXBsZS5vcmeoQWrpTyLVamw9okaUEYtatL4fFhQ70xBYGc4B3ckilg",
        },
    );
}

#[test]
fn aes_256_gcm_is_stored_as_documented() {
    holds(
        Suite::Aes256Gcm,
        &Expected {
            tenant: "0101000000000ba239d067fe952cc35af1881fb64de47b12a940d76e059cfbb54bd86cae5cad7c58acb80c535a6c0789\
                 a33cbd831a2314cc4f92b5d38dfa1ea3d03bbc53049ed3e76c0b954915efee",
            subject: "010200000001ca63f89126bf54ed821bb049e5ae21d524f1bec4f21ac70915b1e0eca445aa00bf73d61e1d35715e1c99\
                  09f9f0f3bb6f0ed84de0ef0b245a5dbd789a8d",
            keys: "054b5a54f80d76ed18a9b154eef9e4d937b741d4eaa1ac6ee674abb253acd6ee",
            sealed: "010200000040de770ca53ad36801962fc45dacdb1c7bb7f23aa9b967c6c3a7c98b11a2929342fd09027fc375fcb4385f\
                 e6",
            commitment: "ed5f1e498771b68001e425284360954c3cd0cecf698f76a1b14aa2586f80d85c",
            secret: "010200000005f28b20b94ee77c15aa43d871d709a019aa5d6f2898537f42e68da4a298b65adf139f6376a10bd80b85fd\
                 83",
            digest: "23eabf201284d2ebe953dc6519007232649b345de4fcdb01ac22a2ea03e541a3",
            token: "AQAAAAoAAAAAAAAAAAAAAAAAAAABAAAAAGtJ0gBhZGFAZXhhbXBsZS5vcmcTFK-xHOnPv32SeisDqcaKX3G4QoK7gjANqJmPjhjLOA",
        },
    );
}
