//! Wrapped keys: the tenant's own, and one for each of its subjects.

use std::collections::{HashMap, HashSet};
use std::iter::successors;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::LogKeyStore;
use ward::crypto::{
    KeyError, KeyId, KeyPurpose, Keyring, LaterKey, LogKey, StoredKeys, SubjectKey, Suite, TenantKeys,
    WrappedKey,
};
use ward::kernel::{Indexer, Sealer, StoreError, SubjectId, SubjectKeys, TenantId};

use crate::error::failed;
use crate::gated::Gated;
use crate::scoped::Scoped;
use crate::turns::Shared;
use crate::unit::PgUnit;

/// Who wraps them is read with them: one moment's answer to both. A version is known everywhere once it is older than keys are kept
/// anywhere, by the one clock that all replicas share. What each sealed is as much as all replicas told by then.
pub(crate) const OF_TENANT: &str = "
    SELECT k.id, k.purpose, k.subject, k.bytes, k.commitment, k.until, k.created_at,
        k.created_at <= now() - interval '60 s' AS known, s.messages, e.address, e.since
    FROM ward.wrapped_key k LEFT JOIN ward.external_key e ON e.tenant = $1 LEFT JOIN ward.messages_sealed() s ON s.key = k.id
    WHERE k.tenant = $1 AND k.subject IS NULL AND k.bytes IS NOT NULL ORDER BY k.id";

pub(crate) const OF_SUBJECTS: &str = "
    SELECT id, purpose, subject, bytes, commitment FROM ward.wrapped_key
    WHERE tenant = $1 AND subject = ANY ($2) AND purpose = 'subject' AND bytes IS NOT NULL";

/// A subject's key, and what is left of those that it followed. There is an index of the one and an index of the others, and none of both.
pub(crate) const WHOLE: &str = "
    SELECT id, purpose, subject, bytes, commitment FROM ward.wrapped_key
    WHERE tenant = $1 AND subject = $2 AND (purpose = 'subject' OR purpose = 'commitment') AND bytes IS NOT NULL";

/// A key id begins at random in four bytes, so another key may have it: that row is left out, and another id is tried.
const KEEP: &str = "
    INSERT INTO ward.wrapped_key (tenant, id, purpose, subject, bytes, commitment, until)
    SELECT $1, k.* FROM unnest($2::bigint[], $3::text[], $4::uuid[], $5::bytea[], $6::bytea[], $7::timestamptz[]) k
    ON CONFLICT (tenant, id) DO NOTHING RETURNING id";

/// Keys that were asked for.
pub(crate) enum Loaded {
    Whole(Arc<TenantKeys>),
    /// The tenant was founded too early to have them all.
    Fewer(StoredKeys),
}

pub(crate) async fn load(pool: &Shared, keyring: &Keyring, tenant: TenantId) -> Result<Loaded, StoreError> {
    let gate = Gated::new(pool.clone(), tenant.into());
    let read = async || stored(&Scoped::new(tenant.into(), OF_TENANT).through(&gate).await?);
    let loading = keyring.loading(tenant);
    let found = read().await?;
    if TenantKeys::are_fewer(&found.keys) {
        return Ok(Loaded::Fewer(found));
    }
    let refused = match loading.unwrap(found.clone()).await {
        Ok(keys) => return Ok(Loaded::Whole(keys)),
        Err(refused) => refused,
    };
    // Whoever wrapped the key when it was read may have been relieved by another since.
    let loading = keyring.loading(tenant);
    let now = read().await?;
    if now == found {
        return Err(StoreError::KeyUnavailable(Box::new(refused)));
    }
    let keys = loading.unwrap(now).await.map_err(|refused| StoreError::KeyUnavailable(Box::new(refused)))?;
    Ok(Loaded::Whole(keys))
}

/// What [`OF_TENANT`] found.
pub(crate) fn stored(rows: &[PgRow]) -> Result<StoredKeys, StoreError> {
    let external = rows.first().map_or(Ok(None), |row| row.try_get("address")).map_err(failed)?;
    let mut stored = StoredKeys { external, ..StoredKeys::default() };
    for row in rows {
        if let Some(later) = later(row)? {
            stored.later.push(later);
            continue;
        }
        if let Some(messages) = row.try_get::<Option<i64>, _>("messages").map_err(failed)? {
            stored.sealed.push((id_of(row)?, messages.cast_unsigned()));
        }
        let (until, known) = (row.try_get("until").map_err(failed)?, row.try_get("known").map_err(failed)?);
        stored.keys.push(WrappedKey { until, known, ..wrapped(row)? });
    }
    Ok(stored)
}

