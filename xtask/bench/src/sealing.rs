//! Sealing and opening through the whole hierarchy of keys with a warm cache, beside those who do less and those who do it otherwise.

use std::hint::black_box;
use std::sync::Arc;

use ward::crypto::{KeyId, Keyring, LocalKeys, RootKey, SubjectKey, Suite, TenantKeys, WrappedKey};
use ward::kernel::{Entity, Ids as _, Place, SealedBytes, Sealer as _, TenantId};
use ward_system::System;

use crate::Outcome;
use crate::peers::{PROVIDER, Peer, peers};
use crate::pgcrypto;
use crate::rounds::{Computation, Effort, Score, compute};
use crate::table::{Table, figure};

pub(crate) const SUITES: [Suite; 2] = [Suite::XChaCha20Poly1305, Suite::Aes256Gcm];
const SIZES: [usize; 3] = [64, 256, 4_096];
/// Acts in a turn.
const TIMES: u32 = 2_000;
/// Fields of a row.
const FIELDS: usize = 8;

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    let title = format!("Sealing and opening a value: {PROVIDER}");
    let mut table = Table::new(&title, ["", "bytes", "ns", "× ring", "× raw"]);
    for suite in SUITES {
        let (keys, peers) = (Keys::of(suite).await?, peers(suite));
        for size in SIZES {
            let text = vec![b'x'; size];
            let sealing = keys.measured(effort, || Ok(keys.seal(&peers, &text))).await?;
            rows(&mut table, (suite, "seal", size), &sealing);
            let opening = keys.measured(effort, || keys.open(&peers, &text)).await?;
            rows(&mut table, (suite, "open", size), &opening);
        }
    }
    Ok(vec![table, pgcrypto::measure(effort).await?, overhead().await?])
}

/// `ring` is the first of the scores, and the raw cipher the second.
fn rows(table: &mut Table, (suite, what, size): (Suite, &str, usize), scores: &[Score]) {
    let [ring, raw, ..] = scores else { return };
    for (n, score) in scores.iter().enumerate() {
        let against = |base: &Score, m| if n == m { "1".to_owned() } else { score.cost.over(&base.cost) };
        let name = format!("{}: {what}, {}", name(suite), score.name);
        table.row([name, size.to_string(), figure(score.cost.median()), against(ring, 0), against(raw, 1)]);
    }
}

pub(crate) fn name(suite: Suite) -> &'static str {
    match suite {
        Suite::Aes256Gcm => "AES-256-GCM",
        _ => "XChaCha20-Poly1305",
    }
}

/// How many bytes more than the text each stores.
async fn overhead() -> Outcome<Table> {
    const TEXT: &[u8] = &[b'x'; 256];
    let mut table = Table::new("Bytes that a sealed value has more than its text", ["", "bytes"]);
    let mut row = |name, stored: usize| table.row([name, (stored - TEXT.len()).to_string()]);
    for suite in SUITES {
        let sealed = Keys::of(suite).await?.value(TEXT).ok_or("nothing was sealed")?;
        let own = format!("Ward, {}", name(suite));
        row(own.clone(), sealed.bytes.len());
        row(format!("{own}, and the commitment of a person's value"), sealed.bytes.len() + 32);
        for peer in peers(suite).iter().skip(2) {
            let stored = (peer.seal)(TEXT).ok_or("nothing was sealed")?;
            row(format!("{}, {}", peer.name, name(suite)), stored.len());
        }
    }
    row("pgp_sym_encrypt".to_owned(), pgcrypto::stored(TEXT).await?);
    Ok(table)
}

/// A tenant whose keys are kept, and a person's.
pub(crate) struct Keys {
    ring: Keyring,
    stored: Vec<WrappedKey>,
    subject: SubjectKey,
    wrapped: WrappedKey,
    place: Place<'static>,
}

