//! Kills Ward, and PostgreSQL beneath it, in the middle of writes: what was acknowledged is there, whole and once.

use std::collections::BTreeMap;

use crate::load::{Acknowledged, Load};
use crate::postgres::Postgres;
use crate::ward::{Tenant, Ward, pause, signal};

/// Ids whose subject, event and key are not one of each, written by one transaction.
const HALF_DONE: &str = "
    SELECT id FROM (
        SELECT id, 1 AS subject, 0 AS event, 0 AS key, xmin::text FROM ward.subject WHERE tenant = TENANT UNION ALL
        SELECT (body::json -> 'entity' ->> 'id')::uuid, 0, 1, 0, xmin::text FROM ward.audit_leaf
        WHERE tenant = TENANT AND body::json ->> 'action' = 'subject.created' UNION ALL
        SELECT subject, 0, 0, 1, xmin::text FROM ward.wrapped_key WHERE tenant = TENANT AND subject IS NOT NULL) part
    GROUP BY id HAVING sum(subject) <> 1 OR sum(event) <> 1 OR sum(key) <> 1 OR count(DISTINCT xmin) <> 1";

fn cycles() -> usize {
    std::env::var("WARD_TEST_CYCLES").map_or(12, |cycles| cycles.parse().expect("a number"))
}

/// How many answers a cycle waits for: another number each time, so that the kill comes at another moment.
fn answers(cycle: usize) -> usize {
    8 + cycle * 7 % 23
}

#[test]
fn what_a_killed_process_acknowledged_is_there_whole_and_once() {
    let mut ward = Ward::start("warn");
    let tenant = ward.found("Killed");
    let mut acknowledged = Acknowledged::new();
    for cycle in 0..cycles() {
        let load = Load::start(&ward.client(&tenant.key), cycle);
        load.wait(answers(cycle));
        ward.kill();
        acknowledged.extend(load.stop());
        ward.start_again();
        assert_eq!(lost(&ward.postgres(), &tenant, &acknowledged), Vec::<&str>::new(), "cycle {cycle}");
        assert_eq!(half_done(&ward.postgres(), &tenant), Vec::<String>::new(), "cycle {cycle}");
    }
    assert_shown_once(&ward, &tenant, &acknowledged);
    ward.stop();
}

#[test]
fn ward_outlives_a_killed_database_and_nothing_acknowledged_is_lost() {
    let mut ward = Ward::start("warn");
    let tenant = ward.found("Outlived");
    let mut acknowledged = Acknowledged::new();
    for cycle in 0..cycles() {
        let load = Load::start(&ward.client(&tenant.key), cycle);
        load.wait(answers(cycle));
        let killed = ward.postgres().pid();
        // Its first process alone, whose death the others notice; or all of them, as when the machine fails.
        ward.postgres().kill(cycle % 2 == 1);
        while ward.postgres().pid() == killed {
            pause();
        }
        load.wait(answers(cycle));
        acknowledged.extend(load.stop());
        ward.until_ready();
        assert_eq!(lost(&ward.postgres(), &tenant, &acknowledged), Vec::<&str>::new(), "cycle {cycle}");
        assert_eq!(half_done(&ward.postgres(), &tenant), Vec::<String>::new(), "cycle {cycle}");
    }
    assert_shown_once(&ward, &tenant, &acknowledged);
    ward.stop();
}

/// The control: were this to lose nothing, the tests above would prove nothing.
#[test]
fn without_synchronous_commit_the_same_loses_what_was_acknowledged() {
    let mut ward = Ward::start("warn");
    let tenant = ward.found("Lost");
    ward.postgres().ask("ALTER SYSTEM SET synchronous_commit = off");
    ward.postgres().ask("SELECT pg_reload_conf()");
    ward.stop();
    ward.start_again();

    // What only memory holds stays there.
    let writer = ward.postgres().ask("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
    signal("STOP", &[writer[0][0].parse().unwrap()]);
    let load = Load::start(&ward.client(&tenant.key), 0);
    load.wait(40);
    ward.kill(); // so that nobody starts PostgreSQL again
    ward.postgres().kill(true);
    let acknowledged = load.stop();
    ward.start_again();

    assert_ne!(
        lost(&ward.postgres(), &tenant, &acknowledged),
        Vec::<&str>::new(),
        "of {}",
        acknowledged.len()
    );
    assert_eq!(half_done(&ward.postgres(), &tenant), Vec::<String>::new());

    // And were something half done, it would be seen.
    let load = Load::start(&ward.client(&tenant.key), 1);
    load.wait(1);
    load.stop();
    let halved = format!("DELETE FROM ward.subject WHERE tenant = '{}' RETURNING id", tenant.id);
    let halved = ward.postgres().ask(&halved);
    assert_eq!(half_done(&ward.postgres(), &tenant).len(), halved.len());
    assert_ne!(halved.len(), 0);
}

/// Which of the acknowledged are not there.
fn lost<'a>(postgres: &Postgres, tenant: &Tenant, acknowledged: &'a Acknowledged) -> Vec<&'a str> {
    let there = postgres.ask(&format!("SELECT id FROM ward.subject WHERE tenant = '{}'", tenant.id));
    let there: std::collections::BTreeSet<_> = there.into_iter().flatten().collect();
    let gone = acknowledged.values().flatten().filter(|id| !there.contains(*id));
    gone.map(String::as_str).collect()
}

fn half_done(postgres: &Postgres, tenant: &Tenant) -> Vec<String> {
    postgres.ask(&HALF_DONE.replace("TENANT", &format!("'{}'", tenant.id))).into_iter().flatten().collect()
}

/// Reads every subject as the tenant does: each that was acknowledged is shown once, in clear, under the id that was told.
fn assert_shown_once(ward: &Ward, tenant: &Tenant, acknowledged: &Acknowledged) {
    let client = ward.client(&tenant.key);
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut path = "/v1/subjects?limit=200".to_owned();
    loop {
        let page = client.get(&path).unwrap();
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["fields"]["given_name"], "Ann", "{item}");
            let word = |name: &str| item[name].as_str().unwrap().to_owned();
            shown.entry(word("external_ref")).or_default().push(word("id"));
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/subjects?limit=200&cursor={cursor}");
    }
    for (name, id) in acknowledged {
        let ids = shown.get(name).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(ids.len(), 1, "`{name}` is shown {} times", ids.len());
        assert!(id.as_ref().is_none_or(|id| *id == ids[0]), "`{name}` is another than was told");
    }
    assert!(shown.values().all(|ids| ids.len() == 1));
}
