//! Imports while others act: connections that break, keys that are revoked, the same people twice.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Bytes;

use crate::imports::{NDJSON, counts, import, rows};
use crate::support::{Ask, Deployment, Outcome, Tenant};

/// `count` rows of a file, from `first` on.
fn lines(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|n| format!("{{\"external_ref\":\"D-{n}\",\"given_name\":\"Ada\"}}\n"))
        .collect()
}

#[tokio::test]
async fn a_connection_that_breaks_loses_nothing_acknowledged_and_sending_again_completes_it() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let ask = import("consumer", NDJSON, "").header("accept", NDJSON);
    let mut stream = tenant.client.stream(&ask, lines(0, 1_250)).await?;
    let mut acknowledged = String::new();
    while acknowledged.lines().count() < 1_000 {
        let frame = stream.answer.body_mut().frame().await.ok_or("the answer ended")??;
        acknowledged.push_str(&String::from_utf8(frame.into_data().map_err(|_| "no data")?.to_vec())?);
    }
    stream.body.send(Bytes::from("{\"external_ref\":\"D-1250\",\"given")).await?;
    stream.connection.abort(); // mid-row
    let _gone = stream.connection.await;
    assert_eq!(acknowledged.matches("\"accepted\"").count(), 1_000);

    settled(deployment, &tenant).await?;
    let stored = rows(deployment, &tenant, "subject WHERE true").await?;
    assert!(stored >= 1_000, "only {stored} of what was acknowledged are stored");
    assert_eq!(rows(deployment, &tenant, "audit_leaf WHERE action = 'subject.imported'").await?, stored);

    let summary = tenant.client.send(&import("consumer", NDJSON, lines(0, 1_600))).await?.expect(200)?;
    assert_eq!(counts(&summary), [1_600 - stored, 0, stored, 0]);
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 1_600);
    assert_eq!(rows(deployment, &tenant, "audit_leaf WHERE action = 'subject.imported'").await?, 1_600);
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_revoked_meanwhile_stores_no_further_row() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (id, client) = tenant.key("live", &["imports.run"]).await?;
    let ask = import("consumer", NDJSON, "").header("accept", NDJSON);
    let mut stream = client.stream(&ask, lines(0, 600)).await?;
    let mut told = String::new();
    while told.lines().count() < 500 {
        let frame = stream.answer.body_mut().frame().await.ok_or("the answer ended")??;
        told.push_str(&String::from_utf8(frame.into_data().map_err(|_| "no data")?.to_vec())?);
    }
    let revoked = tenant.client.send(&Ask::new("DELETE", format!("/v1/api-keys/{id}"))).await?;
    assert_eq!(revoked.status, 204);
    stream.body.send(Bytes::from(lines(600, 1_000))).await?;
    while let Some(frame) = stream.answer.body_mut().frame().await {
        told.push_str(&String::from_utf8(frame?.into_data().map_err(|_| "no data")?.to_vec())?);
    }
    assert!(
        told.trim_end().lines().next_back().is_some_and(|last| last.contains("unauthenticated")),
        "{told}"
    );
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 500);
    Ok(())
}

/// Waits until what a broken connection left is done: two looks that see the same.
async fn settled(deployment: &Deployment, tenant: &Tenant) -> Outcome {
    let mut before = u64::MAX;
    loop {
        let now = rows(deployment, tenant, "subject WHERE true").await?;
        if now == before {
            return Ok(());
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn two_imports_of_the_same_people_at_once_store_them_once_whatever_their_order() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let text = lines(0, 900);
    let reversed = text.lines().rev().fold(String::new(), |text, line| text + line + "\n");
    let (one, other) = (import("consumer", NDJSON, text), import("consumer", NDJSON, reversed));
    let (one, other) = tokio::join!(tenant.client.send(&one), tenant.client.send(&other));
    let sums = [counts(&one?.expect(200)?), counts(&other?.expect(200)?)];
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 900);
    assert_eq!(rows(deployment, &tenant, "audit_leaf WHERE action = 'subject.imported'").await?, 900);
    assert!(sums.iter().all(|sum| sum[0] + sum[2] == 900 && sum[1] == 0), "{sums:?}");
    Ok(())
}

#[tokio::test]
async fn who_comes_again_in_the_next_batch_ends_as_the_later_row_says() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let ada = |name: &str| format!("{{\"external_ref\":\"E-1\",\"given_name\":\"{name}\"}}\n");
    let import =
        async |file: String| tenant.client.send(&import("consumer", NDJSON, file)).await?.expect(200);
    import(ada("Ada") + &lines(0, 499)).await?;
    // New people take longer than those who are known: the second batch would be done first.
    let summary = import(ada("Adah") + &lines(499, 499) + &ada("Adina") + &lines(0, 499)).await?;
    assert_eq!(counts(&summary), [499, 2, 499, 0], "{summary}");
    let found = tenant.client.get("/v1/subjects?kind=consumer&external_ref=E-1").await?.expect(200)?;
    assert_eq!(found["items"][0]["fields"]["given_name"], "Adina");
    Ok(())
}
