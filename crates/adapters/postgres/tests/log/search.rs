//! The log, searched: whatever is asked for, the index finds what a look at every entry would.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use ward::Store as _;
use ward::audit::sequence::LogKeys as _;
use ward::audit::{Entry, Event, Events, Found, Search};
use ward::kernel::{Entity, EventId, Principal, Source, SubjectId, Uuid};

use crate::logs::Log;
use crate::support::{LOOK, READ, WRITE, WROTE};

/// Dates leaves without a place anew, up to eight minutes apart: what was written first may commit last.
const DATED: &str = "
    UPDATE ward.audit_leaf SET at = at + (('x' || left(md5(id::text), 4))::bit(16)::int % 9 + {minutes}) * interval '1 minute'
    WHERE id NOT IN (SELECT leaf FROM ward.audit_place)";

/// A log whose entries differ in everything that one may ask for.
struct Archive {
    log: Log,
    people: Vec<Arc<Principal>>,
    things: Vec<SubjectId>,
    /// Newest first.
    entries: Vec<Entry>,
    addresses: HashMap<EventId, String>,
}

fn from(n: usize, person: Arc<Principal>) -> Arc<Principal> {
    let ip = (!n.is_multiple_of(4)).then(|| format!("192.0.2.{}", n % 5).parse().unwrap());
    let request = format!("Request-{}", n % 10);
    Arc::new(Arc::unwrap_or_clone(person).from(Source { ip, request, ..Source::default() }))
}

impl Archive {
    async fn new() -> Self {
        let log = Log::new().await;
        let people = (0..6).map(|n| from(n, log.w.who(log.tenant, &["notes.write", "notes.read"]))).collect();
        let things = (0..15).map(|_| log.w.id()).collect();
        let mut archive = Self { log, people, things, entries: vec![], addresses: HashMap::new() };
        // As far apart as ids let it go, those of a clock that is ahead in the end.
        for (part, ahead, minutes) in [(0..140, 0, -9), (140..280, 0, 0), (280..420, 9, 9)] {
            archive.log.w.machine.advance(TimeDelta::minutes(ahead));
            for n in part {
                archive.write(n).await;
            }
            archive.log.tamper(&DATED.replace("{minutes}", &minutes.to_string())).await;
            archive.log.sequencer.catch_up(archive.log.tenant).await.unwrap();
        }
        archive.read().await;
        archive
    }

    async fn write(&self, n: usize) {
        let (w, who) = (&self.log.w, self.person(n));
        match n % 7 {
            0 => w.store.refuse(&w.denied(self.log.tenant)).await.unwrap(),
            1 => {
                let reading = w.store.read(w.permit_of(who, &LOOK)).await.unwrap();
                let event = Event::of(&LOOK, READ, self.thing(n)).covering([self.thing(n + 1).into()]);
                reading.disclose(event).await.unwrap();
            }
            _ => {
                let unit = w.store.begin(w.permit_of(who, &WRITE)).await.unwrap();
                let about = |k| Event::of(&WRITE, WROTE, Entity::new("note", self.thing(n * k)));
                unit.commit(Events::all((1..2 + n % 11).map(about)).unwrap()).await.unwrap();
            }
        }
    }

    fn person(&self, n: usize) -> &Arc<Principal> {
        self.people.get(n % self.people.len()).unwrap()
    }

    fn thing(&self, n: usize) -> SubjectId {
        *self.things.get(n % self.things.len()).unwrap()
    }

    async fn read(&mut self) {
        let keys = self.log.keys().await;
        let found = self.all(&Search::default(), 10_000).await;
        self.addresses = found.iter().filter_map(|e| Some((e.id(), keys.address(e)?))).collect();
        self.entries = found;
    }

    async fn find(&self, search: &Search, below: Option<u64>, most: u32) -> Found {
        self.log.reading().await.entries(search, below, most).await.unwrap()
    }

    /// Everything that is found, page by page.
    async fn all(&self, search: &Search, most: u32) -> Vec<Entry> {
        let (mut all, mut below) = (Vec::new(), None);
        loop {
            let Found { entries, reached, .. } = self.find(search, below, most).await;
            assert!(entries.len() <= most as usize);
            assert!(entries.iter().all(|entry| below.is_none_or(|below| entry.index < below)));
            all.extend(entries);
            match reached {
                Some(reached) => {
                    assert!(below.is_none_or(|below| reached < below), "it leads on");
                    below = Some(reached);
                }
                None => return all,
            }
        }
    }

    /// What a look at every entry finds.
    fn naive(&self, search: &Search) -> Vec<u64> {
        let from_there = |entry: &&Entry| {
            search.address.as_ref().is_none_or(|address| self.addresses.get(&entry.id()) == Some(address))
        };
        let found = self.entries.iter().filter(|entry| search.finds(entry)).filter(from_there);
        found.map(|entry| entry.index).collect()
    }

