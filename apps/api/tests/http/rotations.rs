//! Keys that others follow. What takes a minute, or an hour, is made older by the database's master.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::{Ask, Client, Deployment, Outcome};
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

    deployment = later(deployment, &mut changed, "4 min").await?;
    let client = changed.tenant.client.clone();
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
    let paused = client.post(&format!("{path}/pause"), Value::Null).await?.expect(200)?;
    assert_eq!(paused["state"], "paused");

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
