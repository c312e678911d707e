//! The first wall, statement by statement: in the plan of everything that stands in these sources, no tenant's table is
//! read but for `$1`, and nothing put into one but as its. The superuser's plans hold no policy that could help.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};
use ward_testkit::Database;

const TABLES: &str =
    "SELECT relname::text FROM pg_class WHERE relnamespace = 'ward'::regnamespace AND relrowsecurity";
const ARGUMENTS: &str = "SELECT cardinality(parameter_types) FROM pg_prepared_statements";

/// Files and directories that serve nobody: tests, and the prover with its attacks.
const NOT_SERVING: [&str; 4] = ["equivalence.rs", "predicate.rs", "prover", "storm.rs"];

/// The string literals of the adapter's own files that are statements: one of tomorrow too.
fn statements() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        literals(fs::read_to_string(path).unwrap().parse().unwrap(), &mut found);
    }
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
    found.retain(|text| verbs.iter().any(|verb| text.starts_with(verb)));
    found
}

/// The sources in `directory`, and in those below it.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let within = fs::read_dir(directory).unwrap().map(|found| found.unwrap().path());
    let within = within.filter(|path| !NOT_SERVING.iter().any(|name| path.ends_with(name)));
    within.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

fn literals(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                found.insert(text.trim_matches('"').replace("\\\n", "").trim().to_owned());
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The plan of `sql` for whichever tenant.
async fn plan(root: &mut PgConnection, sql: &str) -> Value {
    let refused = |error| panic!("{error}: {sql}");
    root.execute(AssertSqlSafe(format!("PREPARE s AS {sql}"))).await.unwrap_or_else(refused);
    let arguments = root.fetch_one(ARGUMENTS).await.unwrap().get::<i32, _>(0);
    let nothing = vec!["NULL"; usize::try_from(arguments).unwrap()].join(", ");
    let call = if nothing.is_empty() { "s".to_owned() } else { format!("s({nothing})") };
    let explain = format!("EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE {call}");
    let plan = root.fetch_one(AssertSqlSafe(explain)).await.unwrap().get::<Value, _>(0);
    root.execute("DEALLOCATE s").await.unwrap();
    plan[0]["Plan"].clone()
}

/// What `node`, and all below it, does to a table of `tables`: whether for the tenant alone.
fn touches(node: &Value, tables: &BTreeSet<String>) -> Vec<(String, bool)> {
    let mut below = node["Plans"].as_array().into_iter().flatten();
    let mut found: Vec<_> = below.clone().flat_map(|node| touches(node, tables)).collect();
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    let table = text("Relation Name").to_owned();
    if !tables.contains(&table) {
        return found;
    }
    if text("Node Type").ends_with("Scan") {
        let limited =
            ["Index Cond", "Recheck Cond", "Filter"].iter().any(|cond| text(cond).contains("tenant = $1"));
        found.push((table, limited));
    } else if text("Operation") == "Insert" {
        // The tenant is every table's first column.
        let rows = below.find(|node| node["Parent Relationship"] == "Outer").unwrap();
        let first = rows["Output"][0].as_str().unwrap();
        found.push((table, first == "$1" || first == "context.tenant"));
    }
    found
}

#[tokio::test]
async fn every_statement_names_its_tenant_on_every_table() {
    let db = Database::create().await.unwrap();
    let mut root = db.connect("postgres").await.unwrap();
    root.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let tables: BTreeSet<String> =
        root.fetch_all(TABLES).await.unwrap().iter().map(|row| row.get(0)).collect();
    let planted = [
        "SELECT r.id FROM ward.record r JOIN ward.wrapped_key k ON k.tenant = $1 WHERE r.id = $2",
        "INSERT INTO ward.job SELECT $2::uuid, $1::uuid, '', '', now()",
        "UPDATE ward.tenant SET name = $1",
    ];
    for sql in planted {
        let found = touches(&plan(&mut root, sql).await, &tables);
        assert!(found.iter().any(|(_, limited)| !limited), "it must be found out: {sql}: {found:?}");
    }
    let (mut touched, mut seen) = (0, BTreeSet::new());
    for sql in statements() {
        for (table, limited) in touches(&plan(&mut root, &sql).await, &tables) {
            assert!(limited, "`{table}` without its tenant: {sql}");
            touched += 1;
            seen.insert(table);
        }
    }
    println!("{touched} touches of {seen:?}");
    assert!(touched > 50 && seen.len() > 9, "only {touched} of {seen:?}");
}
