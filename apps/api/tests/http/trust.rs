//! The trust page: green is a check that ran in time and passed, and whatever is switched off turns red.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Ask, Client, Deployment, Outcome, operations};

const PROBES: [&str; 22] = [
    "api_keys",
    "audit_completeness",
    "audit_export",
    "audit_immutability",
    "audit_keeping",
    "audit_reads",
    "audit_scrub",
    "audit_tree",
    "blind_index",
    "cipher",
    "cross_tenant",
    "erasure",
    "fail_closed",
    "isolation",
    "key_rotation",
    "own_key",
    "permissions",
    "read_only",
    "root_key",
    "sealed_backups",
    "sealing",
    "tenant_from_credential",
];

/// By claim: its status and its check.
async fn board(client: &Client) -> Outcome<BTreeMap<String, (String, Option<String>)>> {
    let trust = client.get("/trust.json").await?.expect(200)?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let claims = trust["claims"].as_array().ok_or("no claims")?.iter();
    Ok(claims
        .map(|it| (word(&it["id"]), (word(&it["status"]), it["probe"].as_str().map(str::to_owned))))
        .collect())
}

fn with(board: &BTreeMap<String, (String, Option<String>)>, status: &str) -> BTreeSet<String> {
    board.iter().filter(|(_, (of, _))| of == status).map(|(id, _)| id.clone()).collect()
}

/// What is degraded where the root lies in a file, as it does in these tests.
const ROOTED_HERE: &str = "managed-root-key";

