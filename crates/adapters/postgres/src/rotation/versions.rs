//! Versions of a tenant's keys: made, known, and destroyed once nothing needs them.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use ward::crypto::{KeyId, KeyPurpose, WrappedKey};
use ward::kernel::StoreError;
use ward::{Custodian as _, KeyVersion, NextOwn};

use crate::error::failed;
use crate::keys;
use crate::lookup;
use crate::scoped::Scoped;
use crate::unit::PgUnit;

const VERSIONS: &str = "
    SELECT k.id, k.created_at, k.created_at <= now() - interval '3 min' AS settled FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose = $2 AND k.subject IS NULL AND k.bytes IS NOT NULL ORDER BY k.id DESC";
/// Ids of the tenant's own keys and of those for its purposes are given one after the other; those of subjects are drawn.
const NEXT: &str = "
    WITH last AS MATERIALIZED (SELECT max(k.id) AS id FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.subject IS NULL)
    SELECT n.id FROM last CROSS JOIN LATERAL generate_series(last.id + 1, last.id + 100) n (id)
    WHERE NOT EXISTS (SELECT FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.id = n.id) ORDER BY n.id LIMIT 1";
/// Versions that another has followed for an hour.
const FOLLOWED: &str = "
    SELECT k.id FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.purpose = $2 AND k.subject IS NULL AND k.bytes IS NOT NULL
        AND k.id < (SELECT max(n.id) FROM ward.wrapped_key n WHERE n.tenant = $1 AND n.purpose = $2 AND n.subject IS NULL
            AND n.bytes IS NOT NULL AND n.created_at <= now() - interval '1 hour')
    ORDER BY k.id FOR UPDATE";
const DESTROY: &str =
    "UPDATE ward.wrapped_key SET bytes = NULL WHERE tenant = $1 AND id = ANY ($2) AND subject IS NULL";

/// Whether something names the version, whose id is `$2` as four bytes.
const WRAPS: &str = "
    SELECT EXISTS (SELECT FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.purpose <> 'tenant' AND k.bytes IS NOT NULL
        AND substring(k.bytes FROM 3 FOR 4) = $2) AS needed";
const SEALS_JOBS: &str = "SELECT EXISTS (SELECT FROM ward.job j WHERE j.tenant = $1 AND substring(j.payload FROM 3 FOR 4) = $2) AS needed";
const SEALS_ANSWERS: &str = "
    SELECT EXISTS (SELECT FROM ward.idempotency i WHERE i.tenant = $1 AND substring(i.answer FROM 3 FOR 4) = $2) AS needed";
impl PgUnit {
    pub(super) async fn versions_of(&self, purpose: KeyPurpose) -> Result<Vec<KeyVersion>, StoreError> {
        let rows = self.scoped(VERSIONS).bind(purpose.as_str()).within(&self.conn).await?;
        let version = |row: &PgRow| {
            let (id, made_at, settled) =
                (keys::id_of(row)?, row.try_get("created_at"), row.try_get("settled"));
            Ok(KeyVersion { id, made_at: made_at.map_err(failed)?, settled: settled.map_err(failed)? })
        };
        rows.iter().map(version).collect()
    }

    pub(super) async fn next_version(&mut self, purpose: KeyPurpose) -> Result<KeyId, StoreError> {
        self.hold_keys().await?;
        let id = self.next_id().await?;
        self.store_version(self.keys.make_version(purpose, id).map_err(keys::unavailable)?).await
    }

    /// Under the lock of whoever moves the tenant's keys, or makes others.
    pub(super) async fn next_own(&mut self, next: &NextOwn) -> Result<Option<KeyId>, StoreError> {
        if self.hold_keys().await?.stored != next.seen {
            return Ok(None);
        }
        let id = self.next_id().await?;
        self.store_version(WrappedKey { id, ..next.made.clone() }).await.map(Some)
    }

    async fn store_version(&self, made: WrappedKey) -> Result<KeyId, StoreError> {
        match keys::keep(self, &[made]).await?.first() {
            Some(id) => Ok(*id),
            None => Err(StoreError::Raced("another key was made at the same time".into())),
        }
    }

    pub(crate) async fn next_id(&self) -> Result<KeyId, StoreError> {
        let rows = self.scoped(NEXT).within(&self.conn).await?;
        let missing = StoreError::Corrupt { table: "wrapped_key", column: "id" };
        rows.first().map_or(Err(missing), keys::id_of)
    }

    pub(super) async fn destroy_unused(&self, purpose: KeyPurpose) -> Result<Vec<KeyId>, StoreError> {
        let mut unused = Vec::new();
        for row in self.scoped(FOLLOWED).bind(purpose.as_str()).within(&self.conn).await? {
            let id = keys::id_of(&row)?;
            if !self.needs(purpose, id).await? {
                unused.push(id);
            }
        }
        if !unused.is_empty() {
            let ids: Vec<_> = unused.iter().map(|id| i64::from(u32::from(*id))).collect();
            self.scoped(DESTROY).bind(ids).within(&self.conn).await?;
            lookup::call(self, sqlx::query("SELECT ward.forget_use()")).await?;
        }
        Ok(unused)
    }

    async fn needs(&self, purpose: KeyPurpose, id: KeyId) -> Result<bool, StoreError> {
        let statement = match purpose {
            KeyPurpose::Tenant => WRAPS,
            KeyPurpose::Queue => SEALS_JOBS,
            KeyPurpose::Idempotency => SEALS_ANSWERS,
            // What is stored under the others names no version, and is looked for under all; sources do, in years of the log.
            _ => return Ok(true),
        };
        self.is_so(self.scoped(statement).bind(super::octets(id))).await
    }

    async fn is_so(&self, statement: Scoped) -> Result<bool, StoreError> {
        let rows = statement.within(&self.conn).await?;
        rows.first().map_or(Ok(true), |row| row.try_get("needed")).map_err(failed)
    }
}
