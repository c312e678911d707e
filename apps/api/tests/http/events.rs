//! What every operation leaves in the audit log: exactly what it declares, and nothing where the log can't be written.

use serde_json::json;

use crate::imports::import;
use crate::support::{
    Answer, Ask, Deployment, Operation, Outcome, PERSONAL, Tenant, case, changed, digest_beside_work, left,
    nobody, operations,
};

#[tokio::test]
async fn every_operation_leaves_exactly_the_events_it_declares() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let me = tenant.client.get("/v1/me").await?.expect(200)?["api_key"].clone();
    for operation in operations(&tenant.client).await? {
        let ask = operation.ask(&case(&operation.id, &tenant.client).await?);
        let answer = tenant.client.send(&ask).await?;
        assert!((200..300).contains(&answer.status), "{}: {}", operation.id, answer.text());

        let left = left(&deployment.database, &ask.id).await?;
        let mut actions: Vec<_> = left.iter().map(|event| event.action.clone()).collect();
        actions.dedup(); // an import leaves one a row: `imports.rs` counts them
        if operation.id == "recordAuditEvents" {
            assert_eq!(
                (&*actions, &*operation.audit),
                (&["visit.planned".to_owned()][..], &["event.recorded".to_owned()][..])
            );
        } else {
            assert_eq!(actions, operation.audit, "{}", operation.id);
        }
        if operation.discloses || operation.changes() {
            assert!(!left.is_empty(), "{} leaves no event", operation.id);
        }
        for event in left {
            assert_eq!((event.tenant, event.operation), (tenant.id.clone(), operation.id.clone()));
            assert_eq!((event.actor.as_deref(), event.outcome.as_str()), (me.as_str(), "success"));
            for personal in PERSONAL {
                assert!(!event.whole.contains(personal), "{}: `{personal}` is in the log", operation.id);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_refusal_of_somebody_known_leaves_one_event_and_of_somebody_unknown_none() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let powerless = tenant.with(&[]).await?;
    for operation in operations(&tenant.client).await?.iter().filter(|operation| operation.is_guarded()) {
        let case = case(&operation.id, &tenant.client).await?;
        if operation.permission.is_some() {
            let ask = operation.ask(&case);
            powerless.send(&ask).await?.expect(403)?;
            denied(deployment, &tenant, operation, &ask).await?;
        }
        for name in operation.path_ids() {
            let ask = operation.ask(&case.with(name, &nobody().to_string()));
            tenant.client.send(&ask).await?.expect(404)?;
            denied(deployment, &tenant, operation, &ask).await?;
        }
        let ask = operation.ask(&case);
        deployment.anonymous().send(&ask).await?.expect(401)?;
        assert!(left(&deployment.database, &ask.id).await?.is_empty(), "{}", operation.id);
    }
    Ok(())
}

#[tokio::test]
async fn the_log_is_searched_by_words_and_by_nothing_that_there_is_not() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (key, _) = tenant.key("live", &[]).await?;
    let found = async |query: &str| -> Outcome<Vec<String>> {
        let told = tenant.client.get(&format!("/v1/audit/events?{query}")).await?.expect(200)?;
        let items = told["items"].as_array().into_iter().flatten();
        Ok(items.map(|item| item["action"].as_str().unwrap_or_default().to_owned()).collect())
    };
    assert_eq!(found("q=FOUNDED").await?, ["tenant.founded"]);
    assert_eq!(found("q=api_key.created%20success").await?, ["api_key.created", "api_key.created"]);
    assert_eq!(found(&format!("q=created+{key}")).await?, ["api_key.created"]);
    assert!(found("q=found").await?.is_empty(), "a part of a word is another word");
    for (query, pointer) in [("q=!", "?q"), ("actoin=x", "?actoin"), ("q=a&q=b", "?q")] {
        let refused = tenant.client.get(&format!("/v1/audit/events?{query}")).await?.expect(422)?;
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_rare_is_found_among_much_and_page_after_page_holds_each_entry_once() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let rows: String = (0..600).map(|n| format!("rare-{n},Ada\n")).collect();
    let csv = import("clinician", "text/csv", format!("external_ref,given_name\n{rows}"));
    tenant.client.send(&csv).await?.expect(200)?;
    for query in ["q=founded", "action=tenant.founded", &format!("q=founded&entity={}", tenant.id)] {
        let found = tenant.client.get(&format!("/v1/audit/events?limit=2&{query}")).await?.expect(200)?;
        assert_eq!(found["items"][0]["action"], "tenant.founded", "{query}");
        assert_eq!(found["next_cursor"], json!(null), "{query}");
    }
    let (mut path, mut places) = ("/v1/audit/events?limit=200&q=imported".to_owned(), Vec::new());
    loop {
        let page = tenant.client.get(&path).await?.expect(200)?;
        places
            .extend(page["items"].as_array().into_iter().flatten().filter_map(|item| item["index"].as_u64()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/audit/events?limit=200&q=imported&cursor={cursor}");
    }
    assert_eq!(places.len(), 600);
    assert!(places.is_sorted_by(|newer, older| newer > older), "{places:?}");
    let none = tenant.client.get("/v1/audit/events?q=founded&to=2020-01-01T00:00:00Z").await?.expect(200)?;
    assert_eq!(none, json!({ "items": [], "next_cursor": null }));
    let below_all = tenant.client.get("/v1/audit/events?cursor=AAAAAAAAAAA").await?.expect(200)?;
    assert_eq!(below_all, json!({ "items": [], "next_cursor": null }));
    let foreign = format!("/v1/audit/events?cursor={}A", "_".repeat(21));
    assert_eq!(tenant.client.get(&foreign).await?.expect(422)?["errors"][0]["pointer"], "?cursor");
    Ok(())
}

#[tokio::test]
async fn entries_are_found_by_the_address_they_came_from_which_is_nowhere_in_clear() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    tenant.client.get("/v1/audit/events").await?.expect(200)?;
    let here = tenant.client.get("/v1/audit/events?ip=127.0.0.1").await?.expect(200)?;
    let actions: Vec<_> =
        here["items"].as_array().into_iter().flatten().map(|item| &item["action"]).collect();
    assert_eq!(actions, ["audit.searched"], "what founded the tenant came from nowhere");
    let elsewhere = tenant.client.get("/v1/audit/events?ip=127.0.0.2").await?.expect(200)?;
    assert_eq!(elsewhere["items"], json!([]));
    let refused = tenant.client.get("/v1/audit/events?ip=localhost").await?.expect(422)?;
    assert_eq!(refused["errors"][0]["pointer"], "?ip");
    let clear = format!(
        "SELECT FROM ward.audit_leaf WHERE tenant = '{id}' AND (body LIKE '%127.0.0%' OR source::text LIKE '%3132372e%')",
        id = tenant.id
    );
    assert_eq!(deployment.database.run("postgres", clear).await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_address_that_was_tampered_with_is_said_to_be_unreadable() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    tenant
        .client
        .post("/v1/api-keys", json!({ "name": "Test", "mode": "live", "permissions": [] }))
        .await?
        .expect(201)?;
    tenant.client.get("/v1/audit/events").await?.expect(200)?;
    let mut root = deployment.database.connect("postgres").await?;
    let swap = format!(
        "SET session_replication_role = replica;
         UPDATE ward.audit_leaf SET source = set_byte(source, 40, 255 - get_byte(source, 40))
         WHERE tenant = '{}' AND body::json ->> 'action' = 'audit.searched'",
        tenant.id
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(swap)).execute(&mut root).await?;
    let found = tenant.client.get("/v1/audit/events?limit=200").await?.expect(200)?;
    let sources = |action: &str| -> Vec<_> {
        let items = found["items"].as_array().into_iter().flatten();
        items.filter(|item| item["action"] == action).map(|item| item["source"]["ip"].clone()).collect()
    };
    assert_eq!(sources("audit.searched"), ["unreadable"]);
    assert_eq!(
        sources("api_key.created"),
        [json!("127.0.0.1"), json!(null)],
        "the first key came from nowhere"
    );
    Ok(())
}

async fn denied(deployment: &Deployment, tenant: &Tenant, operation: &Operation, ask: &Ask) -> Outcome {
    let left = left(&deployment.database, &ask.id).await?;
    let told: Vec<_> = left.iter().map(|event| (event.action.as_str(), event.outcome.as_str())).collect();
    assert_eq!(told, [("access.denied", "denied")], "{}", operation.id);
    let of = (left[0].tenant.as_str(), left[0].operation.as_str());
    assert_eq!(of, (tenant.id.as_str(), operation.id.as_str()));
    Ok(())
}

#[tokio::test]
async fn refusals_of_strangers_are_counted_and_logged_together() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    let unknown = deployment.anonymous().with_key("wf_live_nobodysnobodysnobodysnobodys");
    let (malformed, none) = (deployment.anonymous().with_key("no key"), deployment.anonymous());
    for stranger in [&unknown, &malformed, &none, &none].into_iter().cycle().take(40) {
        stranger.get("/v1/me").await?.expect(401)?;
    }
    let count = "SELECT FROM ward.audit_leaf WHERE body::json ->> 'action' = 'access.refused'";
    assert_eq!(deployment.database.run("postgres", count).await?, 0, "nobody buys rows by knocking");

    let database = deployment.stop().await?;
    let sum = "SELECT FROM ward.audit_leaf WHERE body::json ->> 'action' = 'access.refused' AND body::json ->> 'outcome' = 'success' AND tenant = '00000000-0000-7000-8000-000000000000'
               GROUP BY tenant HAVING sum((body::json -> 'details' ->> 'count')::int) = 40 AND count(*) <= 2";
    assert_eq!(database.run("postgres", sum).await?, 1, "all are told, by the minute");
    Ok(())
}

/// Two ways in which the log can't be written.
const UNWRITABLE: [(&str, &str); 2] = [
    (
        "REVOKE INSERT ON ward.audit_leaf FROM ward_app",
        "GRANT INSERT (tenant, id, body, mac, source) ON ward.audit_leaf TO ward_app",
    ),
    (
        "CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'Theodora: no space left'; END $$;
         CREATE TRIGGER full_disk BEFORE INSERT ON ward.audit_leaf FOR EACH ROW EXECUTE FUNCTION public.full()",
        "DROP TRIGGER full_disk ON ward.audit_leaf",
    ),
];

#[tokio::test]
async fn without_the_log_nothing_is_changed_nothing_is_shown_and_nobody_is_told_why() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?; // none runs while the log is broken
    let tenant = deployment.tenant("Clinic").await?;
    let powerless = tenant.with(&[]).await?;
    for (break_it, mend_it) in UNWRITABLE {
        let mut cases = Vec::new();
        for operation in operations(&tenant.client).await? {
            cases.push((case(&operation.id, &tenant.client).await?, operation));
        }
        deployment.database.run("postgres", break_it).await?;
        let before = digest_beside_work(&deployment, &tenant.id).await?;

        for (case, operation) in &cases {
            let answer = tenant.client.send(&operation.ask(case)).await?;
            if operation.changes() || operation.discloses {
                closed(operation, &answer)?;
            } else {
                assert_eq!(answer.status, 200, "{} needs no log: {}", operation.id, answer.text());
            }
            if operation.permission.is_some() {
                closed(operation, &powerless.send(&operation.ask(case)).await?)?;
            }
            for name in operation.path_ids() {
                let unknown = operation.ask(&case.with(name, &nobody().to_string()));
                closed(operation, &tenant.client.send(&unknown).await?)?;
            }
        }

        let after = digest_beside_work(&deployment, &tenant.id).await?;
        assert_eq!(changed(&before, &after), [""; 0], "{break_it}");
        deployment.database.run("postgres", mend_it).await?;
        for (case, operation) in &cases {
            let answer = tenant.client.send(&operation.ask(case)).await?;
            assert!((200..300).contains(&answer.status), "{}: {}", operation.id, answer.text());
        }
    }
    Ok(())
}

fn closed(operation: &Operation, answer: &Answer) -> Outcome {
    let told = format!("{}: {}", operation.id, answer.text());
    assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"), "{told}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{told}");
    assert!(answer.header("retry-after").is_some(), "{told}");
    for hidden in PERSONAL.into_iter().chain(["audit", "ward_app", "SQL", "permission denied"]) {
        assert!(!answer.text().contains(hidden), "{told}");
    }
    Ok(())
}
