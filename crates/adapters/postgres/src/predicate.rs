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

/// Six and a half years of months, and two entries of a tenant: one of this month and one of the first.
const YEARS: &str = "
    SELECT ward.make_month(m) FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '78 months',
        date_trunc('month', now() AT TIME ZONE 'UTC') - interval '2 months', '1 month') m;
    SET session_replication_role = replica;
    INSERT INTO ward.audit_leaf (tenant, id, at, body, mac) SELECT ward.first_id('2020-01-01Z'), ward.first_id(x.at), x.at, '{}', sha256('')
    FROM (VALUES (now()), (now() - interval '78 months')) x(at);
    INSERT INTO ward.audit_place SELECT l.tenant, row_number() OVER (ORDER BY l.id) - 1, l.id, sha256('') FROM ward.audit_leaf l;
    INSERT INTO ward.audit_waiting SELECT l.tenant, l.id, ARRAY[l.id] FROM ward.audit_leaf l ORDER BY l.id DESC LIMIT 1;
    INSERT INTO ward.audit_start SELECT ward.first_id('2020-01-01Z'), 1, ward.first_id('2020-01-01Z');
    INSERT INTO ward.audit_head SELECT ward.first_id('2020-01-01Z'), '', 2, sha256(''), '', now();
    SELECT set_config('ward.tenant', ward.first_id('2020-01-01Z')::text, false)";

/// The second entry, in whichever way a statement asks for it.
const SECOND: &str = "
    SELECT string_agg(CASE t.type WHEN 'uuid' THEN CASE t.n WHEN 1 THEN quote_literal(ward.tenant()) ELSE quote_literal(w.first) END
        WHEN 'bigint' THEN (t.n - 1)::text WHEN 'integer' THEN '1' WHEN 'bigint[]' THEN quote_literal('{1}')
        WHEN 'uuid[]' THEN quote_literal(ARRAY[w.first]) ELSE 'NULL' END, ', ' ORDER BY t.n)
    FROM pg_prepared_statements s, unnest(s.parameter_types::text[]) WITH ORDINALITY t(type, n), ward.audit_waiting w";

/// The partitions that `node`, and all below it, looked into.
fn looked_into(node: &Value) -> BTreeSet<String> {
    let below = node["Plans"].as_array().into_iter().flatten();
    let table = node["Relation Name"].as_str().filter(|name| name.starts_with("audit_leaf_"));
    let looked = table.filter(|_| node["Actual Loops"].as_f64() > Some(0.0)).map(str::to_owned);
    below.flat_map(looked_into).chain(looked).collect()
}

#[tokio::test]
async fn a_statement_looks_into_the_months_that_it_asks_for_however_many_there_are() {
    let db = Database::create().await.unwrap();
    let mut root = db.connect("postgres").await.unwrap();
    root.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    root.execute(YEARS).await.unwrap();
    let mut asked = 0;
    let of_leaves = |sql: &String| sql.contains("ward.audit_leaf l") && sql.starts_with("SELECT");
    for sql in statements().into_iter().filter(of_leaves) {
        root.execute(AssertSqlSafe(format!("PREPARE s AS {sql}"))).await.unwrap();
        let arguments = root.fetch_one(SECOND).await.unwrap().get::<String, _>(0);
        let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE s({arguments})");
        let plan = root.fetch_one(AssertSqlSafe(explain)).await.unwrap().get::<Value, _>(0);
        root.execute("DEALLOCATE s").await.unwrap();
        assert_eq!(looked_into(&plan[0]["Plan"]).len(), 1, "{sql}: {plan}");
        asked += 1;
    }
    assert!(asked > 5, "only {asked}");
}

/// The conditions under which `node`, and all below it, passes over rows of the log's tree that it has read.
fn passed_over(node: &Value) -> Vec<String> {
    let below = node["Plans"].as_array().into_iter().flatten();
    let tree = ["audit_place", "audit_tile"].into_iter().any(|table| node["Relation Name"] == table);
    let filter = node["Filter"].as_str().filter(|filter| tree && filter.contains("index"));
    below.flat_map(passed_over).chain(filter.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_place_in_the_tree_is_sought_by_index_whatever_row_security_holds_back() {
    let db = Database::create().await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    app.execute(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off",
    )
    .await
    .unwrap();
    let mut asked = 0;
    let of_tree = |sql: &String| sql.contains("ward.audit_tile t") || sql.contains("ward.audit_place p");
    for sql in statements().into_iter().filter(of_tree) {
        let passed_over = passed_over(&plan(&mut app, &sql).await);
        assert!(passed_over.is_empty(), "{passed_over:?}: {sql}");
        asked += 1;
    }
    assert!(asked > 5, "only {asked}");
}

/// So many keys that it matters which index finds one's.
const KEYS: &str = "
    INSERT INTO ward.wrapped_key (tenant, id, purpose, subject, bytes, commitment)
    SELECT ward.first_id('2020-01-01Z'), n, 'subject', gen_random_uuid(), '\\x00', sha256('') FROM generate_series(64, 4000) n;
    ANALYZE ward.wrapped_key";

/// The conditions on whose they are under which `node`, and all below it, passes over keys that it has read.
fn keys_passed_over(node: &Value) -> Vec<String> {
    let below = node["Plans"].as_array().into_iter().flatten();
    let filter = node["Filter"].as_str().filter(|_| node["Relation Name"] == "wrapped_key");
    let filter = filter.filter(|filter| filter.contains("subject = $2"));
    below.flat_map(keys_passed_over).chain(filter.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_persons_keys_are_sought_by_index() {
    let db = Database::create().await.unwrap();
    db.connect("postgres").await.unwrap().execute(KEYS).await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    app.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off").await.unwrap();
    let planted = "SELECT k.id FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.subject = $2";
    assert_ne!(keys_passed_over(&plan(&mut app, planted).await), [""; 0], "it must be found out");
    let mut asked = 0;
    let of_a_person = |sql: &String| sql.contains("ward.wrapped_key") && sql.contains("subject = $2");
    for sql in statements().into_iter().filter(of_a_person) {
        let passed_over = keys_passed_over(&plan(&mut app, &sql).await);
        assert!(passed_over.is_empty(), "{passed_over:?}: {sql}");
        asked += 1;
    }
    assert!(asked > 3, "only {asked}");
}
