//! Keys that others follow. What takes a minute, or an hour, is made older by the database's master.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::own_keys::{address, bringing};
use crate::support::{Ask, Client, Deployment, Lockers, Outcome, State, left, subject};
use crate::values::{Changed, all_is_told};

const KINDS: [&str; 9] =
    ["tenant", "subject", "index", "audit", "idempotency", "queue", "api_key", "import", "token"];
const WAIT: Duration = Duration::from_millis(100);

async fn rotations(client: &Client) -> Outcome<Vec<Value>> {
    let found = client.get("/v1/keys/rotations?limit=200").await?.expect(200)?;
    Ok(found["items"].as_array().ok_or("no items")?.clone())
}

/// Waits until this many entries of the log have the action.
async fn happened(client: &Client, action: &str, times: usize) -> Outcome {
    for _ in 0..600 {
        let found = client.get(&format!("/v1/audit/events?action={action}&limit=200")).await?.expect(200)?;
        if found["items"].as_array().is_some_and(|items| items.len() >= times) {
            return Ok(());
        }
        tokio::time::sleep(WAIT).await;
    }
    Err(format!("not {times} times {action}").into())
}

/// Makes everything about keys older, and starts anew, so that no key is in anybody's memory.
async fn later(deployment: Deployment, changed: &mut Changed, by: &str) -> Outcome<Deployment> {
    let sql = format!(
        "UPDATE ward.wrapped_key SET created_at = created_at - interval '{by}';
         UPDATE ward.rotation SET begun_at = begun_at - interval '{by}'; UPDATE ward.job_lease SET run_at = now() WHERE kind = 'rotation'"
    );
    deployment.rewrite(&sql).await?;
    let deployment = deployment.restart().await?;
    let key = changed.tenant.client.key().to_owned();
    changed.tenant.client = Client::new(deployment.address(), Some(key));
    Ok(deployment)
}

/// How the keys for a purpose stand, the oldest first.
async fn states(client: &Client, purpose: &str) -> Outcome<Vec<String>> {
    let listed = client.get("/v1/keys").await?.expect(200)?;
    let keys = listed["items"].as_array().into_iter().flatten().filter(|key| key["purpose"] == purpose);
    Ok(keys.map(|key| key["state"].as_str().unwrap_or_default().to_owned()).collect())
}

/// Says that the newest key for a purpose sealed so much.
async fn wear(deployment: &Deployment, tenant: &str, purpose: &str, messages: u64) -> Outcome {
    let sql = format!(
        "INSERT INTO ward.key_use SELECT k.tenant, max(k.id), {messages} FROM ward.wrapped_key k
         WHERE k.tenant = '{tenant}' AND k.purpose = '{purpose}' GROUP BY k.tenant
         ON CONFLICT (tenant, key) DO UPDATE SET messages = EXCLUDED.messages"
    );
    deployment.rewrite(&sql).await
}

async fn count(deployment: &Deployment, of: &str) -> Outcome<i64> {
    let mut master = deployment.database.connect("postgres").await?;
    let count = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {of}")))
        .fetch_one(&mut master)
        .await?;
    master.close().await?;
    Ok(count)
}

