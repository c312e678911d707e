//! What personal fields held of which entries of the log tell.

use serde_json::{Value, json};

use crate::imports::import;
use crate::support::{Ask, Client, Deployment, Outcome, Tenant};

/// Somebody whose mail address was changed twice, and a record about them that was changed and removed.
pub(crate) struct Changed {
    pub(crate) tenant: Tenant,
    pub(crate) subject: String,
    record: String,
}

impl Changed {
    pub(crate) async fn new(deployment: &Deployment) -> Outcome<Self> {
        let tenant = deployment.tenant("Clinic").await?;
        let client = &tenant.client;
        let fields = json!({ "given_name": "Thea", "email": "one@example.org", "phone": "+447700900123" });
        let subject = json!({ "kind": "patient", "external_ref": "X-1", "time_zone": "Europe/London", "fields": fields });
        let subject = id(&client.post("/v1/subjects", subject).await?.expect(201)?)?;
        let path = format!("/v1/subjects/{subject}");
        patch(client, &path, json!({ "fields": { "email": "two@example.org" } })).await?;
        patch(client, &path, json!({ "fields": { "email": "three@example.org", "phone": null } })).await?;

        let record = json!({ "category": "clinical_note", "fields": { "text": "Seen." } });
        let record = id(&client.post(&format!("{path}/records"), record).await?.expect(201)?)?;
        let path = format!("/v1/records/{record}");
        patch(client, &path, json!({ "fields": { "text": "Seen again." } })).await?;
        client.send(&Ask::new("DELETE", path)).await?.expect(204)?;
        Ok(Self { tenant, subject, record })
    }

    /// The events about somebody or something with this action, the oldest first.
    async fn events(&self, entity: &str, action: &str) -> Outcome<Vec<String>> {
        events(&self.tenant.client, entity, action).await
    }

    async fn master(&self, deployment: &Deployment, sql: &str) -> Outcome<u64> {
        let sql = sql.replace("TENANT", &format!("tenant = '{}'", self.tenant.id));
        Ok(deployment.database.run("postgres", sql).await?)
    }
}

fn id(made: &Value) -> Outcome<String> {
    Ok(made["id"].as_str().ok_or("no id")?.to_owned())
}

async fn patch(client: &Client, path: &str, body: Value) -> Outcome {
    client.send(&Ask::new("PATCH", path).json(&body)).await?.expect(200)?;
    Ok(())
}

async fn events(client: &Client, entity: &str, action: &str) -> Outcome<Vec<String>> {
    let found =
        client.get(&format!("/v1/audit/events?entity={entity}&action={action}")).await?.expect(200)?;
    found["items"].as_array().into_iter().flatten().rev().map(id).collect()
}

/// What an event's personal fields held, as `field before after`; `-` where there was nothing.
async fn values(client: &Client, event: &str) -> Outcome<Vec<String>> {
    let told = client.get(&format!("/v1/audit/events/{event}/values")).await?.expect(200)?;
    let word = |side: &Value| match side["status"].as_str() {
        Some("shown") => side["value"].as_str().unwrap_or("nothing").to_owned(),
        Some(status) => {
            assert!(side["value"].is_null(), "{side}");
            status.to_owned()
        }
        None => "-".to_owned(),
    };
    let line = |item: &Value| {
        format!(
            "{} {} {}",
            item["field"].as_str().unwrap_or_default(),
            word(&item["before"]),
            word(&item["after"])
        )
    };
    Ok(told["items"].as_array().ok_or("no items")?.iter().map(line).collect())
}

