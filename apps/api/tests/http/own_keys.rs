//! Tenants that bring a key of their own, take it away, and give it back.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, Client, Deployment, Lockers, Outcome, State, Tenant, changed, digest, left, nobody, subject,
};

pub(crate) const KEYS: &str = "/v1/keys/external";

pub(crate) fn address() -> String {
    format!("locker:{}", nobody())
}

pub(crate) fn bringing(address: &str) -> Ask {
    Ask::new("PUT", KEYS).json(&json!({ "address": address }))
}

pub(crate) fn giving_back() -> Ask {
    Ask::new("DELETE", KEYS)
}

/// Who wraps the tenant's own key, as listed.
async fn wrapper(client: &Client) -> Outcome<Value> {
    let listed = client.get("/v1/keys").await?.expect(200)?;
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    let own: Vec<_> = items.iter().filter(|key| key["purpose"] == "tenant").collect();
    assert!(own.len() == 1 && items.len() == 9, "{listed}");
    assert!(items.iter().filter(|key| key["wrapped_by"] == "tenant").count() == 8, "{listed}");
    for key in &items {
        assert_eq!((&key["state"], &key["suite"]), (&json!("active"), &json!("aes-256-gcm")));
        assert!(key["created_at"].is_string() && key.as_object().is_some_and(|key| key.len() == 6), "{key}");
    }
    Ok(own[0]["wrapped_by"].clone())
}

/// Waits for an answer of which `is_it` holds.
async fn until(client: &Client, path: &str, is_it: impl Fn(&Answer) -> bool) -> Outcome<Answer> {
    for _ in 0..300 {
        let answer = client.get(path).await?;
        if is_it(&answer) {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("{path} was never answered so").into())
}

async fn dark(client: &Client) -> Outcome {
    let answer = until(client, "/v1/tenant", |answer| answer.status == 503).await?;
    assert_eq!(answer.problem(), "key-unavailable");
    assert!(answer.header("retry-after").is_some());
    for (ask, name) in [
        (Ask::new("GET", "/v1/subjects"), "a list"),
        (Ask::new("POST", "/v1/subjects").json(&subject()), "a write"),
        (Ask::new("GET", "/v1/keys"), "keys"),
        (Ask::new("GET", "/v1/audit/checkpoint"), "the log"),
        (giving_back(), "a key given back"),
        (bringing(&address()), "another key"),
    ] {
        let answer = client.send(&ask).await?;
        assert_eq!(
            (answer.status, &*answer.problem()),
            (503, "key-unavailable"),
            "{name}: {}",
            answer.text()
        );
        assert!(answer.header("retry-after").is_some(), "{name}");
    }
    Ok(())
}

async fn light(client: &Client) -> Outcome {
    until(client, "/v1/tenant", |answer| answer.status == 200).await?;
    client.post("/v1/subjects", subject()).await?.expect(201)?;
    Ok(())
}

async fn well(client: &Client) -> Outcome {
    for path in ["/health", "/ready"] {
        client.get(path).await?.expect(200)?;
    }
    Ok(())
}

/// Waits until the deployment's queue holds so many messages, which nobody took, and its log so many events about the tenant.
async fn told(deployment: &Deployment, tenant: &Tenant, messages: u64, action: &str, events: u64) -> Outcome {
    let queued = "SELECT FROM ward.job j JOIN ward.job_lease l USING (tenant, id) WHERE j.kind = 'message' AND l.attempts = 0
        AND j.tenant = '00000000-0000-7000-8000-000000000000' AND position('owner@'::bytea IN j.payload) = 0";
    let logged = format!(
        "SELECT FROM ward.audit_leaf WHERE tenant = '00000000-0000-7000-8000-000000000000'
         AND body::json ->> 'action' = '{action}' AND body::json -> 'entity' ->> 'id' = '{}'",
        tenant.id
    );
    let mut found = (0, 0);
    for _ in 0..300 {
        let queued = deployment.database.run("postgres", queued).await?;
        found = (queued, deployment.database.run("postgres", logged.clone()).await?);
        if found == (messages, events) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("{found:?} and not {messages} messages and {events} of {action}").into())
}

#[tokio::test]
async fn another_service_wraps_the_key_and_nothing_that_is_sealed_changes() -> Outcome {
    let deployment = Deployment::shared().await?;
    let (tenant, address) = (deployment.tenant("Clinic").await?, address());
    let made = tenant.client.post("/v1/subjects", subject()).await?.expect(201)?;
    let person = format!("/v1/subjects/{}", made["id"].as_str().ok_or("no id")?);
    let shown = tenant.client.get(&person).await?.expect(200)?;
    assert_eq!(wrapper(&tenant.client).await?, "deployment");
    let before = digest(deployment, &tenant.id).await?;

    let bring = bringing(&address);
    let brought = tenant.client.send(&bring).await?.expect(200)?;
    assert_eq!(brought["address"], json!(address));
    let after = digest(deployment, &tenant.id).await?;
    let mut tables = changed(&before, &after);
    // A month of the log; and what keys sealed that were forgotten, which is counted once nobody is lent them.
    tables.retain(|table| !table.starts_with("audit_leaf_") && table != "key_use");
    assert_eq!(tables, ["audit_leaf", "external_key", "wrapped_key"]);
    assert_eq!(wrapper(&tenant.client).await?, json!(address));
    assert_eq!(tenant.client.get(&person).await?.expect(200)?, shown);
    let events = left(&deployment.database, &bring.id).await?;
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (&*event.action, &*event.operation, &event.tenant),
        ("key.transferred", "bringKey", &tenant.id)
    );
    assert!(event.whole.contains(&address) && event.whole.contains("deployment"), "{}", event.whole);

    let again = bringing(&address);
    assert_eq!(tenant.client.send(&again).await?.expect(200)?["address"], json!(address));
    assert!(left(&deployment.database, &again.id).await?.is_empty(), "nothing changed");

    // Between two of its own, and back; each must unwrap what it wrapped.
    let second = self::address();
    tenant.client.send(&bringing(&second)).await?.expect(200)?;
    Lockers::all().find(&address).is(State::Refusing);
    assert_eq!(tenant.client.get(&person).await?.expect(200)?, shown);
    tenant.client.send(&giving_back()).await?.expect(204)?;
    Lockers::all().find(&second).is(State::Refusing);
    assert_eq!(tenant.client.get(&person).await?.expect(200)?, shown);
    assert_eq!(wrapper(&tenant.client).await?, "deployment");
    let again = giving_back();
    tenant.client.send(&again).await?.expect(204)?;
    assert!(left(&deployment.database, &again.id).await?.is_empty(), "nothing changed");
    Ok(())
}

