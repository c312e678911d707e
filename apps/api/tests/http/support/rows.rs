use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use ward_testkit::Database;

use super::Outcome;

/// Every table that says whose a row is. When a key was last used, and how much it sealed, is noted in memory and written later, jobs are leased when they are due, and entries get their
/// places when they get them.
const TABLES: &str = "
    SELECT c.table_name AS name, string_agg('t.' || c.column_name || ' = $1::uuid', ' OR ') AS own
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'ward' AND t.table_type = 'BASE TABLE' AND c.data_type = 'uuid' AND c.column_name IN ('tenant', 'owner')
        AND c.table_name NOT IN ('key_watch', 'key_use', 'audit_waiting', 'audit_place', 'audit_tile', 'audit_head', 'audit_word', 'audit_look')
    GROUP BY c.table_name";
const LEFT: &str = "
    SELECT tenant::text, said ->> 'action' AS action, said ->> 'outcome' AS outcome, said ->> 'operation' AS operation,
        said -> 'actor' ->> 'id' AS actor, said -> 'entity' ->> 'id' AS entity, row_to_json(l)::text AS whole
    FROM ward.audit_leaf l, LATERAL (SELECT body::json AS said) s WHERE said -> 'source' ->> 'request' = $1 ORDER BY id";

/// All rows of a tenant, table by table: how many, and a digest of everything in them.
pub(crate) async fn digest(database: &Database, tenant: &str) -> Outcome<BTreeMap<String, (i64, String)>> {
    let mut root = database.connect("postgres").await?;
    let mut digests = BTreeMap::new();
    for table in sqlx::query(TABLES).fetch_all(&mut root).await? {
        let (name, own): (String, String) = (table.try_get("name")?, table.try_get("own")?);
        let sql = format!(
            "SELECT count(*), coalesce(md5(string_agg(r.words, chr(10) ORDER BY r.words)), '')
             FROM (SELECT (to_jsonb(t) - ARRAY['last_used_at', 'leased_until', 'attempts', 'run_at'])::text AS words FROM ward.{name} t WHERE {own}) r"
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(tenant).fetch_one(&mut root).await?;
        digests.insert(name, (row.try_get(0)?, row.try_get(1)?));
    }
    root.close().await?;
    assert!(digests.len() >= 9, "tables are missing: {digests:?}");
    Ok(digests)
}

/// The tables in which two digests differ.
pub(crate) fn changed(
    before: &BTreeMap<String, (i64, String)>,
    after: &BTreeMap<String, (i64, String)>,
) -> Vec<String> {
    before
        .iter()
        .filter(|(name, rows)| after.get(*name) != Some(rows))
        .map(|(name, _)| name.clone())
        .collect()
}

/// An entry of the audit log, as it lies in the database.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) tenant: String,
    pub(crate) action: String,
    pub(crate) outcome: String,
    pub(crate) operation: String,
    pub(crate) actor: Option<String>,
    pub(crate) entity: String,
    pub(crate) whole: String,
}

/// What a request left in the log, in any tenant, in order.
pub(crate) async fn left(database: &Database, request: &str) -> Outcome<Vec<Left>> {
    let mut root = database.connect("postgres").await?;
    let rows = sqlx::query(LEFT).bind(request).fetch_all(&mut root).await?;
    root.close().await?;
    let left = |row: &sqlx::postgres::PgRow| {
        Ok(Left {
            tenant: row.try_get("tenant")?,
            action: row.try_get("action")?,
            outcome: row.try_get("outcome")?,
            operation: row.try_get("operation")?,
            actor: row.try_get("actor")?,
            entity: row.try_get("entity")?,
            whole: row.try_get("whole")?,
        })
    };
    rows.iter().map(left).collect()
}
