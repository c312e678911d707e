//! The statements of a rotation, on copies of Ward's tables, putting back what they found.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _, Transaction};
use ward::kernel::{Entropy as _, TenantId, Uuid};
use ward_testkit::{Database, Machine};

use super::BATCH;
use crate::Outcome;
use crate::world::bare;

/// With the same indexes, checks, trigger and row-level security.
pub(super) const TABLES: &str = "
    CREATE SCHEMA bench;
    CREATE TABLE bench.subject (LIKE ward.subject INCLUDING ALL);
    CREATE TABLE bench.wrapped_key (LIKE ward.wrapped_key INCLUDING ALL);
    CREATE TRIGGER only_turn BEFORE UPDATE ON bench.wrapped_key FOR EACH ROW EXECUTE FUNCTION ward.only_turn();
    SELECT ward.isolate(t) FROM unnest('{bench.subject, bench.wrapped_key}'::regclass[]) t;
    GRANT USAGE ON SCHEMA bench TO ward_app;
    GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA bench TO ward_app";
pub(super) const COPY: &str = "
    INSERT INTO bench.subject SELECT * FROM ward.subject;
    INSERT INTO bench.wrapped_key SELECT * FROM ward.wrapped_key WHERE subject IS NOT NULL";

const PEOPLE: &str = "
    SELECT s.id, s.fields FROM bench.subject s WHERE s.tenant = $1 AND s.id > $2
    ORDER BY s.id LIMIT $3 FOR NO KEY UPDATE";
const PUT_PEOPLE: &str = "
    UPDATE bench.subject s SET fields = v.fields FROM unnest($2::uuid[], $3::bytea[]) v (id, fields)
    WHERE s.tenant = $1 AND s.id = v.id";
const KEYS_OF: &str = "
    SELECT k.id, k.bytes, k.commitment FROM bench.wrapped_key k
    WHERE k.tenant = $1 AND k.subject = ANY ($2) AND k.purpose = 'subject' AND k.bytes IS NOT NULL ORDER BY k.id FOR UPDATE";
const TURN: &str = "
    WITH followed AS (UPDATE bench.wrapped_key k SET purpose = 'commitment', bytes = v.bytes, commitment = v.commitment
        FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[]) v (old, bytes, commitment, id)
        WHERE k.tenant = $1 AND k.id = v.old RETURNING v.id, k.subject, k.bytes, k.commitment)
    INSERT INTO bench.wrapped_key (tenant, id, purpose, subject, bytes, commitment)
    SELECT $1, f.id, 'subject', f.subject, f.bytes, f.commitment FROM followed f";
const KEYS: &str = "
    SELECT k.id, k.subject, k.bytes FROM bench.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose = 'subject' AND k.subject > $2 ORDER BY k.subject LIMIT $3 FOR UPDATE";
const PUT_KEYS: &str = "
    UPDATE bench.wrapped_key k SET bytes = v.bytes FROM unnest($2::bigint[], $3::bytea[]) v (id, bytes)
    WHERE k.tenant = $1 AND k.id = v.id";

/// One application that keeps its rows as they are.
pub(super) struct Plain {
    pool: PgPool,
    tenant: Uuid,
}

impl Plain {
    pub(super) async fn new(db: &Database, tenant: TenantId) -> Outcome<Self> {
        Ok(Self { pool: bare(db).await?, tenant: tenant.into() })
    }

    /// The people `after` the last batch; where `keys`, as if each got another.
    pub(super) async fn fields(&self, after: &mut Option<Uuid>, keys: bool) -> Outcome {
        let mut transaction = self.begin().await?;
        let rows = self.next(&mut transaction, PEOPLE, *after).await?;
        let (ids, fields): (Vec<Uuid>, Vec<Vec<u8>>) = (all(&rows, "id")?, all(&rows, "fields")?);
        if keys {
            self.follow(&mut transaction, &ids).await?;
        }
        *after = ids.last().copied();
        let put = sqlx::query(PUT_PEOPLE).bind(self.tenant).bind(ids).bind(fields);
        full(put.execute(&mut *transaction).await?.rows_affected())?;
        Ok(transaction.commit().await?)
    }

    async fn follow(&self, transaction: &mut Transaction<'static, Postgres>, people: &[Uuid]) -> Outcome {
        let rows = sqlx::query(KEYS_OF).bind(self.tenant).bind(people).fetch_all(&mut **transaction).await?;
        let ids: Vec<i64> = all(&rows, "id")?;
        let (bytes, commitments): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
            (all(&rows, "bytes")?, all(&rows, "commitment")?);
        let new: Vec<_> = (drawn()..).take(ids.len()).collect();
        let turn = sqlx::query(TURN).bind(self.tenant).bind(ids).bind(bytes).bind(commitments).bind(new);
        full(turn.execute(&mut **transaction).await?.rows_affected())
    }

    /// The wrapped keys of the people `after` the last batch.
    pub(super) async fn keys(&self, after: &mut Option<Uuid>) -> Outcome {
        let mut transaction = self.begin().await?;
        let rows = self.next(&mut transaction, KEYS, *after).await?;
        let (ids, bytes): (Vec<i64>, Vec<Vec<u8>>) = (all(&rows, "id")?, all(&rows, "bytes")?);
        *after = all::<Uuid>(&rows, "subject")?.last().copied();
        let put = sqlx::query(PUT_KEYS).bind(self.tenant).bind(ids).bind(bytes);
        full(put.execute(&mut *transaction).await?.rows_affected())?;
        Ok(transaction.commit().await?)
    }

    #[expect(clippy::disallowed_methods, reason = "nobody drops a measurement halfway")]
    async fn begin(&self) -> Outcome<Transaction<'static, Postgres>> {
        let begin = format!("BEGIN READ WRITE; SET LOCAL ward.tenant = '{}'", self.tenant);
        Ok(self.pool.begin_with(AssertSqlSafe(begin)).await?)
    }

    async fn next(
        &self,
        transaction: &mut Transaction<'static, Postgres>,
        sql: &'static str,
        after: Option<Uuid>,
    ) -> Outcome<Vec<PgRow>> {
        let asked = sqlx::query(sql).bind(self.tenant).bind(after.unwrap_or(Uuid::nil())).bind(BATCH as i64);
        Ok(asked.fetch_all(&mut **transaction).await?)
    }
}

fn all<'r, T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>>(
    rows: &'r [PgRow],
    column: &str,
) -> Outcome<Vec<T>> {
    Ok(rows.iter().map(|row| row.try_get(column)).collect::<Result<_, _>>()?)
}

fn full(rows: u64) -> Outcome {
    if rows == BATCH as u64 { Ok(()) } else { Err(format!("{rows} rows were written").into()) }
}

/// Where a key's id begins: at random in four bytes, above those of a tenant's own.
fn drawn() -> i64 {
    let mut bytes = [0; 4];
    Machine::default().fill(&mut bytes);
    i64::from(u32::from_be_bytes(bytes) | 1 << 16)
}
