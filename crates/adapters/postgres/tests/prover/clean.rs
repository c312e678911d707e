use sqlx::Row as _;
use uuid::Uuid;
use ward_postgres::prover::{AppendOnly, Declaration, Definer, Exempt, Proof, RULES, Verdict, prove};
use ward_testkit::Database;

use crate::clinic;

/// The partitions that the log has from the beginning.
pub(crate) const MONTHS: u64 = 5;

#[tokio::test]
async fn a_clean_schema_is_proven() {
    let db = Database::create().await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    let proof = prove(&mut app, &Declaration::ward()).await.unwrap();
    assert_eq!(proof.verdict(), proof.shortfall().map_or(Verdict::Proven, Verdict::Degraded), "{proof}");
    let tables = 21 + MONTHS;
    assert_eq!((proof.tables, proof.policies, proof.rules), (tables, tables, RULES.len() as u64));
    let said = proof.to_string();
    assert!(
        said.contains("isolation proven") || proof.shortfall().is_some_and(|reason| said.ends_with(&reason))
    );
}

#[tokio::test]
async fn a_product_teams_schema_is_part_of_the_proof() {
    let db = clinic::database().await;
    let mut app = db.connect("ward_app").await.unwrap();
    let proof = prove(&mut app, &Declaration::ward()).await.unwrap();
    assert_eq!(proof.findings, [], "{proof}");
    assert_eq!(proof.tables, 21 + MONTHS + 4, "partitions count as tables");
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

const LOOKUP: &str = "
    CREATE TABLE clinic.host (name text PRIMARY KEY, owner uuid NOT NULL);
    CREATE FUNCTION clinic.owner(name text) RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, clinic, pg_temp
        AS $$ BEGIN RETURN (SELECT h.owner FROM clinic.host h WHERE h.name = $1); END $$;
    GRANT EXECUTE ON FUNCTION clinic.owner(text) TO ward_app;
    REVOKE UPDATE (room), DELETE ON clinic.visit FROM ward_app;";

#[tokio::test]
async fn what_a_product_team_declares_is_held_to_its_declaration() {
    let db = clinic::database().await;
    db.run("ward_owner", LOOKUP).await.unwrap();
    db.run("ward_owner", "SELECT ward.append_only('clinic.visit')").await.unwrap();
    let mut app = db.connect("ward_app").await.unwrap();
    let mut declared = Declaration::ward();
    let broken =
        |proof: Proof| proof.findings.iter().map(|f| (f.rule.code, f.object.clone())).collect::<Vec<_>>();
    let found = broken(prove(&mut app, &declared).await.unwrap());
    let host = ["R01", "R02", "R03", "R07"].map(|rule| (rule, "clinic.host".to_owned()));
    assert_eq!(found[..4], host);
    let forbidding = ["visit", "visit", "visit_0", "visit_1"].map(|table| ("R28", format!("clinic.{table}")));
    assert_eq!(found[4..], [&[("R17", "clinic.owner(text)".into())], &forbidding[..]].concat());

    declared.exempt.push(Exempt {
        relation: "clinic.host",
        allows: &[],
        reason: "names of hosts are public",
    });
    declared.definers.push(Definer {
        function: "clinic.owner(text)",
        crosses: true,
        reason: "who is asked for",
    });
    declared.append_only.push(AppendOnly { table: "clinic.visit", stamped: None, erased: None, check: None });
    let found = broken(prove(&mut app, &declared).await.unwrap());
    assert_eq!(
        found[0],
        ("R17", "clinic.owner(text)".into()),
        "its body stands in no migration that was declared"
    );

    declared.sources.push(LOOKUP);
    let found = broken(prove(&mut app, &declared).await.unwrap());
    let lacks = |partition: &str| ("R27", partition.to_owned());
    assert_eq!(
        found,
        [lacks("clinic.visit_0"), lacks("clinic.visit_1")],
        "TRUNCATE of a partition slips past its parent's trigger"
    );
}
