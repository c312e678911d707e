//! A row for each of two tenants in every table, made up from the catalogue.

use sqlx::AssertSqlSafe;
use uuid::Uuid;
use ward::kernel::Ids as _;
use ward_testkit::{Database, Machine};

pub(crate) const A: Uuid = Uuid::from_u128(0xa);
pub(crate) const B: Uuid = Uuid::from_u128(0xb);

/// One INSERT per table. Every id but the tenant's is the same, so that rows may refer to each other; checks are read for what they
/// want of a length or a word. Logs are empty, since places that are taken already are refused whatever the victim has.
const ROWS: &str = r"
    SELECT format('INSERT INTO %s (%s) VALUES (%s)', c.oid::regclass, string_agg(quote_ident(a.attname), ', '), string_agg(
        CASE WHEN a.attname = 'tenant' THEN quote_literal($1)
             WHEN a.atttypid = 'uuid'::regtype THEN quote_literal($2)
             WHEN a.atttypid = 'uuid[]'::regtype THEN quote_literal(ARRAY[$2])
             WHEN a.atttypid = 'text'::regtype THEN quote_literal(coalesce(hint.word, a.attname || ' of ' || $1))
             WHEN a.atttypid = 'text[]'::regtype THEN quote_literal(ARRAY[a.attname || ' of ' || $1])
             WHEN a.atttypid = 'bytea'::regtype THEN
                 quote_literal(substr(decode(repeat(encode(sha256($1::bytea), 'hex'), 256), 'hex'), 1, coalesce(hint.length::int, 32)))
             WHEN a.atttypid = 'bit'::regtype THEN quote_literal(repeat('10', (a.atttypmod / 2)))
             WHEN a.atttypid = 'boolean'::regtype THEN 'true'
             WHEN a.atttypid = 'smallint'::regtype THEN '1'
             WHEN a.atttypid = 'bigint[]'::regtype THEN quote_literal('{1}')
             WHEN c.oid = to_regclass('ward.audit_head') AND a.attname ~ 'size$' THEN '0'
             WHEN a.atttypid = 'jsonb'::regtype THEN quote_literal('{}')
             WHEN a.atttypid IN ('date'::regtype, 'timestamptz'::regtype) THEN quote_literal(now())
             ELSE ('x' || left(md5($1), 4))::bit(16)::int::text END, ', '))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN LATERAL (
             SELECT max(substring(pg_get_constraintdef(k.oid) FROM 'length\(' || a.attname || '\) = (\d+)')) AS length,
                    max(substring(pg_get_constraintdef(k.oid) FROM '\m' || a.attname || ' = (?:ANY \(ARRAY\[)?''([\w-]+)''')) AS word
             FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c') hint ON true
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant')
    GROUP BY c.oid";

/// Fills every table of every schema for [`A`] and [`B`].
pub(crate) async fn seed(db: &Database) {
    let mut root = db.connect("postgres").await.unwrap();
    let mut sql = String::from("SET session_replication_role = replica; ");
    let ids = Machine::default();
    for tenant in [A, B] {
        let rows: Vec<String> = sqlx::query_scalar(ROWS)
            .bind(tenant.to_string())
            .bind(ids.next())
            .fetch_all(&mut root)
            .await
            .unwrap();
        sql.extend(rows.iter().flat_map(|row| [row, "; "]));
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut root).await.unwrap();
}