/// The keys of a tenant that was founded too early to have them all, and those that it lacks.
pub(crate) async fn complete(
    keyring: &Keyring,
    tenant: TenantId,
    stored: &StoredKeys,
) -> Result<(Arc<TenantKeys>, Vec<WrappedKey>), StoreError> {
    let (keys, made) = keyring.complete(tenant, stored).await.map_err(unavailable)?;
    Ok((Arc::new(keys), made))
}

/// The keys of a tenant that is being founded.
pub(crate) async fn make(
    keyring: &Keyring,
    tenant: TenantId,
    suite: Suite,
) -> Result<(Arc<TenantKeys>, Vec<WrappedKey>), StoreError> {
    let (keys, wrapped) = keyring.create(tenant, suite).await.map_err(unavailable)?;
    Ok((Arc::new(keys), wrapped))
}

/// Stores `keys`, and answers the ids that were free.
pub(crate) async fn keep(unit: &PgUnit, keys: &[WrappedKey]) -> Result<Vec<KeyId>, StoreError> {
    let rows = unit
        .scoped(KEEP)
        .bind(keys.iter().map(|key| i64::from(u32::from(key.id))).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.purpose.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.subject.map(Uuid::from)).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.bytes.clone()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.commitment.to_vec()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.until).collect::<Vec<_>>())
        .within(&unit.conn)
        .await?;
    rows.iter().map(id_of).collect()
}

pub(crate) fn of_subjects(statement: Scoped, subjects: &[SubjectId]) -> Scoped {
    statement.bind(subjects.iter().map(|id| Uuid::from(*id)).collect::<Vec<_>>())
}

pub(crate) fn by_subject(rows: &[PgRow]) -> Result<Vec<(SubjectId, WrappedKey)>, StoreError> {
    let keyed = |row: &PgRow| {
        let key = wrapped(row)?;
        let subject = key.subject.ok_or(corrupt("subject"))?;
        Ok((subject, key))
    };
    rows.iter().map(keyed).collect()
}

/// The key among a subject's, with what is left of the others.
pub(crate) fn whole(keys: &TenantKeys, rows: &[PgRow]) -> Result<Option<Arc<SubjectKey>>, StoreError> {
    let all: Vec<_> = rows.iter().map(wrapped).collect::<Result<_, _>>()?;
    let (own, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|key| key.purpose == KeyPurpose::Subject);
    let key = own.first().map(|key| keys.subject_key(key, &left).map(Arc::new));
    key.transpose().map_err(unavailable)
}

pub(crate) fn unwrap(keys: &TenantKeys, wrapped: &WrappedKey) -> Result<Arc<SubjectKey>, StoreError> {
    keys.subject_key(wrapped, &[]).map(Arc::new).map_err(unavailable)
}

/// The key joined to a row of something else, as `key`; none, if its subject was erased.
pub(crate) fn beside(row: &PgRow) -> Result<Option<WrappedKey>, StoreError> {
    let id: Option<i64> = row.try_get("key").map_err(failed)?;
    id.map(|id| named(key_id(id)?, row)).transpose()
}

pub(crate) fn wrapped(row: &PgRow) -> Result<WrappedKey, StoreError> {
    named(id_of(row)?, row)
}

/// The key, if this Ward doesn't know its purpose.
pub(crate) fn later(row: &PgRow) -> Result<Option<LaterKey>, StoreError> {
    let purpose: &str = row.try_get("purpose").map_err(failed)?;
    if KeyPurpose::parse(purpose).is_some() {
        return Ok(None);
    }
    Ok(Some(LaterKey {
        id: id_of(row)?,
        purpose: purpose.to_owned(),
        subject: subject(row)?,
        bytes: row.try_get("bytes").map_err(failed)?,
        commitment: commitment(row)?,
    }))
}

fn subject(row: &PgRow) -> Result<Option<SubjectId>, StoreError> {
    Ok(row.try_get::<Option<Uuid>, _>("subject").map_err(failed)?.map(Into::into))
}

