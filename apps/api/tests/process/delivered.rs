//! Logs, delivered to collectors that die, by a Ward that is killed: every entry arrives, and each log in its order.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;
use ward_testkit::{Collector, Protocol};

use crate::load::Load;
use crate::ward::{Tenant, Ward, pause};
use crate::witness::{size, write};

/// A collector, and how its lines are read.
struct Sink {
    collector: Collector,
    setting: String,
    /// That of the export that has the same lines.
    format: &'static str,
    /// Whose entry a line holds, and in which place.
    read: fn(&str) -> (String, u64),
}

impl Sink {
    fn syslog(home: &Path) -> Self {
        let collector = Collector::start(Protocol::Syslog, home).unwrap();
        let (port, ca) = (collector.address().port(), collector.authority().display());
        let setting = format!("syslog+tls://localhost:{port}#ca={ca}");
        let read = |line: &str| {
            let word = |key| line.split_once(key).unwrap().1.split(' ').next().unwrap();
            (word(" deviceExternalId=").to_owned(), word(" WardApiIndex=").parse().unwrap())
        };
        Self { collector, setting, format: "cef", read }
    }

    fn http(home: &Path) -> Self {
        let collector = Collector::start(Protocol::Http, home).unwrap();
        let (port, ca) = (collector.address().port(), collector.authority().display());
        let authorization = home.join("authorization");
        fs::write(&authorization, Collector::AUTHORIZATION).unwrap();
        let files = format!("ca={ca}&authorization={}", authorization.display());
        let setting = format!("https://localhost:{port}/ingest#{files}");
        let read = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let entry: Value = serde_json::from_str(line["entry"].as_str().unwrap()).unwrap();
            (entry["event"]["tenant"].as_str().unwrap().to_owned(), line["index"].as_u64().unwrap())
        };
        Self { collector, setting, format: "ndjson", read }
    }

    /// What was collected of one log, as it came.
    fn of(&self, tenant: &Tenant) -> Vec<(u64, String)> {
        let read = |line: String| ((self.read)(&line), line);
        let all = self.collector.taken().into_iter().map(read);
        all.filter(|((whose, _), _)| *whose == tenant.id).map(|((_, place), line)| (place, line)).collect()
    }

    fn exported(&self, ward: &Ward, tenant: &Tenant) -> BTreeMap<u64, String> {
        let path = format!("/v1/audit/export?format={}", self.format);
        let export = ward.client(&tenant.key).get(&path).unwrap();
        assert_eq!(export.status, 200, "{}", export.text);
        export.text.lines().map(|line| ((self.read)(line).1, line.to_owned())).collect()
    }

    /// Waits until all of a log is there that is written now, and sees that each line is what an export has, and that none came
    /// before those before it.
    fn assert_whole(&self, ward: &mut Ward, tenant: &Tenant) {
        let written = size(ward, tenant, "").unwrap();
        ward.until("collected", |_| {
            self.of(tenant).iter().any(|(place, _)| place + 1 == written).then_some(())
        });
        let (taken, exported) = (self.of(tenant), self.exported(ward, tenant));
        let mut next = 0;
        for (place, line) in &taken {
            assert!(*place <= next, "{place} came before {next}");
            next = next.max(place + 1);
            assert_eq!(Some(line), exported.get(place));
        }
        assert!(next >= written);
    }
}

fn arrives_whatever_dies(mut sink: Sink) {
    let mut ward = Ward::idle();
    ward.set(&[("WARD_LOG_SINKS", &sink.setting)]);
    ward.start_again();
    let tenants = ["One", "Other"].map(|name| ward.found(name));
    for tenant in &tenants {
        write(&ward, tenant);
        sink.assert_whole(&mut ward, tenant);
    }

    // The collector dies within a batch, and is away.
    sink.collector.fails_after(3);
    for tenant in tenants.iter().cycle().take(10) {
        write(&ward, tenant);
    }
    let fails =
        |ward: &Ward| String::from_utf8_lossy(&ward.logs()).contains("fails: trying on").then_some(());
    ward.until("failing", fails);
    sink.collector.kill();
    assert!(write(&ward, &tenants[0]) > 0, "nothing waits for it");
    sink.collector.start_again().unwrap();
    tenants.iter().for_each(|tenant| sink.assert_whole(&mut ward, tenant));

    // Ward is killed while it delivers.
    let load = Load::start(&ward.client(&tenants[0].key), 0);
    load.wait(20);
    let before = sink.of(&tenants[0]).len();
    while sink.of(&tenants[0]).len() == before {
        pause();
    }
    ward.kill();
    load.stop();
    ward.start_again();
    tenants.iter().for_each(|tenant| sink.assert_whole(&mut ward, tenant));

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

#[test]
fn every_entry_arrives_by_syslog_in_order_whatever_dies_meanwhile() {
    let home = tempdir().unwrap();
    arrives_whatever_dies(Sink::syslog(home.path()));
}

#[test]
fn every_entry_arrives_over_http_in_order_whatever_dies_meanwhile() {
    let home = tempdir().unwrap();
    arrives_whatever_dies(Sink::http(home.path()));
}

#[test]
fn a_collector_that_begins_later_is_sent_nothing_older_and_every_later_log_whole() {
    let home = tempdir().unwrap();
    let sink = Sink::http(home.path());
    let mut ward = Ward::start("info");
    let tenant = ward.found("Old");
    let before = write(&ward, &tenant);
    // Entries may be ten minutes older than those before them.
    let now = r#"SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '10 minutes', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#;
    let begin = ward.postgres().ask(now)[0][0].clone();
    write(&ward, &tenant);
    let behind = |ward: &Ward| {
        let said = ward.says(&["doctor"]);
        let lag = said.lines().find_map(|line| line.split_once("/ingest: ")?.1.split_once(" entries behind"));
        lag.unwrap_or_else(|| panic!("{said}")).0.parse::<u64>().unwrap()
    };
    ward.stop();
    ward.set(&[("WARD_LOG_SINKS", &format!("{}&begin={begin}", sink.setting))]);
    ward.start_again();
    let later = ward.found("New");
    let written = write(&ward, &tenant);
    write(&ward, &later);
    sink.assert_whole(&mut ward, &later);
    ward.until("collected", |_| sink.of(&tenant).iter().any(|(place, _)| place + 1 >= written).then_some(()));
    let first = sink.of(&tenant)[0].0;
    assert!((before..=before + 1).contains(&first), "{first}, not {before}");
    ward.until("none behind", |ward| (behind(ward) == 0).then_some(()));
    ward.stop();
}
