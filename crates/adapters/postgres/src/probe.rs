//! What checks look at: the database as the application's own role sees it. Nothing here changes anything, even where
//! a control is off.

mod raw;
mod standing;

use sqlx::Row as _;
use uuid::Uuid;
use ward::crypto::{Sealed, WrappedKey};
use ward::kernel::{Entity, Place, StoreError, SubjectId, TenantId};
use ward::rbac::Permit;

use crate::error::failed;
use crate::gated::Gated;
use crate::keys;
use crate::prover::{self, Declaration, Proof, Report};
use crate::scoped::Scoped;
use crate::store::Postgres;
use crate::unit::PgUnit;

pub use raw::RawLook;
pub use standing::{KeyStanding, KeysWatched};

/// Whether the log could be rewritten: for each way, a statement that must be refused. `WHERE false` touches no row.
const REWRITES: [(&str, &str); 13] = [
    ("UPDATE ward.audit_leaf SET body = body WHERE false", "the application may change entries"),
    ("UPDATE ward.audit_leaf SET at = at WHERE false", "the application may date entries anew"),
    ("UPDATE ward.audit_leaf SET mac = mac WHERE false", "the application may vouch for entries anew"),
    ("DELETE FROM ward.audit_leaf WHERE false", "the application may remove entries"),
    (
        "UPDATE ward.audit_place SET hash = hash WHERE false",
        "the application may change what stands in a place",
    ),
    ("DELETE FROM ward.audit_place WHERE false", "the application may take entries out of their places"),
    ("UPDATE ward.audit_tile SET hashes = hashes WHERE false", "the application may change tiles"),
    ("DELETE FROM ward.audit_tile WHERE false", "the application may remove tiles"),
    (
        "UPDATE ward.audit_head SET origin = origin WHERE false",
        "the application may pass a log off as another",
    ),
    ("DELETE FROM ward.audit_head WHERE false", "the application may forget what a log said of itself"),
    ("DELETE FROM ward.audit_waiting WHERE false", "the application may forget entries that have no place"),
    ("UPDATE ward.probe_run SET outcome = outcome WHERE false", "the application may change what checks saw"),
    ("DELETE FROM ward.probe_run WHERE false", "the application may remove what checks saw"),
];

