//! Sent twice, done once.

use futures::future::join_all;
use serde_json::json;

use crate::support::{Answer, Ask, Case, Deployment, Outcome, Payload, case, nobody, operations, subject};

fn once(path: &str, key: &str, body: &serde_json::Value) -> Ask {
    Ask::new("POST", path).header("idempotency-key", key).json(body)
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[tokio::test]
async fn fifty_at_once_have_one_effect() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let body = subject();
    let ask = || once("/v1/subjects", "\"the one\"", &body);
    let asks: Vec<_> = (0..50).map(|_| ask()).collect();
    let answers = join_all(asks.iter().map(|ask| tenant.client.send(ask))).await;
    let answers: Vec<_> = answers.into_iter().collect::<Outcome<_>>()?;

    let (made, rest): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 201 && !is_replay(answer));
    assert_eq!(made.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    for answer in rest {
        match answer.status {
            201 => assert_eq!(answer.body, made[0].body),
            _ => assert_eq!(
                (answer.status, answer.problem().as_str()),
                (409, "in-flight"),
                "{}",
                answer.text()
            ),
        }
    }
    let sql = format!("SELECT FROM ward.subject WHERE tenant = '{}'", tenant.id);
    assert_eq!(deployment.database.run("postgres", sql).await?, 1);
    let sql = format!(
        "SELECT FROM ward.audit_leaf WHERE tenant = '{}' AND body::json ->> 'action' = 'subject.created'",
        tenant.id
    );
    assert_eq!(deployment.database.run("postgres", sql).await?, 1);

    // A bare key means the same as a quoted one.
    let replay = tenant.client.send(&once("/v1/subjects", "the one", &body)).await?;
    assert!(replay.status == 201 && is_replay(&replay) && replay.body == made[0].body, "{}", replay.text());
    Ok(())
}

#[tokio::test]
async fn a_check_that_was_answered_is_not_run_again() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?; // the next checks are minutes away
    let tenant = deployment.tenant("Clinic").await?;
    let runs = || deployment.database.run("postgres", "SELECT FROM ward.probe_run");
    let before = runs().await?;
    let ask = once("/v1/claims/database-limits-by-role/check", "the one", &json!({}));
    let first = tenant.client.send(&ask).await?;
    first.expect(200)?;
    let answers = join_all((0..50).map(|_| tenant.client.send(&ask))).await;
    for answer in answers {
        let answer = answer?;
        assert!(answer.status == 200 && is_replay(&answer) && answer.body == first.body, "{}", answer.text());
    }
    assert_eq!(runs().await?, before + 1);

    let other = once("/v1/claims/database-limits-by-role/check", "another", &json!({}));
    let answers = join_all((0..50).map(|_| tenant.client.send(&other))).await;
    let answers: Vec<_> = answers.into_iter().collect::<Outcome<_>>()?;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200 && !is_replay(answer)).count(), 1);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(runs().await?, before + 2);
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn every_operation_that_says_so_answers_again_what_it_answered() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let mut tried = 0;
    for operation in operations(&tenant.client).await?.iter().filter(|operation| operation.idempotent) {
        let case = case(&operation.id, &tenant.client).await?;
        let ask = || operation.ask(&case).header("idempotency-key", &operation.id);
        let (first, again) = (tenant.client.send(&ask()).await?, tenant.client.send(&ask()).await?);
        assert!(
            (200..300).contains(&first.status) && !is_replay(&first),
            "{}: {}",
            operation.id,
            first.text()
        );
        assert!(is_replay(&again), "{}: {}", operation.id, again.text());
        assert_eq!((first.status, first.text()), (again.status, again.text()), "{}", operation.id);
        // The same key with another body, or about another row, is another request.
        let mut others: Vec<_> =
            case.ids.iter().map(|(name, _)| case.with(name, &nobody().to_string())).collect();
        if let Payload::Json(body) = &case.payload {
            let mut body = body.clone();
            body["name"] = "Another".into();
            others.push(Case { payload: Payload::Json(body), ..case.clone() });
        }
        for other in others {
            let ask = operation.ask(&other).header("idempotency-key", &operation.id);
            tenant.client.send(&ask).await?.expect(422)?;
        }
        tried += 1;
    }
    assert!(tried >= 5, "only {tried} operations are idempotent");
    Ok(())
}

#[tokio::test]
async fn a_key_is_its_senders_own() -> Outcome {
    let deployment = Deployment::shared().await?;
    let (one, other) = (deployment.tenant("One").await?, deployment.tenant("Other").await?);
    let colleague = one.with(&["subjects.create"]).await?;
    let body = subject();
    let first = one.client.send(&once("/v1/subjects", "shared", &body)).await?;
    first.expect(201)?;
    let foreign = other.client.send(&once("/v1/subjects", "shared", &body)).await?;
    assert!(
        foreign.status == 201 && !is_replay(&foreign) && foreign.body != first.body,
        "{}",
        foreign.text()
    );
    // A colleague isn't shown the answer either; the subject's own name is taken now.
    let own = colleague.send(&once("/v1/subjects", "shared", &body)).await?;
    assert!(own.status == 409 && own.problem() == "taken", "{}", own.text());
    Ok(())
}

#[tokio::test]
async fn a_refused_request_may_be_sent_again_under_its_key() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let wrong = json!({ "kind": "patient", "fields": { "email": "no address" } });
    tenant.client.send(&once("/v1/subjects", "mended", &wrong)).await?.expect(422)?;
    let made = tenant.client.send(&once("/v1/subjects", "mended", &subject())).await?;
    assert!(made.status == 201 && !is_replay(&made), "{}", made.text());
    Ok(())
}

#[tokio::test]
async fn a_kept_answer_is_sealed_and_gone_with_the_key_that_asked() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let body = json!({ "name": "Kept", "mode": "live", "permissions": ["tenant.read"] });
    let made = tenant.client.send(&once("/v1/api-keys", "secret", &body)).await?.expect(201)?;
    let secret = made["key"].as_str().ok_or("no key")?;
    let kept = |what: &str| {
        format!(
            "SELECT FROM ward.idempotency WHERE tenant = '{}' AND position('{what}'::bytea in answer) > 0",
            tenant.id
        )
    };
    let database = &deployment.database;
    let any = format!("SELECT FROM ward.idempotency WHERE tenant = '{}'", tenant.id);
    assert_eq!(database.run("postgres", any).await?, 1);
    for part in [secret, &secret[secret.len() - 8..], "permissions", "tenant.read"] {
        assert_eq!(database.run("postgres", kept(part)).await?, 0, "`{part}` lies in clear");
    }
    // Nobody gets it with a key that was revoked meanwhile.
    let (id, other) = tenant.key("live", &["api_keys.create", "tenant.read"]).await?;
    other.send(&once("/v1/api-keys", "mine", &body)).await?.expect(201)?;
    tenant.client.send(&Ask::new("DELETE", format!("/v1/api-keys/{id}"))).await?.expect(204)?;
    other.send(&once("/v1/api-keys", "mine", &body)).await?.expect(401)?;
    Ok(())
}

#[tokio::test]
async fn what_is_no_key_is_malformed() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let long = "x".repeat(256);
    for key in ["", "\"\"", long.as_str(), "\u{e9}"] {
        let answer = tenant.client.send(&once("/v1/subjects", key, &subject())).await?;
        assert_eq!(answer.status, 400, "`{key}`: {}", answer.text());
    }
    let twice = once("/v1/subjects", "a", &subject()).header("idempotency-key", "b");
    tenant.client.send(&twice).await?.expect(400)?;
    Ok(())
}
