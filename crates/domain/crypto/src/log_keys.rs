use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use ward_audit::note::{InvalidKey, NoteSigner, VerifierKey};
use ward_audit::sequence::LogKeys;
use ward_audit::{Entry, Words};

use crate::TenantKeys;

#[derive(Deserialize)]
struct Source {
    ip: Option<IpAddr>,
}

impl TenantKeys {
    /// The word by which entries are found whose requests came from `address`: it has the blind index of it, under the first
    /// version of the key: entries are found by the words that they had when they were made.
    pub fn address_word(&self, address: IpAddr) -> String {
        let index = self.index().lasting("audit.ip", address.to_string().as_bytes());
        format!("{}{:032x}", Words::ADDRESS, u128::from_be_bytes(index.0))
    }
}

impl LogKeys for TenantKeys {
    fn guards(&self, body: &str, mac: &[u8]) -> bool {
        self.leaf().is_of(body.as_bytes(), mac)
    }

    fn address(&self, entry: &Entry) -> Option<String> {
        let clear = self.audit().open(entry.source_place(self.tenant()), entry.source.as_deref()?).ok()?;
        let source: Source = serde_json::from_slice(clear.as_bytes()).ok()?;
        source.ip.map(|ip| self.address_word(ip))
    }

    fn signers(&self, origin: &str, now: DateTime<Utc>) -> Result<Vec<Box<dyn NoteSigner>>, InvalidKey> {
        self.log().signing(now).map(|key| Ok(Box::new(key.signer(origin)?) as _)).collect()
    }

    fn verifiers(&self, origin: &str) -> Result<Vec<VerifierKey>, InvalidKey> {
        self.log().all().map(|key| Ok(key.signer(origin)?.key().clone())).collect()
    }
}
