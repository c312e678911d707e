//! What the check of logs finds beside their trees: it tells of it, and puts right what can be.

use serde_json::json;

use crate::keeping::eventually;
use crate::proofs::{imported, tamper};
use crate::support::{Client, Deployment, Outcome, nobody};

/// What can be done to that which finds entries, or stands in nobody's place, and how it is put right; nothing, where the check does that.
/// The proofs hold all the same.
const MISLED: [(&str, &str, Option<&str>); 6] = [
    ("the index of words emptied", "UPDATE ward.audit_word SET hits = hits & ~hits WHERE tenant = ID", None),
    ("entries put under a word", "INSERT INTO ward.audit_word SELECT tenant, 1, 0, hits FROM ward.audit_word WHERE tenant = ID LIMIT 1",
        Some("DELETE FROM ward.audit_word WHERE tenant = ID")),
    ("a tile's time", "UPDATE ward.audit_tile SET latest = latest - interval '1 hour' WHERE tenant = ID", Some(
        "UPDATE ward.audit_tile t SET latest = (
             SELECT max(l.at) FROM ward.audit_place p JOIN ward.audit_leaf l ON l.tenant = p.tenant AND l.id = p.leaf
             WHERE p.tenant = t.tenant AND p.index < 256 * (t.index + 1))
         WHERE t.tenant = ID AND t.level = 0")),
    ("the log's time", "UPDATE ward.audit_head SET latest = '9999-01-01' WHERE tenant = ID", Some(
        "UPDATE ward.audit_head h SET latest = (
             SELECT max(l.at) FROM ward.audit_place p JOIN ward.audit_leaf l ON l.tenant = p.tenant AND l.id = p.leaf WHERE p.tenant = h.tenant)
         WHERE h.tenant = ID")),
    ("a place far off", "INSERT INTO ward.audit_place SELECT tenant, size + 1000, gen_random_uuid(), root FROM ward.audit_head WHERE tenant = ID", Some(
        "DELETE FROM ward.audit_place p USING ward.audit_head h WHERE p.tenant = ID AND h.tenant = p.tenant AND p.index >= h.size")),
    ("a beginning that the log doesn't speak of", "INSERT INTO ward.audit_start SELECT tenant, 1, leaf FROM ward.audit_place WHERE tenant = ID AND index = 2", Some(
        "DELETE FROM ward.audit_start WHERE tenant = ID")),
];

/// What a run of the check makes of the claim.
pub(crate) async fn status(client: &Client) -> Outcome<String> {
    let seen = client.post("/v1/claims/audit-proofs/check", json!({})).await?.expect(200)?;
    Ok(seen["status"].as_str().ok_or("no status")?.to_owned())
}

#[tokio::test]
async fn what_is_done_to_what_finds_entries_shows_and_is_put_right() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?;
    let tenant = deployment.tenant("Clinic").await?;
    imported(&tenant, 300).await?;
    let search = "/v1/audit/events?limit=200&action=subject.imported&from=2020-01-01T00:00:00Z";
    let all = tenant.client.get(search).await?.expect(200)?;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(200));
    let other = deployment.tenant("Hospital").await?.client;
    assert_eq!(status(&other).await?, "active");
    for (what, sql, right) in MISLED {
        tamper(&deployment.database, &tenant, sql).await?;
        assert_eq!(status(&other).await?, "failing", "{what}");
        if let Some(right) = right {
            assert_eq!(status(&other).await?, "failing", "{what}: still");
            tamper(&deployment.database, &tenant, right).await?;
            status(&other).await?;
        }
        assert_eq!(status(&other).await?, "active", "{what}");
        let found = tenant.client.get(search).await?.expect(200)?;
        assert_eq!(found["items"], all["items"], "{what}");
    }
    Ok(())
}

/// Has what is written next wait for no place.
const MISLAY: &str = "
    CREATE OR REPLACE FUNCTION public.mislay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER mislay BEFORE INSERT ON ward.audit_waiting FOR EACH ROW WHEN (NEW.tenant = ID) EXECUTE FUNCTION public.mislay()";
const NO_MORE: &str = "DROP TRIGGER mislay ON ward.audit_waiting";
/// Has what has no place wait for one, and be away.
const AWAY: &str = "
    CREATE TABLE public.away AS SELECT * FROM ward.audit_leaf l WHERE tenant = ID AND NOT EXISTS (
        SELECT FROM ward.audit_place p WHERE p.tenant = ID AND p.leaf = l.id);
    DELETE FROM ward.audit_leaf l USING public.away a WHERE l.tenant = ID AND l.id = a.id;
    INSERT INTO ward.audit_waiting SELECT tenant, id, ARRAY[id] FROM public.away ON CONFLICT DO NOTHING";
const BACK: &str = "INSERT INTO ward.audit_leaf SELECT * FROM public.away";
const FORGED: &str = "INSERT INTO ward.audit_leaf SELECT ID, ward.first_id(at), at, '{}', sha256('') FROM clock_timestamp() at";
/// What is left to do by hand.
const ANSWERED_FOR: &str = "
    DELETE FROM ward.audit_leaf l USING ward.audit_waiting w WHERE w.tenant = ID AND l.tenant = ID AND l.id = w.first;
    DELETE FROM ward.audit_waiting WHERE tenant = ID";

#[tokio::test]
async fn an_entry_without_a_place_is_found_and_gets_one_if_it_is_what_was_written() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?;
    let (tenant, other) = (deployment.tenant("Clinic").await?, deployment.tenant("Hospital").await?.client);
    let made = async || -> Outcome<usize> {
        let listed = tenant.client.get("/v1/audit/events?action=subject.imported").await?.expect(200)?;
        Ok(listed["items"].as_array().map_or(0, Vec::len))
    };
    let mislaid = async || -> Outcome {
        made().await?;
        tamper(&deployment.database, &tenant, MISLAY).await?;
        imported(&tenant, 1).await?;
        tamper(&deployment.database, &tenant, NO_MORE).await
    };
    mislaid().await?;
    assert_eq!(made().await?, 0);
    assert_eq!(status(&other).await?, "failing", "it waited for no place");
    assert_eq!((made().await?, status(&other).await?.as_str()), (1, "active"), "and now it has one");

    mislaid().await?;
    tamper(&deployment.database, &tenant, AWAY).await?;
    assert_eq!((made().await?, status(&other).await?.as_str()), (1, "failing"), "it stands aside");
    tamper(&deployment.database, &tenant, BACK).await?;
    assert_eq!((status(&other).await?.as_str(), made().await?), ("active", 2), "it is as it was written");

    tamper(&deployment.database, &tenant, FORGED).await?;
    for _ in 0..3 {
        assert_eq!(status(&other).await?, "failing", "it never was");
        made().await?;
    }
    tamper(&deployment.database, &tenant, ANSWERED_FOR).await?;
    assert_eq!(status(&other).await?, "active");
    Ok(())
}

#[tokio::test]
async fn leaves_of_somebody_who_is_no_tenant_are_told_of_until_they_wait_no_more() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?;
    let (client, nobody) = (deployment.tenant("Clinic").await?.client, nobody());
    let waits = format!("SET ward.tenant = '{nobody}'; SELECT ward.await_place('{{{nobody}}}')");
    deployment.database.run("ward_app", waits).await?;
    eventually("it is told", async || Ok(status(&client).await? == "failing")).await?;
    let no_more = format!("DELETE FROM ward.audit_waiting WHERE tenant = '{nobody}'");
    assert_eq!(deployment.database.run("postgres", no_more).await?, 1);
    eventually("it is told no more", async || Ok(status(&client).await? == "active")).await
}
