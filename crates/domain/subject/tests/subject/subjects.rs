use futures::executor::block_on;
use serde_json::json;
use ward_kernel::{SubjectId, SubjectKeys, Uuid};
use ward_subject::subject::{Draft, Patch, change, create, email_index, phone_index};
use ward_subject::{
    CHANGE_SUBJECT, CREATE_SUBJECT, Catalogue, ExternalRef, Fields, Jurisdiction, Kind, SubjectError,
    TimeZone,
};

use crate::support::{World, fields, map, now, set, tenant, told};

fn ada() -> Draft {
    Draft {
        kind: Kind::Patient,
        external_ref: Some(ExternalRef::parse("MRN 7").unwrap()),
        time_zone: TimeZone::parse("Europe/London"),
        jurisdiction: Jurisdiction::parse("GB"),
        fields: fields(
            Catalogue::standard().subject(),
            &[
                ("email", json!("Ada@Example.org")),
                ("phone", json!("+12025550123")),
                ("given_name", json!("Ada")),
            ],
        ),
    }
}

fn added(world: &mut World, draft: &Draft) -> SubjectId {
    let id = SubjectId::from(Uuid::from_u128(u128::from(draft.kind as u8) + 100));
    block_on(create(world, &ward_subject::CREATE_SUBJECT, tenant(), (id, now()), draft)).unwrap().0.id
}

#[test]
fn a_new_subject_is_sealed_found_and_told() {
    let mut world = World::default();
    let id = SubjectId::from(Uuid::from_u128(1));
    let (stored, event) =
        block_on(create(&mut world, &ward_subject::CREATE_SUBJECT, tenant(), (id, now()), &ada())).unwrap();
    assert_eq!(world.clear(id)["email"], "Ada@Example.org");
    let indexer = world.indexer();
    assert_eq!(stored.email_index, Some(email_index(&*indexer, " ada@EXAMPLE.org")));
    assert_eq!(stored.phone_index, Some(phone_index(&*indexer, "+12025550123")));
    assert_eq!(world.by_ref(Kind::Patient, "MRN 7").id, id);

    let told = told(&CREATE_SUBJECT, event);
    assert_eq!((told.action, told.entity), ("subject.created", id.into()));
    assert_eq!(
        told.changed,
        set(["+kind", "+external_ref", "+email", "+phone", "+given_name", "+time_zone", "+jurisdiction"])
    );
    assert_eq!(told.replaced, map([]));
}

#[test]
fn a_change_sets_removes_and_leaves_the_rest() {
    let mut world = World::default();
    let id = added(&mut world, &ada());
    let patch = Patch {
        time_zone: Some(None),
        jurisdiction: None,
        set: fields(Catalogue::standard().subject(), &[("email", json!("ada@new.example.org"))]),
        remove: vec!["phone", "gender"],
    };
    let (after, event) =
        block_on(change(&mut world, &ward_subject::CHANGE_SUBJECT, tenant(), (id, now()), &patch)).unwrap();
    assert_eq!(world.clear(id).keys().collect::<Vec<_>>(), ["email", "given_name"]);
    assert_eq!(after.email_index, Some(email_index(&*world.indexer(), "ada@new.example.org")));
    assert_eq!((after.phone_index, after.time_zone), (None, None));
    assert_eq!(after.jurisdiction, Jurisdiction::parse("GB"));
    let told = told(&CHANGE_SUBJECT, event);
    assert_eq!((told.action, told.changed), ("subject.changed", set(["*email", "-phone", "-time_zone"])));
    assert_eq!(told.replaced, map([("email", "Ada@Example.org"), ("phone", "+12025550123")]));
}

#[test]
fn nobody_is_changed_who_is_not_there_or_was_erased() {
    let mut world = World::default();
    let id = added(&mut world, &ada());
    let (stranger, writes) = (SubjectId::from(Uuid::from_u128(99)), world.writes);
    let patch = Patch { remove: vec!["email"], ..Patch::default() };
    let changed =
        block_on(change(&mut world, &ward_subject::CHANGE_SUBJECT, tenant(), (stranger, now()), &patch));
    assert!(matches!(changed, Err(SubjectError::Absent)));
    world.keys.clear();
    let changed = block_on(change(&mut world, &ward_subject::CHANGE_SUBJECT, tenant(), (id, now()), &patch));
    assert!(matches!(changed, Err(SubjectError::Erased)));
    assert_eq!(world.writes, writes);
}

#[test]
fn one_name_may_name_a_patient_and_an_employee() {
    let mut world = World::default();
    let (patient, employee) =
        (added(&mut world, &ada()), added(&mut world, &Draft { kind: Kind::Employee, ..ada() }));
    assert_ne!(patient, employee);
    let again = block_on(create(
        &mut world,
        &ward_subject::CREATE_SUBJECT,
        tenant(),
        (Uuid::from_u128(9).into(), now()),
        &ada(),
    ));
    assert!(matches!(again, Err(SubjectError::Store(_))));
}

#[test]
fn nothing_need_be_known_of_somebody() {
    let mut world = World::default();
    let nobody = Draft {
        kind: Kind::Consumer,
        external_ref: None,
        time_zone: None,
        jurisdiction: None,
        fields: Fields::default(),
    };
    let id = added(&mut world, &nobody);
    assert!(world.clear(id).is_empty());
    assert!(world.subjects[&id].external_ref.is_none() && world.subjects[&id].email_index.is_none());
}
