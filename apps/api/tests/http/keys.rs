//! API keys in the hands of somebody who wants more.

use serde_json::{Value, json};

use crate::support::{Ask, Client, Deployment, Outcome, subject};

fn new(mode: &str, permissions: &[&str]) -> Value {
    json!({ "name": "More", "mode": mode, "permissions": permissions })
}

#[tokio::test]
async fn a_test_key_sees_the_sandbox_only() -> Outcome {
    let tenant = Deployment::shared().await?.tenant("Clinic").await?;
    let (id, sandboxed) = tenant.key("test", &["api_keys.revoke", "subjects.read"]).await?;
    let own = tenant.client.get("/v1/tenant").await?.expect(200)?;
    let me = sandboxed.get("/v1/me").await?.expect(200)?;
    assert_eq!(me["tenant"], own["sandbox"]);
    assert_ne!(me["tenant"], own["id"]);

    tenant.client.post("/v1/subjects", subject()).await?.expect(201)?;
    assert_eq!(sandboxed.get("/v1/subjects").await?.expect(200)?["items"], json!([]));
    sandboxed.send(&Ask::new("DELETE", format!("/v1/api-keys/{id}"))).await?.expect(404)?;
    Ok(())
}

const MADE: &str = "SELECT FROM ward.audit_leaf WHERE body::json ->> 'action' = 'api_key.created'";

#[tokio::test]
async fn a_test_key_makes_test_keys_only_and_its_tenant_finds_and_ends_them() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?; // which makes keys too
    let (tenant, other) = (deployment.tenant("Clinic").await?, deployment.tenant("Other").await?);
    let held = ["api_keys.create", "api_keys.read", "api_keys.revoke", "tenant.read"];
    let (leaked_id, leaked) = tenant.key("test", &held).await?;
    let made = || deployment.database.run("postgres", MADE);
    let before = made().await?;
    let refused = leaked.post("/v1/api-keys", new("live", &["tenant.read"])).await?.expect(422)?;
    assert_eq!(refused["errors"][0]["pointer"], "/mode");
    assert_eq!(made().await?, before);

    let child = leaked.post("/v1/api-keys", new("test", &held)).await?.expect(201)?;
    let child_of = leaked.with_key(child["key"].as_str().ok_or("no key")?);
    let sandbox = leaked.get("/v1/me").await?.expect(200)?["tenant"].clone();
    assert_eq!(child_of.get("/v1/me").await?.expect(200)?["tenant"], sandbox, "it left the sandbox");
    let grandchild = child_of.post("/v1/api-keys", new("test", &["tenant.read"])).await?.expect(201)?;

    let (_, _later) = tenant.key("live", &[]).await?;
    let revoke = |id: &Value| Ask::new("DELETE", format!("/v1/api-keys/{}", id.as_str().unwrap_or_default()));
    tenant.client.send(&revoke(&json!(leaked_id))).await?.expect(204)?;
    let listed = pages(&tenant.client).await?;
    let makers = [(&child, &json!(leaked_id)), (&grandchild, &child["id"])];
    for (key, maker) in makers {
        let found = listed.iter().find(|listed| listed["id"] == key["id"]).ok_or("it is lost")?;
        assert_eq!((&found["mode"], &found["created_by"]), (&json!("test"), maker));
        other.client.send(&revoke(&key["id"])).await?.expect(404)?;
        let holder = leaked.with_key(key["key"].as_str().ok_or("no key")?);
        holder.get("/v1/tenant").await?.expect(200)?;
        tenant.client.send(&revoke(&key["id"])).await?.expect(204)?;
        tenant.client.send(&revoke(&key["id"])).await?.expect(204)?; // again: nothing is left to do
        holder.get("/v1/tenant").await?.expect(401)?;
    }
    assert!(pages(&other.client).await?.iter().all(|key| key["name"] != "More"), "another's are listed");
    deployment.stop().await?;
    Ok(())
}

/// Every key that is listed, two a page, each once and in order.
async fn pages(client: &Client) -> Outcome<Vec<Value>> {
    let (mut keys, mut path) = (Vec::new(), Some("/v1/api-keys?limit=2".to_owned()));
    while let Some(next) = path {
        let page = client.get(&next).await?.expect(200)?;
        keys.extend(page["items"].as_array().cloned().unwrap_or_default());
        path = page["next_cursor"].as_str().map(|cursor| format!("/v1/api-keys?limit=2&cursor={cursor}"));
    }
    assert!(keys.is_sorted_by(|one, next| one["id"].as_str() < next["id"].as_str()), "{keys:?}");
    Ok(keys)
}

#[tokio::test]
async fn a_replaced_key_works_on_for_its_overlap_only_and_a_revoked_one_not_at_all() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (id, old) = tenant.key("live", &["tenant.read"]).await?;
    let rotate = format!("/v1/api-keys/{id}/rotate");
    let made = tenant.client.post(&rotate, json!({ "overlap_seconds": 0 })).await?.expect(201)?;
    let new = old.with_key(made["key"].as_str().ok_or("no key")?);
    new.get("/v1/tenant").await?.expect(200)?;
    old.get("/v1/tenant").await?.expect(401)?;
    tenant.client.post(&rotate, json!({})).await?.expect(409)?;

    let revoke = || Ask::new("DELETE", format!("/v1/api-keys/{}", made["id"].as_str().unwrap_or_default()));
    tenant.client.send(&revoke()).await?.expect(204)?;
    new.get("/v1/tenant").await?.expect(401)?;
    tenant.client.send(&revoke()).await?.expect(204)?; // again: nothing is left to do
    let rotate = format!("/v1/api-keys/{}/rotate", made["id"].as_str().ok_or("no id")?);
    tenant.client.post(&rotate, json!({})).await?.expect(409)?;
    Ok(())
}

#[tokio::test]
async fn a_secret_is_shown_once_and_lies_nowhere() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (id, client) = tenant.key("live", &["tenant.read"]).await?;
    let secret = &client.key()[client.key().len() - 12..];
    let listed = tenant.client.get("/v1/api-keys").await?;
    assert!(listed.text().contains(&id) && !listed.text().contains(secret));
    let events = tenant.client.get(&format!("/v1/audit/events?entity={id}")).await?;
    assert!(events.text().contains("api_key.created") && !events.text().contains(secret));
    for table in ["api_key", "api_key_lookup", "audit_leaf"] {
        let sql = format!("SELECT FROM ward.{table} t WHERE to_jsonb(t)::text LIKE '%{secret}%'");
        assert_eq!(deployment.database.run("postgres", sql).await?, 0, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_that_ends_before_it_begins_is_not_made() -> Outcome {
    let tenant = Deployment::shared().await?.tenant("Clinic").await?;
    let with = |name: &str, value: Value| {
        let mut body = new("live", &[]);
        body[name] = value;
        body
    };
    for (name, wrong) in [
        ("expires_at", json!("2001-01-01T00:00:00Z")),
        ("expires_at", json!("2999-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("monthly_quota", json!(0)),
        ("monthly_quota", json!(-1)),
        ("monthly_quota", json!(4_294_967_296_u64)),
        ("monthly_quota", json!(2_147_483_648_u64)),
        ("monthly_quota", json!(1.5)),
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
    ] {
        let refused = tenant.client.post("/v1/api-keys", with(name, wrong.clone())).await?;
        let told = refused.expect(422)?;
        assert_eq!(told["errors"][0]["pointer"], format!("/{name}"), "{wrong}");
    }
    Ok(())
}
