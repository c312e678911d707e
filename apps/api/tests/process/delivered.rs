//! Logs, delivered to a collector that dies, by a Ward that is killed: every entry arrives, and each log in its order.

use std::collections::BTreeMap;

use tempfile::tempdir;
use ward_testkit::Collector;

use crate::load::Load;
use crate::ward::{Tenant, Ward, pause};
use crate::witness::{size, write};

const FAILS: &str = "delivering logs to syslog+tls://localhost";

/// The lines of an export in CEF, which a sink is sent as well, by their places.
fn exported(ward: &Ward, tenant: &Tenant) -> BTreeMap<u64, String> {
    let export = ward.client(&tenant.key).get("/v1/audit/export?format=cef").unwrap();
    assert_eq!(export.status, 200, "{}", export.text);
    export.text.lines().map(|line| (place(line), line.to_owned())).collect()
}

fn word<'l>(line: &'l str, key: &str) -> &'l str {
    let (_, value) = line.split_once(&format!(" {key}=")).unwrap_or_else(|| panic!("no `{key}`: {line}"));
    value.split(' ').next().unwrap()
}

fn place(line: &str) -> u64 {
    word(line, "WardApiIndex").parse().unwrap()
}

/// What was collected of one log, as it came.
fn collected(collector: &Collector, tenant: &Tenant) -> Vec<String> {
    let mut taken = collector.taken();
    taken.retain(|line| word(line, "deviceExternalId") == tenant.id);
    taken
}

/// Waits until all of a log is there that is written now, and sees that each line is what an export has, and that none came before
/// those before it.
fn assert_whole(ward: &mut Ward, collector: &Collector, tenant: &Tenant) {
    let written = size(ward, tenant, "").unwrap();
    ward.until("collected", |_| {
        collected(collector, tenant).iter().any(|line| place(line) + 1 == written).then_some(())
    });
    let (taken, exported) = (collected(collector, tenant), exported(ward, tenant));
    let mut next = 0;
    for line in &taken {
        let place = place(line);
        assert!(place <= next, "{place} came before {next}");
        next = next.max(place + 1);
        assert_eq!(Some(line), exported.get(&place));
    }
    assert!(next >= written);
}

fn settings(collector: &Collector) -> String {
    format!("syslog+tls://localhost:{}#ca={}", collector.address().port(), collector.authority().display())
}

#[test]
fn every_entry_arrives_in_order_whatever_dies_meanwhile() {
    let (mut ward, home) = (Ward::idle(), tempdir().unwrap());
    let mut collector = Collector::start(home.path()).unwrap();
    ward.set(&[("WARD_LOG_SINKS", &settings(&collector))]);
    ward.start_again();
    let tenants = ["One", "Other"].map(|name| ward.found(name));
    for tenant in &tenants {
        write(&ward, tenant);
        assert_whole(&mut ward, &collector, tenant);
    }

    // The collector dies within a batch, and is away.
    collector.fails_after(3);
    for tenant in tenants.iter().cycle().take(10) {
        write(&ward, tenant);
    }
    ward.until("failing", |ward| String::from_utf8_lossy(&ward.logs()).contains(FAILS).then_some(()));
    collector.kill();
    assert!(write(&ward, &tenants[0]) > 0, "nothing waits for it");
    collector.start_again().unwrap();
    tenants.iter().for_each(|tenant| assert_whole(&mut ward, &collector, tenant));

    // Ward is killed while it delivers.
    let load = Load::start(&ward.client(&tenants[0].key), 0);
    load.wait(20);
    let before = collected(&collector, &tenants[0]).len();
    while collected(&collector, &tenants[0]).len() == before {
        pause();
    }
    ward.kill();
    load.stop();
    ward.start_again();
    tenants.iter().for_each(|tenant| assert_whole(&mut ward, &collector, tenant));

    let started =
        "SELECT count(*) FROM ward.audit_leaf WHERE body::json ->> 'action' = 'audit.delivery_started'";
    let sinks = "SELECT count(*) FROM ward.log_delivery";
    assert_eq!(
        ward.postgres().ask(started),
        ward.postgres().ask(sinks),
        "a log says once that it is delivered"
    );
    ward.stop();
}