impl Keys {
    pub(crate) async fn of(suite: Suite) -> Outcome<Self> {
        let machine = Arc::new(System);
        let id: TenantId = machine.next().into();
        let service = LocalKeys::new(RootKey::random(&*machine)?, machine.clone());
        let (tenant, stored) = TenantKeys::create(id, &service, suite, machine.clone()).await?;
        let (subject, wrapped) = tenant.make_subject_key(KeyId::FIRST_SUBJECT, machine.next().into())?;
        let place = Place { tenant: id, row: Entity::new("subject", machine.next()), column: "given_name" };
        let ring =
            Keyring::new(Arc::new(service), machine.clone(), machine.clone(), Keyring::LONGEST, 1_000)?;
        Ok(Self { ring, stored, subject, wrapped, place })
    }

    /// With the tenant's keys in the cache from the beginning to the end.
    async fn measured<'a>(
        &self,
        effort: Effort,
        contenders: impl FnOnce() -> Outcome<Vec<Computation<'a>>>,
    ) -> Outcome<Vec<Score>> {
        self.ring.forget(self.place.tenant);
        self.ring.load(self.place.tenant, &self.stored).await?;
        let scores = compute(effort, &mut contenders()?);
        self.ring.cached(self.place.tenant).ok_or("the keys were let go too soon")?;
        Ok(scores)
    }

    /// Has the tenant's keys in the cache, if they aren't.
    pub(crate) async fn warm(&self) -> Outcome {
        if self.ring.cached(self.place.tenant).is_none() {
            self.ring.load(self.place.tenant, &self.stored).await?;
        }
        Ok(())
    }

    /// An operational secret, from the cache on.
    pub(crate) fn secret(&self, text: &[u8]) -> Option<Vec<u8>> {
        self.ring.cached(self.place.tenant)?.queue().seal(self.place, text).ok()
    }

    fn disclosed(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let clear = self.ring.cached(self.place.tenant)?.queue().open(self.place, sealed).ok()?;
        Some(clear.as_bytes().to_vec())
    }

    /// A person's value, with their key at hand.
    pub(crate) fn value(&self, text: &[u8]) -> Option<SealedBytes> {
        self.subject.seal(self.place, text).ok()
    }

    /// A person's row as it is written: from the cache on, by way of their key as it is stored.
    fn row(&self, columns: &[(&str, &[u8])]) -> Option<Vec<SealedBytes>> {
        let key = self.ring.cached(self.place.tenant)?.subject_key(&self.wrapped, &[]).ok()?;
        key.seal_row(self.place.tenant, self.place.row, columns).ok()
    }

    fn seal<'a>(&'a self, peers: &'a [Peer], text: &'a [u8]) -> Vec<Computation<'a>> {
        let columns = [(self.place.column, text); FIELDS];
        let mut contenders: Vec<_> =
            peers.iter().map(|peer| computation(peer.name, move || (peer.seal)(text))).collect();
        contenders.push(computation("Ward: operational secret", move || self.secret(text)));
        contenders.push(computation("Ward: personal, key at hand", move || self.value(text)));
        let mut turn = 0;
        contenders.push(computation("Ward: personal, in a row of 8", move || {
            turn += 1; // the last of the row seals them all
            if turn % FIELDS == 0 { self.row(&columns) } else { None }
        }));
        contenders
    }

    fn open<'a>(&'a self, peers: &'a [Peer], text: &'a [u8]) -> Outcome<Vec<Computation<'a>>> {
        let mut contenders = Vec::new();
        for peer in peers {
            let sealed = (peer.seal)(text).ok_or("nothing was sealed")?;
            if (peer.open)(&sealed).as_deref() != Some(text) {
                return Err(format!("{}: what was sealed doesn't open", peer.name).into());
            }
            contenders.push(computation(peer.name, move || (peer.open)(&sealed)));
        }
        let sealed = self.secret(text).ok_or("nothing was sealed")?;
        if self.disclosed(&sealed).as_deref() != Some(text) {
            return Err("what was sealed doesn't open".into());
        }
        contenders.push(computation("Ward: operational secret", move || {
            self.ring.cached(self.place.tenant)?.queue().open(self.place, &sealed).ok()
        }));
        Ok(contenders)
    }
}

fn computation<'a, T>(name: &'static str, act: impl FnMut() -> Option<T> + 'a) -> Computation<'a> {
    let mut act = act;
    let act = move || {
        black_box(act());
    };
    (name, TIMES, Box::new(act))
}
