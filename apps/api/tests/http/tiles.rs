//! The log as the tiles of which it consists, and how it is copied.

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Deployment, Outcome, Tenant};

#[tokio::test]
async fn a_tile_has_one_path() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    tenant.client.get("/v1/audit/events").await?.expect(200)?;
    let ask = async |path: &str| -> Outcome<u16> {
        Ok(tenant.client.get(&format!("/v1/audit/tile/{path}")).await?.status)
    };
    for tile in ["0/000.p/1", "entries/000.p/1"] {
        assert_eq!(ask(tile).await?, 200, "{tile}");
        for other in [
            tile.replace("000", "%300%30"),
            tile.replace("0/000", "0%2F000"),
            tile.replace("s/000", "s%2f000"),
            tile.replace("entries", "%65ntries"),
            tile.replace(".p/", "%2ep/"),
            tile.replace("/1", "/%31"),
            format!("{tile}/"),
            format!("/{tile}"),
        ] {
            assert!(other == tile || ask(&other).await? == 404, "{other}");
        }
    }
    Ok(())
}

/// How many entries a copy has now, and how many files it took to get there.
async fn mirror(deployment: &Deployment, tenant: &Tenant, directory: &str) -> Outcome<(u64, u64)> {
    let url = format!("http://{}", deployment.address());
    let words = ["audit", "mirror", "--url", &url, "--json", directory].map(str::to_owned);
    let key = tenant.client.key().to_owned();
    let done = tokio::task::spawn_blocking(move || ward_cli::run(&words, Some(key))).await?;
    assert_eq!(done.code, 0, "{done:?}");
    let said: Value = serde_json::from_str(&done.said)?;
    Ok((said["size"].as_u64().ok_or("no size")?, said["files"].as_u64().ok_or("no files")?))
}

#[tokio::test]
async fn whoever_copies_the_log_leaves_an_entry_for_each_tile_of_entries_and_comes_to_an_end() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let events: Vec<_> = (0..600).map(|_| serde_json::json!({ "action": "visit.planned" })).collect();
    tenant.client.post("/v1/audit/events", events.into()).await?.expect(201)?;
    tenant.client.get("/v1/audit/events?limit=1").await?.expect(200)?;
    let read = async || -> Outcome<usize> {
        let query = "/v1/audit/events?action=audit.entries_disclosed&limit=200";
        let found = tenant.client.get(query).await?.expect(200)?;
        Ok(found["items"].as_array().map_or(0, Vec::len))
    };
    let directory = tempdir()?;
    let directory = directory.path().to_str().ok_or("no text")?;
    let (first, files) = mirror(deployment, &tenant, directory).await?;
    assert!(first > 600 && files > 6, "{first} entries in {files} files");
    assert_eq!(read().await?, 3, "of three tiles of entries");
    let (second, files) = mirror(deployment, &tenant, directory).await?;
    assert!((1..=4).contains(&(second - first)), "what copy and search left: {first}, {second}");
    assert_eq!(files, 2, "the last tile of hashes and of entries");
    let (third, _) = mirror(deployment, &tenant, directory).await?;
    assert!(third - second <= 2, "what the second copy left: {second}, {third}");
    assert_eq!(read().await?, if third > second { 5 } else { 4 });
    Ok(())
}
