//! What lies in the memory of a Ward that serves, seen from outside: a tenant's keys while they are used, and nothing of them when they
//! have been kept for as long as they may.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::block_api::compress256;
use ureq::http::Method;
use ward_testkit::Hsm;

use crate::held_elsewhere::{self, Held};
use crate::needles::{Needles, Search};
use crate::stolen::{self, Stolen};
use crate::ward::{Tenant, Ward, pause};

const JSON: (&str, &str) = ("content-type", "application/json");
/// The state that SHA-256 begins with, FIPS 180-4, 5.3.3.
const BEGIN: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Keys are kept for a minute, then swept within a second; meanwhile the check of the logs may have loaded them once more.
const PATIENCE: Duration = Duration::from_secs(240);
/// What lies in memory for as long as Ward runs: the root key, as it wraps.
const ROOT: &[&str] = &["root: ward v1 root"];
/// Some of what lies there while a tenant's keys are kept, whatever the processor makes of a cipher's key.
const HELD: &[&str] =
    &["log: ward v1 log", "index: ward v1 index, inner state", "token: ward v1 token, outer state"];

#[test]
fn no_key_is_in_memory_once_it_was_kept_for_as_long_as_it_may_or_its_owner_took_it_back() {
    let (held, mut ward) = (Held::new(), Ward::idle());
    held.tell(&mut ward);
    ward.set(&[("WARD_TENANT_KEYS", "pkcs11:token=Ward%20HSM;object=*")]);
    ward.start_again();
    let quiet = ward.found("Quiet");
    let brought = ward.found("Brought");
    use_all(&ward, &quiet);
    use_all(&ward, &brought);
    let all = |tenant: &Tenant| stolen::keys(&ward, &tenant.id);
    let (keys, own) = (all(&quiet), all(&brought));
    // It is the same tenant key, wrapped by another.
    let (status, told) = held_elsewhere::bring(&ward, &brought, &held.hsm.address());
    assert_eq!(status, 200, "{told}");

    let [root, keys, own] = [forms(&keys, true), forms(&keys, false), forms(&own, false)];
    let [root, keys, own] = [root.search(), keys.search(), own.search()];
    use_all(&ward, &quiet);
    use_all(&ward, &brought);
    for (search, held) in [(&root, ROOT), (&keys, HELD), (&own, HELD)] {
        are_among(held, &found(&ward, search));
    }

    held.hsm.destroy(Hsm::KEY).unwrap();
    let begun = Instant::now();
    let left = || [&keys, &own].map(|search| found(&ward, search)).concat();
    while let left = left()
        && !left.is_empty()
    {
        assert!(begun.elapsed() < PATIENCE, "after {PATIENCE:?} there still is {left:#?}");
        (0..100).for_each(|_| pause());
    }
    assert_eq!(left(), Vec::<String>::new(), "what was gone is there again");
    are_among(ROOT, &found(&ward, &root));
    assert_eq!(ward.client(&brought.key).get("/v1/subjects?limit=1").unwrap().status, 503);
    assert_eq!(ward.client(&quiet.key).get("/v1/subjects?limit=1").unwrap().status, 200);
    are_among(HELD, &found(&ward, &keys));
}

/// Uses every key of a tenant that a client can have used, and a person's.
fn use_all(ward: &Ward, tenant: &Tenant) {
    let client = ward.client(&tenant.key);
    let person = json!({ "kind": "patient", "fields": { "given_name": "Ada", "email": "ada@example.org" } });
    let headers = [JSON, ("idempotency-key", &tenant.id)];
    let made = client.send(Method::POST, "/v1/subjects", &headers, &person.to_string()).unwrap();
    assert!(made.status < 300, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/v1/subjects/{id}")).unwrap().status, 200);
    assert_eq!(client.get("/v1/audit/checkpoint").unwrap().status, 200);
}

/// Every form in which a key lies somewhere while it is used: itself, with which AES's round keys begin, what is derived from it, and
/// what HMAC makes of either.
fn forms(keys: &[Stolen], root: bool) -> Needles {
    let mut needles = Needles::default();
    for Stolen { purpose, octets } in keys.iter().filter(|key| (key.purpose == "root") == root) {
        add(&mut needles, purpose, octets);
        for label in labels(purpose) {
            add(&mut needles, &format!("{purpose}: {label}"), &derived(octets, label));
        }
    }
    needles
}

/// The key, the two blocks that HMAC makes of it, and the two states that it keeps instead of it.
fn add(needles: &mut Needles, name: &str, key: &[u8]) {
    needles.add_bytes(name, key);
    for (pad, side) in [(0x36, "inner"), (0x5c, "outer")] {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
        let mut state = BEGIN;
        compress256(&mut state, &[block]);
        needles.add_bytes(&format!("{name}, {side} block"), &block[..32]);
        let state: Vec<u8> = state.iter().flat_map(|word| word.to_ne_bytes()).collect();
        needles.add_bytes(&format!("{name}, {side} state"), &state);
    }
}

/// As the documentation of `ward-crypto` says, by purpose.
fn labels(purpose: &str) -> &'static [&'static str] {
    match purpose {
        "root" => &["ward v1 root"],
        "tenant" => &["ward v1 wrap"],
        "subject" => &["ward v1 seal", "ward v1 commit"],
        "index" => &["ward v1 index", "ward v1 erasure ledger"],
        "audit" | "idempotency" => &["ward v1 secret", "ward v1 digest"],
        "queue" => &["ward v1 secret"],
        "api_key" | "import" => &["ward v1 digest"],
        "log" => &["ward v1 log"],
        "token" => &["ward v1 token"],
        other => panic!("what is derived from `{other}`?"),
    }
}

fn derived(key: &[u8], label: &str) -> Vec<u8> {
    let mut derived = [0; 32];
    hkdf::Hkdf::<sha2::Sha256>::from_prk(key).unwrap().expand(label.as_bytes(), &mut derived).unwrap();
    derived.to_vec()
}

/// The search finds what must be there.
fn are_among(names: &[&str], found: &[String]) {
    for name in names {
        assert!(found.iter().any(|hit| hit.starts_with(name)), "{name} is not among {found:#?}");
    }
}

/// What of them is in memory that the process could have written to: by name, in which form, and where.
fn found(ward: &Ward, search: &Search<'_>) -> Vec<String> {
    // What is given back while it is read is looked at again, as it is by then.
    std::iter::repeat_with(|| look(ward.pid(), search)).find_map(|look| look.ok()).unwrap()
}

fn look(process: u32, search: &Search<'_>) -> io::Result<Vec<String>> {
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let mut found = Vec::new();
    for line in fs::read_to_string(format!("/proc/{process}/maps")).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let name = words.nth(3).unwrap_or("anonymous");
        let kernels = name.starts_with("[v");
        if kernels || !rights.starts_with('r') || (name.starts_with('/') && !rights.contains('w')) {
            continue;
        }
        let (begin, end) = range.split_once('-').unwrap();
        let [begin, end] = [begin, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut held = vec![0; usize::try_from(end - begin).unwrap()];
        memory.read_exact_at(&mut held, begin)?;
        let hits = search.of(&held);
        found.extend(hits.iter().map(|(what, form)| format!("{what} ({form}) in {name} {range}")));
    }
    Ok(found)
}
