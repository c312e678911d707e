//! What an export is beside its rows: a time, a size, what the log says of it, its proof, and its end.

use std::collections::BTreeSet;
use std::path::PathBuf;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use ward_cli::Done;

use super::support::{FORMATS, busy, export, kept, read, record_large, size};
use crate::imports::import;
use crate::support::{Ask, Deployment, Outcome, nobody};

#[tokio::test]
async fn an_export_holds_the_time_that_was_asked_for_and_is_the_same_again() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    let all = read("ndjson", &export(&tenant.client, "format=ndjson").await?).await?;
    let (from, to) = (&all[all.len() - 3]["time"], &all[2]["time"]);
    let query =
        format!("format=ndjson&from={}&to={}", from.as_str().ok_or("from")?, to.as_str().ok_or("to")?);
    let part = export(&tenant.client, &query).await?;
    let wanted: Vec<_> = all
        .iter()
        .filter(|row| row["time"].as_str() >= from.as_str() && row["time"].as_str() < to.as_str())
        .collect();
    assert!(!wanted.is_empty() && wanted.len() < all.len());
    assert_eq!(read("ndjson", &part).await?.iter().collect::<Vec<_>>(), wanted);

    for (query, _) in FORMATS {
        let first = export(&tenant.client, &format!("format={query}")).await?;
        let again = export(&tenant.client, &format!("format={query}&size={}", size(&first)?)).await?;
        assert!(first.body == again.body && size(&first)? == size(&again)?, "{query}");
    }
    let beyond = tenant.client.get("/v1/audit/export?format=csv&size=1000000").await?.expect(422)?;
    assert_eq!(beyond["errors"][0]["pointer"], "?size");
    let none = export(&tenant.client, "format=ndjson&size=0").await?;
    assert_eq!(none.text(), "");
    Ok(())
}

#[tokio::test]
async fn the_log_says_what_was_exported_with_count_and_digest() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    for (query, reader) in FORMATS {
        let export = export(&tenant.client, &format!("format={query}&from=2020-01-01T00:00:00Z")).await?;
        let told = tenant.client.get(&format!("/v1/audit/events?q={}", export.id)).await?.expect(200)?;
        let of = |n: usize| (&told["items"][n]["action"], &told["items"][n]["details"]);
        let sha256 = hex::encode(Sha256::digest(&export.body));
        let mut details = json!({ "format": reader, "from": "2020-01-01T00:00:00.000000Z" });
        if reader == "csv" {
            details["raw"] = json!("true");
        }
        assert_eq!(of(1), (&json!("audit.export_started"), &details));
        let size = size(&export)?.to_string();
        details["size"] = json!(size);
        details["count"] = json!(size);
        details["sha256"] = json!(sha256);
        assert_eq!(of(0), (&json!("audit.export_completed"), &details));
    }
    Ok(())
}

async fn verify(key: &str, proof: PathBuf, export: PathBuf) -> Outcome<Done> {
    let [proof, export] = [proof, export].map(|path| path.to_string_lossy().into_owned());
    let words = ["verify", &proof, "--key", key.trim(), "--export", &export, "--json"].map(str::to_owned);
    Ok(tokio::task::spawn_blocking(move || ward_cli::run(&words, None)).await?)
}

#[tokio::test]
async fn the_verifier_takes_an_export_with_its_proof_and_no_other() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = busy(deployment).await?;
    let rows: String = (0..600).map(|_| format!("{},Ada\n", nobody())).collect();
    let many = import("clinician", "text/csv", format!("external_ref,given_name\n{rows}"));
    tenant.client.send(&many).await?.expect(200)?;
    record_large(&tenant, 1).await?; // more than a page holds
    let key = tenant.client.get("/v1/audit/key").await?.text();
    let since = read("ndjson", &export(&tenant.client, "format=ndjson").await?).await?;
    let since = since[300]["time"].as_str().ok_or("no time")?;
    let directory = TempDir::new()?;
    for (query, _) in FORMATS {
        for part in [String::new(), format!("&from={since}")] {
            let query = format!("format={query}{part}");
            let exported = export(&tenant.client, &query).await?;
            let query = format!("{query}&size={}", size(&exported)?);
            let proof = export(&tenant.client, &format!("{query}&proof=true")).await?;
            let (file, proof) = (kept(&directory, "export", &exported)?, kept(&directory, "proof", &proof)?);
            let done = verify(&key, proof.clone(), file.clone()).await?;
            assert_eq!(done.code, 0, "{query}: {done:?}");
            let said: Value = serde_json::from_str(&done.said)?;
            assert_eq!((&said["what"], &said["complete"]), (&json!("export"), &json!(part.is_empty())));

            let mut other = exported.body.clone();
            other.truncate(other.len() - 1);
            std::fs::write(&file, other)?;
            let done = verify(&key, proof, file).await?;
            assert!(done.code == 1 && done.said.contains("other-file"), "{query}: {done:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn whoever_reads_slowly_is_waited_for_and_may_lose_the_right_to_read_on() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    // More than a connection and what is read ahead hold.
    let rows: String =
        (0..7_000).map(|_| format!("{},Ada,Lovelace,{}\n", nobody(), "x".repeat(90))).collect();
    let many = import(
        "clinician",
        "text/csv",
        format!("external_ref,given_name,family_name,preferred_name\n{rows}"),
    );
    tenant.client.send(&many).await?.expect(200)?;

    let (id, reader) = tenant.key("live", &["audit.export"]).await?;
    let slow = reader.stream(&Ask::new("GET", "/v1/audit/export?format=ndjson"), "").await?;
    let quick = export(&tenant.client, "format=ndjson").await?;
    assert!(quick.body.len() > 12 << 20, "{}", quick.body.len());
    let completed = async || -> Outcome<BTreeSet<String>> {
        let found = "/v1/audit/events?action=audit.export_completed";
        let found = tenant.client.get(found).await?.expect(200)?;
        let items = found["items"].as_array().into_iter().flatten();
        Ok(items.map(|item| item["actor"]["id"].to_string()).collect())
    };
    let me = tenant.client.get("/v1/me").await?.expect(200)?["api_key"].to_string();
    assert_eq!(
        completed().await?,
        BTreeSet::from([me]),
        "the slow one is not over when one that began later is"
    );

    tenant.client.send(&Ask::new("DELETE", format!("/v1/api-keys/{id}"))).await?.expect(204)?;
    let rest = slow.answer.into_body().collect().await;
    assert!(rest.is_err(), "what is cut short doesn't end as if it were whole");
    assert_eq!(completed().await?.len(), 1);
    Ok(())
}
