//! What entries say is canonical JSON, held against another writer of it; and bounded.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::executor::block_on;
use serde_json::Value as Json;
use ward_audit::entry::text;
use ward_audit::verify::Facts;
use ward_audit::{Change, Event, LONGEST, Leaf, Origin, Trail, Unwritable, Writer, record};
use ward_kernel::{
    Action, Commitment, Entity, Ids, Operation, Principal, Requires, Source, StoreError, TenantId, Uuid,
    authority,
};

const NOTED: Action = Action::new("note.stored");
static NOTE: Operation = Operation {
    id: "makeNote",
    requires: Requires::Job("test"),
    events: &[NOTED],
    writes: true,
    discloses: false,
    controls: &[],
    rate: "job",
    idempotent: false,
};

struct Bodies(Vec<Result<String, Unwritable>>, Origin);

#[async_trait]
impl Trail for Bodies {
    async fn append(&mut self, leaves: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
        self.0.extend(leaves.iter().map(|leaf| leaf.body(&self.1)));
        Ok(DateTime::UNIX_EPOCH)
    }
}

struct Counting(Mutex<u128>);

impl Ids for Counting {
    fn next(&self) -> Uuid {
        let mut last = self.0.lock().unwrap();
        *last += 1;
        Uuid::from_u128(*last)
    }
}

fn somebody(source: Source) -> Principal {
    #[expect(clippy::disallowed_methods, reason = "a test may act as anybody")]
    authority::system(TenantId::from(Uuid::from_u128(7)), "test").from(source)
}

fn body(source: Source, event: Event) -> Result<String, Unwritable> {
    salted(1, source, event)
}

fn salted(salt: u8, source: Source, event: Event) -> Result<String, Unwritable> {
    let origin = Origin::of(&source, &[salt; 32]);
    let writer =
        Writer { unit: Uuid::from_u128(9).into(), who: Arc::new(somebody(source)), operation: &NOTE };
    let mut bodies = Bodies(Vec::new(), origin);
    let _recorded = block_on(record(&mut bodies, &Counting(Mutex::new(0)), &writer, &event.into())).unwrap();
    bodies.0.pop().unwrap()
}

fn event() -> Event {
    Event::of(&NOTE, NOTED, TenantId::from(Uuid::from_u128(7)))
}

#[test]
fn every_entry_is_canonical_json_however_strange_its_texts_are() {
    let texts = [
        "",
        "plain",
        "\"\\/\u{8}\u{c}\n\r\t",
        "\u{0}\u{1f}\u{7f}\u{80}",
        "é€😀",
        "\u{2028}\u{2029}\u{feff}",
        "\u{e000}",
        "\u{10ffff}",
    ];
    for strange in texts {
        let source = Source {
            ip: Some("2001:db8::1".parse().unwrap()),
            user_agent: Some(strange.into()),
            request: strange.into(),
            trace: Some(strange.into()),
        };
        let event = event()
            .covering([Entity::new("record", Uuid::from_u128(5))])
            .disclosing(["email", "phone"])
            // By UTF-16 code units the second comes before the first, by bytes and code points after it.
            .with_all(
                ["\u{e000}", "😀", "B", "a"].map(|field| Change::plain(field, Some(strange), Some("x"))),
            )
            .with(Change::personal("c", None, Some(Commitment([3; 32]))))
            .noting("zeta", strange)
            .noting("alpha", 1);
        let body = body(source, event).unwrap();
        let read: Json = serde_json::from_str(&body).unwrap();
        assert_eq!(serde_json_canonicalizer::to_string(&read).unwrap(), body);
        let entry = text(DateTime::UNIX_EPOCH, &body);
        let read: Json = serde_json::from_str(&entry).unwrap();
        assert_eq!(serde_json_canonicalizer::to_string(&read).unwrap(), entry);
        assert_eq!(Facts::read(entry.as_bytes()).unwrap().id, Uuid::from_u128(1));
        assert!(strange.is_empty() || strange == "plain" || !body.contains("2001:db8"));
    }
}

#[test]
fn what_is_empty_is_left_out() {
    assert_eq!(
        body(Source::default(), event()).unwrap(),
        r#"{"action":"note.stored","actor":{"kind":"system:test"},"entity":{"id":"00000000-0000-0000-0000-000000000007","kind":"tenant"},"id":"00000000-0000-0000-0000-000000000001","operation":"makeNote","outcome":"success","source":{},"tenant":"00000000-0000-0000-0000-000000000007","unit":"00000000-0000-0000-0000-000000000009"}"#
    );
}

#[test]
fn an_entry_holds_so_much_and_each_name_once() {
    let long = |length: usize| body(Source::default(), event().noting("text", "x".repeat(length)));
    let other = long(0).unwrap().len();
    assert_eq!(text(DateTime::UNIX_EPOCH, &long(LONGEST - other).unwrap()).len(), LONGEST + 45);
    assert!(matches!(long(LONGEST - other + 1), Err(Unwritable::TooLong("note.stored"))));
    for twice in [
        event().noting("a", 1).noting("a", 2),
        event().with_all([Change::plain("a", None, Some("1")), Change::plain("a", None, None)]),
    ] {
        assert!(matches!(body(Source::default(), twice), Err(Unwritable::Twice("note.stored"))));
    }
}

#[test]
fn a_commitment_tells_addresses_apart_and_nothing_to_whoever_lacks_the_salt() {
    let from = |ip: &str, salt: u8| {
        let source = Source { ip: Some(ip.parse().unwrap()), ..Source::default() };
        let body: Json = serde_json::from_str(&salted(salt, source, event()).unwrap()).unwrap();
        body["source"]["ip"].as_str().unwrap().to_owned()
    };
    assert_eq!(from("192.0.2.1", 1), from("192.0.2.1", 1));
    assert_ne!(from("192.0.2.1", 1), from("192.0.2.2", 1));
    assert_ne!(from("192.0.2.1", 1), from("192.0.2.1", 2));
}
