//! Sealing beside pgcrypto, which gets text and key with each statement.

use std::hint::black_box;
use std::sync::Arc;

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use ward_testkit::Database;

use crate::Outcome;
use crate::rounds::{Contender, Effort, compete};
use crate::sealing::{Keys, SUITES, name};
use crate::table::{Table, figure};
use crate::world::database;

/// How often in a turn's act, which for pgcrypto is one statement.
const TIMES: usize = 200;
const LENGTH: usize = 256;
const KEY: &str = "9f1c0d4e7ab25638c4d1e0f97a6b5c3d2e8f1a0b4c7d9e6f3a5b8c1d0e2f4a67";
const STRONG: &str = "cipher-algo=aes256, compress-algo=0, s2k-mode=0";

pub(crate) async fn measure(effort: Effort) -> Outcome<Table> {
    let (_db, root) = prepared().await?;
    let mut contenders = Vec::new();
    for suite in SUITES {
        let keys = Arc::new(Keys::of(suite).await?);
        let own = |what: &str, seal: fn(&Keys, &[u8]) -> bool| {
            let (name, keys) = (format!("Ward, {what}: {}", name(suite)), keys.clone());
            Contender::new(name.leak(), move |_| {
                let keys = keys.clone();
                async move { many(&keys, seal).await }
            })
        };
        contenders.push(own("a person's", |keys, text| black_box(keys.value(text)).is_some()));
        contenders.push(own("a secret", |keys, text| black_box(keys.secret(text)).is_some()));
    }
    let asked = |name, sql: String| {
        let root = root.clone();
        Contender::new(name, move |_| ask(root.clone(), sql.clone()))
    };
    contenders.extend([
        asked("pgp_sym_encrypt", sealing("")),
        asked("pgp_sym_encrypt, AES-256, key not stretched", sealing(&format!(", '{STRONG}'"))),
        asked("pgp_sym_decrypt", format!("SELECT count(pgp_sym_decrypt(body, '{KEY}')) AS done FROM sealed")),
    ]);
    let scores = compete(effort, 1, &contenders).await?;
    let head = [
        "256 bytes",
        "µs",
        "× a person's, XChaCha20",
        "× a secret, XChaCha20",
        "× a person's, AES",
        "× a secret, AES",
    ];
    let mut table = Table::new("Sealing beside pgcrypto", head);
    let [own @ .., _, _, _] = scores.as_slice() else { return Err("nothing was measured".into()) };
    for score in &scores {
        let each = figure(score.cost.median() / TIMES as f64);
        let cells = [score.name.to_owned(), each].into_iter();
        table.row(cells.chain(own.iter().map(|base| score.cost.over(&base.cost))));
    }
    Ok(table)
}

/// How long a text is once it is encrypted.
pub(crate) async fn stored(text: &[u8]) -> Outcome<usize> {
    let (_db, root) = prepared().await?;
    let asked = sqlx::query("SELECT length(pgp_sym_encrypt($1, $2)) AS length");
    let found = asked.bind(String::from_utf8(text.to_vec())?).bind(KEY).fetch_one(&root).await?;
    Ok(usize::try_from(found.try_get::<i32, _>("length")?)?)
}

/// A database with the extension, and as many values as a statement reads.
async fn prepared() -> Outcome<(Database, PgPool)> {
    let db = database().await?;
    let root = PgPoolOptions::new().max_connections(1).connect(&db.url("postgres")).await?;
    let tables = format!(
        "CREATE EXTENSION pgcrypto;
         CREATE TABLE sealed AS SELECT n, pgp_sym_encrypt(repeat('x', {LENGTH}), '{KEY}') AS body
            FROM generate_series(1, {TIMES}) n"
    );
    sqlx::raw_sql(AssertSqlSafe(tables)).execute(&root).await?;
    Ok((db, root))
}

fn sealing(options: &str) -> String {
    format!(
        "SELECT count(pgp_sym_encrypt(repeat('x', {LENGTH}), '{KEY}'{options})) AS done FROM generate_series(1, {TIMES})"
    )
}

async fn ask(root: PgPool, sql: String) -> Outcome {
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_one(&root).await?;
    let done = usize::try_from(found.try_get::<i64, _>("done")?)?;
    if done == TIMES { Ok(()) } else { Err("not all were done".into()) }
}

async fn many(keys: &Keys, seal: fn(&Keys, &[u8]) -> bool) -> Outcome {
    keys.warm().await?;
    let text = [b'x'; LENGTH];
    if (0..TIMES).all(|_| seal(keys, black_box(&text))) { Ok(()) } else { Err("nothing was sealed".into()) }
}