/// TRUNCATE can't be tried harmlessly, nor can a back-dated row or a shorter log: the catalogue says whether they would be let.
const GRANTS: &str = "
    WITH append_only AS (
        SELECT t AS oid FROM unnest('{ward.audit_leaf, ward.audit_place, ward.audit_tile, ward.probe_run}'::regclass[]) t
        UNION SELECT relid FROM pg_partition_tree('ward.audit_leaf')),
    trigger AS (SELECT tgrelid, tgfoid::regproc FROM pg_trigger WHERE tgenabled IN ('O', 'A'))
    SELECT (SELECT bool_or(has_table_privilege(a.oid, 'TRUNCATE')) FROM append_only a)
            OR has_table_privilege('ward.audit_head', 'TRUNCATE') AS truncates,
        has_column_privilege('ward.audit_leaf', 'at', 'INSERT') AS backdates,
        (SELECT coalesce(bool_or(has_any_column_privilege(p.relid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(p.relid, 'DELETE')), false)
         FROM pg_partition_tree('ward.audit_leaf') p WHERE p.level > 0) AS parts,
        (SELECT bool_or(2 <> (SELECT count(*) FROM trigger t WHERE t.tgrelid = a.oid AND t.tgfoid IN ('ward.forbid'::regproc, 'ward.only_erase'::regproc)))
         FROM append_only a) AS unguarded,
        (SELECT bool_or(1 <> (SELECT count(*) FROM trigger t WHERE t.tgrelid = p.relid AND t.tgfoid = 'ward.stamp'::regproc))
         FROM pg_partition_tree('ward.audit_leaf') p) AS unstamped,
        has_any_column_privilege('ward.audit_start', 'INSERT, UPDATE') OR has_table_privilege('ward.audit_start', 'DELETE') AS begins,
        NOT EXISTS (SELECT FROM trigger t WHERE t.tgrelid = 'ward.audit_head'::regclass AND t.tgfoid = 'ward.only_grow'::regproc) AS shrinks,
        NOT EXISTS (SELECT FROM trigger t WHERE t.tgrelid = 'ward.audit_leaf'::regclass AND t.tgfoid = 'ward.not_before'::regproc) AS precedes,
        NOT EXISTS (SELECT FROM trigger t WHERE t.tgrelid = 'ward.audit_place'::regclass AND t.tgfoid = 'ward.only_behind'::regproc) AS hides";

const SUBJECT: &str =
    "SELECT row_to_json(s)::text AS row FROM ward.subject s WHERE s.tenant = $1 AND s.id = $2";
const RECORD: &str =
    "SELECT row_to_json(r)::text AS row FROM ward.record r WHERE r.tenant = $1 AND r.id = $2";
const NAMED: &str = "
    SELECT k.id, k.purpose, k.subject, k.bytes, k.commitment FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.id = $2 AND k.bytes IS NOT NULL";
const PUT_BACK: &str = "UPDATE ward.wrapped_key k SET bytes = $3 WHERE k.tenant = $1 AND k.id = $2";
const LOCK: &str = "SELECT tenant FROM ward.tenant WHERE tenant = $1 FOR KEY SHARE";

impl Postgres {
    /// Proves isolation from the catalogue, and attacks one tenant as the other.
    pub async fn isolation(&self, a: TenantId, b: TenantId) -> Result<(Proof, Report), StoreError> {
        let declared = Declaration::ward();
        let mut conn = self.pool.acquire().await.map_err(failed)?;
        // An attack cut short must not hand its connection on.
        conn.close_on_drop();
        let proof = prover::prove(&mut conn, &declared).await.map_err(failed)?;
        let report = prover::attack(&mut conn, &declared, a.into(), b.into()).await.map_err(failed)?;
        Ok((proof, report))
    }

    /// Proves isolation from the catalogue alone.
    pub async fn proof(&self) -> Result<Proof, StoreError> {
        let mut conn = self.pool.acquire().await.map_err(failed)?;
        conn.close_on_drop();
        prover::prove(&mut conn, &Declaration::ward()).await.map_err(failed)
    }

    /// The ways in which the application could rewrite the audit log, and how many were looked at.
    pub async fn rewrites(&self) -> Result<(Vec<String>, u64), StoreError> {
        let mut open = Vec::new();
        for (attempt, told) in REWRITES {
            match sqlx::query(attempt).execute(&self.pool).await {
                Err(error) if is_refused(&error) => {}
                Err(error) => return Err(failed(error)),
                Ok(_) => open.push(told.to_owned()),
            }
        }
        let row = sqlx::query(GRANTS).fetch_one(&self.pool).await.map_err(failed)?;
        let flag = |column| row.try_get::<bool, _>(column).map_err(failed);
        let checks = [
            (flag("truncates")?, "TRUNCATE is granted"),
            (flag("backdates")?, "the time of an entry can be set"),
            (flag("parts")?, "a partition of the log can be reached past the log itself"),
            (flag("unguarded")?, "a trigger that forbids changes is missing or disabled"),
            (flag("unstamped")?, "the trigger that sets the time is missing or disabled"),
            (flag("begins")?, "the application may have a log begin at another entry"),
            (flag("shrinks")?, "the trigger that lets a log only grow is missing or disabled"),
            (
                flag("precedes")?,
                "the trigger that lets nobody write before the latest entry is missing or disabled",
            ),
            (
                flag("hides")?,
                "the trigger that lets nobody place entries anywhere but behind all others is missing or disabled",
            ),
        ];
        open.extend(checks.iter().filter(|(broken, _)| *broken).map(|(_, what)| (*what).to_owned()));
        Ok((open, (REWRITES.len() + checks.len()) as u64))
    }

    /// The row of a subject or a record as it lies in the database: every column as text, bytes in hexadecimal.
    pub async fn stored(&self, tenant: TenantId, entity: Entity) -> Result<Option<String>, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        let row = if entity.kind() == "record" { RECORD } else { SUBJECT };
        let rows = Scoped::new(tenant.into(), row).bind(entity.id()).through(&gate).await?;
        rows.first().map(|row| row.try_get("row")).transpose().map_err(failed)
    }

    /// The keys of somebody, wrapped: to be put back when they are destroyed.
    pub async fn kept_keys(&self, unit: &PgUnit, subject: SubjectId) -> Result<Vec<WrappedKey>, StoreError> {
        let rows = unit.scoped(keys::WHOLE).bind(Uuid::from(subject)).within(&unit.conn).await?;
        rows.iter().map(keys::wrapped).collect()
    }

    /// Whether what is sealed for `place` opens with any key that the unit's tenant has: those that serve operations, and all of its
    /// people's that the value could name.
    pub async fn opens_anyhow(
        &self,
        unit: &PgUnit,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let secrets = [unit.keys.audit(), unit.keys.idempotency(), unit.keys.queue()];
        if secrets.iter().any(|key| key.open(place, sealed).is_ok()) {
            return Ok(true);
        }
        let named = Sealed::parse(sealed).map_err(|error| StoreError::Failed(Box::new(error)))?.key();
        let rows = unit.scoped(NAMED).bind(i64::from(u32::from(named))).within(&unit.conn).await?;
        Ok(rows
            .iter()
            .map(keys::wrapped)
            .any(|key| key.is_ok_and(|key| unit.keys.subject_key(&key, &[]).is_ok())))
    }

    /// Puts keys back that were destroyed in the unit, which ends; says whether that was let.
    pub async fn put_back(&self, unit: PgUnit, kept: &[WrappedKey]) -> Result<bool, StoreError> {
        for key in kept {
            let id = i64::from(u32::from(key.id));
            let put = sqlx::query(PUT_BACK).bind(unit.tenant()).bind(id).bind(key.bytes.clone());
            match unit.conn.fetch(put).await {
                Err(error) if is_refused(&error) => return Ok(false),
                Err(error) => return Err(failed(error)),
                Ok(_) => {}
            }
        }
        Ok(true)
    }

    /// Tries to lock a row in a reading, for a moment: to be refused.
    pub async fn lock_reading(&self, permit: Permit) -> Result<(), StoreError> {
        let reading = self.reading(permit).await?;
        reading.scoped(LOCK).through(&reading.gate).await.map(drop)
    }
}

fn is_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("42501")
}
