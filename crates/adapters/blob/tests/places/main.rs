//! Archives in a real directory and in the bucket of a real server.
#![expect(clippy::unwrap_used, reason = "a test may")]

mod locked;

use std::fs;

use tempfile::{TempDir, tempdir};
use ward::audit::archive::{Archive, ArchiveError};
use ward::{ErasureLedger as _, Unanswered};
use ward_blob::{BlobArchive, BlobLedger, Place};
use ward_testkit::Bucket;

fn directory(of: &TempDir) -> BlobArchive {
    format!("file://{}", of.path().display()).parse::<Place>().unwrap().open([]).unwrap()
}

fn bucket(of: &Bucket, prefix: &str, settings: &[(&str, &str)]) -> BlobArchive {
    let place: Place = format!("s3://{}/{prefix}", Bucket::NAME).parse().unwrap();
    let mut all = of.settings();
    all.retain(|(name, _)| settings.iter().all(|(other, _)| name != other));
    all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    place.open(all).unwrap()
}

/// Every cause of a failure, in words.
fn causes(failed: ArchiveError) -> String {
    let first: &dyn std::error::Error = &failed;
    let all = std::iter::successors(Some(first), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn keeps_what_is_put_there(archive: &BlobArchive) -> Result<(), ArchiveError> {
    assert_eq!(archive.text("ward.example/a/checkpoint").await?, None);
    for text in ["first — ä\n", "second\n"] {
        archive.replace("ward.example/a/checkpoint", text).await?;
        assert_eq!(archive.text("ward.example/a/checkpoint").await?.as_deref(), Some(text));
    }
    assert!(archive.add("ward.example/a/3.checkpoint", "kept\n").await?);
    assert!(!archive.add("ward.example/a/3.checkpoint", "other\n").await?);
    assert_eq!(archive.text("ward.example/a/3.checkpoint").await?.as_deref(), Some("kept\n"));
    assert_eq!(archive.text("ward.example/b/3.checkpoint").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_directory_keeps_what_is_put_there_and_nothing_is_put_where_it_is_missing() {
    let (home, elsewhere) = (tempdir().unwrap(), tempdir().unwrap());
    let archive = directory(&home);
    keeps_what_is_put_there(&archive).await.unwrap();
    assert_eq!(fs::read_to_string(home.path().join("ward.example/a/3.checkpoint")).unwrap(), "kept\n");

    let away = elsewhere.path().join("away");
    fs::rename(home.path(), &away).unwrap();
    archive.text("ward.example/a/checkpoint").await.unwrap_err();
    archive.add("ward.example/a/4.checkpoint", "x").await.unwrap_err();
    assert!(!home.path().exists(), "it may be a mount that is not there");
    fs::rename(away, home.path()).unwrap();
    assert!(archive.add("ward.example/a/4.checkpoint", "x").await.unwrap());
}

#[tokio::test]
async fn no_name_leads_out_of_the_directory() {
    let home = tempdir().unwrap();
    fs::write(home.path().join("secret"), "secret").unwrap();
    fs::create_dir(home.path().join("archive")).unwrap();
    let place: Place = format!("file://{}/archive", home.path().display()).parse().unwrap();
    let archive = place.open([]).unwrap();
    assert_eq!(archive.text("../secret").await.unwrap(), None);
    archive.replace("../secret", "mine").await.unwrap();
    assert_eq!(archive.text("../secret").await.unwrap().as_deref(), Some("mine"));
    assert_eq!(fs::read_to_string(home.path().join("secret")).unwrap(), "secret");
}

#[tokio::test]
async fn a_bucket_keeps_what_is_put_there_under_its_prefix_and_goes_on_where_its_server_comes_back() {
    let home = tempdir().unwrap();
    let mut server = Bucket::start(home.path()).unwrap();
    let archive = bucket(&server, "a/b", &[]);
    keeps_what_is_put_there(&archive).await.unwrap();
    let kept = server.object("a/b/ward.example/a/3.checkpoint");
    assert_eq!(fs::read_to_string(kept).unwrap(), "kept\n");

    server.kill();
    archive.text("ward.example/a/checkpoint").await.unwrap_err();
    archive.replace("ward.example/a/checkpoint", "third").await.unwrap_err();
    server.start_again().unwrap();
    assert!(!archive.add("ward.example/a/3.checkpoint", "other\n").await.unwrap());
    assert_eq!(archive.text("ward.example/a/checkpoint").await.unwrap().as_deref(), Some("second\n"));
}

#[tokio::test]
async fn whoever_may_not_write_is_told_so_and_nothing_is_sent_in_clear_unless_that_is_allowed() {
    let home = tempdir().unwrap();
    let server = Bucket::start(home.path()).unwrap();
    let stranger = bucket(&server, "", &[("AWS_SECRET_ACCESS_KEY", "guessed")]);
    let refused = causes(stranger.replace("checkpoint", "x").await.unwrap_err());
    assert!(refused.contains("SignatureDoesNotMatch"), "{refused}");
    let careful = bucket(&server, "", &[("AWS_ALLOW_HTTP", "false")]);
    let refused = causes(careful.replace("checkpoint", "x").await.unwrap_err());
    assert!(refused.contains("http"), "{refused}");
    assert!(!server.object("checkpoint").exists());
}

#[tokio::test]
async fn what_is_no_short_text_is_not_read() {
    let home = tempdir().unwrap();
    let archive = directory(&home);
    fs::write(home.path().join("long"), "x".repeat((64 << 10) + 1)).unwrap();
    fs::write(home.path().join("bytes"), [0xff]).unwrap();
    for name in ["long", "bytes"] {
        let failed = causes(archive.text(name).await.unwrap_err());
        assert!(failed.contains("no short text"), "{failed}");
    }
    fs::write(home.path().join("longest"), "x".repeat(64 << 10)).unwrap();
    assert_eq!(archive.text("longest").await.unwrap().unwrap().len(), 64 << 10);
}

async fn numbers_what_is_put_there(ledger: &BlobLedger) -> Result<(), Unanswered> {
    assert_eq!((ledger.text(1).await?, ledger.numbers(0).await?), (None, vec![]));
    for number in [1, 2, 9, 10, 11] {
        assert!(ledger.add(number, &format!("{number}\n")).await?);
    }
    assert!(!ledger.add(2, "other\n").await?);
    assert_eq!(ledger.text(2).await?.as_deref(), Some("2\n"));
    assert_eq!(ledger.numbers(0).await?, [1, 2, 9, 10, 11]);
    assert_eq!(ledger.numbers(9).await?, [10, 11]);
    assert!(ledger.numbers(11).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_ledger_numbers_what_is_put_there_in_a_directory_and_in_a_bucket() {
    let (home, buckets) = (tempdir().unwrap(), tempdir().unwrap());
    let mut server = Bucket::start(buckets.path()).unwrap();
    let ledgers = [directory(&home), bucket(&server, "a/b", &[])];
    for ledger in ledgers.map(|archive| BlobLedger::new(archive, "ward.example/x")) {
        numbers_what_is_put_there(&ledger).await.unwrap();
    }
    let beside = home.path().join("ward.example/x/erasures");
    fs::write(beside.join("0000000000000003.tmp"), "").unwrap();
    fs::write(beside.join("notes"), "").unwrap();
    fs::write(home.path().join("ward.example/x/0000000000000012"), "").unwrap();
    let ledger = BlobLedger::new(directory(&home), "ward.example/x");
    assert_eq!(
        ledger.numbers(0).await.unwrap(),
        [1, 2, 9, 10, 11],
        "what others put beside them has no number"
    );
    assert!(BlobLedger::new(directory(&home), "ward.example/y").numbers(0).await.unwrap().is_empty());

    let away = BlobLedger::new(bucket(&server, "a/b", &[]), "ward.example/x");
    server.kill();
    away.numbers(0).await.unwrap_err();
    away.text(1).await.unwrap_err();
    fs::remove_dir_all(home.path()).unwrap();
    ledger.numbers(0).await.unwrap_err();
}
