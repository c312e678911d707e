//! The checks of keys: each turns red where what it looks at is broken, and says what is wanting where less is kept than promised.

use std::time::Duration;

use serde_json::{Value, json};

use crate::own_keys::{address, bringing};
use crate::support::{Client, Deployment, Lockers, Outcome, State, Tenant};
use crate::trust::alter;

/// Something that is broken, the claim that must turn red, what it must say, and how it is whole again.
const BROKEN: [(&str, &str, &str, &str); 13] = [
    (
        "cipher",
        "is sealed with xchacha20-poly1305",
        // The suite of a value, behind its name, its commitment, its length and its version.
        "CREATE FUNCTION public.recast() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN NEW.fields := set_byte(NEW.fields, position('license_number'::bytea IN NEW.fields) + 50, 1); RETURN NEW; END $$;
         CREATE TRIGGER recast BEFORE UPDATE ON ward.record FOR EACH ROW EXECUTE FUNCTION public.recast()",
        "DROP TRIGGER recast ON ward.record;
         UPDATE ward.record SET fields = set_byte(fields, position('license_number'::bytea IN fields) + 50, 2)
         WHERE tenant = '00000000-0000-7000-8000-00000000000a'",
    ),
    (
        "cipher",
        "under a nonce that served before",
        "INSERT INTO ward.record SELECT (jsonb_populate_record(r, '{\"id\": \"00000000-0000-7000-8000-0000000000ff\"}')).*
         FROM ward.record r WHERE r.tenant = '00000000-0000-7000-8000-00000000000b' LIMIT 1",
        "DELETE FROM ward.record WHERE id = '00000000-0000-7000-8000-0000000000ff'",
    ),
    (
        "cipher",
        "5000000000 messages",
        "INSERT INTO ward.key_use VALUES ('00000000-0000-7000-8000-00000000000a', 99, 5000000000)",
        "DELETE FROM ward.key_use WHERE key = 99",
    ),
    (
        "key-rotation",
        "1 rotations moved nothing for an hour",
        "INSERT INTO ward.rotation (tenant, id, purpose, state, begun_at)
         SELECT tenant, tenant, 'index', 'running', now() - interval '61 min' FROM ward.tenant WHERE name = 'Clinic'",
        "DELETE FROM ward.rotation",
    ),
    (
        "key-rotation",
        "2 kinds of keys are older than they may be", // and people's, which are counted from the first of all
        "SET session_replication_role = replica;
         UPDATE ward.wrapped_key k SET created_at = k.created_at - interval '367 days' FROM ward.tenant t
         WHERE t.name = 'Clinic' AND k.tenant = t.tenant AND k.purpose = 'audit'; RESET session_replication_role",
        "SET session_replication_role = replica;
         UPDATE ward.wrapped_key k SET created_at = k.created_at + interval '367 days' FROM ward.tenant t
         WHERE t.name = 'Clinic' AND k.tenant = t.tenant AND k.purpose = 'audit'; RESET session_replication_role",
    ),
    (
        "key-rotation",
        "was not moved",
        "CREATE FUNCTION public.stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
         CREATE TRIGGER stay BEFORE UPDATE ON ward.job FOR EACH ROW EXECUTE FUNCTION public.stay()",
        "DROP TRIGGER stay ON ward.job",
    ),
    (
        "key-rotation",
        "a person's key was not followed",
        "CREATE TRIGGER stay BEFORE UPDATE ON ward.subject FOR EACH ROW EXECUTE FUNCTION public.stay()",
        "DROP TRIGGER stay ON ward.subject",
    ),
    (
        "key-rotation",
        "what was moved under a person's new key doesn't open",
        // What is left of the old key is more than what checks commitments.
        "CREATE FUNCTION public.cling() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.bytes := OLD.bytes; RETURN NEW; END $$;
         CREATE TRIGGER p_cling BEFORE UPDATE ON ward.wrapped_key FOR EACH ROW WHEN (NEW.purpose = 'commitment') EXECUTE FUNCTION public.cling()",
        "DROP TRIGGER p_cling ON ward.wrapped_key",
    ),
    (
        "own-key",
        "nobody looked at 1 of the keys",
        "CREATE FUNCTION public.nap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
         UPDATE ward.key_watch SET looked = now() - interval '6 min';
         CREATE TRIGGER nap BEFORE UPDATE ON ward.key_watch FOR EACH ROW EXECUTE FUNCTION public.nap()",
        "DROP TRIGGER nap ON ward.key_watch; UPDATE ward.key_watch SET looked = now()",
    ),
    (
        "sealed-backups",
        "the look is no good",
        "CREATE FUNCTION public.veil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.kind := 'x'; RETURN NEW; END $$;
         CREATE TRIGGER veil BEFORE INSERT ON ward.job FOR EACH ROW EXECUTE FUNCTION public.veil()",
        "DROP TRIGGER veil ON ward.job",
    ),
    (
        "sealed-backups",
        "the look is no good",
        "CREATE FUNCTION public.void() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.payload := ''; RETURN NEW; END $$;
         CREATE TRIGGER void BEFORE INSERT ON ward.job FOR EACH ROW EXECUTE FUNCTION public.void()",
        "DROP TRIGGER void ON ward.job",
    ),
    (
        "blind-index",
        "somebody isn't found by their address, and 1 more",
        "CREATE FUNCTION public.level() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN NEW.email_index := decode(repeat('5a', 16), 'hex'); RETURN NEW; END $$;
         CREATE TRIGGER level BEFORE UPDATE ON ward.subject FOR EACH ROW EXECUTE FUNCTION public.level()",
        "DROP TRIGGER level ON ward.subject",
    ),
    (
        "blind-index",
        "somebody isn't found by their address",
        "CREATE FUNCTION public.lag() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN NEW.email_index := OLD.email_index; RETURN NEW; END $$;
         CREATE TRIGGER lag BEFORE UPDATE ON ward.subject FOR EACH ROW EXECUTE FUNCTION public.lag()",
        "DROP TRIGGER lag ON ward.subject",
    ),
];

