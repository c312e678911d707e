//! Heads of logs, put where others see them: whatever ends in between, they come to lie there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;
use ward_testkit::Bucket;

use crate::ward::{Tenant, Ward};
use crate::witness::{checked, set_back, size, write};

/// What is said when archiving begins to fail.
const FAILS: &str = "archiving the heads of logs fails";

/// How many entries the archived checkpoint in a file counts.
fn archived(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.lines().nth(1)?.parse().ok()
}

fn name(tenant: &Tenant, file: &str) -> PathBuf {
    ["localhost", &tenant.id, file].iter().collect()
}

fn says(ward: &Ward, words: &str) -> Option<()> {
    String::from_utf8_lossy(&ward.logs()).contains(words).then_some(())
}

/// `ward audit verify`, from a checkpoint that was archived.
fn verify(ward: &Ward, tenant: &Tenant, since: &Path) -> ward_cli::Done {
    let key = ward.client(&tenant.key).get("/v1/audit/key").unwrap().text;
    let url = ward.client("").url;
    let since = since.to_str().unwrap();
    let words = ["audit", "verify", "--url", &url, "--key", key.trim(), "--since", since, "--json"];
    ward_cli::run(&words.map(str::to_owned), Some(tenant.key.clone()))
}

#[test]
fn heads_come_to_lie_in_a_directory_that_was_away_and_one_that_lies_there_refutes_a_log_that_was_set_back() {
    let mut ward = Ward::idle();
    let (archive, away) = (ward.home().join("archive"), ward.home().join("away"));
    fs::create_dir(&archive).unwrap();
    ward.set(&[("WARD_CHECKPOINTS", &format!("file://{}", archive.display()))]);
    ward.start_again();
    let tenant = ward.found("Archived");
    let latest = archive.join(name(&tenant, "checkpoint"));
    let first = write(&ward, &tenant);
    let first = ward.until("archived", |_| archived(&latest).filter(|size| *size >= first));
    let note = fs::read_to_string(&latest).unwrap();
    assert_eq!(verify(&ward, &tenant, &latest).code, 0);

    fs::rename(&archive, &away).unwrap();
    let second = write(&ward, &tenant);
    ward.until("failing", |ward| says(ward, FAILS));
    ward.kill();
    fs::rename(&away, &archive).unwrap();
    ward.start_again();
    ward.until("archived again", |_| archived(&latest).filter(|size| *size >= second));
    let kept = archive.join(name(&tenant, &format!("{first}.checkpoint")));
    assert_eq!(fs::read_to_string(&kept).unwrap(), note, "the old one stays");
    assert_eq!(verify(&ward, &tenant, &kept).code, 0);

    ward.kill();
    set_back(&ward, &tenant, &note);
    let before = fs::read_to_string(&latest).unwrap();
    ward.start_again();
    ward.until("contradicted", |ward| says(ward, "a log is not as it was"));
    assert_eq!(checked(&ward, &tenant), "failing");
    assert_eq!(fs::read_to_string(&latest).unwrap(), before);
    let done = verify(&ward, &tenant, &latest);
    let said: Value = serde_json::from_str(&done.said).unwrap();
    assert_eq!((done.code, &said["reason"]), (1, &"rolled-back".into()), "{done:?}");
    ward.stop();
}

#[test]
fn a_bucket_whose_server_dies_holds_nothing_up_and_has_every_head_in_the_end() {
    let (mut ward, home) = (Ward::idle(), tempdir().unwrap());
    let mut bucket = Bucket::start(home.path()).unwrap();
    let settings = bucket.settings();
    ward.set(&settings.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>());
    let place = format!("s3://{}/ward", Bucket::NAME);
    ward.set(&[("WARD_CHECKPOINTS", &place), ("WARD_LOG", "info,ward_api::due=debug")]);
    ward.start_again();
    let tenants = ["One", "Other"].map(|name| ward.found(name));
    let latest = tenants.each_ref().map(|tenant| bucket.object("ward").join(name(tenant, "checkpoint")));
    ward.until("archived", |_| latest.iter().all(|latest| archived(latest).is_some()).then_some(()));

    bucket.kill();
    let sizes = tenants.each_ref().map(|tenant| write(&ward, tenant));
    for tenant in &tenants {
        let fails = format!(r#""message":"{FAILS}","tenant":"{}""#, tenant.id);
        ward.until("failing", |ward| says(ward, &fails));
    }
    assert!(write(&ward, &tenants[0]) > sizes[0], "logs grow");
    bucket.start_again().unwrap();
    ward.until("archived again", |ward| says(ward, "archiving the heads of logs goes on"));
    for (tenant, latest) in tenants.iter().zip(&latest) {
        let size = size(&ward, tenant, "").unwrap();
        ward.until("archived", |_| archived(latest).filter(|archived| *archived >= size));
        let kept = latest.with_file_name(format!("{}.checkpoint", archived(latest).unwrap()));
        assert_eq!(fs::read(latest).unwrap(), fs::read(kept).unwrap());
    }
    ward.stop();
}