#[tokio::test]
async fn every_check_runs_by_itself_and_what_has_none_is_never_green() -> Outcome {
    let (deployment, _ledger) = Deployment::with_a_ledger("workforce").await?;
    let trust = deployment.checked().await?;
    let green: BTreeSet<_> = trust["claims"]
        .as_array()
        .ok_or("no claims")?
        .iter()
        .filter(|claim| claim["status"] == if claim["id"] == ROOTED_HERE { "degraded" } else { "active" })
        .map(|claim| claim["probe"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(green, PROBES.into(), "{trust:#}");

    // What the checks themselves leave behind fails none of them.
    let client = deployment.tenant("Clinic").await?.client;
    for claim in trust["claims"].as_array().into_iter().flatten().filter(|claim| claim["probe"].is_string()) {
        let check = format!("/v1/claims/{}/check", claim["id"].as_str().ok_or("no id")?);
        let seen = client.post(&check, json!({})).await?.expect(200)?;
        let status = if claim["id"] == ROOTED_HERE { "degraded" } else { "active" };
        assert_eq!(seen["status"], status, "{seen:#}");
    }

    // Nobody looked for a day.
    deployment.rewrite("UPDATE ward.probe_run SET at = at - interval '1 day'").await?;
    let board = board(&deployment.anonymous()).await?;
    assert_eq!(with(&board, "stale").len(), PROBES.len(), "{board:?}");
    assert!(with(&board, "active").is_empty());
    // Nobody ever looked.
    deployment.rewrite("DELETE FROM ward.probe_run").await?;
    let board = self::board(&deployment.anonymous()).await?;
    assert!(with(&board, "active").is_empty(), "{board:?}");
    Ok(())
}

/// A control switched off, the claim that must turn red, and how it is switched on again.
const SWITCHED_OFF: [(&str, &str, &str); 22] = [
    (
        "erasure",
        "ALTER TABLE ward.wrapped_key DISABLE TRIGGER only_turn, DROP CONSTRAINT wrapped_key_destroyed",
        "ALTER TABLE ward.wrapped_key ENABLE TRIGGER only_turn,
             ADD CONSTRAINT wrapped_key_destroyed CHECK (bytes IS NOT NULL OR destroyed_at IS NOT NULL)",
    ),
    (
        "tenant-from-credential",
        "UPDATE ward.api_key_lookup SET tenant = '00000000-0000-7000-8000-00000000000b' WHERE owner = '00000000-0000-7000-8000-00000000000a' AND tenant = owner",
        "UPDATE ward.api_key_lookup SET tenant = owner WHERE owner = '00000000-0000-7000-8000-00000000000a' AND tenant = '00000000-0000-7000-8000-00000000000b'",
    ),
    (
        "database-limits-by-role",
        "ALTER DOMAIN ward.reader DROP CONSTRAINT reader_check;
         ALTER DOMAIN ward.reader ADD CONSTRAINT reader_check CHECK (set_config('ward.tenant', VALUE::text, true) IS NOT NULL)",
        "ALTER DOMAIN ward.reader DROP CONSTRAINT reader_check;
         ALTER DOMAIN ward.reader ADD CONSTRAINT reader_check CHECK (
             set_config('ward.tenant', VALUE::text, true) IS NOT NULL AND set_config('transaction_read_only', 'on', true) IS NOT NULL)",
    ),
    (
        "fails-closed",
        // Nothing is read, but not for want of a key.
        "CREATE POLICY broken ON ward.wrapped_key AS RESTRICTIVE USING (1 / (tenant <> '00000000-0000-7000-8000-00000000000a')::integer = 1)",
        "DROP POLICY broken ON ward.wrapped_key",
    ),
    (
        "sealed-fields",
        // What is written isn't what is stored.
        "CREATE FUNCTION public.forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.fields := OLD.fields; RETURN NEW; END $$;
         CREATE TRIGGER forget BEFORE UPDATE ON ward.record FOR EACH ROW EXECUTE FUNCTION public.forget()",
        "DROP TRIGGER forget ON ward.record",
    ),
    (
        "no-cross-tenant-access",
        "INSERT INTO ward.subject SELECT (jsonb_populate_record(s, '{\"tenant\": \"00000000-0000-7000-8000-00000000000a\"}')).*
         FROM ward.subject s WHERE s.tenant = '00000000-0000-7000-8000-00000000000b'",
        "DELETE FROM ward.subject s USING ward.subject o WHERE s.tenant = '00000000-0000-7000-8000-00000000000a' AND o.id = s.id
         AND o.tenant = '00000000-0000-7000-8000-00000000000b'",
    ),
    (
        "sealed-fields",
        // A byte of the sealed address, behind its name, its commitment and its length.
        "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE at int := position('email'::bytea IN NEW.fields) + 80;
         BEGIN NEW.fields := set_byte(NEW.fields, at, 255 - get_byte(NEW.fields, at)); RETURN NEW; END $$;
         CREATE TRIGGER spoil BEFORE UPDATE ON ward.subject FOR EACH ROW EXECUTE FUNCTION public.spoil()",
        "UPDATE ward.subject SET updated_at = updated_at WHERE tenant = '00000000-0000-7000-8000-00000000000a';
         DROP TRIGGER spoil ON ward.subject",
    ),
    (
        "permission-first",
        "UPDATE ward.api_key_lookup l SET permissions = '{tenant.read}' FROM ward.api_key k
         WHERE k.id = l.id AND k.permissions = '{}'",
        "UPDATE ward.api_key_lookup l SET permissions = '{}' FROM ward.api_key k WHERE k.id = l.id AND k.permissions = '{}'",
    ),
    (
        "audit-immutability",
        "ALTER TABLE ward.audit_leaf DISABLE TRIGGER append_only",
        "ALTER TABLE ward.audit_leaf ENABLE TRIGGER append_only",
    ),
    (
        "audit-immutability",
        "GRANT UPDATE ON ward.audit_leaf TO ward_app; ALTER TABLE ward.audit_leaf DISABLE TRIGGER append_only",
        "REVOKE UPDATE ON ward.audit_leaf FROM ward_app; ALTER TABLE ward.audit_leaf ENABLE TRIGGER append_only",
    ),
    ("audit-immutability", "GRANT TRUNCATE ON ward.audit_leaf TO ward_app", "REVOKE TRUNCATE ON ward.audit_leaf FROM ward_app"),
    ("audit-immutability", "GRANT INSERT (at) ON ward.audit_leaf TO ward_app", "REVOKE INSERT (at) ON ward.audit_leaf FROM ward_app"),
    (
        "audit-retention",
        "DO $$ BEGIN EXECUTE (SELECT format('DROP TABLE %s', part) FROM ward.months() WHERE month = date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month'); END $$",
        "SET ROLE ward_owner; SELECT ward.make_month(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month'); RESET ROLE",
    ),
    (
        "audit-retention",
        "ALTER FUNCTION ward.kept_from(integer, timestamptz) RENAME TO kept; SET ROLE ward_owner;
         CREATE FUNCTION ward.kept_from(years integer, at timestamptz) RETURNS timestamp LANGUAGE sql STABLE AS 'SELECT at::timestamp';
         REVOKE ALL ON FUNCTION ward.kept_from(integer, timestamptz) FROM PUBLIC;
         GRANT EXECUTE ON FUNCTION ward.kept_from(integer, timestamptz) TO ward_app; RESET ROLE",
        "DROP FUNCTION ward.kept_from(integer, timestamptz); ALTER FUNCTION ward.kept(integer, timestamptz) RENAME TO kept_from",
    ),
    (
        "audit-retention",
        "INSERT INTO ward.audit_start SELECT tenant, 1, tenant FROM ward.tenant WHERE name = 'Clinic'",
        "DELETE FROM ward.audit_start",
    ),
    (
        "audit-retention",
        "INSERT INTO ward.audit_start SELECT tenant, 256, tenant FROM ward.tenant WHERE name = 'Clinic'",
        "DELETE FROM ward.audit_start",
    ),
    (
        "audit-proofs",
        "SET session_replication_role = replica;
         UPDATE ward.audit_leaf l SET body = replace(body, 'success', 'failure') FROM ward.audit_place p
         WHERE p.tenant = '00000000-0000-7000-8000-00000000000a' AND p.index = 2 AND l.tenant = p.tenant AND l.id = p.leaf;
         RESET session_replication_role",
        "SET session_replication_role = replica;
         UPDATE ward.audit_leaf l SET body = replace(body, 'failure', 'success') FROM ward.audit_place p
         WHERE p.tenant = '00000000-0000-7000-8000-00000000000a' AND p.index = 2 AND l.tenant = p.tenant AND l.id = p.leaf;
         RESET session_replication_role",
    ),
    (
        "audit-completeness",
        "CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.body := NEW.body || ' '; RETURN NEW; END $$;
         CREATE TRIGGER lose BEFORE INSERT ON ward.audit_leaf FOR EACH ROW WHEN (NEW.body::json ->> 'action' = 'tenant.changed') EXECUTE FUNCTION public.lose()",
        "DROP TRIGGER lose ON ward.audit_leaf",
    ),
    (
        "disclosures-logged",
        "CREATE FUNCTION public.hush() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.body := NEW.body || ' '; RETURN NEW; END $$;
         CREATE TRIGGER hush BEFORE INSERT ON ward.audit_leaf FOR EACH ROW WHEN (NEW.body::json -> 'discloses' IS NOT NULL) EXECUTE FUNCTION public.hush()",
        "DROP TRIGGER hush ON ward.audit_leaf",
    ),
    (
        "audit-without-personal-data",
        "CREATE TRIGGER hush BEFORE INSERT ON ward.audit_leaf FOR EACH ROW WHEN (NEW.body LIKE '%commitment%') EXECUTE FUNCTION public.hush()",
        "DROP TRIGGER hush ON ward.audit_leaf",
    ),
    (
        "audit-export",
        "CREATE FUNCTION public.mislay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         CREATE TRIGGER mislay BEFORE INSERT OR UPDATE ON ward.audit_word FOR EACH ROW EXECUTE FUNCTION public.mislay()",
        "DROP TRIGGER mislay ON ward.audit_word",
    ),
    (
        "api-keys",
        "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
         CREATE TRIGGER keep BEFORE UPDATE ON ward.api_key_lookup FOR EACH ROW EXECUTE FUNCTION public.keep()",
        "DROP TRIGGER keep ON ward.api_key_lookup",
    ),
];

const DEADLOCK_DETECTED: &str = "40P01";

#[tokio::test]
async fn a_control_that_is_switched_off_turns_its_row_red_and_no_other() -> Outcome {
    let (deployment, _ledger) = Deployment::with_a_ledger("workforce").await?;
    deployment.checked().await?;
    let client = deployment.tenant("Clinic").await?.client;
    let all = with(&board(&client).await?, "active");
    for (claim, switch_off, switch_on) in SWITCHED_OFF {
        alter(&deployment, switch_off).await?;
        let check = format!("/v1/claims/{claim}/check");
        let seen = client.post(&check, json!({})).await?.expect(200)?;
        assert_eq!(seen["status"], "failing", "{switch_off}: {seen}");

        let board = board(&client).await?;
        assert_eq!(with(&board, "failing"), [claim.to_owned()].into(), "{switch_off}");
        assert_eq!(with(&board, "active").len(), all.len() - 1, "{switch_off}");
        let page = client.get("/trust").await?.text();
        let mut rows = page.split("<li class=\"claim ");
        let row = rows.find(|row| row.contains(&format!("id=\"{claim}\""))).ok_or("no row")?;
        let probe = seen["probe"].as_str().ok_or("no probe")?;
        let told = row.contains(">Failing</span>") && row.contains(&format!("<code>{probe}</code>"));
        assert!(row.starts_with("bad\"") && told, "{row}");
        let evidence = client.get(&format!("/v1/claims/{claim}/evidence")).await?.expect(200)?;
        assert_eq!(
            (&evidence["items"][0]["outcome"], &evidence["items"][0]["probe"]),
            (&json!("fail"), &json!(probe))
        );

        alter(&deployment, switch_on).await?;
        let seen = client.post(&check, json!({})).await?.expect(200)?;
        assert_eq!(seen["status"], "active", "{switch_on}: {seen}");
    }
    Ok(())
}

/// As an operator alters what is in use: whoever is the victim of a deadlock did nothing, and does it again.
pub(crate) async fn alter(deployment: &Deployment, sql: &str) -> Outcome {
    loop {
        match deployment.database.run("postgres", sql).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DEADLOCK_DETECTED) => {}
            done => return Ok(done.map(drop)?),
        }
    }
}

