//! Exports that are under way at the same time.

use std::time::Duration;

use http_body_util::BodyExt as _;

use super::support::{export, record_large};
use crate::support::{Ask, Deployment, Outcome, Stream, Tenant};

const EXPORT: &str = "/v1/audit/export?format=ndjson";

/// A tenant whose log is longer than what a connection holds of it while nobody reads.
async fn long(deployment: &Deployment) -> Outcome<Tenant> {
    let tenant = deployment.tenant("Clinic").await?;
    record_large(&tenant, 10).await?;
    Ok(tenant)
}

/// Exports that were begun and aren't read: as many as a tenant may have.
async fn begun(tenant: &Tenant) -> Outcome<Vec<Stream>> {
    let mut begun = Vec::new();
    for n in 0..4 {
        let stream = tenant.client.stream(&Ask::new("GET", EXPORT), "").await?;
        assert_eq!(stream.answer.status(), 200, "{n}");
        begun.push(stream);
    }
    Ok(begun)
}

#[tokio::test]
async fn a_tenant_that_exports_a_lot_at_once_is_told_to_wait_and_no_other() -> Outcome {
    let deployment = Deployment::shared().await?;
    let (tenant, other) = (long(deployment).await?, deployment.tenant("Other").await?);
    let mut begun = begun(&tenant).await?;
    let refused = tenant.client.get(EXPORT).await?;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-exports"));
    assert_eq!(refused.header("retry-after"), Some("30"));
    export(&other.client, "format=ndjson").await?;
    let powerless = tenant.with(&["audit.read"]).await?;
    powerless.get(EXPORT).await?.expect(403)?;

    let read = begun.pop().ok_or("none was begun")?.answer.into_body().collect().await?.to_bytes();
    assert!(read.len() > 12 << 20, "it was not whole before it was read");
    let next = tenant.client.stream(&Ask::new("GET", EXPORT), "").await?;
    assert_eq!(next.answer.status(), 200, "one that has ended makes room");
    assert_eq!(tenant.client.get(EXPORT).await?.status, 429, "for one");
    let told = tenant.client.get("/v1/audit/events?action=audit.export_started").await?.expect(200)?;
    assert_eq!(told["items"].as_array().map(Vec::len), Some(5), "what was refused was not begun");
    let told = tenant.client.get("/v1/audit/events?action=audit.export_completed").await?.expect(200)?;
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "what isn't read is not completed");
    Ok(())
}

#[tokio::test]
async fn whoever_leaves_an_export_makes_room_for_another() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = long(deployment).await?;
    let mut begun = begun(&tenant).await?;
    assert_eq!(tenant.client.get(EXPORT).await?.status, 429);
    let gone = begun.pop().ok_or("none was begun")?;
    gone.connection.abort();
    drop(gone);
    for _ in 0..600 {
        // The server hears of it when it writes.
        let next = tenant.client.stream(&Ask::new("GET", EXPORT), "").await?;
        if next.answer.status() == 200 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("its place was never given back".into())
}