async fn check(client: &Client, claim: &str) -> Outcome<Value> {
    client.post(&format!("/v1/claims/{claim}/check"), json!({})).await?.expect(200)
}

fn says(seen: &Value, told: &str) -> bool {
    seen.to_string().contains(told)
}

/// A customer that brought a key, from where, and another that looks on.
async fn with_a_key_brought(deployment: &Deployment) -> Outcome<(Tenant, String, Client)> {
    let (tenant, address) = (deployment.tenant("Clinic").await?, address());
    tenant.client.send(&bringing(&address)).await?.expect(200)?;
    Ok((tenant, address, deployment.tenant("Another").await?.client))
}

#[tokio::test]
async fn what_is_broken_of_keys_turns_its_row_red() -> Outcome {
    let (deployment, _ledger) = Deployment::with_a_ledger("workforce").await?;
    deployment.checked().await?;
    let (_, _, client) = with_a_key_brought(&deployment).await?;
    for (claim, told, breaks, mends) in BROKEN {
        alter(&deployment, breaks).await?;
        let seen = check(&client, claim).await?;
        assert_eq!(seen["status"], "failing", "{breaks}: {seen}");
        assert!(says(&seen, told), "{breaks}: {seen}");
        alter(&deployment, mends).await?;
        let seen = check(&client, claim).await?;
        assert_eq!(seen["status"], "active", "{mends}: {seen}");
    }
    Ok(())
}

#[tokio::test]
async fn a_rotation_that_waits_for_a_customers_own_service_turns_no_row_red() -> Outcome {
    let (deployment, _ledger) = Deployment::with_a_ledger("workforce").await?;
    deployment.checked().await?;
    let (_, _, client) = with_a_key_brought(&deployment).await?;
    for (purpose, status) in [("tenant", "active"), ("queue", "failing")] {
        let waits = format!(
            "INSERT INTO ward.rotation (tenant, id, purpose, state, begun_at)
             SELECT tenant, gen_random_uuid(), '{purpose}', 'running', now() - interval '2 hours' FROM ward.external_key"
        );
        alter(&deployment, &waits).await?;
        let seen = check(&client, "key-rotation").await?;
        assert_eq!(seen["status"], status, "{purpose}: {seen}");
    }
    Ok(())
}

