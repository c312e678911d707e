//! People erased: what is left of them, who is told what, and what the ledger has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use futures::future::{try_join, try_join_all};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{
    Ask, Client, Deployment, Lockers, Outcome, PERSONAL, State, Tenant, left, nobody, subject,
};

/// Somebody with a record, whose fields were changed.
async fn somebody(tenant: &Tenant) -> Outcome<String> {
    let client = &tenant.client;
    let id = made(client, "/v1/subjects", subject()).await?;
    let record =
        json!({ "category": "clinical_note", "occurred_on": "2026-01-01", "fields": { "text": "Seen." } });
    made(client, &format!("/v1/subjects/{id}/records"), record).await?;
    let change = json!({ "fields": { "given_name": "Dorothea" } });
    client.send(&Ask::new("PATCH", format!("/v1/subjects/{id}")).json(&change)).await?.expect(200)?;
    Ok(id)
}

async fn made(client: &Client, path: &str, body: Value) -> Outcome<String> {
    let made = client.post(path, body).await?.expect(201)?;
    Ok(made["id"].as_str().ok_or("no id")?.to_owned())
}

async fn erase(client: &Client, id: &str, reason: &str) -> Outcome<Value> {
    client.post(&format!("/v1/subjects/{id}/erasure"), json!({ "reason": reason })).await?.expect(200)
}

async fn found(client: &Client, query: &str) -> Outcome<usize> {
    let found = client.get(&format!("/v1/subjects?{query}")).await?.expect(200)?;
    Ok(found["items"].as_array().ok_or("no items")?.len())
}

async fn rows(deployment: &Deployment, table: &str, condition: &str) -> Outcome<u64> {
    Ok(deployment.database.run("postgres", format!("SELECT FROM ward.{table} WHERE {condition}")).await?)
}

