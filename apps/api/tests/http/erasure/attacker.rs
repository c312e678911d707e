use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use ward::audit::Entry;
use ward::audit::tree::Hash;
use ward::crypto::{KeyPurpose, LocalKeys, RootKey, TenantKeys, WrappedKey};
use ward::kernel::{Indexer as _, TenantId, Uuid};
use ward_testkit::Machine;

use crate::support::{Deployment, Outcome, Tenant};

const KEYS: &str =
    "SELECT id, purpose, bytes, commitment FROM ward.wrapped_key WHERE tenant = $1 AND subject IS NULL";
const SOURCES: &str = "SELECT at, body, source FROM ward.audit_leaf WHERE tenant = $1 AND source IS NOT NULL";

/// Somebody who has the database and the root key, and so every key and every salt that there still is.
pub(super) struct Attacker {
    keys: TenantKeys,
    /// Salts, and all else that may have served as a key.
    secrets: Vec<Vec<u8>>,
}

impl Attacker {
    pub(super) async fn with_all_that_is_left(deployment: &Deployment, tenant: &Tenant) -> Outcome<Self> {
        let (id, machine) = (tenant.id.parse::<Uuid>()?, Arc::new(Machine::default()));
        let mut root = deployment.database.connect("postgres").await?;
        let wrapped = sqlx::query(KEYS).bind(id).fetch_all(&mut root).await?;
        let wrapped = wrapped.iter().map(wrapped_key).collect::<Outcome<Vec<_>>>()?;
        let service = LocalKeys::new(RootKey::parse(deployment.root_key())?, machine.clone());
        let keys = TenantKeys::load(id.into(), &service, &wrapped, machine).await?;
        let mut secrets: Vec<_> = wrapped.iter().map(|key| key.commitment.to_vec()).collect();
        for row in sqlx::query(SOURCES).bind(id).fetch_all(&mut root).await? {
            secrets.push(salt(id.into(), &keys, &row)?);
        }
        secrets.sort();
        secrets.dedup();
        Ok(Self { keys, secrets })
    }

    /// How many of `commitments` are codes of guesses under anything that is left.
    pub(super) fn finds(&self, commitments: &[String], guesses: &[&str]) -> usize {
        let fields = ["", "ip", "agent", "email", "text"];
        let texts = fields.iter().flat_map(|field| guesses.iter().map(move |guess| (field, guess)));
        let texts = texts.flat_map(|(field, guess)| [(*guess).to_owned(), format!("{field}\0{guess}")]);
        let codes: BTreeSet<_> = texts.flat_map(|text| self.codes(text.as_bytes())).collect();
        commitments.iter().filter(|commitment| codes.contains(*commitment)).count()
    }

    fn codes(&self, text: &[u8]) -> Vec<String> {
        let keys = &self.keys;
        let digests =
            [keys.leaf(), keys.request(), keys.api_key(), keys.import()].map(|key| key.digest(text).to_vec());
        let index = keys.index().index("", text).0.to_vec();
        let codes = self.secrets.iter().map(|secret| code(secret, text));
        digests.into_iter().chain([index]).chain(codes).map(|code| STANDARD.encode(code)).collect()
    }
}

fn code(secret: &[u8], text: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

fn salt(tenant: TenantId, keys: &TenantKeys, row: &PgRow) -> Outcome<Vec<u8>> {
    let source: Vec<u8> = row.try_get("source")?;
    let entry = Entry::read((0, Hash([0; 32])), row.try_get("at")?, row.try_get("body")?, None);
    let clear = keys.audit().open(entry.source_place(tenant), &source)?;
    let clear: Value = serde_json::from_slice(clear.as_bytes())?;
    Ok(STANDARD.decode(clear["salt"].as_str().ok_or("no salt")?)?)
}

fn wrapped_key(row: &PgRow) -> Outcome<WrappedKey> {
    Ok(WrappedKey {
        id: u32::try_from(row.try_get::<i64, _>("id")?)?.into(),
        purpose: KeyPurpose::parse(row.try_get("purpose")?).ok_or("a new purpose")?,
        subject: None,
        bytes: row.try_get("bytes")?,
        commitment: row.try_get::<Vec<u8>, _>("commitment")?.try_into().map_err(|_| "not 32 bytes")?,
        until: None,
        known: true,
    })
}
