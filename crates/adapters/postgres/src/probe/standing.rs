//! What checks ask of keys, and try with them in units that are dropped.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::crypto::{Keyring, Suite, TenantKeys};
use ward::kernel::{JobId, StoreError, TenantId};
use ward::subject::SealedFields;

use crate::error::failed;
use crate::gated::Gated;
use crate::job::PAYLOAD;
use crate::keys::{self, OF_TENANT};
use crate::scoped::Scoped;
use crate::sealed_fields::decode;
use crate::store::Postgres;
use crate::unit::PgUnit;

/// Since when the newest key of each kind serves. People's keys have no versions: those older than a rotation's begin are followed by it.
const STANDING: &str = "
    WITH under_way AS MATERIALIZED (
        SELECT r.purpose, r.state, r.state = 'running' AND coalesce(r.moved_at, r.begun_at) < now() - interval '1 hour'
            AND NOT (r.purpose = 'tenant' AND EXISTS (SELECT FROM ward.external_key e WHERE e.tenant = $1)) AS still
        FROM ward.rotation r WHERE r.tenant = $1 AND r.state <> 'ended'),
    old AS MATERIALIZED (
        SELECT p.purpose FROM unnest($2::text[]) p (purpose)
        WHERE coalesce(
            (SELECT max(k.created_at) FROM ward.wrapped_key k
             WHERE k.tenant = $1 AND k.purpose = p.purpose AND k.subject IS NULL AND k.bytes IS NOT NULL),
            (SELECT max(r.begun_at) FROM ward.rotation r WHERE r.tenant = $1 AND r.purpose = p.purpose),
            (SELECT min(k.created_at) FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.subject IS NULL))
            < now() - make_interval(days => $3 + 1))
    SELECT (SELECT t.live FROM ward.tenant t WHERE t.tenant = $1) AS live,
        (SELECT count(*) FROM under_way u) AS under_way, (SELECT count(*) FROM under_way u WHERE u.still) AS still,
        (SELECT count(*) FROM old o WHERE o.purpose NOT IN (SELECT u.purpose FROM under_way u)) AS old,
        (SELECT count(*) FROM old o WHERE o.purpose IN (SELECT u.purpose FROM under_way u WHERE u.state = 'paused')) AS resting,
        (SELECT count(*) FROM ward.worn_keys($4) w (purpose)
         WHERE w.purpose NOT IN (SELECT u.purpose FROM under_way u WHERE u.state = 'running')) AS worn,
        (SELECT count(*) FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.subject IS NULL AND k.purpose <> 'tenant' AND k.bytes IS NOT NULL
            AND get_byte(k.bytes, 1) <> $5) AS otherwise";

const FIELDS: &str = "
    SELECT f.fields FROM (SELECT s.fields FROM ward.subject s WHERE s.tenant = $1 ORDER BY s.id DESC LIMIT $2) f
    UNION ALL SELECT f.fields FROM (SELECT r.fields FROM ward.record r WHERE r.tenant = $1 ORDER BY r.id DESC LIMIT $2) f";

/// How a tenant's keys stand: counts of kinds of keys, and of rotations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeyStanding {
    /// Whose sandbox the tenant is.
    pub live: Option<TenantId>,
    /// Rotations that are under way.
    pub under_way: u64,
    /// Those of them that are at work, and moved nothing for an hour. What waits for a service that the tenant brought isn't among them.
    pub still: u64,
    /// Kinds of keys that are older than they may be by a day, and that no rotation follows.
    pub old: u64,
    /// Kinds of keys as old, whose rotation rests.
    pub resting: u64,
    /// Kinds of keys that sealed as much as one should, and that no rotation is at work to follow.
    pub worn: u64,
    /// Keys that are for another cipher.
    pub otherwise: u64,
}

/// The keys that tenants brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeysWatched {
    /// How many.
    pub brought: u64,
    /// At how many of them nobody looked.
    pub unseen: u64,
}

impl Postgres {
    /// How a tenant's keys stand, by a profile that has them followed after so many `days` and names the `suite`.
    pub async fn key_standing(
        &self,
        tenant: TenantId,
        (days, suite): (Option<u32>, Suite),
    ) -> Result<KeyStanding, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        let purposes: Vec<_> = ward::ROTATED.iter().map(|purpose| purpose.as_str()).collect();
        let days = days.map(|days| i32::try_from(days).unwrap_or(i32::MAX - 1));
        let standing = Scoped::new(tenant.into(), STANDING).bind(purposes).bind(days);
        let standing = standing.bind(Keyring::MOST_MESSAGES.cast_signed()).bind(suite as i32);
        let rows = standing.through(&gate).await?;
        let row = rows.first().ok_or(StoreError::Corrupt { table: "wrapped_key", column: "tenant" })?;
        Ok(KeyStanding {
            live: row.try_get::<Option<Uuid>, _>("live").map_err(failed)?.map(TenantId::from),
            under_way: number(row, "under_way")?,
            still: number(row, "still")?,
            old: number(row, "old")?,
            resting: number(row, "resting")?,
            worn: number(row, "worn")?,
            otherwise: number(row, "otherwise")?,
        })
    }

    /// How many messages the key sealed that sealed most, of all tenants' that are counted.
    pub async fn most_messages(&self) -> Result<u64, StoreError> {
        let most = sqlx::query_scalar("SELECT ward.most_messages()").fetch_one(&self.pool).await;
        most.map(i64::cast_unsigned).map_err(failed)
    }

    /// The keys that tenants brought, and how many of them nobody looked at since `since`.
    pub async fn keys_watched(&self, since: DateTime<Utc>) -> Result<KeysWatched, StoreError> {
        let query = sqlx::query("SELECT brought, unseen FROM ward.keys_watched($1)").bind(since);
        let row = query.fetch_one(&self.pool).await.map_err(failed)?;
        Ok(KeysWatched { brought: number(&row, "brought")?, unseen: number(&row, "unseen")? })
    }

    /// The sealed fields of up to `most` people of a tenant and as many records, the newest first.
    pub async fn newest_fields(&self, tenant: TenantId, most: u32) -> Result<Vec<SealedFields>, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        let rows = Scoped::new(tenant.into(), FIELDS).bind(i64::from(most)).through(&gate).await?;
        let fields = |row: &PgRow| {
            let bytes: &[u8] = row.try_get("fields").map_err(failed)?;
            decode(bytes).ok_or(StoreError::Corrupt { table: "subject", column: "fields" })
        };
        rows.iter().map(fields).collect()
    }

    /// Has the unit served by the newest versions of its tenant's keys, as everybody is once they are known everywhere. The deployment's
    /// service must wrap them.
    pub async fn serve_newest(&self, unit: &mut PgUnit) -> Result<(), StoreError> {
        let mut stored = keys::stored(&unit.scoped(OF_TENANT).within(&unit.conn).await?)?;
        stored.keys.iter_mut().for_each(|key| key.known = true);
        let (tenant, service) = (unit.writer.tenant(), self.keyring().service());
        let keys = TenantKeys::load(tenant, service, &stored.keys, unit.machine.clone()).await;
        unit.keys = Arc::new(keys.map_err(keys::unavailable)?);
        Ok(())
    }

    /// The payload of a job of the unit's, as it is stored.
    pub async fn stored_payload(&self, unit: &PgUnit, job: JobId) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = unit.scoped(PAYLOAD).bind(Uuid::from(job)).within(&unit.conn).await?;
        rows.first().map(|row| row.try_get("payload")).transpose().map_err(failed)
    }
}

fn number(row: &PgRow, column: &str) -> Result<u64, StoreError> {
    row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(failed)
}