#[tokio::test]
async fn who_is_erased_is_found_by_nothing_opens_nowhere_and_is_answered_the_same_ever_after() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (client, id) = (&tenant.client, somebody(&tenant).await?);
    let path = format!("/v1/subjects/{id}");
    client.get(&format!("{path}/erasure")).await?.expect(404)?;
    let replica = deployment.replica().await?;
    let other = replica.anonymous().with_key(client.key().to_owned());
    let (email, phone) = ("email=theodora.quill@example.org", "phone=%2B447700900123");
    for client in [client, &other] {
        let shown = client.get(&path).await?.expect(200)?;
        assert_eq!(
            (shown["fields"]["given_name"].as_str(), found(client, email).await?),
            (Some("Dorothea"), 1)
        );
    }

    let erased = erase(client, &id, "objected").await?;
    for client in [client, &other] {
        let shown = client.get(&path).await?.expect(200)?;
        let nothing = (&json!({}), &Value::Null, &Value::Null);
        assert_eq!((&shown["fields"], &shown["external_ref"], &shown["jurisdiction"]), nothing, "at once");
        assert_eq!((found(client, email).await?, found(client, phone).await?), (0, 0));
        let records = client.get(&format!("{path}/records")).await?.expect(200)?;
        assert_eq!(records["items"], json!([]));
        let change = json!({ "fields": { "given_name": "Back" } });
        let refused = client.send(&Ask::new("PATCH", &*path).json(&change)).await?.expect(409)?;
        assert!(refused["type"].as_str().is_some_and(|kind| kind.ends_with("erased")), "{refused}");
        let record = json!({ "category": "clinical_note", "fields": { "text": "Back." } });
        client.post(&format!("{path}/records"), record).await?.expect(409)?;
    }
    replica.stop().await?;

    assert_eq!((&erased["method"], &erased["reason"]), (&json!("cryptographic_erase"), &json!("objected")));
    assert_eq!(erased["removed"], json!({ "records": 1, "values": 1 }));
    let passed =
        json!({ "keys_left": 0, "rows_left": 0, "records_left": 0, "values_left": 0, "passed": true });
    assert_eq!(erased["verification"], passed);
    let unknown =
        [&erased["effective_at"], &erased["backups_kept_days"], &erased["ledger"], &erased["replayed_at"]];
    assert!(unknown.iter().all(|value| value.is_null()), "nothing is made up: {erased}");
    let whose = format!("subject = '{id}'");
    assert_eq!(rows(deployment, "wrapped_key", &whose).await?, 1, "its id is given to no other key");
    assert_eq!(rows(deployment, "wrapped_key", &format!("{whose} AND bytes IS NOT NULL")).await?, 0);

    let again = Ask::new("POST", format!("{path}/erasure")).json(&json!({ "reason": "requested" }));
    assert_eq!(client.send(&again).await?.expect(200)?, erased, "once is for good");
    let left = left(&deployment.database, &again.id).await?;
    let actions: Vec<_> = left.iter().map(|event| &*event.action).collect();
    assert_eq!(actions, ["subject.erasure_requested"]);
    assert_eq!(client.get(&format!("{path}/erasure")).await?.expect(200)?, erased);
    let told = client.get(&format!("/v1/audit/events?entity={id}&limit=200")).await?.expect(200)?;
    for action in ["subject.erasure_requested", "key.destroyed", "subject.erased", "subject.changed"] {
        let items = told["items"].as_array().ok_or("no items")?;
        let event = items.iter().find(|event| event["action"] == action).ok_or(action)?;
        let event = event["id"].as_str().ok_or("no id")?;
        let values = client.get(&format!("/v1/audit/events/{event}/values")).await?.expect(200)?.to_string();
        assert!(!values.contains("shown") && !PERSONAL.iter().any(|held| values.contains(held)), "{values}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_is_erased_for_a_reason_that_is_none_nor_by_another_tenant() -> Outcome {
    let deployment = Deployment::shared().await?;
    let (tenant, other) = (deployment.tenant("Clinic").await?, deployment.tenant("Other").await?);
    let id = somebody(&tenant).await?;
    let path = format!("/v1/subjects/{id}/erasure");
    for wrong in
        [json!({}), json!({ "reason": "Theodora asked" }), json!({ "reason": "requested", "note": "x" })]
    {
        tenant.client.post(&path, wrong).await?.expect(422)?;
    }
    other.client.post(&path, json!({ "reason": "requested" })).await?.expect(404)?;
    let powerless = tenant.with(&["subjects.change", "records.delete", "retention.read"]).await?;
    powerless.post(&path, json!({ "reason": "requested" })).await?.expect(403)?;
    powerless.get(&path).await?.expect(404)?;
    tenant
        .client
        .post(&format!("/v1/subjects/{}/erasure", nobody()), json!({ "reason": "requested" }))
        .await?
        .expect(404)?;
    let shown = tenant.client.get(&format!("/v1/subjects/{id}")).await?.expect(200)?;
    assert_eq!(shown["fields"]["given_name"], "Dorothea");
    Ok(())
}

#[tokio::test]
async fn whatever_is_under_way_ends_before_an_erasure_or_finds_nobody() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let id = somebody(&tenant).await?;
    let (client, path) = (&tenant.client, format!("/v1/subjects/{id}"));
    let changes = try_join_all((0..12).map(async |n| -> Outcome<u16> {
        let change = json!({ "fields": { "given_name": format!("Thea {n}") } });
        Ok(client.send(&Ask::new("PATCH", &*path).json(&change)).await?.status)
    }));
    let erasures = try_join_all((0..4).map(|_| erase(client, &id, "requested")));
    let (changed, erased) = try_join(changes, erasures).await?;
    assert!(changed.iter().all(|status| [200, 409].contains(status)), "{changed:?}");
    assert!(erased.iter().all(|record| *record == erased[0]), "one record");
    let whose = format!("subject = '{id}'");
    assert_eq!(rows(deployment, "audit_value", &whose).await?, 0);
    assert_eq!(rows(deployment, "wrapped_key", &format!("{whose} AND bytes IS NOT NULL")).await?, 0);
    assert_eq!(rows(deployment, "subject", &format!("id = '{id}' AND fields <> ''")).await?, 0);
    Ok(())
}

