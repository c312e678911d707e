//! No key and no clear value leaves by way of a trait: none prints, none is serialised, none is copied by accident.

use std::fmt::{self, Debug, Display};

use futures::executor::block_on;
use serde::Serialize;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use ward_crypto::{
    Clear, DigestKey, IndexKey, KeyId, KeyService, Keyring, LedgerKey, Loading, LocalKeys, LogKey,
    LogKeyring, LogSigner, PresentedToken, RootKey, SecretKey, ServiceError, SubjectKey, Suite, TenantKey,
    TenantKeys, Token, TokenKey, TokenPurpose, Turn,
};
use ward_kernel::TenantId;

use crate::support::{HandClock, created, email, local, one_key, os, subject};

/// What would carry a secret out without anybody reading it: as text, as serialised bytes, as a second copy that is not wiped.
macro_rules! silent {
    ($($secret:ty),+ $(,)?) => {
        const SILENT: &[&str] = &[$(stringify!($secret)),+];
        $(
        assert_not_impl_any!(
            $secret: Display, fmt::LowerHex, fmt::UpperHex, fmt::Binary, Serialize, Clone, Copy, AsRef<[u8]>, AsRef<str>,
            Into<Vec<u8>>, Into<String>, PartialEq, std::hash::Hash, Default,
        );
        assert_impl_all!($secret: Debug);
        )+
    };
}

silent!(
    RootKey,
    LocalKeys,
    TenantKey,
    TenantKeys,
    Keyring,
    Loading<'static>,
    SubjectKey,
    Turn,
    IndexKey,
    DigestKey,
    SecretKey,
    LedgerKey,
    LogKey,
    LogKeyring,
    LogSigner,
    TokenKey,
    Token,
    PresentedToken,
    Clear,
);

/// What holds no key and no clear value.
const TOLD: &[&str] = &[
    "InvalidToken",
    "KeyId",
    "LaterKey",
    "Malformed",
    "Sealed",
    "Sealings",
    "StoredKeys",
    "Unloaded",
    "Vault",
    "WrappedKey",
];

#[test]
fn every_public_type_is_known_to_be_silent_or_to_hold_nothing_secret() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let (mut found, mut directories) = (0, vec![std::path::PathBuf::from(sources)]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            for declared in source.split("\npub struct ").skip(1) {
                let name = declared.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                let silent = SILENT.iter().any(|silent| silent.split('<').next() == Some(name));
                assert!(silent != TOLD.contains(&name), "is `{name}` secret?");
                found += 1;
            }
        }
    }
    assert_eq!(found, SILENT.len() + TOLD.len(), "of what is listed, something isn't there");
}

/// Keeps the tenant's key that it is given, in clear, to know what must not be seen.
struct Spy(LocalKeys, std::sync::Mutex<(String, Vec<u8>)>);

#[async_trait::async_trait]
impl KeyService for Spy {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        *self.1.lock().unwrap() = (format!("{key:?} {key:#?}"), key.to_clear().to_vec());
        self.0.wrap(tenant, key).await
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        self.0.unwrap(tenant, wrapped).await
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.0.check().await
    }
}

#[test]
fn no_key_and_no_clear_value_prints_itself() {
    let octets: Vec<u8> = (0..32).map(|n| n * 7 + 3).collect();
    let root = RootKey::parse(&octets).unwrap();
    assert_eq!(format!("{root:?} {root:#?}"), "RootKey(..) RootKey(..)");
    assert_eq!(format!("{:?}", LocalKeys::new(root, os())), "LocalKeys(..)");
    let (keys, key) = one_key(Suite::default());
    assert_eq!(format!("{keys:?} {key:?} {key:#?}"), "TenantKeys(..) SubjectKey(64) SubjectKey(64)");
    let all = format!("{:?} {:?} {:?} {:?}", keys.index(), keys.audit(), keys.api_key(), keys.token());
    assert_eq!(all, "IndexKey(..) SecretKey(..) DigestKey(..) TokenKey(..)");
    let (_, old) = keys.make_subject_key(KeyId::FIRST_SUBJECT, subject(1)).unwrap();
    let (turn, _) = keys.follow(&old, KeyId::from(65)).unwrap();
    assert_eq!(format!("{:?} {turn:?}", keys.ledger()), "LedgerKey(..) Turn(..)");
    let log = keys.log().all().next().unwrap();
    assert_eq!(
        format!("{:?} {log:?} {:?}", keys.log(), log.signer("log").unwrap()),
        "LogKeyring(..) LogKey(..) LogSigner(..)"
    );
    let sealed = keys.audit().seal(email(1), b"192.0.2.7").unwrap();
    assert_eq!(format!("{:?}", keys.audit().open(email(1), &sealed).unwrap()), "Clear(..)");
    let token = keys.token().sign(TokenPurpose::Reset, b"", None).unwrap();
    let presented = PresentedToken::parse(token.as_str()).unwrap();
    assert_eq!(format!("{token:?} {presented:?}"), "Token(..) PresentedToken(..)");
    let ring =
        Keyring::new(std::sync::Arc::new(local()), HandClock::new(), os(), Keyring::LONGEST, 1).unwrap();
    assert_eq!(format!("{ring:?} {:?}", ring.loading(keys.tenant())), "Keyring(..) Loading<'_>(..)");
}

#[test]
fn a_tenants_key_shows_to_its_service_alone() {
    let spy = Spy(local(), std::sync::Mutex::default());
    let (keys, stored) = created(1, &spy, Suite::Aes256Gcm);
    let (shown, clear) = spy.1.into_inner().unwrap();
    assert_eq!((shown.as_str(), clear.len()), ("TenantKey(..) TenantKey(..)", 33));
    let printed = format!("{keys:?} {stored:?}");
    for part in clear[1..].windows(4) {
        let hex = hex::encode(part);
        let list = format!("{part:?}");
        assert!(!printed.contains(&hex) && !printed.contains(&list[1..list.len() - 1]));
        assert!(!stored.iter().any(|key| key.bytes.windows(4).any(|at| at == part)));
    }
    assert!(block_on(TenantKeys::load(keys.tenant(), &spy.0, &stored, os())).is_ok());
}
