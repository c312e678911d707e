//! One row of a tenant's, as text: what an attack knows of its victim, and what must not come back.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use super::target::Table;

/// Below it a text may occur in anybody's rows.
const TELLING: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Sample {
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    column: String,
    type_name: String,
    text: Option<String>,
}

impl Sample {
    /// The row of `tenant`'s in `table` with the greatest key, as a rule the newest; empty if there is none, or none that may be read.
    pub(crate) async fn take(
        conn: &mut PgConnection,
        table: &Table,
        tenant: Uuid,
    ) -> Result<Self, sqlx::Error> {
        if table.columns.is_empty() {
            return Ok(Self::default());
        }
        let columns: Vec<_> = table.columns.iter().map(|column| format!("{}::text", column.name)).collect();
        let (columns, name) = (columns.join(", "), &table.name);
        let sql = format!("SELECT {columns} FROM {name} WHERE tenant = '{tenant}' {} LIMIT 1", newest(table));
        let Some(row) = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_optional(conn).await? else {
            return Ok(Self::default());
        };
        let cells = table.columns.iter().enumerate().map(|(n, column)| {
            let (column, type_name) = (column.name.clone(), column.type_name.clone());
            Ok(Cell { column, type_name, text: row.try_get(n)? })
        });
        Ok(Self { cells: cells.collect::<Result<_, sqlx::Error>>()? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The value of `column` as SQL.
    pub(crate) fn literal(&self, column: &str) -> Option<String> {
        self.cell(column).map(|cell| literal(cell.text.as_deref()))
    }

    /// The values of `columns` as SQL, if there is a row and none is null.
    pub(crate) fn literals(&self, columns: &[String]) -> Option<Vec<String>> {
        columns.iter().map(|column| Some(literal(Some(self.cell(column)?.text.as_deref()?)))).collect()
    }

    /// SQL for another value of the same type and length, if there is a way to make one.
    pub(crate) fn fresh(&self, column: &str) -> Option<String> {
        let cell = self.cell(column)?;
        let length = cell.text.as_deref()?.len();
        match &*cell.type_name {
            "uuid" => Some("gen_random_uuid()".into()),
            "integer" | "bigint" => Some("(1000000 + floor(random() * 1000000000))::integer".into()),
            "text" => Some(format!("left(repeat(md5(random()::text), {}), {length})", length / 32 + 1)),
            // As text it is `\x` and two digits a byte.
            "bytea" => Some(format!("substr(sha256(random()::text::bytea), 1, {})", (length - 2) / 2)),
            _ => None,
        }
    }

    /// Ids in the row.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().filter(|cell| cell.type_name == "uuid").filter_map(|cell| cell.text.as_deref())
    }

    /// Values that give away that a row was seen.
    pub(crate) fn markers(&self) -> impl Iterator<Item = &str> {
        let telling = |cell: &&Cell| match &*cell.type_name {
            "uuid" => true,
            "text" | "bytea" => cell.text.as_ref().is_some_and(|text| text.len() >= TELLING),
            _ => false,
        };
        self.cells.iter().filter(telling).filter_map(|cell| cell.text.as_deref())
    }

    fn cell(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.column == column)
    }
}

/// The victim's id and values, as far as they are telling and not the attacker's as well.
pub(crate) fn markers<'s>(
    victim: Uuid,
    theirs: impl Iterator<Item = &'s Sample>,
    own: impl Iterator<Item = &'s Sample>,
) -> BTreeSet<String> {
    let own: BTreeSet<&str> = own.flat_map(Sample::markers).collect();
    let theirs = theirs.flat_map(Sample::markers).map(str::to_owned).chain([victim.to_string()]);
    theirs.filter(|marker| !own.contains(&**marker)).collect()
}

fn newest(table: &Table) -> String {
    let readable = |name: &String| table.columns.iter().any(|column| column.name == *name);
    let key = table.keys.first().map_or(&[][..], |key| &key.columns);
    if key.is_empty() || !key.iter().all(readable) {
        return String::new();
    }
    format!("ORDER BY {} DESC", key.join(" DESC, "))
}

fn literal(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".into(), |text| format!("'{}'", text.replace('\'', "''")))
}