fn named(id: KeyId, row: &PgRow) -> Result<WrappedKey, StoreError> {
    let purpose: &str = row.try_get("purpose").map_err(failed)?;
    Ok(WrappedKey {
        id,
        purpose: KeyPurpose::parse(purpose).ok_or(corrupt("purpose"))?,
        subject: subject(row)?,
        bytes: row.try_get("bytes").map_err(failed)?,
        commitment: commitment(row)?,
        until: None,
        known: false,
    })
}

fn commitment(row: &PgRow) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = row.try_get("commitment").map_err(failed)?;
    bytes.try_into().map_err(|_| corrupt("commitment"))
}

pub(crate) fn id_of(row: &PgRow) -> Result<KeyId, StoreError> {
    key_id(row.try_get("id").map_err(failed)?)
}

fn key_id(id: i64) -> Result<KeyId, StoreError> {
    let id = u32::try_from(id).map_err(|_| corrupt("id"))?;
    Ok(KeyId::from(id))
}

fn corrupt(column: &'static str) -> StoreError {
    StoreError::Corrupt { table: "wrapped_key", column }
}

pub(crate) fn unavailable(error: KeyError) -> StoreError {
    StoreError::KeyUnavailable(Box::new(error))
}

impl PgUnit {
    /// Key ids for subjects, each given once: from a random one on, so that those stored together lie together.
    pub(crate) fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        let mut first = [0; 4];
        self.machine.fill(&mut first);
        let ids = successors(Some(u32::from_be_bytes(first)), |id| Some(id.wrapping_add(1)));
        ids.map(KeyId::from).filter(|id| *id >= KeyId::FIRST_SUBJECT)
    }
}

#[async_trait]
impl LogKeyStore for PgUnit {
    async fn add_log_key(&mut self, until: DateTime<Utc>) -> Result<LogKey, StoreError> {
        let id = self.next_id().await?;
        let (key, wrapped) = self.keys.make_log_key(id, until).map_err(unavailable)?;
        if keep(self, &[wrapped]).await?.is_empty() {
            return Err(StoreError::Raced("another key was made at the same time".into()));
        }
        Ok(key)
    }
}

#[async_trait]
impl SubjectKeys for PgUnit {
    async fn make(&mut self, subjects: &[SubjectId]) -> Result<Vec<Arc<dyn Sealer>>, StoreError> {
        let mut made: HashMap<SubjectId, Arc<dyn Sealer>> = HashMap::with_capacity(subjects.len());
        while made.len() < subjects.len() {
            let missing: Vec<_> = subjects.iter().filter(|id| !made.contains_key(id)).collect();
            let fresh =
                self.key_ids().zip(missing).map(|(id, subject)| self.keys.make_subject_key(id, *subject));
            let (fresh, wrapped): (Vec<_>, Vec<_>) =
                fresh.collect::<Result<Vec<_>, _>>().map_err(unavailable)?.into_iter().unzip();
            let kept: HashSet<_> = keep(self, &wrapped).await?.into_iter().collect();
            for (key, WrappedKey { id, subject, .. }) in fresh.into_iter().zip(wrapped) {
                if let Some(subject) = subject.filter(|_| kept.contains(&id)) {
                    made.insert(subject, Arc::new(key));
                }
            }
        }
        Ok(subjects.iter().filter_map(|id| made.remove(id)).collect())
    }

    async fn of(&mut self, subjects: &[SubjectId]) -> Result<Vec<Option<Arc<dyn Sealer>>>, StoreError> {
        let rows = of_subjects(self.scoped(OF_SUBJECTS), subjects).within(&self.conn).await?;
        let wrapped = by_subject(&rows)?;
        let find = |id: &SubjectId| wrapped.iter().find(|(subject, _)| subject == id);
        let sealer = |id: &SubjectId| -> Result<Option<Arc<dyn Sealer>>, StoreError> {
            Ok(match find(id) {
                Some((_, key)) => Some(unwrap(&self.keys, key)?),
                None => None,
            })
        };
        subjects.iter().map(sealer).collect()
    }

    fn indexer(&self) -> Arc<dyn Indexer> {
        self.keys.index()
    }
}
