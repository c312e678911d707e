//! What there is to attack: read from the catalogue, so that a table of tomorrow is attacked too.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

const TABLES: &str = include_str!("../../../sql/attack/tables.sql");
const KEYS: &str = include_str!("../../../sql/attack/keys.sql");
const REFERENCES: &str = include_str!("../../../sql/attack/references.sql");
const VIEWS: &str = include_str!("../../../sql/attack/views.sql");
const FUNCTIONS: &str = include_str!("../../../sql/attack/functions.sql");

/// Names come quoted and with their schema.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) insertable: Vec<String>,
    pub(crate) updatable: String,
    /// The primary one first.
    pub(crate) keys: Vec<Key>,
    pub(crate) references: Vec<Reference>,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) type_name: String,
}

/// A unique index.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) index: String,
    /// Without the tenant.
    pub(crate) columns: Vec<String>,
}

/// A foreign key, without the tenant.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) parent: String,
    pub(crate) columns: Vec<String>,
    pub(crate) referred: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) name: String,
    /// Whether it shows whose a row is.
    pub(crate) tenant: bool,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    /// Declared to answer what belongs to others.
    pub(crate) crosses: bool,
}

#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) tables: Vec<Table>,
    pub(crate) views: Vec<View>,
    pub(crate) functions: Vec<Function>,
}

impl Targets {
    pub(crate) async fn find(conn: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let mut tables = rows(conn, TABLES, table).await?;
        for (name, key) in rows(conn, KEYS, key).await? {
            if let Some(table) = tables.iter_mut().find(|table| table.name == name) {
                table.keys.push(key);
            }
        }
        for (name, reference) in rows(conn, REFERENCES, reference).await? {
            if let Some(table) = tables.iter_mut().find(|table| table.name == name) {
                table.references.push(reference);
            }
        }
        let views = rows(conn, VIEWS, view).await?;
        let functions = rows(conn, FUNCTIONS, function).await?;
        Ok(Self { tables, views, functions })
    }
}

async fn rows<T>(
    conn: &mut PgConnection,
    sql: &'static str,
    read: fn(&PgRow) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, sqlx::Error> {
    sqlx::raw_sql(sql).fetch_all(conn).await?.iter().map(read).collect()
}

fn table(row: &PgRow) -> Result<Table, sqlx::Error> {
    let (names, types): (Vec<String>, Vec<String>) = (row.try_get("columns")?, row.try_get("types")?);
    let columns = names.into_iter().zip(types).map(|(name, type_name)| Column { name, type_name });
    Ok(Table {
        name: row.try_get("name")?,
        columns: columns.collect(),
        insertable: row.try_get("insertable")?,
        updatable: row.try_get("updatable")?,
        keys: Vec::new(),
        references: Vec::new(),
    })
}

fn key(row: &PgRow) -> Result<(String, Key), sqlx::Error> {
    Ok((row.try_get("name")?, Key { index: row.try_get("index")?, columns: row.try_get("columns")? }))
}

fn reference(row: &PgRow) -> Result<(String, Reference), sqlx::Error> {
    let (columns, referred) = (row.try_get("columns")?, row.try_get("referred")?);
    Ok((row.try_get("name")?, Reference { parent: row.try_get("parent")?, columns, referred }))
}

fn view(row: &PgRow) -> Result<View, sqlx::Error> {
    Ok(View { name: row.try_get("name")?, tenant: row.try_get("tenant")? })
}

fn function(row: &PgRow) -> Result<Function, sqlx::Error> {
    Ok(Function {
        name: row.try_get("name")?,
        arguments: row.try_get("arguments")?,
        crosses: row.try_get("crosses")?,
    })
}