#[tokio::test]
async fn a_customer_whose_key_was_withdrawn_and_who_is_served_turns_the_row_red() -> Outcome {
    let (deployment, _ledger) = Deployment::with_a_ledger("workforce").await?;
    deployment.checked().await?;
    let (tenant, address, client) = with_a_key_brought(&deployment).await?;
    tenant.client.get("/v1/tenant").await?.expect(200)?; // and its keys are kept for a minute
    alter(&deployment, "UPDATE ward.key_watch SET state = 'refused', looked = now()").await?;
    Lockers::all().find(&address).is(State::Refusing);
    let seen = check(&client, "own-key").await?;
    assert_eq!(seen["status"], "failing", "{seen}");
    assert!(says(&seen, "1 customers whose keys can't be had are served"), "{seen}");

    alter(&deployment, "UPDATE ward.key_watch SET state = 'held', looked = now() - interval '1 min'").await?;
    for _ in 0..600 {
        if tenant.client.get("/v1/tenant").await?.status == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = check(&client, "own-key").await?;
    assert_eq!(seen["status"], "active", "{seen}");
    assert!(says(&seen, "1 of them can't be had"), "{seen}");
    Ok(())
}

#[tokio::test]
async fn what_is_wanting_of_keys_is_said() -> Outcome {
    let deployment = Deployment::start("workforce").await?;
    deployment.checked().await?;
    let client = deployment.tenant("Clinic").await?.client;
    alter(
        &deployment,
        "INSERT INTO ward.rotation (tenant, id, purpose, state, begun_at)
         SELECT t.tenant, gen_random_uuid(), p.purpose, 'paused', now() - interval '367 days'
         FROM ward.tenant t, (VALUES ('index'), ('subject'), ('queue')) p (purpose) WHERE t.name = 'Clinic';
         SET session_replication_role = replica;
         UPDATE ward.wrapped_key k SET created_at = k.created_at - interval '367 days' FROM ward.tenant t
         WHERE t.name = 'Clinic' AND k.tenant = t.tenant AND k.purpose = 'index'; RESET session_replication_role;
         INSERT INTO ward.key_use SELECT t.tenant, k.id, 2147483648 FROM ward.tenant t JOIN ward.wrapped_key k USING (tenant)
         WHERE t.name = 'Clinic' AND k.purpose = 'queue'",
    )
    .await?;
    for (claim, told) in [
        ("managed-root-key", "lies in a file of this machine"),
        ("own-key", "No customer may bring a key here"),
        ("key-rotation", "2 kinds of keys are older than they may be, and their rotation rests"),
        ("cipher", "1 keys sealed as many messages as one should"),
    ] {
        let seen = check(&client, claim).await?;
        assert_eq!(seen["status"], "degraded", "{seen}");
        assert!(says(&seen, told), "{seen}");
    }
    alter(&deployment, "UPDATE ward.key_use SET messages = 3221225472").await?;
    let seen = check(&client, "cipher").await?;
    assert!(seen["status"] == "failing" && says(&seen, "sealed 3221225472 messages"), "{seen}");
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn customers_that_were_founded_for_another_cipher_are_counted() -> Outcome {
    let deployment = Deployment::start("quality").await?; // which is for XChaCha20-Poly1305
    let client = deployment.tenant("Clinic").await?.client;
    deployment.checked().await?;
    let seen = check(&client, "cipher").await?;
    let told = "the keys of 1 customer, 1 sandbox and 5 tenants of Ward's own are for it";
    assert!(seen["status"] == "active" && says(&seen, told), "{seen}");
    let deployment = deployment.restart_as("practice").await?;
    let client = deployment.tenant("Another").await?.client;
    let seen = check(&client, "aes-gcm").await?;
    assert!(seen["status"] == "failing" && says(&seen, "is sealed with xchacha20-poly1305"), "{seen}");
    deployment.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_key_that_was_altered_is_told_of_before_its_customer_needs_it() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    let mut client = deployment.tenant("Clinic").await?.client;
    deployment.tenant("Forgotten").await?;
    for purpose in ["tenant", "import"] {
        let alter_it = format!(
            "SET session_replication_role = replica;
             UPDATE ward.wrapped_key k SET bytes = set_byte(k.bytes, 40, get_byte(k.bytes, 40) # 1) FROM ward.tenant t
             WHERE t.name = 'Forgotten' AND k.tenant = t.tenant AND k.purpose = '{purpose}'; RESET session_replication_role"
        );
        deployment.checked().await?;
        assert_eq!(check(&client, "audit-proofs").await?["status"], "active");
        alter(&deployment, &alter_it).await?;
        deployment = deployment.restart().await?; // so that nobody has it in memory
        client = Client::new(deployment.address(), Some(client.key().to_owned()));
        let seen = check(&client, "audit-proofs").await?;
        assert_eq!(seen["status"], "failing", "{seen}");
        assert!(says(&seen, "its tenant's key can't be had"), "{seen}");
        alter(&deployment, &alter_it).await?; // and it is as before
    }
    deployment.stop().await?;
    Ok(())
}
