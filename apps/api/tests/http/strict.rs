//! Bodies, strictly: every operation's valid body is spoilt in every place, and each time the place is named.

use serde_json::{Value, json};

use crate::support::{
    Ask, Case, Client, Deployment, Operation, Outcome, Payload, case, changed, digest, operations,
};

const CANARY: &str = "Zq7-canary";
/// A well-known test number: it passes the check that card numbers do.
const CARD: &str = "4111 1111 1111 1111";

/// Where a value lies within another, as a JSON Pointer.
fn places(value: &Value, at: &str) -> Vec<String> {
    let mut found = vec![at.to_owned()];
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, inner)| found.extend(places(inner, &format!("{at}/{name}"))))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, inner)| found.extend(places(inner, &format!("{at}/{n}"))));
        }
        _ => {}
    }
    found
}

/// The JSON text of `value`, with every member of the object at `twice` named twice.
fn doubled(value: &Value, at: &str, twice: &str) -> String {
    match value {
        Value::Object(map) => {
            let member = |(name, inner): (&String, &Value)| {
                let text = format!("{}:{}", json!(name), doubled(inner, &format!("{at}/{name}"), twice));
                if at == twice { format!("{text},{text}") } else { text }
            };
            format!("{{{}}}", map.iter().map(member).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Every operation that takes JSON, with a valid body.
async fn bodies(client: &Client) -> Outcome<Vec<(Operation, Case, Value)>> {
    let mut bodies = Vec::new();
    for operation in operations(client).await? {
        let case = case(&operation.id, client).await?;
        if let Payload::Json(body) = case.payload.clone() {
            bodies.push((operation, case, body));
        }
    }
    if bodies.len() < 6 { Err("too few bodies".into()) } else { Ok(bodies) }
}

fn ask(operation: &Operation, case: &Case, body: impl Into<Vec<u8>>) -> Ask {
    let plain = Case { payload: Payload::None, ..case.clone() };
    operation.ask(&plain).typed("application/json", body)
}

#[tokio::test]
async fn what_is_wrong_in_a_body_is_named_by_its_place_and_changes_nothing() -> Outcome {
    let deployment = Deployment::shared().await?;
    let client = deployment.tenant("Clinic").await?.client;
    let mut spoilt = 0;
    for (operation, case, body) in bodies(&client).await? {
        for place in places(&body, "") {
            let here = body.pointer(&place).ok_or("nowhere")?;
            let mut tries = Vec::new();
            for other in [json!(4111), json!([CANARY]), json!({ CANARY: CANARY }), json!(true), json!(CANARY)]
            {
                // Another value of the same type may be a good one.
                if std::mem::discriminant(&other) != std::mem::discriminant(here) {
                    let mut spoilt = body.clone();
                    *spoilt.pointer_mut(&place).ok_or("nowhere")? = other;
                    tries.push((spoilt.to_string(), place.clone()));
                }
            }
            if let Some(members) = here.as_object() {
                // What isn't required may be null, so that nothing but the brackets is wrong.
                let mut unnamed = body.clone();
                *unnamed.pointer_mut(&place).ok_or("nowhere")? = json!(vec![Value::Null; members.len()]);
                tries.push((unnamed.to_string(), place.clone()));
                for value in [json!(CANARY), Value::Null] {
                    let mut more = body.clone();
                    more.pointer_mut(&place).ok_or("nowhere")?["no_such_field"] = value;
                    tries.push((more.to_string(), format!("{place}/no_such_field")));
                }
                tries.push((doubled(&body, "", &place), place.clone()));
            }
            for (text, place) in tries {
                let answer = client.send(&ask(&operation, &case, text.clone())).await?;
                let told = format!("{} {text}: {}", operation.id, answer.text());
                assert_eq!(answer.status, 422, "{told}");
                let named = answer.json()["errors"][0]["pointer"].as_str().map(str::to_owned);
                assert!(named.is_some_and(|named| named.starts_with(&place)), "not named `{place}`: {told}");
                let detail = answer.json()["errors"][0]["detail"].to_string();
                assert!(
                    !detail.contains(CANARY) && !answer.json()["detail"].to_string().contains(CANARY),
                    "{told}"
                );
                spoilt += 1;
            }
        }
    }
    assert!(spoilt > 150, "only {spoilt} bodies were spoilt");
    Ok(())
}

/// Values just beyond what a schema allows.
fn beyond(schema: &Value) -> Vec<Value> {
    let length = |name: &str| schema[name].as_u64().and_then(|length| usize::try_from(length).ok());
    let mut values = Vec::new();
    values.extend(schema["maximum"].as_f64().map(|most| json!(most as i64 + 1)));
    values.extend(schema["minimum"].as_f64().map(|least| json!(least as i64 - 1)));
    values.extend(length("maxLength").map(|most| json!("x".repeat(most + 1))));
    values.extend(length("minLength").filter(|least| *least > 0).map(|least| json!("x".repeat(least - 1))));
    values.extend(length("maxItems").map(|most| json!(vec!["tenant.read"; most + 1])));
    values
}

/// The schema itself, where it is a reference or may be null.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|place| document.pointer(place.trim_start_matches('#'))) {
        Some(found) => resolved(document, found),
        None => schema["anyOf"]
            .as_array()
            .and_then(|any| any.first())
            .map_or(schema, |any| resolved(document, any)),
    }
}

/// Every place of a schema's object with a value beyond its bounds.
fn breaches(document: &Value, schema: &Value, at: &str) -> Vec<(String, Value)> {
    let members = resolved(document, schema)["properties"].as_object().into_iter().flatten();
    let of = members.flat_map(|(name, schema)| {
        let at = format!("{at}/{name}");
        let mut found = breaches(document, schema, &at);
        found.extend(beyond(resolved(document, schema)).into_iter().map(|value| (at.clone(), value)));
        found
    });
    of.collect()
}

#[tokio::test]
async fn every_bound_that_the_document_states_is_kept() -> Outcome {
    let client = Deployment::shared().await?.tenant("Clinic").await?.client;
    let document = client.get("/openapi.json").await?.expect(200)?;
    let mut tried = 0;
    for (operation, case, body) in bodies(&client).await? {
        let described = &document["paths"][&operation.path][&operation.method];
        let schema = described.pointer("/requestBody/content/application~1json/schema").ok_or("no schema")?;
        for (place, value) in breaches(&document, schema, "") {
            let (parent, name) = place.rsplit_once('/').ok_or("no parent")?;
            let mut spoilt = body.clone();
            spoilt.pointer_mut(parent).ok_or("the fixture lacks an object")?[name] = value;
            let answer = client.send(&ask(&operation, &case, spoilt.to_string())).await?;
            let told = format!("{} beyond {place}: {} {}", operation.id, answer.status, answer.text());
            assert_eq!(answer.status, 422, "{told}");
            assert!(answer.text().contains(&format!("\"pointer\":\"{place}")), "{told}");
            tried += 1;
        }
    }
    assert!(tried >= 12, "only {tried} bounds were tried");
    Ok(())
}

#[tokio::test]
async fn a_change_that_names_nothing_is_refused_and_leaves_nothing() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let changes = bodies(&tenant.client).await?.into_iter().filter(|(of, ..)| of.method == "patch");
    let (changes, mut tried) = (changes.collect::<Vec<_>>(), 0);
    let before = digest(deployment, &tenant.id).await?;
    for (operation, case, body) in &changes {
        let objects = body.as_object().ok_or("no object")?.iter().filter(|(_, inner)| inner.is_object());
        let nothings = objects.map(|(name, _)| (format!("/{name}"), json!({ name: {} })));
        let null = body.get("fields").map(|_| ("/fields".to_owned(), json!({ "fields": null })));
        for (place, nothing) in nothings.chain(null).chain([(String::new(), json!({}))]) {
            let refused =
                tenant.client.send(&ask(operation, case, nothing.to_string())).await?.expect(422)?;
            assert_eq!(refused["errors"][0]["pointer"], place, "{} {nothing}", operation.id);
            tried += 1;
        }
    }
    assert!(tried >= 6, "only {tried} were tried");
    assert_eq!(changed(&before, &digest(deployment, &tenant.id).await?), [""; 0]);

    // Nor does a change to what is so already.
    let (operation, case, _) = changes.iter().find(|(of, ..)| of.id == "changeTenant").ok_or("gone")?;
    tenant.client.send(&operation.ask(case)).await?.expect(200)?;
    let before = digest(deployment, &tenant.id).await?;
    tenant.client.send(&operation.ask(case)).await?.expect(200)?;
    assert_eq!(changed(&before, &digest(deployment, &tenant.id).await?), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_card_number_is_refused_wherever_text_is_taken() -> Outcome {
    let deployment = Deployment::shared().await?;
    let client = deployment.tenant("Clinic").await?.client;
    let mut tried = 0;
    for (operation, case, body) in bodies(&client).await? {
        for place in places(&body, "") {
            if body.pointer(&place).is_some_and(Value::is_string) {
                let hyphened = CARD.replace(' ', "-");
                for card in [
                    CARD.to_owned(),
                    CARD.replace(' ', ""),
                    format!("see {hyphened}."),
                    format!("{hyphened}.example"),
                ] {
                    let mut spoilt = body.clone();
                    *spoilt.pointer_mut(&place).ok_or("nowhere")? = json!(card);
                    let answer = client.send(&ask(&operation, &case, spoilt.to_string())).await?;
                    let told = format!("{} {place}: {}", operation.id, answer.text());
                    assert_eq!(answer.status, 422, "{told}");
                    assert!(
                        !["4111 1", "4111-1", "4111111"].iter().any(|part| answer.text().contains(part)),
                        "{told}"
                    );
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 30, "only {tried} places take text");
    Ok(())
}

#[tokio::test]
async fn text_that_would_break_a_log_or_a_page_is_refused_or_kept_as_it_is() -> Outcome {
    let client = Deployment::shared().await?.tenant("Clinic").await?.client;
    let nasty = [
        "a\u{0}b",
        "a\nb",
        "a\u{202e}b",
        "\u{feff}",
        " ",
        "a\u{2028}b",
        "\u{7f}",
        "'; DROP TABLE ward.subject; --",
    ];
    for text in nasty {
        let body = json!({ "kind": "patient", "fields": { "given_name": text } });
        let made = client.post("/v1/subjects", body).await?;
        match made.status {
            422 => {}
            201 => {
                let shown = client
                    .get(&format!("/v1/subjects/{}", made.json()["id"].as_str().ok_or("no id")?))
                    .await?;
                assert_eq!(shown.expect(200)?["fields"]["given_name"], text);
            }
            other => panic!("{text:?} is answered with {other}: {}", made.text()),
        }
    }
    Ok(())
}
