use sqlx::Row as _;
use uuid::Uuid;
use ward_postgres::prover::{Declaration, RULES, Verdict, prove};
use ward_testkit::Database;

use crate::clinic;

#[tokio::test]
async fn a_clean_schema_is_proven() {
    let db = Database::create().await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    let proof = prove(&mut app, &Declaration::ward()).await.unwrap();
    assert_eq!(proof.verdict(), Verdict::Proven, "{proof}");
    assert_eq!((proof.tables, proof.policies, proof.rules), (9, 9, RULES.len() as u64));
    assert!(proof.to_string().ends_with("isolation proven"));
}

#[tokio::test]
async fn a_product_teams_schema_is_part_of_the_proof() {
    let db = clinic::database().await;
    let mut app = db.connect("ward_app").await.unwrap();
    let proof = prove(&mut app, &Declaration::ward()).await.unwrap();
    assert_eq!(proof.verdict(), Verdict::Proven, "{proof}");
    assert_eq!(proof.tables, 13, "partitions count as tables");
}

#[tokio::test]
async fn a_proof_leaves_nothing_on_its_connection() {
    let db = Database::create().await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    prove(&mut app, &Declaration::ward()).await.unwrap();
    let left =
        "SELECT concat_ws('; ', current_setting('ward.declared'), current_setting('transaction_read_only'),
                                 now() = statement_timestamp(), current_setting('search_path'))";
    let row = sqlx::raw_sql(left).fetch_one(&mut app).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "; off; t; \"$user\", public");
}

#[tokio::test]
async fn only_the_serving_role_without_a_tenant_is_proven() {
    let db = Database::create().await.unwrap();
    for role in ["ward_owner", "postgres"] {
        let mut conn = db.connect(role).await.unwrap();
        let proof = prove(&mut conn, &Declaration::ward()).await.unwrap();
        assert_eq!(proof.findings.len(), 1, "{proof}");
        assert_eq!((proof.findings[0].rule.code, &*proof.findings[0].object), ("R10", role));
    }
    let mut app = db.connect("ward_app").await.unwrap();
    let left = format!("SET ward.tenant = '{}'", Uuid::nil());
    sqlx::raw_sql(sqlx::AssertSqlSafe(left)).execute(&mut app).await.unwrap();
    let proof = prove(&mut app, &Declaration::ward()).await.unwrap();
    assert_eq!(proof.findings.len(), 1, "{proof}");
    assert_eq!((proof.findings[0].rule.code, &*proof.findings[0].object), ("R10", "ward.tenant"));
}

#[tokio::test]
async fn an_empty_database_is_no_proof() {
    let db = Database::unmigrated().await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    let proof = prove(&mut app, &Declaration::ward()).await.unwrap();
    let broken: Vec<_> = proof.findings.iter().map(|f| (f.rule.code, &*f.detail)).collect();
    assert!(broken.contains(&("R26", "is missing")), "{proof}");
    assert!(broken.contains(&("R27", "the declared table is missing")), "{proof}");
}
