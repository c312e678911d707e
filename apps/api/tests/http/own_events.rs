//! A product's own events: recorded one by one or many at a time, whole or not at all, in a log that stays Ward's.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Ask, Deployment, Outcome, nobody};

const PATH: &str = "/v1/audit/events";

#[tokio::test]
async fn an_event_of_ones_own_is_recorded_found_and_proven() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (invoice, user) = (nobody().to_string(), nobody().to_string());
    let event = json!({
        "action": "invoice.approved", "outcome": "failure", "reason": "limit exceeded",
        "entity": { "kind": "invoice", "id": invoice }, "covers": [{ "kind": "user", "id": user }],
        "details": { "amount": "12 \"EUR\"", "step": "2" },
    });
    let made = tenant.client.post(PATH, event.clone()).await?.expect(201)?;
    let id = made["ids"][0].as_str().ok_or("no id")?;
    let shown = tenant.client.get(&format!("{PATH}/{id}")).await?.expect(200)?;
    for name in ["action", "outcome", "reason", "entity", "covers", "details"] {
        assert_eq!(shown[name], event[name], "{name}");
    }
    assert_eq!(shown["operation"], "recordAuditEvents");
    for query in [
        "action=invoice.approved",
        "outcome=failure",
        &format!("entity={user}"),
        &format!("q={invoice}+exceeded"),
    ] {
        let found = tenant.client.get(&format!("{PATH}?{query}")).await?.expect(200)?;
        assert_eq!(found["items"][0]["id"], id, "{query}");
    }
    let proof = tenant.client.get(&format!("{PATH}/{id}/proof")).await?.expect(200)?;
    assert!(proof["entry"].as_str().is_some_and(|entry| entry.contains(r#""action":"invoice.approved""#)));
    Ok(())
}

#[tokio::test]
async fn an_array_is_recorded_whole_or_not_at_all() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let visit = |n: usize| json!({ "action": "visit.planned", "details": { "n": n.to_string() } });
    let many: Vec<_> = (0..1_000).map(visit).collect();
    let made = tenant.client.post(PATH, json!(many)).await?.expect(201)?;
    assert_eq!(made["ids"].as_array().map(Vec::len), Some(1_000));
    let found = tenant.client.get(&format!("{PATH}?action=visit.planned&limit=2")).await?.expect(200)?;
    assert_eq!(found["items"][0]["details"], json!({ "n": "999" }), "in their order");
    assert_eq!(found["items"][0]["id"], made["ids"][999]);

    let one = |wrong: Value| json!([visit(0), wrong]);
    for (body, pointer) in [
        (json!([]), ""),
        (json!((0..1_001).map(visit).collect::<Vec<_>>()), ""),
        (one(json!({ "action": "subject.created" })), "/1/action"),
        (one(json!({ "action": "visit" })), "/1/action"),
        (one(json!({ "action": "visit.planned", "tenant": tenant.id })), "/1/tenant"),
        (one(json!({ "action": "visit.planned", "details": { "Room": "3" } })), "/1/details"),
        (
            one(json!({ "action": "visit.planned", "details": { "card": "4111 1111 1111 1111" } })),
            "/1/details/card",
        ),
        (one(json!({ "action": "visit.planned", "reason": "a\nb" })), "/1/reason"),
        (one(json!({ "action": "visit.planned", "reason": "paid \u{202e}ton" })), "/1/reason"),
        (one(json!({ "action": "visit.planned", "details": { "room": "3\u{200b}" } })), "/1/details/room"),
        (json!({ "action": "api_key.revoked" }), "/action"),
        (json!({ "action": "audit_.rotated" }), "/action"),
        (json!({ "action": "session.started" }), "/action"),
    ] {
        let refused = tenant.client.post(PATH, body).await?.expect(422)?;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    let twice = Ask::new("POST", PATH)
        .typed("application/json", r#"{"action":"visit.planned","details":{"a":"1","a":"2"}}"#);
    assert_eq!(tenant.client.send(&twice).await?.expect(422)?["errors"][0]["pointer"], "/details");
    let full: serde_json::Map<_, _> =
        (0..50).map(|n| (format!("n{}", "x".repeat(n)), json!("é".repeat(500)))).collect();
    let refused =
        tenant.client.post(PATH, json!({ "action": "visit.planned", "details": full })).await?.expect(422)?;
    assert_eq!(refused["errors"][0]["pointer"], "");
    let after = tenant.client.get(&format!("{PATH}?action=visit.planned&limit=1")).await?.expect(200)?;
    assert_eq!(after["items"][0]["id"], made["ids"][999], "nothing of what was refused");
    Ok(())
}

#[tokio::test]
async fn events_that_are_sent_again_under_their_key_are_recorded_once() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let again = Ask::new("POST", PATH)
        .json(&json!({ "action": "visit.planned" }))
        .header("idempotency-key", "\"once\"");
    let first = tenant.client.send(&again).await?.expect(201)?;
    assert_eq!(tenant.client.send(&again).await?.expect(201)?, first);
    let found = tenant.client.get(&format!("{PATH}?action=visit.planned")).await?.expect(200)?;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn what_many_tenants_record_at_once_stands_each_in_its_own_log() -> Outcome {
    let deployment = Deployment::shared().await?;
    let mut tenants = Vec::new();
    for _ in 0..4 {
        tenants.push(deployment.tenant("Clinic").await?);
    }
    let sent = tenants.iter().cycle().take(80).map(|tenant| {
        tenant.client.post(PATH, json!({ "action": "visit.planned", "details": { "of": tenant.id } }))
    });
    for answer in join_all(sent).await {
        answer?.expect(201)?;
    }
    for tenant in &tenants {
        let found =
            tenant.client.get(&format!("{PATH}?action=visit.planned&limit=200")).await?.expect(200)?;
        let items = found["items"].as_array().ok_or("no list")?;
        assert_eq!(items.len(), 20);
        assert!(items.iter().all(|item| item["details"]["of"] == json!(tenant.id)), "{items:?}");
    }
    Ok(())
}