/// Waits until the ledger has somebody, and says under which number.
async fn entered(client: &Client, id: &str) -> Outcome<u64> {
    for _ in 0..600 {
        let shown = client.get(&format!("/v1/subjects/{id}/erasure")).await?.expect(200)?;
        if let Some(number) = shown["ledger"]["number"].as_u64() {
            return Ok(number);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err("it never got there".into())
}

fn entries(ledger: &Path) -> Outcome<Vec<String>> {
    let mut files: Vec<_> = fs::read_dir(ledger.join("localhost/erasures"))?
        .map(|file| Ok(file?.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    Ok(files.iter().map(fs::read_to_string).collect::<std::io::Result<_>>()?)
}

#[tokio::test]
async fn two_replicas_enter_everybody_once_and_without_a_gap_and_what_waited_is_made_up_for() -> Outcome {
    let (home, away) = (tempdir()?, tempdir()?);
    let settings = [
        ("WARD_ERASURE_LEDGER", format!("file://{}/ledger", home.path().display())),
        ("WARD_BACKUPS_KEPT_DAYS", "7".into()),
    ];
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, &**value)).collect();
    let ledger = home.path().join("ledger");
    fs::create_dir(&ledger)?;
    let deployment = Deployment::start("workforce").await?;
    let before = deployment.tenant("Before").await?;
    let early = somebody(&before).await?;
    assert_eq!(erase(&before.client, &early, "requested").await?["ledger"], Value::Null);
    let key = before.client.key().to_owned();

    let deployment = deployment.set(&settings).await?;
    let client = deployment.anonymous().with_key(key);
    assert_eq!(entered(&client, &early).await?, 1, "who was erased before there was one");
    let replica = deployment.replica_with(&settings).await?;
    let tenant = deployment.tenant("Clinic").await?;
    let other = replica.anonymous().with_key(tenant.client.key().to_owned());
    fs::rename(&ledger, away.path().join("ledger"))?;
    let mut people = Vec::new();
    for n in 0..10 {
        let id = somebody(&tenant).await?;
        let record = erase(if n % 2 == 0 { &tenant.client } else { &other }, &id, "requested").await?;
        assert_eq!((&record["ledger"], &record["backups_kept_days"]), (&Value::Null, &json!(7)));
        let at = |name: &str| {
            record[name].as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok())
        };
        let kept =
            at("effective_at").zip(at("destroyed_at")).map(|(effective, destroyed)| effective - destroyed);
        assert_eq!(kept, Some(chrono::TimeDelta::days(7)));
        people.push(id);
    }
    fs::rename(away.path().join("ledger"), &ledger)?;
    let mut numbers = BTreeSet::new();
    for id in &people {
        numbers.insert(entered(&tenant.client, id).await?);
    }
    assert_eq!(numbers, (2..=11).collect(), "each once");
    let texts = entries(&ledger)?;
    assert_eq!(texts.len(), 11);
    for id in &people {
        let of: Vec<_> = texts.iter().filter(|text| text.contains(&**id)).collect();
        assert_eq!(of.len(), 1, "once");
        assert!(of[0].contains(&tenant.id) && !PERSONAL.iter().any(|held| of[0].contains(held)), "{}", of[0]);
    }
    replica.stop().await
}

/// What the check of erasures sees: how it is, and in words.
async fn check(client: &Client) -> Outcome<(String, String)> {
    let seen = client.post("/v1/claims/erasure/check", json!({})).await?.expect(200)?;
    let word = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
    Ok((word("status"), word("observed")))
}

#[tokio::test]
async fn the_check_tells_what_the_ledger_lacks_and_that_there_is_none() -> Outcome {
    let home = tempdir()?;
    let place = format!("file://{}", home.path().display());
    let deployment = Deployment::start("workforce").await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (status, observed) = check(&tenant.client).await?;
    assert!(status == "degraded" && observed.contains("No ledger"), "{status}: {observed}");
    let key = tenant.client.key().to_owned();

    let deployment = deployment.set(&[("WARD_ERASURE_LEDGER", &place)]).await?;
    let client = deployment.anonymous().with_key(key);
    let tenant = Tenant { id: tenant.id, client };
    for _ in 0..2 {
        let id = somebody(&tenant).await?;
        erase(&tenant.client, &id, "requested").await?;
        entered(&tenant.client, &id).await?;
    }
    let (status, observed) = check(&tenant.client).await?;
    assert!(status == "active" && observed.contains("has 2 erasures"), "{status}: {observed}");
    assert_eq!(rows(&deployment, "key_destroyed", "true").await?, 2, "the check leaves nobody erased");
    assert_eq!(rows(&deployment, "erasure_entry", "true").await?, 2);

    let entry = |number: u64| home.path().join(format!("localhost/erasures/{number:016}"));
    let kept = fs::read_to_string(entry(2))?;
    fs::write(entry(2), fs::read_to_string(entry(1))?)?;
    let (status, observed) = check(&tenant.client).await?;
    assert!(status == "failing" && observed.contains("entry 2 of the ledger isn't"), "{status}: {observed}");
    fs::write(entry(2), kept)?;
    fs::remove_file(entry(1))?;
    let (status, observed) = check(&tenant.client).await?;
    assert!(status == "failing" && observed.contains("1 entries are missing"), "{status}: {observed}");

    // Nothing can be written where no directory is.
    let (ledger, away) = (home.path().join("localhost/erasures"), home.path().join("away"));
    fs::rename(&ledger, &away)?;
    fs::write(&ledger, "")?;
    let id = somebody(&tenant).await?;
    erase(&tenant.client, &id, "requested").await?;
    let waits = |observed: &str| observed.contains("waited for more than a quarter of an hour");
    let (_, observed) = check(&tenant.client).await?;
    assert!(!waits(&observed), "{observed}");
    let earlier =
        "UPDATE ward.erasure_entry SET destroyed_at = destroyed_at - interval '16 min' WHERE number IS NULL";
    deployment.rewrite(earlier).await?;
    let (status, observed) = check(&tenant.client).await?;
    assert!(status == "failing" && waits(&observed), "{status}: {observed}");
    Ok(())
}

/// The wrapped key of somebody, as SQL puts it back.
async fn kept(deployment: &Deployment, id: &str) -> Outcome<String> {
    let key = format!("SELECT encode(bytes, 'hex') FROM ward.wrapped_key WHERE subject = '{id}'");
    let mut root = deployment.database.connect("postgres").await?;
    let bytes: String = sqlx::query_scalar(sqlx::AssertSqlSafe(key)).fetch_one(&mut root).await?;
    Ok(format!(
        "UPDATE ward.wrapped_key SET bytes = '\\x{bytes}', destroyed_at = NULL WHERE subject = '{id}';
         DELETE FROM ward.key_destroyed WHERE subject = '{id}'; DELETE FROM ward.erasure_entry WHERE subject = '{id}'"
    ))
}

#[tokio::test]
async fn a_tenant_whose_key_is_taken_away_isnt_served_after_a_restore_before_its_people_are_erased_again_and_others_are()
-> Outcome {
    let home = tempdir()?;
    let place = format!("file://{}", home.path().display());
    let with = [("WARD_ERASURE_LEDGER", &*place)];
    let deployment = Deployment::start("workforce").await?.set(&with).await?;
    let (own, other) = (deployment.tenant("Own").await?, deployment.tenant("Other").await?);
    let address = format!("locker:{}", nobody());
    let bring = Ask::new("PUT", "/v1/keys/external").json(&json!({ "address": address }));
    own.client.send(&bring).await?.expect(200)?;
    let (mut people, mut back) = (Vec::new(), Vec::new());
    for tenant in [&own, &other] {
        let id = somebody(tenant).await?;
        back.push(kept(&deployment, &id).await?);
        erase(&tenant.client, &id, "requested").await?;
        entered(&tenant.client, &id).await?;
        people.push(id);
    }
    let keys = [&own, &other].map(|tenant| tenant.client.key().to_owned());
    let deployment = deployment.set(&[]).await?;
    deployment.rewrite(&back.join("; ")).await?;
    Lockers::all().find(&address).is(State::Refusing);

    let deployment = deployment.set(&with).await?;
    let [own, other] = keys.map(|key| deployment.anonymous().with_key(key));
    deployment.anonymous().get("/ready").await?.expect(200)?;
    let record = other.get(&format!("/v1/subjects/{}/erasure", people[1])).await?.expect(200)?;
    assert!(record["replayed_at"].is_string(), "{record}");
    let refused = own.get("/v1/tenant").await?;
    assert_eq!((refused.status, &*refused.problem()), (503, "erasures-unsettled"), "{}", refused.text());
    Lockers::all().find(&address).is(State::Well);
    for _ in 0..600 {
        let shown = own.get(&format!("/v1/subjects/{}", people[0])).await?;
        if shown.status == 200 {
            assert_eq!(shown.json()["fields"], json!({}), "served at last, and erased before");
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err("it was never served again".into())
}

#[tokio::test]
async fn a_tenant_whose_key_is_spent_keeps_no_other_from_being_served_after_a_restore() -> Outcome {
    let home = tempdir()?;
    let place = format!("file://{}", home.path().display());
    let with = [("WARD_ERASURE_LEDGER", &*place)];
    let deployment = Deployment::start("workforce").await?.set(&with).await?;
    let (spent, other) = (deployment.tenant("Spent").await?, deployment.tenant("Other").await?);
    let id = somebody(&spent).await?;
    let back = kept(&deployment, &id).await?;
    erase(&spent.client, &id, "requested").await?;
    entered(&spent.client, &id).await?;
    let keys = [&spent, &other].map(|tenant| tenant.client.key().to_owned());
    let deployment = deployment.set(&[]).await?;
    let wear = "INSERT INTO ward.key_use SELECT k.tenant, k.id, 3221225472 FROM ward.wrapped_key k JOIN ward.tenant t USING (tenant)
                WHERE t.name = 'Spent' AND k.purpose = 'tenant' ON CONFLICT (tenant, key) DO UPDATE SET messages = EXCLUDED.messages";
    deployment.rewrite(&format!("{back}; {wear}")).await?;

    let deployment = deployment.set(&with).await?;
    let [spent, other] = keys.map(|key| deployment.anonymous().with_key(key));
    deployment.anonymous().get("/ready").await?.expect(200)?;
    other.get("/v1/tenant").await?.expect(200)?;
    let refused = spent.get("/v1/tenant").await?;
    assert_eq!((refused.status, &*refused.problem()), (503, "erasures-unsettled"), "{}", refused.text());
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_replica_serves_nobody_while_another_does_erasures_again_after_a_restore() -> Outcome {
    let (deployment, _ledger) = Deployment::with_a_ledger("workforce").await?;
    let tenant = deployment.tenant("Clinic").await?;
    let id = somebody(&tenant).await?;
    let back = kept(&deployment, &id).await?.replace(
        "DELETE FROM ward.erasure_entry",
        // As the other replica leaves it, once it has read the ledger.
        "UPDATE ward.erasure_entry SET owed = true",
    );
    erase(&tenant.client, &id, "requested").await?;
    entered(&tenant.client, &id).await?;

    // It can't be done before the test lets it.
    let mut other = deployment.database.connect("postgres").await?;
    let hold = format!("BEGIN; SELECT FROM ward.subject WHERE id = '{id}' FOR UPDATE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(hold)).execute(&mut other).await?;
    deployment.rewrite(&back).await?;
    until(async || Ok(deployment.anonymous().get("/ready").await?.status == 503)).await?;
    let refused = tenant.client.get(&format!("/v1/subjects/{id}")).await?;
    assert_eq!((refused.status, &*refused.problem()), (503, "erasures-unsettled"), "{}", refused.text());

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
    until(async || Ok(deployment.anonymous().get("/ready").await?.status == 200)).await?;
    let record = tenant.client.get(&format!("/v1/subjects/{id}/erasure")).await?.expect(200)?;
    assert!(record["replayed_at"].is_string(), "{record}");
    Ok(())
}

/// Waits until something is so.
async fn until(is_so: impl AsyncFn() -> Outcome<bool>) -> Outcome {
    for _ in 0..600 {
        if is_so().await? {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err("it never was".into())
}
