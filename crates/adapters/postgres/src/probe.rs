//! What checks look at: the database as the application's own role sees it. Nothing here changes anything, even where
//! a control is off.

use sqlx::Row as _;
use uuid::Uuid;
use ward::kernel::{StoreError, SubjectId, TenantId};

use crate::error::failed;
use crate::gated::Gated;
use crate::prover::{self, Declaration, Proof, Report};
use crate::scoped::Scoped;
use crate::store::Postgres;

/// Whether the log could be rewritten: for each way, a row that says how it stands. `WHERE false` touches no row.
const REWRITES: [(&str, &str); 4] = [
    ("UPDATE ward.audit_leaf SET action = action WHERE false", "the application may change entries"),
    ("DELETE FROM ward.audit_leaf WHERE false", "the application may remove entries"),
    ("UPDATE ward.probe_run SET outcome = outcome WHERE false", "the application may change what checks saw"),
    ("DELETE FROM ward.probe_run WHERE false", "the application may remove what checks saw"),
];

/// TRUNCATE can't be tried harmlessly, nor can a back-dated row: the catalogue says whether they would be let.
const GRANTS: &str = "
    SELECT has_table_privilege('ward.audit_leaf', 'TRUNCATE') OR has_table_privilege('ward.probe_run', 'TRUNCATE') AS truncates,
        has_column_privilege('ward.audit_leaf', 'at', 'INSERT') AS backdates,
        (SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
         WHERE t.tgrelid IN ('ward.audit_leaf'::regclass, 'ward.probe_run'::regclass) AND t.tgenabled IN ('O', 'A')
            AND p.oid = 'ward.forbid'::regproc) AS guards,
        (SELECT count(*) FROM pg_trigger t
         WHERE t.tgrelid = 'ward.audit_leaf'::regclass AND t.tgenabled IN ('O', 'A') AND t.tgfoid = 'ward.stamp'::regproc) AS stamps";

const STORED: &str = "
    SELECT s.fields, coalesce(s.external_ref, '') AS external_ref, row_to_json(s)::text AS words
    FROM ward.subject s WHERE s.tenant = $1 AND s.id = $2";

/// What is stored of a subject, as it lies in the database.
#[derive(Debug)]
pub struct Stored {
    /// The sealed fields.
    pub fields: Vec<u8>,
    /// The sealed name of the customer's own.
    pub external_ref: Vec<u8>,
    /// Every column as text.
    pub words: String,
}

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
        let count = |column| row.try_get::<i64, _>(column).map_err(failed);
        let checks = [
            (flag("truncates")?, "TRUNCATE is granted"),
            (flag("backdates")?, "the time of an entry can be set"),
            (count("guards")? != 4, "a trigger that forbids changes is missing or disabled"),
            (count("stamps")? != 1, "the trigger that sets the time is missing or disabled"),
        ];
        open.extend(checks.iter().filter(|(broken, _)| *broken).map(|(_, what)| (*what).to_owned()));
        Ok((open, (REWRITES.len() + checks.len()) as u64))
    }

    /// What is stored of a subject.
    pub async fn stored(&self, tenant: TenantId, subject: SubjectId) -> Result<Option<Stored>, StoreError> {
        let gate = Gated::new(self.pool.clone(), tenant.into());
        let rows = Scoped::new(tenant.into(), STORED).bind(Uuid::from(subject)).through(&gate).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Stored {
            fields: row.try_get("fields").map_err(failed)?,
            external_ref: row.try_get("external_ref").map_err(failed)?,
            words: row.try_get("words").map_err(failed)?,
        }))
    }
}

fn is_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("42501")
}