/// What each change of theirs tells is shown, value by value.
pub(crate) async fn all_is_told(changed: &Changed) -> Outcome {
    let client = &changed.tenant.client;
    let (subject, record) = (&*changed.subject, &*changed.record);
    for (entity, action, told) in [
        (
            subject,
            "subject.created",
            &[&[
                "email - one@example.org",
                "external_ref - X-1",
                "given_name - Thea",
                "phone - +447700900123",
            ][..]][..],
        ),
        (
            subject,
            "subject.changed",
            &[
                &["email one@example.org two@example.org"],
                &["email two@example.org three@example.org", "phone +447700900123 -"],
            ],
        ),
        (record, "record.created", &[&["text - Seen."]]),
        (record, "record.changed", &[&["text Seen. Seen again."]]),
        (record, "record.deleted", &[&["text Seen again. -"]]),
        (&changed.tenant.id, "tenant.founded", &[&[]]),
    ] {
        let events = changed.events(entity, action).await?;
        assert_eq!(events.len(), told.len(), "{action}");
        for (event, told) in events.iter().zip(told) {
            assert_eq!(values(client, event).await?, *told, "{action}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_field_held_is_shown_as_it_was_before_and_after_each_change() -> Outcome {
    all_is_told(&Changed::new(Deployment::shared().await?).await?).await
}

#[tokio::test]
async fn what_an_import_replaced_is_shown_of_people_and_of_their_records() -> Outcome {
    let tenant = Deployment::shared().await?.tenant("Clinic").await?;
    for row in ["Dale,nurse,Leeds", "Dale,dentist,"] {
        let csv = format!("external_ref,given_name,role,city\nE1,{row}\n");
        tenant.client.send(&import("employee", "text/csv", csv)).await?.expect(200)?;
    }
    let found = tenant.client.get("/v1/subjects").await?.expect(200)?;
    let events = events(&tenant.client, &id(&found["items"][0])?, "subject.imported").await?;
    let first =
        ["employment.role - nurse", "external_ref - E1", "given_name - Dale", "postal_address.city - Leeds"];
    let second = ["employment.role nurse dentist", "given_name Dale Dale", "postal_address.city Leeds -"];
    assert_eq!(values(&tenant.client, &events[0]).await?, first);
    assert_eq!(values(&tenant.client, &events[1]).await?, second);
    Ok(())
}

#[tokio::test]
async fn who_may_not_see_the_row_is_not_shown_what_it_held() -> Outcome {
    let changed = Changed::new(Deployment::shared().await?).await?;
    let of_subject = changed.events(&changed.subject, "subject.changed").await?.remove(0);
    let of_record = changed.events(&changed.record, "record.changed").await?.remove(0);
    let of_nobody = changed.events(&changed.tenant.id, "tenant.founded").await?.remove(0);
    for (permissions, statuses) in [
        (&["audit.read", "subjects.read", "records.read"][..], [200, 200, 200]),
        (&["audit.read", "subjects.read"], [200, 403, 200]),
        (&["audit.read", "records.read"], [403, 200, 200]),
        (&["audit.read"], [403, 403, 200]),
        (&["subjects.read", "records.read"], [403, 403, 403]),
    ] {
        let client = changed.tenant.with(permissions).await?;
        for (event, status) in [&of_subject, &of_record, &of_nobody].into_iter().zip(statuses) {
            let answer = client.get(&format!("/v1/audit/events/{event}/values")).await?;
            assert_eq!(answer.status, status, "{permissions:?}: {}", answer.text());
            assert!(status == 200 || !answer.text().contains("example.org"));
        }
    }
    let stranger = Deployment::shared().await?.tenant("Other").await?;
    stranger.client.get(&format!("/v1/audit/events/{of_subject}/values")).await?.expect(404)?;
    Ok(())
}

/// Each mail address in the other's place: both were sealed there, and open.
const SWAPPED: &str = "
    UPDATE ward.audit_value v SET sealed = o.sealed FROM ward.audit_value o
    WHERE v.TENANT AND o.tenant = v.tenant AND o.field = 'email' AND v.field = 'email' AND o.commitment <> v.commitment";

#[tokio::test]
async fn what_the_entry_does_not_commit_to_is_not_shown_and_what_was_erased_is_said_to_be() -> Outcome {
    let deployment = Deployment::shared().await?;
    let changed = Changed::new(deployment).await?;
    let events = changed.events(&changed.subject, "subject.changed").await?;
    let last = &events[1];
    assert_eq!(changed.master(deployment, SWAPPED).await?, 2);
    let told = async || values(&changed.tenant.client, last).await;
    assert_eq!(told().await?, ["email unreadable three@example.org", "phone +447700900123 -"]);

    changed.master(deployment, "UPDATE ward.audit_value SET sealed = 'nonsense' WHERE TENANT").await?;
    assert_eq!(told().await?, ["email unreadable three@example.org", "phone unreadable -"]);
    changed.master(deployment, "DELETE FROM ward.audit_value WHERE TENANT").await?;
    assert_eq!(told().await?, ["email erased three@example.org", "phone erased -"]);
    changed.master(deployment, "DELETE FROM ward.wrapped_key WHERE TENANT AND subject IS NOT NULL").await?;
    assert_eq!(told().await?, ["email erased erased", "phone erased -"]);
    Ok(())
}

#[tokio::test]
async fn a_value_that_was_put_back_and_replaced_again_stays_as_long_as_the_latest_entry() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let fields = json!({ "given_name": "Thea", "email": "one@example.org" });
    let subject = json!({ "kind": "patient", "time_zone": "Europe/London", "fields": fields });
    let subject = id(&tenant.client.post("/v1/subjects", subject).await?.expect(201)?)?;
    let path = format!("/v1/subjects/{subject}");
    let run = async |sql: &str| -> Outcome<u64> {
        let sql = sql
            .replace("KEPT", &format!("public.kept_{}", tenant.id.replace('-', "")))
            .replace("SUBJECT", &subject);
        Ok(deployment.database.run("postgres", sql).await?)
    };
    run("CREATE TABLE KEPT AS SELECT * FROM ward.subject WHERE id = 'SUBJECT'").await?;
    patch(&tenant.client, &path, json!({ "fields": { "email": "two@example.org" } })).await?;
    run("UPDATE ward.subject s SET fields = k.fields, email_index = k.email_index FROM KEPT k WHERE s.id = k.id").await?;
    patch(&tenant.client, &path, json!({ "fields": { "email": "three@example.org" } })).await?;

    let [first, second] = &*events(&tenant.client, &subject, "subject.changed").await? else {
        panic!("two changes")
    };
    let of_first = run(&format!("DELETE FROM ward.audit_value WHERE event = '{first}'")).await?; // as where it is dropped
    assert_eq!(of_first, 0);
    assert_eq!(values(&tenant.client, second).await?, ["email one@example.org three@example.org"]);
    Ok(())
}
