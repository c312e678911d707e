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
    assert_eq!(
        rows(deployment, &tenant, "audit_leaf WHERE body::json ->> 'action' = 'subject.imported'").await?,
        stored
    );

    let summary = tenant.client.send(&import("consumer", NDJSON, lines(0, 1_600))).await?.expect(200)?;
    assert_eq!(counts(&summary), [1_600 - stored, 0, stored, 0]);
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 1_600);
    assert_eq!(
        rows(deployment, &tenant, "audit_leaf WHERE body::json ->> 'action' = 'subject.imported'").await?,
        1_600
    );
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_revoked_meanwhile_stores_no_further_row() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let (id, client) = tenant.key("live", &["imports.run"]).await?;
    let ask = import("consumer", NDJSON, "").header("accept", NDJSON);
    let mut stream = client.stream(&ask, lines(0, 500)).await?;
    let mut told = String::new();
    while told.lines().count() < 500 {
        let frame = stream.answer.body_mut().frame().await.ok_or("the answer ended")??;
        told.push_str(&String::from_utf8(frame.into_data().map_err(|_| "no data")?.to_vec())?);
    }
    let revoked = tenant.client.send(&Ask::new("DELETE", format!("/v1/api-keys/{id}"))).await?;
    assert_eq!(revoked.status, 204);
    stream.body.send(Bytes::from(lines(500, 1_000))).await?;
    while let Some(frame) = stream.answer.body_mut().frame().await {
        told.push_str(&String::from_utf8(frame?.into_data().map_err(|_| "no data")?.to_vec())?);
    }
    assert!(
        told.trim_end().lines().next_back().is_some_and(|last| last.contains("unauthenticated")),
        "{told}"
    );
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 500);
    let ended = "audit_leaf WHERE body::json ->> 'action' = 'import.ended' AND body::json -> 'details' ->> 'reason' = 'unauthenticated'
                 AND body::json -> 'details' ->> 'whole' = 'false' AND body::json -> 'details' ->> 'accepted' = '500'";
    assert_eq!(rows(deployment, &tenant, ended).await?, 1, "the log says how it ended");
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
async fn many_imports_of_the_same_people_at_once_all_end_whatever_their_order() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let text = lines(0, 1_500);
    // Each takes every so manieth row, round and round: no two batches of two files name the same people.
    let file = |step: usize| {
        let rows: Vec<_> = text.lines().collect();
        (0..rows.len()).map(|n| format!("{}\n", rows[n * step % rows.len()])).collect::<String>()
    };
    let asks = [1, 7, 11, 499, 1_013, 1_499].map(|step| import("consumer", NDJSON, file(step)));
    let mut sums = Vec::new();
    for answer in futures::future::join_all(asks.iter().map(|ask| tenant.client.send(ask))).await {
        sums.push(counts(&answer?.expect(200)?));
    }
    assert_eq!(rows(deployment, &tenant, "subject WHERE true").await?, 1_500);
    assert_eq!(
        rows(deployment, &tenant, "audit_leaf WHERE body::json ->> 'action' = 'subject.imported'").await?,
        1_500
    );
    assert!(sums.iter().all(|sum| sum[0] + sum[2] == 1_500 && sum[1] == 0), "{sums:?}");
    Ok(())
}

#[tokio::test]
async fn who_waits_for_each_answer_gets_it() -> Outcome {
    let tenant = Deployment::shared().await?.tenant("Clinic").await?;
    let ask = import("consumer", NDJSON, "").header("accept", NDJSON);
    let mut stream = tenant.client.stream(&ask, lines(0, 1)).await?;
    for n in 1..4 {
        let told = stream.answer.body_mut().frame().await.ok_or("the answer ended")??;
        let told = told.into_data().map_err(|_| "no data")?;
        assert!(told.starts_with(format!("{{\"line\":{n},\"outcome\":\"accepted\"").as_bytes()), "{told:?}");
        stream.body.send(Bytes::from(lines(n, 1))).await?;
    }
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
