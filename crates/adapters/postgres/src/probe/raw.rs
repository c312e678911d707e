//! Rows as a dump holds them.

use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;
use ward::kernel::StoreError;

use crate::error::failed;
use crate::store::Postgres;
use crate::unit::PgUnit;

/// For every tenant's table that the application may read, a statement that looks for words (`$2`) in the text of so many (`$3`) of its
/// rows, bytes in hexadecimal, the last by primary key first.
const LOOKS: &str = "
    SELECT c.oid::regclass::text AS name,
        format('SELECT count(*) AS rows, count(*) FILTER (WHERE EXISTS (SELECT FROM unnest($2::text[]) n (word)
                    WHERE position(n.word IN r.text) > 0)) AS found
                FROM (SELECT t::text AS text FROM %s t WHERE t.tenant = $1 ORDER BY %s LIMIT $3) r',
            c.oid::regclass, string_agg(format('t.%I DESC', a.attname), ', ' ORDER BY k.n)) AS look
    FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary, unnest(i.indkey) WITH ORDINALITY k (attnum, n), pg_attribute a
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND NOT c.relispartition AND a.attrelid = c.oid AND a.attnum = k.attnum
        AND has_table_privilege(c.oid, 'SELECT')
        AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant' AND NOT t.attisdropped)
    GROUP BY c.oid ORDER BY 1";

const PLANT: &str =
    "INSERT INTO ward.job (tenant, id, kind, payload, created_at) SELECT $1, $2, $3, $4, now()";

/// What was seen of rows as a dump holds them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RawLook {
    /// The tables that were looked through.
    pub tables: u64,
    /// The rows.
    pub rows: u64,
    /// The tables that hold one of the words, and in how many rows.
    pub found: Vec<(String, u64)>,
}

impl Postgres {
    /// Looks for `words` in the unit's tenant's rows as a dump holds them, the unit's own included: in every column of up to `most` rows of
    /// every table.
    pub async fn look_raw(&self, unit: &PgUnit, words: &[String], most: u32) -> Result<RawLook, StoreError> {
        let mut looked = RawLook::default();
        for table in unit.conn.fetch(sqlx::query(LOOKS)).await.map_err(failed)? {
            let look: String = table.try_get("look").map_err(failed)?;
            let look = sqlx::query(AssertSqlSafe(look)).bind(unit.tenant()).bind(words.to_vec());
            let rows = unit.conn.fetch(look.bind(i64::from(most))).await.map_err(failed)?;
            let count = |column| match rows.first() {
                Some(row) => row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(failed),
                None => Ok(0),
            };
            looked.tables += 1;
            looked.rows += count("rows")?;
            match count("found")? {
                0 => {}
                found => looked.found.push((table.try_get("name").map_err(failed)?, found)),
            }
        }
        Ok(looked)
    }

    /// Plants two words in clear, in a column of text and in one of bytes, for a look to find them.
    pub async fn plant_in_clear(
        &self,
        unit: &PgUnit,
        id: Uuid,
        (text, bytes): (&str, &str),
    ) -> Result<(), StoreError> {
        let plant = unit.scoped(PLANT).bind(id).bind(text.to_owned()).bind(bytes.as_bytes().to_vec());
        plant.within(&unit.conn).await.map(drop)
    }
}
