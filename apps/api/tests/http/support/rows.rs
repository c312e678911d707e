use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use ward_testkit::Database;

use super::{Deployment, Outcome, Tenant, subject};

/// Every table that says whose a row is. Entries get their places when they get them, and keys of tenants' own are looked at again and again.
const TABLES: &str = "
    SELECT c.table_name AS name, string_agg('t.' || c.column_name || ' = $1::uuid', ' OR ') AS own
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'ward' AND t.table_type = 'BASE TABLE' AND c.data_type = 'uuid' AND c.column_name IN ('tenant', 'owner')
        AND c.table_name NOT IN ('key_watch', 'audit_waiting', 'audit_place', 'audit_tile', 'audit_head', 'audit_word', 'audit_look')
    GROUP BY c.table_name";
const LEFT: &str = "
    SELECT tenant::text, said ->> 'action' AS action, said ->> 'outcome' AS outcome, said ->> 'operation' AS operation,
        said -> 'actor' ->> 'id' AS actor, said -> 'entity' ->> 'id' AS entity, row_to_json(l)::text AS whole
    FROM ward.audit_leaf l, LATERAL (SELECT body::json AS said) s WHERE said -> 'source' ->> 'request' = $1 ORDER BY id";

/// When a job is due and who has it, which its worker changes, and which changes back where its work fails.
const LEASES: [&str; 3] = ["run_at", "leased_until", "attempts"];

/// Rows by their table: how many, and a digest of everything in them.
pub(crate) type Digests = BTreeMap<String, (i64, String)>;

/// All rows of a tenant, but for when an API key was last used. What was counted in memory by then is among them.
pub(crate) async fn digest(deployment: &Deployment, tenant: &str) -> Outcome<Digests> {
    deployment.flush().await?;
    rows(&deployment.database, tenant, &[]).await
}

/// The same where work is tried and fails meanwhile: it takes leases, notes why, and counts as sealed what it drops.
pub(crate) async fn digest_beside_work(deployment: &Deployment, tenant: &str) -> Outcome<Digests> {
    let mut digests = rows(&deployment.database, tenant, &LEASES).await?;
    for table in ["key_use", "job_failure"] {
        digests.remove(table).ok_or("no such table")?;
    }
    Ok(digests)
}

async fn rows(database: &Database, tenant: &str, but: &[&str]) -> Outcome<Digests> {
    let but = [&["last_used_at"], but].concat();
    let mut root = database.connect("postgres").await?;
    let mut digests = BTreeMap::new();
    for table in sqlx::query(TABLES).fetch_all(&mut root).await? {
        let (name, own): (String, String) = (table.try_get("name")?, table.try_get("own")?);
        let sql = format!(
            "SELECT count(*), coalesce(md5(string_agg(r.words, chr(10) ORDER BY r.words)), '')
             FROM (SELECT (to_jsonb(t) - $2::text[])::text AS words FROM ward.{name} t WHERE {own}) r"
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(&but).fetch_one(&mut root).await?;
        digests.insert(name, (row.try_get(0)?, row.try_get(1)?));
    }
    root.close().await?;
    assert!(digests.len() >= 9, "tables are missing: {digests:?}");
    Ok(digests)
}

/// The tables in which two digests differ.
pub(crate) fn changed(before: &Digests, after: &Digests) -> Vec<String> {
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

#[tokio::test]
async fn leases_that_move_and_messages_that_are_counted_are_seen_but_beside_work() -> Outcome {
    let deployment = Deployment::shared().await?;
    let Tenant { id, client } = deployment.tenant("Clinic").await?;
    let job = "INSERT INTO ward.job_lease (tenant, id, kind, run_at) VALUES (ID, gen_random_uuid(), 'canary', now())";
    let moves = [
        (job, "job_lease", true),
        ("UPDATE ward.job_lease SET run_at = run_at + interval '1 s' WHERE tenant = ID", "job_lease", false),
        ("UPDATE ward.job_lease SET leased_until = now() WHERE tenant = ID", "job_lease", false),
        ("UPDATE ward.job_lease SET attempts = attempts + 1 WHERE tenant = ID", "job_lease", false),
        ("INSERT INTO ward.key_use VALUES (ID, 1, 1)", "key_use", false),
        ("INSERT INTO ward.job_failure VALUES (ID, ID, 'failed', now())", "job_failure", false),
    ];
    for (sql, table, is_always_seen) in moves {
        let (all, most) = (digest(deployment, &id).await?, digest_beside_work(deployment, &id).await?);
        deployment.database.run("postgres", sql.replace("ID", &format!("'{id}'"))).await?;
        assert_eq!(changed(&all, &digest(deployment, &id).await?), [table], "{sql}");
        let seen = changed(&most, &digest_beside_work(deployment, &id).await?);
        assert_eq!(!seen.is_empty(), is_always_seen, "{sql}");
    }

    // What was sealed before isn't counted between two looks.
    client.post("/v1/subjects", subject()).await?.expect(201)?;
    let before = digest(deployment, &id).await?;
    deployment.flush().await?;
    assert_eq!(changed(&before, &digest(deployment, &id).await?), [""; 0]);
    Ok(())
}
