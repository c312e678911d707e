//! One tenant in memory, and keys of glass: what they seal can be read, so that a test can say what was stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use ward_audit::{Change, Event, Events, Leaf, Replaced, Trail, Value, Writer, record};
use ward_kernel::{
    BlindIndex, Commitment, Entity, Ids, Indexer, Operation, Place, RecordId, SealError, SealedBytes, Sealer,
    StoreError, SubjectId, SubjectKeys, TenantId, Uuid, authority,
};
use ward_subject::import::{Batch, ImportRow, Importer, Mapping, RowError, Rows, Syntax, batch};
use ward_subject::{
    Catalogue, Fields, Kind, Known, Records, SealedFields, StoredRecord, StoredSubject, Subjects,
};

pub(crate) fn tenant() -> TenantId {
    Uuid::from_u128(0x7e).into()
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

pub(crate) fn digests(text: &[u8]) -> Vec<[u8; 32]> {
    let mut digest = [0; 32];
    for (n, part) in digest.chunks_mut(16).enumerate() {
        part.copy_from_slice(&hash(&[&[n as u8], text].concat()).to_be_bytes());
    }
    vec![digest]
}

/// FNV-1a of 128 bits.
fn hash(text: &[u8]) -> u128 {
    text.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B)
    })
}

/// The same numbers on every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Default)]
pub(crate) struct Counted(AtomicU64);

impl Ids for Counted {
    fn next(&self) -> Uuid {
        Uuid::from_u128(
            0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(self.0.fetch_add(1, Ordering::Relaxed)),
        )
    }
}

/// Seals by writing down for whom and where; two seals of one value never look alike.
struct Glass(SubjectId);

static SEALS: AtomicU64 = AtomicU64::new(0);

impl Sealer for Glass {
    fn seal(&self, place: Place<'_>, text: &[u8]) -> Result<SealedBytes, SealError> {
        let before = format!("{}|{}|{}|{}|", self.0, place.tenant, place.row, place.column);
        let mut commitment = [0; 32];
        commitment[..8].copy_from_slice(&SEALS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Ok(SealedBytes { bytes: [before.as_bytes(), text].concat(), commitment: Commitment(commitment) })
    }
}

struct Columns;

impl Indexer for Columns {
    fn index(&self, column: &str, value: &[u8]) -> BlindIndex {
        BlindIndex(hash(&[column.as_bytes(), &[0], value].concat()).to_be_bytes())
    }
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) subjects: BTreeMap<SubjectId, StoredSubject>,
    pub(crate) records: BTreeMap<RecordId, StoredRecord>,
    pub(crate) keys: BTreeSet<SubjectId>,
    /// How often something was written.
    pub(crate) writes: usize,
    pub(crate) ids: Counted,
}

impl World {
    /// Imports rows as one batch.
    pub(crate) fn import(&mut self, rows: &[ImportRow]) -> Batch {
        let ids = std::mem::take(&mut self.ids);
        let operation = &ward_subject::IMPORT_DATA;
        let importer = Importer { operation, tenant: tenant(), now: now(), ids: &ids, digests: &digests };
        let batch = futures::executor::block_on(batch(self, &importer, rows)).unwrap();
        self.ids = ids;
        batch
    }

    pub(crate) fn by_ref(&self, kind: Kind, name: &str) -> &StoredSubject {
        let index = ward_subject::subject::ref_index(&Columns, kind, name);
        self.subjects
            .values()
            .find(|subject| subject.external_ref.as_ref().map(|found| found.1) == Some(index))
            .unwrap()
    }

    /// What is stored of a subject, in clear: its fields, then those of its records as `category.field`.
    pub(crate) fn clear(&self, id: SubjectId) -> BTreeMap<String, String> {
        let subject = &self.subjects[&id];
        let mut clear = opened(id, id.into(), &subject.fields);
        for record in self.records.values().filter(|record| record.subject == id) {
            let own = opened(id, record.id.into(), &record.fields);
            clear.extend(own.into_iter().map(|(name, value)| (format!("{}.{name}", record.category), value)));
        }
        clear
    }
}

