//! Keys are followed while Ward is asked without a pause, and while it is killed: no request fails, and everything opens as what it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::client::Client;
use crate::ward::{Tenant, Ward, pause};

const JSON: (&str, &str) = ("content-type", "application/json");
/// Of each person: given and family name, mail address, street and city.
const VALUES: usize = 4;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn person(n: usize) -> [String; VALUES] {
    [
        format!("Ada{n}"),
        format!("Lovelace{n}"),
        format!("ada{n}@example.org"),
        format!("+12065550{:03}", n % 1000),
    ]
}

fn import(ward: &Ward, tenant: &Tenant, people: usize) {
    let mut csv = "external_ref,given_name,family_name,email,phone".to_owned();
    (0..people).for_each(|n| csv += &format!("\nR{n},{}", person(n).join(",")));
    let path = "/v1/imports?kind=patient";
    let answer =
        ward.client(&tenant.key).send(Method::POST, path, &[("content-type", "text/csv")], &csv).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["accepted"], people, "{}", answer.text);
}

/// Whether what is shown is what was sealed, or by how much it differs.
fn differs(item: &Value) -> Option<String> {
    let n = item["external_ref"].as_str()?.strip_prefix('R')?.parse().ok()?;
    let [given, family, email, phone] = person(n);
    let fields = json!({ "given_name": given, "family_name": family, "email": email, "phone": phone });
    (item["fields"] != fields).then(|| item.to_string())
}

/// Everybody, page after page: how many there are, and none is another.
fn read_all(client: &Client) -> usize {
    let (mut read, mut path) = (0, "/v1/subjects?limit=200".to_owned());
    loop {
        let page = client.get(&path).unwrap();
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        let wrong: Vec<_> = items.iter().filter_map(differs).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        read += items.len();
        let Some(cursor) = page["next_cursor"].as_str() else { return read };
        path = format!("/v1/subjects?limit=200&cursor={cursor}");
    }
}

fn rotate(ward: &Ward, tenant: &Tenant, keys: &Value) {
    let begun =
        ward.client(&tenant.key).send(Method::POST, "/v1/keys/rotate", &[JSON], &keys.to_string()).unwrap();
    assert_eq!(begun.status, 201, "{}", begun.text);
}

fn states(ward: &Ward, tenant: &Tenant) -> BTreeMap<String, usize> {
    let sql =
        format!("SELECT state, count(*) FROM ward.rotation WHERE tenant = '{}' GROUP BY state", tenant.id);
    ward.postgres().ask(&sql).into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect()
}

/// What takes three minutes was begun four minutes ago, by the word of the database's master.
fn age(ward: &Ward) {
    ward.postgres().ask(
        "SET session_replication_role = replica;
         UPDATE ward.wrapped_key SET created_at = created_at - interval '4 min';
         UPDATE ward.rotation SET begun_at = begun_at - interval '4 min';
         UPDATE ward.job_lease SET run_at = now(), leased_until = NULL WHERE kind = 'rotation'",
    );
}

#[test]
fn killed_while_keys_are_followed_again_and_again_every_row_opens() {
    let mut ward = Ward::start("warn");
    let (tenant, people) = (ward.found("Killed while turning"), setting("WARD_TEST_PEOPLE", 500));
    import(&ward, &tenant, people);
    let done = format!("SELECT coalesce(sum(done), 0) FROM ward.rotation WHERE tenant = '{}'", tenant.id);
    for kill in 0..setting("WARD_TEST_CYCLES", 4) {
        let before: usize = ward.postgres().ask(&done)[0][0].parse().unwrap();
        rotate(&ward, &tenant, &json!({}));
        // After another number of moved rows each time.
        let wanted = before + 1 + kill * 97 % people;
        let people_ended =
            "NOT EXISTS (SELECT FROM ward.rotation WHERE state = 'running' AND purpose = 'subject')";
        let moved = format!("SELECT ({done}) >= {wanted} OR {people_ended}");
        ward.until("on its way", |ward| (ward.postgres().ask(&moved) == [["t"]]).then_some(()));
        ward.kill();
        age(&ward);
        ward.start_again();
    }
    let unmade = format!(
        "SELECT count(*) FROM ward.rotation r WHERE tenant = '{}' AND state = 'running' AND purpose <> 'subject' AND NOT EXISTS (
            SELECT FROM ward.wrapped_key k WHERE k.tenant = r.tenant AND k.purpose = r.purpose AND k.created_at > r.begun_at)",
        tenant.id
    );
    ward.until("followed by versions", |ward| (ward.postgres().ask(&unmade) == [["0"]]).then_some(()));
    ward.kill();
    age(&ward);
    ward.start_again();
    ward.until("at its end", |ward| states(ward, &tenant).keys().eq(["ended"]).then_some(()));
    assert_eq!(read_all(&ward.client(&tenant.key)), people);
    let versions = format!(
        "SELECT count(*) FROM ward.wrapped_key WHERE tenant = '{}' AND purpose = 'subject'",
        tenant.id
    );
    assert_eq!(ward.postgres().ask(&versions), [[people.to_string()]], "each person has one key");
    ward.stop();
}