    /// Asks in pages of several sizes; says how much there is.
    async fn agrees(&self, search: Search) -> usize {
        let expected = self.naive(&search);
        for most in [1_000, 50, 7, 1] {
            if expected.len() > 60 * most as usize {
                break;
            }
            let found: Vec<_> = self.all(&search, most).await.iter().map(|entry| entry.index).collect();
            assert_eq!(found, expected, "{search:?} by {most}");
        }
        expected.len()
    }
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_every_entry_would() {
    let archive = Archive::new().await;
    let (size, stored) = (archive.entries.len(), archive.log.verified().await);
    assert!((1_800..2_400).contains(&size), "{size}");
    assert!(archive.entries.iter().rev().map(Entry::id).eq(stored.iter().map(|entry| entry.id)));
    assert_eq!(archive.agrees(Search::default()).await, size);
    of_one_kind(&archive).await;
    of_several_kinds(&archive).await;
    of_a_time(&archive).await;
    of_an_address(&archive).await;
}

async fn of_one_kind(archive: &Archive) {
    for person in &archive.people {
        let found = archive.agrees(Search { actor: person.actor().id(), ..Search::default() }).await;
        assert!(found > 100);
    }
    for thing in &archive.things {
        let found = archive.agrees(Search { entity: Some((*thing).into()), ..Search::default() }).await;
        assert!(found > 50);
    }
    for (action, least) in [
        ("note.stored", 1_000),
        ("note.disclosed", 60),
        ("access.denied", 60),
        ("tenant.founded", 1),
        ("note", 0),
    ] {
        let found = archive.agrees(Search { action: Some(action.into()), ..Search::default() }).await;
        assert!(found >= least, "{action}");
    }
    for outcome in ["success", "denied", "neither"] {
        archive.agrees(Search { outcome: Some(outcome.into()), ..Search::default() }).await;
    }
    for (text, least) in [
        ("denied permitted", 60),
        ("request-3", 30),
        ("Request-3 note stored", 30),
        ("user", 1_000),
        ("nothing", 0),
        ("not_permitted", 60),
    ] {
        let found = archive.agrees(Search { words: Search::words_of(text), ..Search::default() }).await;
        assert!(found >= least, "{text}: {found}");
    }
    let nobody = Uuid::nil();
    assert_eq!(archive.agrees(Search { actor: Some(nobody), ..Search::default() }).await, 0);
    assert_eq!(archive.agrees(Search { entity: Some(nobody), ..Search::default() }).await, 0);
}

async fn of_several_kinds(archive: &Archive) {
    let mut found = 0;
    for (n, thing) in archive.things.iter().enumerate() {
        let search = Search {
            actor: archive.person(n).actor().id(),
            entity: Some((*thing).into()),
            action: Some(if n % 2 == 0 { "note.stored" } else { "note.disclosed" }.into()),
            words: Search::words_of("success"),
            ..Search::default()
        };
        found += archive.agrees(search).await;
    }
    assert!(found > 50, "{found}");
}

async fn of_a_time(archive: &Archive) {
    let mut times: Vec<_> = archive.entries.iter().map(|entry| entry.at).collect();
    times.sort_unstable();
    let (first, last) = (*times.first().unwrap(), *times.last().unwrap());
    assert!(last - first > TimeDelta::minutes(25));
    let some = times.iter().step_by(times.len() / 12).copied();
    let ends: Vec<_> =
        some.chain([first - TimeDelta::minutes(11), last, last + TimeDelta::minutes(11)]).map(Some).collect();
    let ends: Vec<_> = ends.into_iter().chain([None]).collect();
    let mut found = 0;
    for from in &ends {
        for to in &ends {
            let search = Search { from: *from, to: *to, ..Search::default() };
            found += archive.agrees(search.clone()).await;
            found += archive.agrees(Search { action: Some("note.disclosed".into()), ..search }).await;
        }
    }
    assert!(found > 10_000, "{found}");
}

async fn of_an_address(archive: &Archive) {
    let keys = archive.log.keys().await;
    let mut found = 0;
    for last in 0..6 {
        let address = keys.address_word(format!("192.0.2.{last}").parse().unwrap());
        found += archive.agrees(Search { address: Some(address.clone()), ..Search::default() }).await;
        let action = Some("note.disclosed".into());
        archive.agrees(Search { address: Some(address), action, ..Search::default() }).await;
    }
    assert_eq!(found, archive.addresses.len());
    assert!(found > 500, "{found}");
}

#[tokio::test]
async fn a_search_that_is_far_from_what_it_looks_for_says_where_it_goes_on() {
    let log = Log::new().await;
    let first = log.write(1).await;
    for _ in 0..23 {
        log.write(450).await;
    }
    log.catch_up().await;
    let mut reading = log.reading().await;
    // By their time alone: the first is behind 10,000 others, and a search doesn't read more at a time.
    let at = reading.entry(first[0]).await.unwrap().unwrap().at;
    let search = Search { to: Some(at + TimeDelta::microseconds(1)), ..Search::default() };
    let size = log.verified().await.len() as u64;
    for action in [None, Some("note.stored".to_owned())] {
        let search = Search { action: action.clone(), ..search.clone() };
        let found = reading.entries(&search, None, 5).await.unwrap();
        assert_eq!((found.entries.len(), found.reached), (0, Some(size - 10_000)));
        let found = reading.entries(&search, found.reached, 5).await.unwrap();
        let ids: Vec<_> = found.entries.iter().map(Entry::id).collect();
        let all = if action.is_some() { 1 } else { 2 };
        assert_eq!((ids.first(), ids.len(), found.reached), (Some(&first[0]), all, None));
    }
}