#[tokio::test]
async fn every_kind_of_key_is_followed_while_all_stays_readable_and_old_versions_go_once_nothing_needs_them()
-> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    let mut changed = Changed::new(&deployment).await?;
    let of = format!("ward.wrapped_key WHERE tenant = '{}'", changed.tenant.id);
    let person = json!({ "kind": "patient", "external_ref": "X-2", "fields": { "given_name": "Ada" } });
    let once = Ask::new("POST", "/v1/subjects").json(&person).header("Idempotency-Key", "before");
    let made = changed.tenant.client.send(&once).await?.expect(201)?;
    let before = count(&deployment, &of).await?;

    let begun = changed.tenant.client.post("/v1/keys/rotate", json!({})).await?.expect(201)?;
    let kinds: Vec<_> =
        begun["items"].as_array().ok_or("none")?.iter().map(|one| one["key"].clone()).collect();
    assert_eq!(kinds, KINDS);
    let again =
        changed.tenant.client.post("/v1/keys/rotate", json!({ "keys": ["queue"] })).await?.expect(201)?;
    let queue = begun["items"].as_array().ok_or("none")?.iter().find(|one| one["key"] == "queue");
    assert_eq!(again["items"][0]["id"], queue.ok_or("none")?["id"], "one at a time");
    happened(&changed.tenant.client, "key.rotated", 8).await?;
    all_is_told(&changed).await?;
    for kind in KINDS.iter().filter(|kind| **kind != "subject") {
        assert_eq!(states(&changed.tenant.client, kind).await?, ["active", "pending"], "{kind}");
    }
    assert_eq!(states(&changed.tenant.client, "log").await?, ["active"]);

    deployment = later(deployment, &mut changed, "4 min").await?;
    let client = changed.tenant.client.clone();
    assert_eq!(states(&client, "queue").await?, ["retired", "active"]);
    happened(&client, "key.rotation_completed", 9).await?;
    for rotation in rotations(&client).await? {
        assert_eq!(
            (&rotation["state"], &rotation["done"]),
            (&json!("ended"), &rotation["total"]),
            "{rotation}"
        );
    }
    // Eight versions, and what is left of two people's keys.
    assert_eq!(count(&deployment, &of).await?, before + 8 + 2);
    all_is_told(&changed).await?;
    assert_eq!(client.send(&once).await?.expect(201)?, made, "a request sent again is the same request");
    let taken = client.post("/v1/subjects", person).await?;
    assert_eq!(taken.problem(), "taken", "a name is taken under whichever index");
    for query in ["email=three@example.org", "external_ref=X-2&kind=patient", "external_ref=X-1&kind=patient"]
    {
        let found = client.get(&format!("/v1/subjects?{query}")).await?.expect(200)?;
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{query}");
    }

    deployment = later(deployment, &mut changed, "2 hours").await?;
    let client = changed.tenant.client.clone();
    happened(&client, "key.retired", 2).await?;
    let gone = format!("{of} AND bytes IS NULL");
    assert_eq!(count(&deployment, &gone).await?, 2, "an answer, a source and digests still name the others");
    let gone = format!("{gone} AND purpose IN ('tenant', 'queue')");
    assert_eq!(count(&deployment, &gone).await?, 2);
    all_is_told(&changed).await?;
    assert_eq!(client.send(&once).await?.expect(201)?, made);
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_rotation_that_is_paused_rests_until_it_is_resumed() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    let mut changed = Changed::new(&deployment).await?;
    let client = changed.tenant.client.clone();
    let begun = client.post("/v1/keys/rotate", json!({ "keys": ["index"] })).await?.expect(201)?;
    let path = format!("/v1/keys/rotations/{}", begun["items"][0]["id"].as_str().ok_or("no id")?);
    happened(&client, "key.rotated", 1).await?;
    let turn = async |to: &str, events: usize| -> Outcome<Value> {
        let ask = Ask::new("POST", format!("{path}/{to}"));
        let turned = client.send(&ask).await?.expect(200)?;
        assert_eq!(left(&deployment.database, &ask.id).await?.len(), events, "{to}");
        Ok(turned)
    };
    turn("resume", 0).await?;
    let paused = turn("pause", 1).await?;
    assert_eq!(paused["state"], "paused");
    deployment.rewrite("UPDATE ward.rotation SET moved_at = now() - interval '2 days'").await?;
    assert_eq!(turn("pause", 0).await?, paused, "it was paused already");
    let touched = "ward.rotation WHERE moved_at > now() - interval '1 day'";
    assert_eq!(count(&deployment, touched).await?, 0);

    deployment = later(deployment, &mut changed, "4 min").await?;
    let client = changed.tenant.client.clone();
    happened(&client, "key.rotation_interrupted", 1).await?;
    let resting = client.get(&path).await?.expect(200)?;
    assert_eq!((&resting["state"], &resting["done"]), (&json!("paused"), &json!(0)));
    assert_eq!(client.post(&format!("{path}/resume"), Value::Null).await?.expect(200)?["state"], "running");
    happened(&client, "key.rotation_completed", 1).await?;
    assert_eq!(client.get(&path).await?.expect(200)?["done"], 1);
    assert_eq!(client.post(&format!("{path}/pause"), Value::Null).await?.problem(), "ended");
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_rotation_that_failed_again_and_again_goes_on_by_itself_after_a_while() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    let mut changed = Changed::new(&deployment).await?;
    let client = changed.tenant.client.clone();
    client.post("/v1/keys/rotate", json!({ "keys": ["index"] })).await?.expect(201)?;
    happened(&client, "key.rotated", 1).await?;
    let job = format!("ward.job_lease WHERE kind = 'rotation' AND tenant = '{}'", changed.tenant.id);
    let spend = format!("UPDATE {}", job.replacen("WHERE", "SET attempts = 12, run_at = now() WHERE", 1));
    deployment.database.run("postgres", &spend).await?;
    happened(&client, "key.rotation_interrupted", 1).await?;
    assert_eq!(rotations(&client).await?[0]["state"], "running");
    let resting = format!("{job} AND attempts = 0 AND run_at > now() + interval '4 min'");
    assert_eq!(count(&deployment, &resting).await?, 1);

    deployment = later(deployment, &mut changed, "4 min").await?;
    happened(&changed.tenant.client, "key.rotation_completed", 1).await?;
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_key_that_sealed_as_much_as_its_suite_bears_is_followed_by_another() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?; // whose suite has nonces of 96 bits
    let mut changed = Changed::new(&deployment).await?;
    deployment = later(deployment, &mut changed, "0 min").await?;
    let sealed = format!("ward.key_use WHERE tenant = '{}' AND messages > 0", changed.tenant.id);
    assert!(count(&deployment, &sealed).await? > 0, "nothing was counted");

    let audit = "SELECT k.id FROM ward.wrapped_key k WHERE k.tenant = u.tenant AND k.purpose = 'audit'";
    for (messages, begun) in [("2147483647 - 1000000", 0), ("2147483648", 1)] {
        let wear = format!("UPDATE ward.key_use u SET messages = {messages} WHERE key = ({audit})");
        deployment.rewrite(&wear).await?;
        deployment = later(deployment, &mut changed, "0 min").await?;
        if begun > 0 {
            happened(&changed.tenant.client, "key.rotated", begun).await?;
        }
        let kinds: Vec<_> =
            rotations(&changed.tenant.client).await?.iter().map(|one| one["key"].clone()).collect();
        assert_eq!(kinds, vec![json!("audit"); begun], "{messages}");
    }
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn the_rotation_of_a_worn_key_cannot_rest() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    let mut changed = Changed::new(&deployment).await?;
    let (client, id) = (changed.tenant.client.clone(), changed.tenant.id.clone());
    let kinds = json!({ "keys": ["audit", "index"] });
    let begun = client.post("/v1/keys/rotate", kinds).await?.expect(201)?;
    happened(&client, "key.rotated", 2).await?;
    let paths: Vec<_> = (begun["items"].as_array().into_iter().flatten())
        .map(|one| {
            (one["key"].clone(), format!("/v1/keys/rotations/{}", one["id"].as_str().unwrap_or_default()))
        })
        .collect();
    let of =
        |kind: &str| paths.iter().find(|(key, _)| key == kind).map(|(_, path)| path.clone()).ok_or("none");
    let (audit, index) = (of("audit")?, of("index")?);
    for path in [&audit, &index] {
        client.post(&format!("{path}/pause"), Value::Null).await?.expect(200)?;
    }
    wear(&deployment, &id, "audit", 2_147_483_648).await?;
    let refused = client.post(&format!("{audit}/pause"), Value::Null).await?;
    assert_eq!((refused.status, &*refused.problem()), (409, "key-worn"));
    client.post(&format!("{index}/pause"), Value::Null).await?.expect(200)?;

    deployment = later(deployment, &mut changed, "0 min").await?;
    let client = changed.tenant.client.clone();
    happened(&client, "key.rotation_resumed", 1).await?;
    let told = client.get("/v1/audit/events?action=key.rotation_resumed").await?.expect(200)?;
    let resumed = &told["items"][0];
    assert_eq!((&resumed["details"]["key"], &resumed["details"]["why"]), (&json!("audit"), &json!("worn")));
    assert_eq!(
        (&resumed["operation"], told["items"].as_array().map(Vec::len)),
        (&json!("scheduleRotations"), Some(1))
    );
    assert_eq!(client.get(&audit).await?.expect(200)?["state"], "running");
    assert_eq!(client.get(&index).await?.expect(200)?["state"], "paused");
    assert_eq!(client.post(&format!("{audit}/pause"), Value::Null).await?.problem(), "key-worn");

    deployment = later(deployment, &mut changed, "4 min").await?;
    happened(&changed.tenant.client, "key.rotation_completed", 1).await?;
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_spent_key_is_lent_for_nothing_but_having_another_follow_it() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    let (mut changed, other) = (Changed::new(&deployment).await?, deployment.tenant("Other").await?);
    let (client, id) = (changed.tenant.client.clone(), changed.tenant.id.clone());
    for (messages, problem) in [(3_221_225_472 - 1_000_000, ""), (3_221_225_472, "key-unavailable")] {
        wear(&deployment, &id, "queue", messages).await?;
        deployment.advance(TimeDelta::seconds(61)); // so long keys are kept
        assert_eq!(client.get("/v1/tenant").await?.problem(), problem, "{messages}");
        other.client.get("/v1/tenant").await?.expect(200)?;
    }
    let refused = client.post("/v1/subjects", subject()).await?;
    assert_eq!((refused.status, &*refused.problem()), (503, "key-unavailable"));
    assert!(refused.header("retry-after").is_some());

    let tree = other.client.post("/v1/claims/audit-proofs/check", json!({})).await?.expect(200)?;
    assert_eq!(tree["status"], "active", "its log is looked at when another key follows: {tree}");

    // It is the key under which the work is planned that has another follow it, as anybody may ask for.
    client.post("/v1/keys/rotate", json!({ "keys": ["queue"] })).await?.expect(201)?;
    deployment = later(deployment, &mut changed, "0 min").await?;
    let made = format!("ward.wrapped_key WHERE tenant = '{id}' AND purpose = 'queue'");
    for _ in 0..600 {
        if count(&deployment, &made).await? == 2 {
            break;
        }
        tokio::time::sleep(WAIT).await;
    }
    assert_eq!(
        changed.tenant.client.get("/v1/tenant").await?.problem(),
        "key-unavailable",
        "it isn't in use yet"
    );
    deployment = later(deployment, &mut changed, "4 min").await?;
    happened(&changed.tenant.client, "key.rotation_completed", 1).await?;
    all_is_told(&changed).await?;
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn nobody_waits_for_a_key_service_that_has_a_tenant_s_own_key_followed() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    let (mut changed, other) = (Changed::new(&deployment).await?, deployment.tenant("Other").await?);
    let (client, slow, next) = (changed.tenant.client.clone(), address(), address());
    client.send(&bringing(&slow)).await?.expect(200)?;
    other.client.send(&bringing(&address())).await?.expect(200)?;
    let theirs = Lockers::all().find(&slow);
    theirs.is(State::Pondering);
    let own = json!({ "keys": ["tenant"] });
    client.post("/v1/keys/rotate", own.clone()).await?.expect(201)?;
    for _ in 0..600 {
        if theirs.waiting() > 0 {
            break;
        }
        tokio::time::sleep(WAIT).await;
    }
    assert_eq!(theirs.waiting(), 1);

    other.client.post("/v1/keys/rotate", own).await?.expect(201)?;
    happened(&other.client, "key.rotated", 1).await?;
    // Nor does whoever moves the key meanwhile; what the service before wraps is worth nothing then.
    client.send(&bringing(&next)).await?.expect(200)?;
    assert_eq!(theirs.waiting(), 1);
    theirs.is(State::Well);
    happened(&client, "key.rotated", 1).await?;
    theirs.is(State::Refusing);
    deployment = later(deployment, &mut changed, "4 min").await?;
    happened(&changed.tenant.client, "key.rotation_completed", 1).await?;
    all_is_told(&changed).await?;
    deployment.stop().await?;
    Ok(())
}
