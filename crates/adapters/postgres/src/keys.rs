//! Wrapped keys: the tenant's own, and one for each of its subjects.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;
use ward::crypto::{KeyError, KeyId, KeyPurpose, Keyring, SubjectKey, TenantKeys, WrappedKey};
use ward::kernel::{Entropy, Indexer, Machine, Sealer, StoreError, SubjectId, SubjectKeys, TenantId};

use crate::error::failed;
use crate::gated::Gated;
use crate::scoped::Scoped;
use crate::unit::PgUnit;

const OF_TENANT: &str =
    "SELECT id, purpose, subject, bytes, commitment FROM ward.wrapped_key WHERE tenant = $1 AND subject IS NULL";

pub(crate) const OF_SUBJECTS: &str = "
    SELECT id, purpose, subject, bytes, commitment FROM ward.wrapped_key WHERE tenant = $1 AND subject = ANY ($2)";

/// A key id is four random bytes, so another key may have it: that row is left out, and another id is tried.
const KEEP: &str = "
    INSERT INTO ward.wrapped_key (tenant, id, purpose, subject, bytes, commitment)
    SELECT $1, k.* FROM unnest($2::bytea[], $3::text[], $4::uuid[], $5::bytea[], $6::bytea[]) k
    ON CONFLICT (tenant, id) DO NOTHING RETURNING id";

pub(crate) async fn load(
    pool: &PgPool,
    keyring: &Keyring,
    tenant: TenantId,
) -> Result<Arc<TenantKeys>, StoreError> {
    let gate = Gated::new(pool.clone(), tenant.into());
    let rows = Scoped::new(tenant.into(), OF_TENANT).through(&gate).await?;
    let wrapped: Vec<_> = rows.iter().map(wrapped).collect::<Result<_, _>>()?;
    keyring.load(tenant, &wrapped).await.map_err(unavailable)
}

pub(crate) async fn make(
    keyring: &Keyring,
    tenant: TenantId,
    entropy: &dyn Machine,
) -> Result<(Arc<TenantKeys>, Vec<WrappedKey>), StoreError> {
    keyring.create(tenant, entropy).await.map_err(unavailable)
}

/// Stores `keys`, and answers the ids that were free.
pub(crate) async fn keep(unit: &PgUnit, keys: &[WrappedKey]) -> Result<Vec<KeyId>, StoreError> {
    let column = |of: &dyn Fn(&WrappedKey) -> Vec<u8>| keys.iter().map(of).collect::<Vec<_>>();
    let rows = unit
        .scoped(KEEP)
        .bind(column(&|key| key.id.as_bytes().to_vec()))
        .bind(keys.iter().map(|key| key.purpose.as_str()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.subject.map(Uuid::from)).collect::<Vec<_>>())
        .bind(column(&|key| key.bytes.clone()))
        .bind(column(&|key| key.commitment.to_vec()))
        .within(&unit.conn)
        .await?;
    rows.iter().map(key_id).collect()
}

pub(crate) fn of_subjects(statement: Scoped, subjects: &[SubjectId]) -> Scoped {
    statement.bind(subjects.iter().map(|id| Uuid::from(*id)).collect::<Vec<_>>())
}

pub(crate) fn by_subject(rows: &[PgRow]) -> Result<Vec<(SubjectId, WrappedKey)>, StoreError> {
    let keyed = |row: &PgRow| {
        let key = wrapped(row)?;
        let subject = key.subject.ok_or(StoreError::Corrupt { table: "wrapped_key", column: "subject" })?;
        Ok((subject, key))
    };
    rows.iter().map(keyed).collect()
}

pub(crate) fn unwrap(keys: &TenantKeys, wrapped: &WrappedKey) -> Result<Arc<SubjectKey>, StoreError> {
    keys.subject_key(wrapped).map(Arc::new).map_err(unavailable)
}

/// The key in a row that also holds other columns.
pub(crate) fn wrapped(row: &PgRow) -> Result<WrappedKey, StoreError> {
    let corrupt = |column| StoreError::Corrupt { table: "wrapped_key", column };
    let purpose: &str = row.try_get("purpose").map_err(failed)?;
    let commitment: &[u8] = row.try_get("commitment").map_err(failed)?;
    Ok(WrappedKey {
        id: key_id(row)?,
        purpose: KeyPurpose::parse(purpose).ok_or(corrupt("purpose"))?,
        subject: row.try_get::<Option<Uuid>, _>("subject").map_err(failed)?.map(Into::into),
        bytes: row.try_get("bytes").map_err(failed)?,
        commitment: commitment.try_into().map_err(|_| corrupt("commitment"))?,
    })
}

fn key_id(row: &PgRow) -> Result<KeyId, StoreError> {
    let id: &[u8] = row.try_get("id").map_err(failed)?;
    let id: [u8; 4] = id.try_into().map_err(|_| StoreError::Corrupt { table: "wrapped_key", column: "id" })?;
    Ok(KeyId::from(id))
}

fn unavailable(error: KeyError) -> StoreError {
    tracing::error!(%error, "a key can't be had");
    StoreError::KeyUnavailable
}

#[async_trait]
impl SubjectKeys for PgUnit {
    async fn make(&mut self, subjects: &[SubjectId]) -> Result<Vec<Arc<dyn Sealer>>, StoreError> {
        let mut made: Vec<Option<Arc<dyn Sealer>>> = vec![None; subjects.len()];
        while made.iter().any(Option::is_none) {
            let mut fresh = Vec::new();
            for (n, subject) in subjects.iter().enumerate() {
                if made.get(n).is_some_and(Option::is_none) {
                    let mut id = [0; 4];
                    self.machine.fill(&mut id);
                    let pair = self.keys.make_subject_key(id.into(), *subject, self.machine.clone());
                    let (key, wrapped) = pair.map_err(unavailable)?;
                    fresh.push((n, Arc::new(key), wrapped));
                }
            }
            let kept = keep(self, &fresh.iter().map(|(_, _, wrapped)| wrapped.clone()).collect::<Vec<_>>()).await?;
            for (n, key, wrapped) in fresh {
                if kept.contains(&wrapped.id)
                    && let Some(place) = made.get_mut(n)
                {
                    *place = Some(key);
                }
            }
        }
        Ok(made.into_iter().flatten().collect())
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
