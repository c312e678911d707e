use chrono::NaiveDate;
use futures::executor::block_on;
use serde_json::json;
use ward_kernel::{RecordId, SubjectId, Uuid};
use ward_subject::import::Outcome;
use ward_subject::record::{Draft, Patch, change, create, remove};
use ward_subject::{CHANGE_RECORD, CREATE_RECORD, Catalogue, DELETE_RECORD, Kind, SubjectError};

use crate::support::{World, csv, fields, map, now, set, tenant, told};

const STAFF: &str = "external_ref,given_name,role,left_on\nE1,Dale,nurse,2024-01-31\n";

fn imported() -> (World, SubjectId) {
    let mut world = World::default();
    world.import(&csv(Kind::Employee, STAFF));
    let id = world.by_ref(Kind::Employee, "E1").id;
    (world, id)
}

fn note(text: &str) -> Draft {
    let catalogue = Catalogue::standard();
    let specs = &catalogue.category("clinical_note").unwrap().fields;
    let occurred_on = NaiveDate::from_ymd_opt(2024, 2, 29);
    Draft { category: "clinical_note".into(), occurred_on, fields: fields(specs, &[("text", json!(text))]) }
}

fn record(n: u128) -> RecordId {
    Uuid::from_u128(n).into()
}

#[test]
fn a_record_is_added_changed_and_removed_and_each_is_told() {
    let (mut world, subject) = imported();
    let (stored, event) = block_on(create(
        &mut world,
        &ward_subject::CREATE_RECORD,
        tenant(),
        (record(1), subject, now()),
        &note("a"),
    ))
    .unwrap();
    assert_eq!((stored.version, stored.category.as_str()), (1, "clinical_note"));
    assert_eq!(world.clear(subject)["clinical_note.text"], "a");
    let created = told(&CREATE_RECORD, event);
    assert_eq!((created.action, created.entity), ("record.created", record(1).into()));
    assert_eq!((created.covers, created.changed), (vec![subject.into()], set(["+category", "+text"])));
    assert_eq!((created.details["occurred_on"].as_str(), created.replaced), ("set", map([])));

    let patch = Patch { occurred_on: Some(None), set: note("b").fields, remove: vec!["title"] };
    let (stored, event) =
        block_on(change(&mut world, &ward_subject::CHANGE_RECORD, tenant(), (record(1), now()), |_| {
            Ok(patch)
        }))
        .unwrap();
    assert_eq!((stored.version, stored.occurred_on), (2, None));
    assert_eq!(world.clear(subject)["clinical_note.text"], "b");
    let changed = told(&CHANGE_RECORD, event);
    assert_eq!((changed.action, changed.changed), ("record.changed", set(["*text"])));
    assert_eq!(changed.replaced, map([("text", "a")]));
    assert_eq!(changed.details["occurred_on"], "removed");

    let event = block_on(remove(&mut world, &ward_subject::DELETE_RECORD, record(1))).unwrap();
    assert!(!world.records.contains_key(&record(1)));
    let removed = told(&DELETE_RECORD, event);
    assert_eq!((removed.action, removed.changed), ("record.deleted", set(["-category", "-text"])));
    assert_eq!(removed.replaced, map([("text", "b")]));
}

#[test]
fn that_a_records_day_came_or_went_is_told_and_no_log_holds_it() {
    let (mut world, subject) = imported();
    let (_, event) = block_on(create(
        &mut world,
        &ward_subject::CREATE_RECORD,
        tenant(),
        (record(1), subject, now()),
        &note("a"),
    ))
    .unwrap();
    let removed = block_on(remove(&mut world, &ward_subject::DELETE_RECORD, record(1))).unwrap();
    assert!(!format!("{event:?} {removed:?}").contains("2024-02-29"));
    assert_eq!(told(&CREATE_RECORD, event).details["occurred_on"], "set");
    assert_eq!(told(&DELETE_RECORD, removed).details["occurred_on"], "removed");
}

#[test]
fn nothing_happens_to_what_is_not_there() {
    let (mut world, subject) = imported();
    let writes = world.writes;
    let stranger = SubjectId::from(Uuid::from_u128(99));
    let created = block_on(create(
        &mut world,
        &ward_subject::CREATE_RECORD,
        tenant(),
        (record(1), stranger, now()),
        &note("a"),
    ));
    assert!(matches!(created, Err(SubjectError::Absent)));
    let changed =
        block_on(change(&mut world, &ward_subject::CHANGE_RECORD, tenant(), (record(1), now()), |_| {
            Ok(Patch::default())
        }));
    assert!(matches!(changed, Err(SubjectError::Absent)));
    assert!(matches!(
        block_on(remove(&mut world, &ward_subject::DELETE_RECORD, record(1))),
        Err(SubjectError::Absent)
    ));
    world.keys.clear();
    let created = block_on(create(
        &mut world,
        &ward_subject::CREATE_RECORD,
        tenant(),
        (record(1), subject, now()),
        &note("a"),
    ));
    assert!(matches!(created, Err(SubjectError::Erased)));
    assert_eq!(world.writes, writes);
}

#[test]
fn what_was_changed_by_hand_is_imported_again() {
    for by_hand in [true, false] {
        let (mut world, subject) = imported();
        let id = *world.records.keys().next().unwrap();
        if by_hand {
            let patch = Patch { remove: vec!["role"], ..Patch::default() };
            let _event =
                block_on(change(&mut world, &ward_subject::CHANGE_RECORD, tenant(), (id, now()), |_| {
                    Ok(patch)
                }))
                .unwrap()
                .1;
        } else {
            let _event = block_on(remove(&mut world, &ward_subject::DELETE_RECORD, id)).unwrap();
        }
        assert!(!world.clear(subject).contains_key("employment.role"));
        assert_eq!(world.import(&csv(Kind::Employee, STAFF)).outcomes, [(2, Outcome::Updated)]);
        assert_eq!(world.clear(subject)["employment.role"], "nurse");
        assert_eq!(world.import(&csv(Kind::Employee, STAFF)).outcomes, [(2, Outcome::Unchanged)]);
    }
}

#[test]
fn a_note_beside_what_was_imported_changes_nothing_of_it() {
    let (mut world, subject) = imported();
    let _event = block_on(create(
        &mut world,
        &ward_subject::CREATE_RECORD,
        tenant(),
        (record(1), subject, now()),
        &note("a"),
    ))
    .unwrap()
    .1;
    let _event = block_on(remove(&mut world, &ward_subject::DELETE_RECORD, record(1))).unwrap();
    assert_eq!(world.import(&csv(Kind::Employee, STAFF)).outcomes, [(2, Outcome::Unchanged)]);
}
