//! Every refusal is a problem document, whoever refused: a handler, the router, the parser. None tells what was sent.

use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, Client, Deployment, Operation, Outcome, case, left, nobody, operations, subject,
};

/// Sent wherever something can be sent; told nowhere.
const CANARY: &str = "Zq7-canary";

fn is_problem(told: &str, answer: &Answer, status: u16, kind: &str) {
    let told = format!("{told}: {} {}", answer.status, answer.text());
    assert_eq!(answer.status, status, "{told}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{told}");
    let problem = answer.json();
    let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(word("type"), format!("urn:ward:problem:{kind}"), "{told}");
    assert!(!word("title").is_empty() && !word("detail").is_empty(), "{told}");
    assert_eq!(problem["status"], status, "{told}");
    assert_eq!(word("instance"), answer.id, "{told}");
    assert_eq!(answer.header("x-request-id"), Some(answer.id.as_str()), "{told}");
    assert!(!answer.text().contains(CANARY), "{told}");
    for header in [
        "content-security-policy",
        "permissions-policy",
        "x-content-type-options",
        "strict-transport-security",
    ] {
        assert!(answer.header(header).is_some(), "{header} is missing: {told}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{told}");
}

async fn client() -> Outcome<Client> {
    Ok(Deployment::shared().await?.tenant("Clinic").await?.client)
}

#[tokio::test]
async fn every_refusal_is_a_problem_document() -> Outcome {
    let client = client().await?;
    let subjects = || Ask::new("POST", "/v1/subjects");
    let import = |query: &str| Ask::new("POST", format!("/v1/imports{query}"));
    let get = |path: String| Ask::new("GET", path);
    let dated = |day: &str| {
        let record = json!({ "category": "clinical_note", "fields": {}, "occurred_on": day });
        Ask::new("POST", format!("/v1/subjects/{}/records", nobody())).json(&record)
    };
    let asks = [
        (get("/".into()), 404, "absent"),
        (get(format!("/{CANARY}")), 404, "absent"),
        (get(format!("/v1/subjects/{}", nobody())), 404, "absent"),
        (get(format!("/v1/subjects/{CANARY}")), 400, "malformed"),
        (get("/v1/subjects/%00".into()), 400, "malformed"),
        (get(format!("/v1/subjects/%ff{CANARY}")), 400, "malformed"),
        (get(format!("/v1/subjects?limit={CANARY}")), 422, "invalid"),
        (get("/v1/subjects?limit=0".into()), 422, "invalid"),
        (get("/v1/subjects?limit=201".into()), 422, "invalid"),
        (get("/v1/subjects?limit=-1".into()), 422, "invalid"),
        (get("/v1/subjects?limit=99999999999999999999".into()), 422, "invalid"),
        (get(format!("/v1/subjects?kind={CANARY}")), 422, "invalid"),
        (get("/v1/subjects?limit=1&limit=2".into()), 422, "invalid"),
        (get("/v1/audit/export?format=csv&%66ormat=csv".into()), 422, "invalid"),
        (get("/v1/subjects?external_ref=x".into()), 422, "invalid"),
        (get(format!("/v1/subjects?cursor={CANARY}")), 422, "invalid"),
        (get(format!("/v1/audit/events?from={CANARY}")), 422, "invalid"),
        (get(format!("/v1/audit/events?entity={CANARY}")), 422, "invalid"),
        (get("/v1/audit/events?action=a%00b".into()), 422, "invalid"),
        // Years that the database doesn't know.
        (get("/v1/audit/events?from=-5000-01-01T00:00:00Z".into()), 422, "invalid"),
        (get("/v1/audit/export?format=csv&to=-5000-01-01T00:00:00Z".into()), 422, "invalid"),
        (get("/v1/claims/tenant-isolation/evidence?from=-5000-01-01T00:00:00Z".into()), 422, "invalid"),
        (dated("-5000-01-01"), 422, "invalid"),
        (dated("2026-1-2"), 422, "invalid"),
        (get(format!("/v1/audit/export?format={CANARY}")), 422, "invalid"),
        (get("/v1/audit/export".into()), 422, "invalid"),
        (get(format!("/v1/claims/{CANARY}/evidence")), 404, "absent"),
        (subjects(), 415, "unsupported-media-type"),
        (subjects().typed("text/plain", CANARY), 415, "unsupported-media-type"),
        (subjects().typed(CANARY, "{}"), 415, "unsupported-media-type"),
        (subjects().typed("application/json", ""), 400, "malformed"),
        (subjects().typed("application/json", format!("{{\"kind\": {CANARY}")), 400, "malformed"),
        (subjects().typed("application/json", b"{\"kind\": \"\xff\"}".to_vec()), 400, "malformed"),
        (subjects().typed("application/json", "[]"), 422, "invalid"),
        (subjects().typed("application/json", format!("\"{CANARY}\"")), 422, "invalid"),
        (subjects().json(&subject()).header("idempotency-key", ""), 400, "malformed"),
        (subjects().json(&subject()).header("content-encoding", "gzip"), 415, "unsupported-media-type"),
        (
            import("?kind=patient").typed("text/csv", "").header("content-encoding", "br"),
            415,
            "unsupported-media-type",
        ),
        (get("/v1/me".into()).header("x-api-key", client.key()), 401, "unauthenticated"),
        (import("?kind=clinician"), 415, "unsupported-media-type"),
        (import("?kind=clinician").typed("application/json", "{}"), 415, "unsupported-media-type"),
        (import("").typed("text/csv", "external_ref\n"), 422, "invalid"),
        (import(&format!("?kind={CANARY}")).typed("text/csv", "external_ref\n"), 422, "invalid"),
        (import("?kind=clinician").typed("text/csv", ""), 422, "invalid"),
        (Ask::new("POST", "/v1/claims/soc2-own/check"), 409, "unprobed"),
    ];
    for (ask, status, kind) in asks {
        let answer = client.send(&ask).await?;
        is_problem(&format!("{} {}", ask.method, ask.path), &answer, status, kind);
    }
    let anonymous = Deployment::shared().await?.anonymous();
    let answer = anonymous.get("/v1/me").await?;
    is_problem("GET /v1/me", &answer, 401, "unauthenticated");
    assert!(answer.header("www-authenticate").is_some());
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_parameter_is_told_at_its_place() -> Outcome {
    let client = client().await?;
    let path = client.get("/v1/subjects/x").await?.expect(400)?;
    assert_eq!(path["detail"], "the id in the path is not written as one");
    for (query, detail) in [("", "must be given"), ("?kind=x", "is not a value this parameter takes")] {
        let ask = Ask::new("POST", format!("/v1/imports{query}")).typed("text/csv", "");
        let fault = client.send(&ask).await?.expect(422)?["errors"][0].clone();
        assert_eq!(fault, json!({ "pointer": "?kind", "detail": detail }));
    }
    Ok(())
}

#[tokio::test]
async fn a_parameter_that_an_operation_does_not_have_is_refused_but_where_others_add_some() -> Outcome {
    const LENIENT: [&str; 3] = ["health", "ready", "trustPage"];
    let client = client().await?;
    let document = client.get("/openapi.json").await?.expect(200)?;
    for operation in operations(&client).await? {
        let mut ask = operation.ask(&case(&operation.id, &client).await?);
        let joint = if ask.path.contains('?') { '&' } else { '?' };
        ask.path = format!("{}{joint}{CANARY}=1", ask.path);
        let answer = client.send(&ask).await?;
        let told = &document["paths"][&operation.path][&operation.method]["responses"]["422"];
        if LENIENT.contains(&operation.id.as_str()) {
            assert_eq!((answer.status, told.is_null()), (200, true), "{}", operation.id);
        } else {
            let refused = answer.expect(422)?;
            assert_eq!(refused["errors"][0]["pointer"], format!("?{CANARY}"), "{}", operation.id);
            assert!(!told.is_null(), "{} refuses what the document doesn't say", operation.id);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_method_that_a_path_does_not_know_is_told_which_it_knows() -> Outcome {
    let client = client().await?;
    let operations = operations(&client).await?;
    let methods = ["get", "post", "put", "patch", "delete", "options", "trace", "head"];
    let mut refused = 0;
    for path in operations.iter().map(|operation| &operation.path) {
        let known: Vec<_> =
            operations.iter().filter(|of| of.path == *path).map(|of| of.method.as_str()).collect();
        for method in methods.iter().filter(|method| !known.contains(method)) {
            let answer = client.send(&Ask::new(method, path.replace("{id}", &nobody().to_string()))).await?;
            if *method == "head" {
                assert!(answer.body.is_empty(), "HEAD {path} has a body");
                continue;
            }
            is_problem(&format!("{method} {path}"), &answer, 405, "method-not-allowed");
            let allow = answer.header("allow").unwrap_or_default().to_lowercase();
            let mut allowed: Vec<_> = allow.split(", ").filter(|method| *method != "head").collect();
            allowed.sort_unstable();
            let mut known = known.clone();
            known.sort_unstable();
            assert_eq!(allowed, known, "{method} {path}");
            refused += 1;
        }
    }
    assert!(refused > 80, "only {refused} were refused");
    Ok(())
}

#[tokio::test]
async fn head_shows_no_more_than_get_and_is_logged_like_it() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let made = tenant.client.post("/v1/subjects", subject()).await?.expect(201)?;
    let ask = Ask::new("HEAD", format!("/v1/subjects/{}", made["id"].as_str().ok_or("no id")?));
    let answer = tenant.client.send(&ask).await?;
    let left = left(&deployment.database, &ask.id).await?;
    assert!(answer.status == 405 || left.len() == 1, "HEAD answers {} and leaves {left:?}", answer.status);
    let ask = Ask::new("HEAD", ask.path);
    let anonymous = deployment.anonymous().send(&ask).await?;
    assert!([401, 405].contains(&anonymous.status), "{}", anonymous.status);
    Ok(())
}

#[tokio::test]
async fn a_body_too_large_is_refused_as_such() -> Outcome {
    let client = client().await?;
    let mut body = subject();
    body["fields"]["given_name"] = "x".repeat(1 << 20).into();
    let mut refused = 0;
    let reads_json =
        |of: &&Operation| of.changes() && of.id != "importData" && !of.method.eq_ignore_ascii_case("DELETE");
    for operation in operations(&client).await?.iter().filter(reads_json) {
        let path = operation.path.replace("{id}", &nobody().to_string());
        let answer = client.send(&Ask::new(&operation.method, path).json(&body)).await?;
        // Those that take no body don't read it.
        if answer.status != 404 {
            is_problem(&operation.id, &answer, 413, "too-large");
            refused += 1;
        }
    }
    assert!(refused >= 7, "only {refused} were refused");
    let fits = Ask::new("POST", "/v1/subjects").typed("application/json", " ".repeat((1 << 20) - 1));
    is_problem("a megabyte of nothing", &client.send(&fits).await?, 400, "malformed");
    Ok(())
}

#[tokio::test]
async fn nesting_without_end_is_refused_without_harm() -> Outcome {
    let client = client().await?;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        for body in [deep.clone(), format!("{{\"kind\":\"patient\",\"fields\":{{\"given_name\":{deep}}}}}")] {
            let answer =
                client.send(&Ask::new("POST", "/v1/subjects").typed("application/json", body)).await?;
            assert!([400, 422].contains(&answer.status), "{}", answer.text());
        }
    }
    client.get("/v1/me").await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_request_id_is_taken_where_it_is_sound_and_made_where_it_is_not() -> Outcome {
    let client = client().await?;
    for wrong in ["", "a b", "<script>", &"x".repeat(129), "someone@example.org", "4111-1111-1111-1111"] {
        let answer = client.send(&Ask::new("GET", "/nowhere").under_id(wrong)).await?;
        let told: Value = answer.json();
        assert_ne!(told["instance"], wrong);
        assert_eq!(told["instance"].as_str(), answer.header("x-request-id"));
    }
    Ok(())
}
