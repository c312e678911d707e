//! Logs to test with, and what must hold of each, worked out the simple way.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};
use ward::audit::entry::text;
use ward::audit::note::{Checkpoint, Note};
use ward::audit::sequence::{Head, LogKeys as _, SequenceError, Step};
use ward::audit::tree::Hash;
use ward::audit::{Event, Events};
use ward::crypto::TenantKeys;
use ward::kernel::{EventId, StoreError, SubjectId, TenantId, Uuid};
use ward::{Look, Reading, Sequencer, Store as _};

use crate::support::{LOOK, WRITE, WROTE, World, world};

/// Everything that belongs to logs, as the superuser sees it.
const STATE: &str = "
    SELECT concat_ws(' ', (SELECT md5(string_agg(p::text, ',' ORDER BY p.tenant, p.index)) FROM ward.audit_place p),
        (SELECT md5(string_agg(t::text, ',' ORDER BY t.tenant, t.level, t.index)) FROM ward.audit_tile t),
        (SELECT md5(string_agg(h::text, ',' ORDER BY h.tenant)) FROM ward.audit_head h),
        (SELECT md5(string_agg(w::text, ',' ORDER BY w.tenant, w.word, w.tile)) FROM ward.audit_word w),
        (SELECT md5(string_agg(w::text, ',' ORDER BY w.tenant, w.first)) FROM ward.audit_waiting w))";

const ENTRIES: &str = "
    SELECT p.index, p.leaf, p.hash, l.at, l.body FROM ward.audit_place p LEFT JOIN ward.audit_leaf l ON l.tenant = p.tenant AND l.id = p.leaf
    WHERE p.tenant = $1 ORDER BY p.index";

type Row = (i64, Uuid, Vec<u8>, DateTime<Utc>, String);

/// A tenant's log.
pub(crate) struct Log {
    pub(crate) w: World,
    pub(crate) tenant: TenantId,
    pub(crate) sequencer: Sequencer,
}

/// An entry in its place, read past every wall.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: EventId,
    pub(crate) text: String,
}

pub(crate) fn sequencer(w: &World) -> Sequencer {
    Sequencer::new(Arc::new(w.store.clone()), "ward.test", w.machine.clone())
}

impl Log {
    /// One with the entry that its tenant was founded, which has no place yet.
    pub(crate) async fn new() -> Self {
        let w = world().await;
        let (tenant, sequencer) = (w.tenant().await, sequencer(&w));
        Self { w, tenant, sequencer }
    }

    /// One with `entries` entries in their places.
    pub(crate) async fn of(entries: usize) -> Self {
        let log = Self::new().await;
        log.write(entries - 1).await;
        log.step().await.unwrap();
        log
    }

    /// Writes a unit with so many events, if any.
    pub(crate) async fn write(&self, events: usize) -> Vec<EventId> {
        write(&self.w, self.tenant, events).await.unwrap()
    }

    pub(crate) async fn step(&self) -> Result<Option<Step>, SequenceError> {
        self.sequencer.step(self.tenant, true).await
    }

    /// Takes steps until nothing waits.
    pub(crate) async fn catch_up(&self) {
        while self.step().await.unwrap().is_some() {}
    }

    pub(crate) async fn reading(&self) -> Box<dyn Reading> {
        reading(&self.w, self.tenant).await
    }

    pub(crate) async fn keys(&self) -> Arc<TenantKeys> {
        self.reading().await.keys()
    }

    /// Looks again at so many tiles.
    pub(crate) async fn look_again(&self, tiles: u64) -> Result<Look, SequenceError> {
        let (mut reading, keys) = (self.reading().await, self.keys().await);
        self.sequencer.look_again(self.tenant, &mut *reading, &keys, tiles).await
    }

    pub(crate) async fn verified(&self) -> Vec<Stored> {
        verified(&self.w, self.tenant).await
    }