#[test]
fn asked_without_a_pause_while_keys_are_followed_no_request_fails_and_nothing_is_misread() {
    let mut ward = Ward::start("warn");
    let (tenant, people) = (ward.found("Turning under load"), setting("WARD_TEST_PEOPLE", 500));
    import(&ward, &tenant, people);
    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (stop, answers, asks) = (stop.clone(), answers.clone(), ward.client(&tenant.key));
            thread::spawn(move || ask_without_a_pause(&asks, client, &stop, &answers))
        })
        .collect();

    // The soak waits as long as it takes until every replica knows of a version; elsewhere people's keys are followed alone, which wait for nobody.
    let keys =
        if std::env::var("WARD_TEST_PEOPLE").is_ok() { json!({}) } else { json!({ "keys": ["subject"] }) };
    rotate(&ward, &tenant, &keys);
    let begun = answers.load(Ordering::Relaxed);
    let patience = 900_000 / 20;
    let ended = (0..patience).any(|_| {
        pause();
        assert!(clients.iter().all(|client| !client.is_finished()), "a client gave up");
        states(&ward, &tenant).keys().eq(["ended"])
    });
    assert!(ended, "{:?}", states(&ward, &tenant));
    let during = answers.load(Ordering::Relaxed) - begun;
    stop.store(true, Ordering::Relaxed);
    let made: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert_eq!(read_all(&ward.client(&tenant.key)), people + made);
    println!(
        "{} values of {people} people followed; {during} requests answered meanwhile, none in vain",
        people * VALUES
    );
    assert!(during > 0, "nothing was asked meanwhile");
    ward.stop();
}

/// Where the log shows what somebody was imported with.
fn values(client: &Client, who: usize) -> String {
    let found = client.get(&format!("/v1/subjects?external_ref=R{who}&kind=patient")).unwrap().json();
    let id = found["items"][0]["id"].as_str().expect("it is found");
    loop {
        let events = client.get(&format!("/v1/audit/events?entity={id}")).unwrap().json();
        let first = events["items"].as_array().and_then(|newest_first| newest_first.last());
        if let Some(event) = first.and_then(|event| event["id"].as_str()) {
            return format!("/v1/audit/events/{event}/values");
        }
        pause(); // until the entry has its place in the log
    }
}

/// Finds, shows, changes and makes people, and has the log tell of somebody; says how many it made.
fn ask_without_a_pause(client: &Client, who: usize, stop: &AtomicBool, answers: &AtomicUsize) -> usize {
    let (mut made, values) = (0, values(client, who));
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let known = (who * 131 + n * 7) % 400;
        let found = client.get(&format!("/v1/subjects?external_ref=R{known}&kind=patient")).unwrap();
        assert_eq!(found.status, 200, "{}", found.text);
        let found = found.json();
        let item = &found["items"][0];
        assert_eq!(differs(item), None);
        let path = format!("/v1/subjects/{}", item["id"].as_str().expect("it is found"));
        let change = json!({ "fields": { "given_name": person(known)[0] } }).to_string();
        let changed = client.send(Method::PATCH, &path, &[JSON], &change).unwrap();
        assert_eq!(changed.status, 200, "{}", changed.text);
        let told = client.get(&values).unwrap();
        assert_eq!(told.status, 200, "{}", told.text);
        let told = told.json();
        let items = told["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.iter().all(|item| item["after"]["status"] == "shown"), "{told}");
        let number = 1_000_000 + who * 1_000_000 + n;
        let [given, family, email, phone] = person(number);
        let fields = json!({ "given_name": given, "family_name": family, "email": email, "phone": phone });
        let new = json!({ "kind": "patient", "external_ref": format!("R{number}"), "fields": fields });
        let new = client.send(Method::POST, "/v1/subjects", &[JSON], &new.to_string()).unwrap();
        assert_eq!(new.status, 201, "{}", new.text);
        made += 1;
        answers.fetch_add(4, Ordering::Relaxed);
    }
    made
}
