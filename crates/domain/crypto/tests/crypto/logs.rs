//! Which keys sign the log, which codes guard its leaves, and what it is searched by.

use std::net::{IpAddr, Ipv4Addr};

use chrono::{DateTime, TimeDelta, Utc};
use futures::executor::block_on;
use ward_audit::Entry;
use ward_audit::note::NoteSigner;
use ward_audit::sequence::LogKeys as _;
use ward_audit::tree::Hash;
use ward_crypto::{KeyId, Suite, TenantKeys};
use ward_kernel::{Clock as _, Indexer as _};

use crate::support::{HandClock, created, local, one_key, os, tenant};

fn now() -> DateTime<Utc> {
    HandClock::new().now()
}

/// A tenant whose log's key was followed by two others; each two sign together for a day.
fn rotated() -> (TenantKeys, [DateTime<Utc>; 2]) {
    let service = local();
    let (keys, mut stored) = created(1, &service, Suite::default());
    let until = [now() + TimeDelta::days(1), now() + TimeDelta::days(11)];
    for (id, until) in [20, 21].into_iter().zip(until) {
        stored.push(keys.make_log_key(KeyId::from(id), until).unwrap().1);
    }
    (block_on(TenantKeys::load(tenant(1), &service, &stored, os())).unwrap(), until)
}

fn named<'a>(keys: impl Iterator<Item = &'a ward_crypto::LogKey>) -> Vec<String> {
    keys.map(|key| key.signer("log").unwrap().key().to_string()).collect()
}

#[test]
fn the_key_before_signs_until_the_time_that_the_key_after_it_says() {
    let (keys, until) = rotated();
    let all = named(keys.log().all());
    let signing = |at| named(keys.log().signing(at));
    let moment = TimeDelta::microseconds(1);
    assert_eq!(all.len(), 3);
    // While both times last, all three sign: an overlap may begin before another has ended.
    assert_eq!(signing(until[0] - moment), all);
    assert_eq!(signing(until[0]), all[..2]);
    assert_eq!(signing(until[1] - moment), all[..2]);
    assert_eq!(signing(until[1]), all[..1]);

    let signers = keys.signers("log", until[0]).unwrap();
    assert_eq!(signers.iter().map(|signer| signer.key().to_string()).collect::<Vec<_>>(), all[..2]);
    let verifiers = keys.verifiers("log").unwrap();
    assert_eq!(verifiers.iter().map(ToString::to_string).collect::<Vec<_>>(), all);
    assert!(keys.signers("a log", now()).is_err() && keys.verifiers("a+log").is_err());
}

#[test]
fn a_log_without_a_change_of_keys_is_signed_by_its_only_one() {
    let (keys, _) = one_key(Suite::default());
    assert_eq!((keys.log().all().count(), keys.log().signing(now()).count()), (1, 1));
}

#[test]
fn a_code_guards_the_leaf_it_was_made_of_and_no_other() {
    let (keys, _) = one_key(Suite::default());
    let code = keys.leaf().digest(b"{}");
    assert!(keys.guards("{}", &code));
    assert!(!keys.guards("{ }", &code) && !keys.guards("{}", &code[..31]) && !keys.guards("{}", b""));
    assert!(!one_key(Suite::default()).0.guards("{}", &code));
    assert_ne!(keys.request().digest(b"{}"), code);
}

#[test]
fn an_entry_is_found_by_the_blind_index_of_its_address() {
    let (keys, _) = one_key(Suite::default());
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    let index = keys.index().index("audit.ip", b"192.0.2.7");
    let word = keys.address_word(address);
    assert_eq!(word, format!("ip:{:032x}", u128::from_be_bytes(index.0)));
    assert_ne!(keys.address_word(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8))), word);

    let entry = |source| Entry::read((0, Hash([0; 32])), now(), "{}", source);
    let place = entry(None).source_place(tenant(1));
    let seal = |text: &str| keys.audit().seal(place, text.as_bytes()).unwrap();
    assert_eq!(keys.address(&entry(Some(seal(r#"{"ip":"192.0.2.7"}"#)))), Some(word));
    assert_eq!(keys.address(&entry(Some(seal(r#"{"ip":null}"#)))), None);
    assert_eq!(keys.address(&entry(Some(seal("no JSON")))), None);
    assert_eq!(keys.address(&entry(Some(br#"{"ip":"192.0.2.7"}"#.to_vec()))), None, "never sealed");
    assert_eq!(keys.address(&entry(None)), None);
}