    /// As the owner of the schema, who takes the triggers off first and puts them back.
    pub(crate) async fn tamper(&self, sql: &str) -> u64 {
        let tables = ["audit_leaf", "audit_place", "audit_tile", "audit_head", "audit_word"];
        let triggers =
            |how: &str| tables.map(|table| format!("ALTER TABLE ward.{table} {how} TRIGGER USER")).join("; ");
        let (off, on, tenant) = (triggers("DISABLE"), triggers("ENABLE"), Uuid::from(self.tenant));
        let mut owner = self.w.db.connect("ward_owner").await.unwrap();
        run(&mut owner, format!("SET ward.tenant = '{tenant}'; {off}")).await;
        let done = run(&mut owner, sql.to_owned()).await;
        run(&mut owner, on).await;
        done
    }

    pub(crate) async fn state(&self) -> String {
        self.w.text(STATE).await
    }

    /// Tries to let it grow by an entry that waits: nothing comes of it.
    pub(crate) async fn refused(&self) -> SequenceError {
        self.write(1).await;
        let before = self.state().await;
        let refused = self.step().await.unwrap_err();
        assert_eq!(self.state().await, before, "nothing is signed and nothing placed");
        refused
    }
}

async fn run(conn: &mut PgConnection, sql: String) -> u64 {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.unwrap().rows_affected()
}

/// Writes a unit with so many events, if any.
pub(crate) async fn write(w: &World, tenant: TenantId, events: usize) -> Result<Vec<EventId>, StoreError> {
    let event = |_| Event::of(&WRITE, WROTE, w.id::<SubjectId>());
    let Some(events) = Events::all((0..events).map(event)) else { return Ok(Vec::new()) };
    let unit = w.store.begin(w.permit(tenant, &WRITE)).await?;
    match unit.commit(events).await {
        Ok(receipt) => Ok(receipt.events().to_vec()),
        Err(ward::audit::RecordError::Store(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn reading(w: &World, tenant: TenantId) -> Box<dyn Reading> {
    w.store.read(w.permit(tenant, &LOOK)).await.unwrap()
}

/// The entries of a log whose places are gapless, whose root is that of their texts, and whose head its key has signed.
pub(crate) async fn verified(w: &World, tenant: TenantId) -> Vec<Stored> {
    let mut root = w.db.connect("postgres").await.unwrap();
    let rows: Vec<Row> = sqlx::query_as(ENTRIES).bind(Uuid::from(tenant)).fetch_all(&mut root).await.unwrap();
    let entries: Vec<_> = (0..).zip(rows).map(|(place, row)| stored(place, row)).collect();
    let mut reading = reading(w, tenant).await;
    match reading.head().await.unwrap() {
        Some(head) => is_sound(&head, &entries, &reading.keys()),
        None => assert!(entries.is_empty()),
    }
    entries
}

fn stored(place: i64, (index, id, hash, at, body): Row) -> Stored {
    let text = text(at, &body);
    assert_eq!((index, &hash[..]), (place, &Hash::leaf(text.as_bytes()).0[..]));
    Stored { id: id.into(), text }
}

fn is_sound(head: &Head, entries: &[Stored], keys: &TenantKeys) {
    assert_eq!(head.checkpoint.size, entries.len() as u64);
    assert_eq!(head.checkpoint.root, root_of(entries));
    assert!(head.checkpoint.origin.starts_with("ward.test/"));
    let known = keys.verifiers(&head.checkpoint.origin).unwrap();
    let note = Note::parse(&head.note).unwrap();
    assert_eq!(note.verify(&known).unwrap().len(), known.len());
    assert_eq!(Checkpoint::parse(&note).unwrap(), head.checkpoint);
}

pub(crate) fn root_of(entries: &[Stored]) -> Hash {
    let hashes: Vec<_> = entries.iter().map(|entry| Hash::leaf(entry.text.as_bytes())).collect();
    naive(&hashes)
}

/// As RFC 6962 defines it.
pub(crate) fn naive(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::empty(),
        [leaf] => *leaf,
        more => {
            let (left, right) = more.split_at(1 << (more.len() - 1).ilog2());
            Hash::node(naive(left), naive(right))
        }
    }
}