#[tokio::test]
async fn no_service_gets_the_key_that_does_not_prove_itself() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let before = digest(deployment, &tenant.id).await?;
    for wrong in ["hsm:elsewhere", "locker:a?pin-value=1234", "locker:a b", "", &"x".repeat(2049), "locker:é"]
    {
        let refused = tenant.client.send(&bringing(wrong)).await?.expect(422)?;
        assert_eq!(refused["errors"][0]["pointer"], "/address", "{wrong}");
    }
    for (state, status, kind) in [
        (State::Refusing, 409, "key-refused"),
        (State::Lying, 409, "key-refused"),
        (State::Away, 503, "key-unavailable"),
    ] {
        let address = address();
        Lockers::all().find(&address).is(state);
        let refused = tenant.client.send(&bringing(&address)).await?;
        assert_eq!((refused.status, &*refused.problem()), (status, kind), "{state:?}");
        assert_eq!(refused.header("retry-after").is_some(), status == 503);
    }
    assert!(changed(&before, &digest(deployment, &tenant.id).await?).is_empty());
    assert_eq!(wrapper(&tenant.client).await?, "deployment");
    Ok(())
}

#[tokio::test]
async fn a_tenant_that_takes_its_key_away_is_dark_on_every_replica_and_nobody_else_until_it_gives_it_again()
-> Outcome {
    let deployment = Deployment::start("workforce").await?;
    let replica = deployment.replica().await?;
    let (tenant, other) = (deployment.tenant("Clinic").await?, deployment.tenant("Other").await?);
    let address = address();
    let theirs = Lockers::all().find(&address);
    tenant.client.send(&bringing(&address)).await?.expect(200)?;
    let there = replica.anonymous().with_key(tenant.client.key());
    light(&tenant.client).await?;
    light(&there).await?;

    theirs.is(State::Refusing);
    deployment.advance(TimeDelta::seconds(16)); // less than keys are kept: whoever looked tells the others
    for client in [&tenant.client, &there] {
        dark(client).await?;
        well(client).await?;
    }
    told(&deployment, &tenant, 1, "key.refused", 1).await?;
    deployment.advance(TimeDelta::seconds(16));
    light(&other.client).await?;
    light(&replica.anonymous().with_key(other.client.key())).await?;
    dark(&tenant.client).await?;
    told(&deployment, &tenant, 1, "key.refused", 1).await?;

    theirs.is(State::Well);
    deployment.advance(TimeDelta::seconds(16));
    for client in [&tenant.client, &there] {
        light(client).await?;
    }
    told(&deployment, &tenant, 2, "key.restored", 1).await?;
    deployment.advance(TimeDelta::seconds(16));
    let found = |answer: &Answer| answer.json()["items"].as_array().is_some_and(|items| items.len() == 1);
    until(&tenant.client, "/v1/audit/events?action=key.restored", found).await?;
    deployment.advance(TimeDelta::seconds(16));
    tenant.client.get("/v1/audit/checkpoint").await?.expect(200)?;
    until(&there, "/v1/audit/events?action=key.restored", found).await?;
    told(&deployment, &tenant, 2, "key.refused", 1).await?;
    replica.stop().await?;
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_silent_is_waited_for_as_long_as_keys_are_kept_and_its_tenant_told_then() -> Outcome
{
    let deployment = Deployment::start("workforce").await?;
    let (tenant, address) = (deployment.tenant("Clinic").await?, address());
    let theirs = Lockers::all().find(&address);
    tenant.client.send(&bringing(&address)).await?.expect(200)?;
    light(&tenant.client).await?;
    theirs.is(State::Away);
    deployment.advance(TimeDelta::seconds(40));
    light(&tenant.client).await?;
    deployment.advance(TimeDelta::seconds(21));
    dark(&tenant.client).await?;
    well(&tenant.client).await?;
    told(&deployment, &tenant, 0, "key.refused", 0).await?;
    theirs.is(State::Well);
    deployment.advance(TimeDelta::seconds(2)); // it isn't asked more often than once a second
    light(&tenant.client).await?;

    theirs.is(State::Away);
    for _ in 0..6 {
        deployment.advance(TimeDelta::seconds(16));
        tokio::time::sleep(Duration::from_millis(1_500)).await; // each look is by a tick of its own
    }
    told(&deployment, &tenant, 1, "key.refused", 1).await?;
    dark(&tenant.client).await?;
    theirs.is(State::Well);
    deployment.advance(TimeDelta::seconds(16));
    told(&deployment, &tenant, 2, "key.restored", 1).await?;
    light(&tenant.client).await?;
    deployment.stop().await?;
    Ok(())
}
