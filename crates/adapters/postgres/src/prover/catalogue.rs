use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::declaration::Declaration;
use super::proof::{Finding, Proof};
use super::rule::{RULES, Rule};

const SCOPE: &str = include_str!("../../sql/prover/scope.sql");
const POPULATION: &str = include_str!("../../sql/prover/population.sql");
const RULE_SETS: [&str; 3] = [
    include_str!("../../sql/prover/tables.sql"),
    include_str!("../../sql/prover/grants.sql"),
    include_str!("../../sql/prover/objects.sql"),
];

/// With nothing but `pg_catalog` on the search path every name prints with its schema, and no operator can be replaced.
const BOUNDS: &str = "SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '2s'; \
                      SET LOCAL jit = off; SET TRANSACTION READ ONLY";

/// Reads the catalogue, as the serving role, and applies every rule to every object of every schema but the system's.
///
/// It is one message and reads only: cut short it leaves no transaction open. `conn` must be outside any transaction
/// and carry no tenant.
pub async fn prove(conn: &mut PgConnection, declared: &Declaration) -> Result<Proof, sqlx::Error> {
    let questions = RULE_SETS.iter().chain([&POPULATION]).map(|question| format!(";\n{SCOPE}{question}"));
    let message = format!("{BOUNDS}; {}{}", declared.set_local(), questions.collect::<String>());
    let mut rows = sqlx::raw_sql(AssertSqlSafe(message)).fetch_all(conn).await?;
    let population = rows.pop().ok_or(sqlx::Error::RowNotFound)?;
    let count = |column| population.try_get::<i64, _>(column).map(i64::unsigned_abs);
    let mut findings = rows.iter().map(finding).collect::<Result<Vec<_>, _>>()?;
    findings.sort_by(|a, b| (a.rule.code, &a.object, &a.detail).cmp(&(b.rule.code, &b.object, &b.detail)));
    Ok(Proof {
        tables: count("tables")?,
        policies: count("policies")?,
        functions: count("functions")?,
        rules: RULES.len() as u64,
        findings,
        server_version_num: population.try_get("server_version_num")?,
    })
}

fn finding(row: &PgRow) -> Result<Finding, sqlx::Error> {
    let code: String = row.try_get("rule")?;
    let rule = Rule::of(&code).ok_or_else(|| sqlx::Error::Decode(format!("no rule `{code}`").into()))?;
    Ok(Finding { rule, object: row.try_get("object")?, detail: row.try_get("detail")? })
}