#[tokio::test]
async fn checks_asked_for_all_at_once_neither_fail_nor_keep_others_waiting() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?;
    let client = deployment.tenant("Clinic").await?.client;
    let claims = ["audit-completeness", "api-keys", "sealed-fields", "audit-completeness"];
    let asks: Vec<_> =
        claims.iter().cycle().take(24).map(|claim| format!("/v1/claims/{claim}/check")).collect();
    const RUNS: &str =
        "SELECT FROM ward.probe_run WHERE probe IN ('audit_completeness', 'api_keys', 'sealing')";
    let before = deployment.database.run("postgres", RUNS).await?;
    let checks = join_all(asks.iter().map(|path| client.post(path, json!({}))));
    let (answers, other) = tokio::join!(checks, client.get("/v1/subjects"));
    assert_eq!(other?.status, 200);
    for answer in answers {
        let answer = answer?;
        assert_eq!(answer.expect(200)?["status"], "active", "{}", answer.text());
    }
    let runs = deployment.database.run("postgres", RUNS).await? - before;
    assert!((3..=8).contains(&runs), "24 requests for three checks were {runs} runs");
    Ok(())
}

#[tokio::test]
async fn where_isolation_is_refuted_nothing_is_served() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?;
    let client = deployment.tenant("Clinic").await?.client;
    let operations = operations(&client).await?;
    deployment.database.run("postgres", "ALTER TABLE ward.subject DISABLE ROW LEVEL SECURITY").await?;
    let seen = client.post("/v1/claims/tenant-isolation/check", json!({})).await?.expect(200)?;
    assert_eq!((&seen["status"], &seen["probe"]), (&json!("failing"), &json!("isolation")), "{seen}");
    assert!(seen["observed"].as_str().is_some_and(|told| told.contains("ward.subject")), "{seen}");

    let extra = ["/docs", "/openapi.json", "/nowhere", "/health/", "//health", "/health/../v1/me"];
    let paths = operations.iter().map(|operation| (operation.method.as_str(), operation.path.as_str()));
    for (method, path) in paths.chain(extra.map(|path| ("get", path))) {
        let answer = client.send(&Ask::new(method, path.replace("{id}", "x"))).await?;
        match path {
            "/health" => assert_eq!(answer.status, 200),
            "/ready" => assert_eq!((answer.status, answer.problem().as_str()), (503, "not-ready")),
            _ => {
                let told = format!("{method} {path}: {}", answer.text());
                assert_eq!((answer.status, answer.problem().as_str()), (503, "isolation-unproven"), "{told}");
            }
        }
    }
    // Nor after a restart, whatever else is broken, until isolation holds again.
    let policy = "CREATE POLICY tenant ON ward.job FOR ALL TO PUBLIC USING (tenant = (SELECT ward.tenant()))
        WITH CHECK (tenant = (SELECT ward.tenant()))";
    deployment.database.run("postgres", "DROP POLICY tenant ON ward.job").await?;
    let again = deployment.restart().await?;
    assert_eq!(again.anonymous().get("/health").await?.status, 200);
    assert_eq!(again.anonymous().get("/trust.json").await?.problem(), "isolation-unproven");
    again.database.run("postgres", policy).await?;
    again.database.run("postgres", "ALTER TABLE ward.subject ENABLE ROW LEVEL SECURITY").await?;
    let mended = again.restart().await?;
    assert_eq!(mended.anonymous().get("/ready").await?.status, 200);
    assert_eq!(mended.anonymous().get("/trust.json").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn what_one_replica_finds_closes_every_other_until_isolation_holds_again() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    let other = deployment.replica().await?;
    let client = deployment.tenant("Clinic").await?.client;
    let turns = async |status: u16| {
        for _ in 0..600 {
            if other.anonymous().get("/ready").await?.status == status {
                return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(true);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(false)
    };
    assert!(turns(200).await?);
    deployment.database.run("postgres", "ALTER TABLE ward.record DISABLE ROW LEVEL SECURITY").await?;
    client.post("/v1/claims/tenant-isolation/check", json!({})).await?.expect(200)?;
    assert!(turns(503).await?, "the other replica goes on serving");
    assert_eq!(other.anonymous().get("/trust.json").await?.problem(), "isolation-unproven");
    deployment.database.run("postgres", "ALTER TABLE ward.record ENABLE ROW LEVEL SECURITY").await?;
    assert!(turns(200).await?, "the other replica never serves again");
    other.stop().await
}
