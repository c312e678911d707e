//! Every key of a tenant in clear, by another implementation than Ward's: what must lie nowhere.

use std::fs;
use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use hkdf::Hkdf;
use sha2::Sha256;
use ward::crypto::{KeyService as _, LocalKeys, RootKey};
use ward::kernel::Uuid;
use ward_testkit::Machine;

use crate::ward::Ward;

/// A key, and what it is for.
pub(crate) struct Stolen {
    pub(crate) purpose: String,
    pub(crate) octets: Vec<u8>,
}

/// The root key, and all keys of `tenant`, with which they are unwrapped one after the other.
pub(crate) fn keys(ward: &Ward, tenant: &str) -> Vec<Stolen> {
    let file = fs::read(ward.root_key()).unwrap();
    let octets = unhex(std::str::from_utf8(&file).unwrap().trim());
    let mut stolen = vec![Stolen { purpose: "root".into(), octets }];
    let service = LocalKeys::new(RootKey::parse(&file).unwrap(), Arc::new(Machine::default()));
    let id: Uuid = tenant.parse().unwrap();
    let wrapped = format!(
        "SELECT purpose, id, coalesce(subject::text, ''), encode(bytes, 'hex') FROM ward.wrapped_key
         WHERE tenant = '{tenant}' AND bytes IS NOT NULL ORDER BY purpose <> 'tenant', id"
    );
    let mut own = Vec::new();
    for row in ward.postgres().ask(&wrapped) {
        let [purpose, key, subject, bytes] = &row[..] else { panic!("{row:?}") };
        let bytes = unhex(bytes);
        let octets = if purpose == "tenant" {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            own = runtime.block_on(service.unwrap(id.into(), &bytes)).unwrap().to_clear()[1..].to_vec();
            own.clone()
        } else {
            let (key, subject): (u32, Option<Uuid>) = (key.parse().unwrap(), subject.parse().ok());
            unwrapped(&own, &bytes, (id, purpose, key, subject))
        };
        stolen.push(Stolen { purpose: purpose.clone(), octets });
    }
    stolen
}

/// As the documentation of `WrappedKey` says.
fn unwrapped(
    own: &[u8],
    bytes: &[u8],
    (tenant, purpose, id, subject): (Uuid, &str, u32, Option<Uuid>),
) -> Vec<u8> {
    let mut wrapping = [0; 32];
    Hkdf::<Sha256>::from_prk(own).unwrap().expand(b"ward v1 wrap", &mut wrapping).unwrap();
    let (head, rest) = bytes.split_at(6);
    assert_eq!(head[1], 2, "AES-256-GCM");
    let (nonce, rest) = rest.split_at(12);
    let (body, tag) = rest.split_at(rest.len() - 16);
    let subject = subject.map(|subject| subject.as_bytes().to_vec()).unwrap_or_default();
    let parts: [&[u8]; 8] = [
        &head[..1],
        &head[1..2],
        &head[2..],
        tenant.as_bytes(),
        b"ward v1 key",
        purpose.as_bytes(),
        &id.to_be_bytes(),
        &subject,
    ];
    let ad: Vec<u8> =
        parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes(), *part].concat()).collect();
    let mut clear = body.to_vec();
    let cipher = Aes256Gcm::new(&wrapping.into());
    let (nonce, tag) = (nonce.try_into().unwrap(), tag.try_into().unwrap());
    cipher.decrypt_inout_detached(nonce, &ad, clear.as_mut_slice().into(), tag).unwrap();
    clear[1..].to_vec()
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}
