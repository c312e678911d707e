//! Where requests came from is erased, and nothing else of the log.

use std::sync::Arc;

use ward::Store as _;
use ward::audit::{Event, Events, Search};
use ward::kernel::{EventId, Source, SubjectId, Uuid};

use crate::logs::Log;
use crate::support::{WRITE, WROTE};

pub(crate) const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";

impl Log {
    /// Writes a unit of so many events from an address.
    pub(crate) async fn write_from(&self, address: &str, events: usize) -> Vec<EventId> {
        let source = Source { ip: Some(address.parse().unwrap()), ..Source::default() };
        let who = Arc::unwrap_or_clone(self.w.who(self.tenant, &["notes.write"])).from(source);
        let unit = self.w.store.begin(self.w.permit_of(&Arc::new(who), &WRITE)).await.unwrap();
        let event = |_| Event::of(&WRITE, WROTE, self.w.id::<SubjectId>());
        unit.commit(Events::all((0..events).map(event)).unwrap()).await.unwrap().events().to_vec()
    }

    /// The entries that are found by an address, newest first.
    pub(crate) async fn found_from(&self, address: &str) -> Vec<EventId> {
        let address = Some(self.keys().await.address_word(address.parse().unwrap()));
        self.found(Search { address, ..Search::default() }).await
    }

    async fn found(&self, search: Search) -> Vec<EventId> {
        let found = self.reading().await.entries(&search, None, 1_000).await.unwrap();
        found.entries.iter().map(ward::audit::Entry::id).rev().collect()
    }

    pub(crate) async fn erase(&self, entries: &[EventId]) -> u64 {
        let mut unit = self.w.store.begin(self.w.permit(self.tenant, &WRITE)).await.unwrap();
        let erased = unit.erase_sources(entries).await.unwrap();
        unit.commit(self.w.wrote(self.w.id())).await.unwrap();
        erased
    }
}

#[tokio::test]
async fn what_was_erased_is_found_by_its_address_no_more_and_stays_in_its_place() {
    let log = Log::new().await;
    let first = log.write_from(HERE, 3).await;
    log.write_from(THERE, 255).await;
    let second = log.write_from(HERE, 2).await; // in another tile
    log.catch_up().await;
    let unplaced = log.write_from(HERE, 1).await;
    assert_eq!(log.found_from(HERE).await, [&*first, &second].concat());
    let (before, stored) = (
        log.verified().await,
        log.found(Search { action: Some("note.stored".into()), ..Search::default() }).await,
    );

    assert_eq!(log.erase(&[&*first, &unplaced].concat()).await, 3);
    assert_eq!(log.found_from(HERE).await, second);
    assert_eq!(log.erase(&[&*first, &second].concat()).await, 2, "what is erased is so once");
    assert_eq!(log.found_from(HERE).await, []);
    assert_eq!(log.found_from(THERE).await.len(), 255);

    let told = log.found(Search { action: Some("note.stored".into()), ..Search::default() }).await;
    assert_eq!(told, stored, "by everything else they are found");
    for id in [&*first, &second].concat() {
        assert_eq!(log.reading().await.entry(id).await.unwrap().unwrap().source, None);
    }
    let texts =
        |stored: &[crate::logs::Stored]| stored.iter().map(|entry| entry.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&log.verified().await), texts(&before));
    let left = log.w.count("postgres", "SELECT count(*) FROM ward.audit_word WHERE erasable").await;
    assert_eq!(left, 2, "that an address was there is told of the other alone");
    log.catch_up().await;
    assert_eq!(log.found_from(HERE).await, unplaced);
}

#[tokio::test]
async fn no_role_takes_more_out_of_the_index_than_an_address_that_was_erased() {
    let log = Log::new().await;
    let entries = log.write_from(HERE, 2).await;
    log.catch_up().await;
    let tenant = Uuid::from(log.tenant);
    for role in ["ward_app", "ward_owner", "postgres"] {
        for sql in [
            "UPDATE ward.audit_word SET hits = 0::bit(256) WHERE erasable",
            "UPDATE ward.audit_word SET hits = 0::bit(256) WHERE NOT erasable",
            "DELETE FROM ward.audit_word WHERE erasable",
            "DELETE FROM ward.audit_word WHERE NOT erasable",
        ] {
            let refused =
                log.w.db.run(role, format!("SET ward.tenant = '{tenant}'; {sql}")).await.unwrap_err();
            assert!(refused.to_string().contains("is found again"), "{role}: {sql}: {refused}");
        }
    }
    // Of one that is erased and one that isn't, the one.
    log.w
        .db
        .run(
            "ward_app",
            format!(
                "SET ward.tenant = '{tenant}'; UPDATE ward.audit_leaf SET source = NULL WHERE id = '{}'",
                Uuid::from(entries[0])
            ),
        )
        .await
        .unwrap();
    let both = log
        .w
        .db
        .run(
            "ward_app",
            format!(
                "SET ward.tenant = '{tenant}'; UPDATE ward.audit_word SET hits = 0::bit(256) WHERE erasable"
            ),
        )
        .await;
    assert!(both.unwrap_err().to_string().contains("is found again"));
    let sql = "UPDATE ward.audit_word SET hits = hits & ~set_bit(0::bit(256), {place}, 1) WHERE erasable";
    for (place, allowed) in [(1, true), (2, false)] {
        let sql = format!("SET ward.tenant = '{tenant}'; {}", sql.replace("{place}", &place.to_string()));
        assert_eq!(log.w.db.run("ward_app", sql).await.is_ok(), allowed, "{place}");
    }
}