/// What is sealed, if it was sealed for this very place.
fn opened(key: SubjectId, row: Entity, fields: &SealedFields) -> BTreeMap<String, String> {
    let open = |name: &str| {
        let sealed = fields.find(name).unwrap();
        let before = format!("{key}|{}|{row}|{name}|", tenant());
        let text = sealed.bytes.strip_prefix(before.as_bytes()).unwrap();
        (name.to_owned(), String::from_utf8(text.to_vec()).unwrap())
    };
    fields.names().map(open).collect()
}

/// Reads a whole file: the rows, and what was refused.
pub(crate) fn read(
    kind: Kind,
    syntax: Syntax,
    text: &[u8],
    chunk: usize,
) -> (Vec<ImportRow>, Vec<(u64, Vec<RowError>)>) {
    let (mapping, catalogue) = (Mapping::standard(kind), Catalogue::standard());
    let (mut rows, mut lines) = (Rows::new(syntax), Vec::new());
    text.chunks(chunk).for_each(|chunk| rows.feed(chunk, &mut lines));
    rows.finish(&mut lines);
    let mut lines = lines.into_iter();
    let header = match syntax {
        Syntax::Csv => mapping.header(&lines.next().unwrap().bytes.unwrap()).unwrap(),
        Syntax::Ndjson => Vec::new(),
    };
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for line in lines {
        let bytes = line.bytes.map_err(|why| vec![RowError { pointer: String::new(), detail: why.into() }]);
        match bytes.and_then(|bytes| mapping.row(&catalogue, syntax, &header, (line.number, &bytes))) {
            Ok(row) => good.push(row),
            Err(errors) => bad.push((line.number, errors)),
        }
    }
    (good, bad)
}

pub(crate) fn csv(kind: Kind, text: &str) -> Vec<ImportRow> {
    let (rows, refused) = read(kind, Syntax::Csv, text.as_bytes(), 7);
    assert_eq!(refused, []);
    rows
}

pub(crate) fn fields(specs: &[ward_subject::FieldSpec], given: &[(&str, Json)]) -> Fields {
    Fields::parse(specs, given.iter().map(|(name, value)| (*name, value))).unwrap()
}

/// An event as the log has it.
pub(crate) struct Told {
    pub(crate) action: &'static str,
    pub(crate) entity: Entity,
    pub(crate) covers: Vec<Entity>,
    /// `+` set, `-` removed, `*` replaced.
    pub(crate) changed: BTreeSet<String>,
    /// What was replaced, in clear.
    pub(crate) replaced: BTreeMap<String, String>,
    pub(crate) details: BTreeMap<&'static str, String>,
}

/// What a change says that it replaced, if it was sealed for the place that it names.
fn held(change: &Change) -> Option<(String, String)> {
    let Replaced { subject, row, field, sealed } = change.replaced.as_deref()?.clone();
    assert_eq!(change.before, Some(Value::Personal(sealed.commitment)));
    let mut held = opened(subject, row, &SealedFields(vec![(field.clone(), sealed)]));
    Some((change.field.to_string(), held.remove(&*field)?))
}

/// Records an event of `operation`, which must declare it.
pub(crate) fn told(operation: &'static Operation, event: Event) -> Told {
    struct Log(Option<Told>);

    #[async_trait]
    impl Trail for Log {
        async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
            let sign = |change: &Change| match (&change.before, &change.after) {
                (None, Some(_)) => '+',
                (Some(_), None) => '-',
                _ => '*',
            };
            self.0 = leaves.first().map(|leaf| Told {
                action: leaf.action.as_str(),
                entity: leaf.entity,
                covers: leaf.covers.to_vec(),
                changed: leaf
                    .changes
                    .iter()
                    .map(|change| format!("{}{}", sign(change), change.field))
                    .collect(),
                replaced: leaf.changes.iter().filter_map(held).collect(),
                details: leaf.details.iter().cloned().collect(),
            });
            Ok(now())
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test may")]
    let who = Arc::new(authority::anonymous(tenant()));
    let (mut log, unit, ids, events) =
        (Log(None), Uuid::from_u128(1).into(), Counted::default(), Events::from(event));
    let writer = Writer { unit, who, operation };
    let recorded = record(&mut log, &ids, &writer, &events);
    let _recorded = futures::executor::block_on(recorded).unwrap();
    log.0.unwrap()
}

pub(crate) fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(crate) fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[async_trait]
impl Subjects for World {
    async fn add(&mut self, subjects: &[StoredSubject]) -> Result<(), StoreError> {
        self.writes += subjects.len();
        let name = |subject: &StoredSubject| subject.external_ref.as_ref().map(|name| name.1);
        assert!(subjects.is_sorted_by_key(name), "two imports in two orders wait for each other");
        let mut names: BTreeSet<BlindIndex> = self.subjects.values().filter_map(name).collect();
        for subject in subjects {
            assert!(self.keys.contains(&subject.id), "no key");
            if name(subject).is_some_and(|name| !names.insert(name)) {
                return Err(StoreError::Taken { constraint: "subject_ref".into() });
            }
            assert!(self.subjects.insert(subject.id, subject.clone()).is_none());
        }
        Ok(())
    }

    async fn hold(&mut self, ids: &[SubjectId]) -> Result<Vec<StoredSubject>, StoreError> {
        Ok(self.subjects.values().filter(|subject| ids.contains(&subject.id)).cloned().collect())
    }

    async fn replace(&mut self, subject: &StoredSubject) -> Result<(), StoreError> {
        self.writes += 1;
        assert!(self.subjects.insert(subject.id, subject.clone()).is_some());
        Ok(())
    }

    async fn known(&mut self, refs: &[BlindIndex]) -> Result<Vec<Known>, StoreError> {
        let refs: BTreeSet<_> = refs.iter().collect();
        let known = |subject: &StoredSubject| {
            let (_, index) = subject.external_ref.as_ref().filter(|(_, index)| refs.contains(index))?;
            Some(Known { index: *index, id: subject.id, digest: subject.import_digest })
        };
        Ok(self.subjects.values().filter_map(known).collect())
    }
}

#[async_trait]
impl Records for World {
    async fn add_records(&mut self, records: &[StoredRecord]) -> Result<(), StoreError> {
        self.writes += records.len();
        for record in records {
            assert!(self.subjects.contains_key(&record.subject), "about nobody");
            assert!(self.records.insert(record.id, record.clone()).is_none());
        }
        Ok(())
    }

    async fn hold_records(&mut self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, StoreError> {
        Ok(self.records.values().filter(|record| ids.contains(&record.id)).cloned().collect())
    }

    async fn replace_record(&mut self, record: &StoredRecord) -> Result<(), StoreError> {
        self.writes += 1;
        assert!(self.records.insert(record.id, record.clone()).is_some());
        Ok(())
    }

    async fn remove_record(&mut self, id: RecordId) -> Result<(), StoreError> {
        self.writes += 1;
        assert!(self.records.remove(&id).is_some());
        Ok(())
    }
}

#[async_trait]
impl SubjectKeys for World {
    async fn make(&mut self, subjects: &[SubjectId]) -> Result<Vec<Arc<dyn Sealer>>, StoreError> {
        let make = |id: &SubjectId| {
            assert!(self.keys.insert(*id), "a second key");
            Arc::new(Glass(*id)) as Arc<dyn Sealer>
        };
        Ok(subjects.iter().map(make).collect())
    }

    async fn of(&mut self, subjects: &[SubjectId]) -> Result<Vec<Option<Arc<dyn Sealer>>>, StoreError> {
        let key = |id: &SubjectId| self.keys.contains(id).then(|| Arc::new(Glass(*id)) as Arc<dyn Sealer>);
        Ok(subjects.iter().map(key).collect())
    }

    fn indexer(&self) -> Arc<dyn Indexer> {
        Arc::new(Columns)
    }
}
