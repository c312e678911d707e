use futures::executor::block_on;
use ward_subject::import::{Outcome, Syntax};
use ward_subject::subject::Patch;
use ward_subject::{IMPORT_DATA, Kind};

use crate::support::{World, csv, map, now, read, set, tenant, told};

#[test]
fn a_bad_row_stops_no_good_one() {
    let text = "external_ref,email,npi\n\
                C1,a@example.org,1234567893\n\
                C2,nowhere,1234567890\n\
                C3,a@example.org\n\
                ,a@example.org,\n\
                C4,4111 1111 1111 1111,\n\
                \"C5\nx\",,\n\
                C6,a@example.org,\n";
    let (rows, refused) = read(Kind::Clinician, Syntax::Csv, text.as_bytes(), 5);
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 9]);
    let told: Vec<(u64, Vec<&str>)> = refused
        .iter()
        .map(|(line, errors)| (*line, errors.iter().map(|error| error.pointer.as_str()).collect()))
        .collect();
    assert_eq!(
        told,
        [
            (3, vec!["/email", "/npi"]),
            (4, vec![""]),
            (5, vec!["/external_ref"]),
            (6, vec!["/email"]),
            (7, vec!["/external_ref"]),
        ]
    );
    assert!(!format!("{refused:?}").contains("4111"));
}

#[test]
fn a_card_number_over_the_parts_of_an_address_is_found() {
    let text = "external_ref,street,city\nE1,1111 1111,4111 1111\nE2,1111 1111,4111 1112\n";
    let (rows, refused) = read(Kind::Employee, Syntax::Csv, text.as_bytes(), 9);
    assert_eq!((rows.len(), refused.len()), (1, 1));
    assert_eq!((refused[0].0, &*refused[0].1[0].pointer), (2, "/postal_address"));
}

#[test]
fn a_row_that_broke_off_is_refused() {
    let text = "external_ref,email\nE1,a@example.org\nE2,\"b@examp";
    let (rows, refused) = read(Kind::Employee, Syntax::Csv, text.as_bytes(), 3);
    assert_eq!((rows.len(), refused.len(), refused[0].0), (1, 1, 3));
    let (rows, refused) = read(Kind::Employee, Syntax::Csv, b"external_ref,email\nE1", 3);
    assert_eq!((rows.len(), refused.len()), (0, 1));
}

#[test]
fn a_row_that_is_not_text_is_refused_alone() {
    let text = b"external_ref,given_name\nE1,\xff\xfe\nE2,Ada\n";
    let (rows, refused) = read(Kind::Employee, Syntax::Csv, text, 4);
    assert_eq!((rows.len(), refused[0].0), (1, 2));
}

#[test]
fn lines_of_json_are_objects_of_texts_named_once() {
    let text = br#"{"external_ref": "E1", "salary_gbp": 35204, "phone": null}
[1]
{"external_ref": "E2", "email": "a@example.org", "email": "b@example.org"}
{"external_ref": "E3", "role": {"x": 1}, "a/b": "c"}
{"external_ref": "E4", "postcode": "E1 1AA", "postal_code": "E2 2BB"}
{"external_ref": "E5"
{"external_ref": "E6", "salary_gbp": -1}
"#;
    let (rows, refused) = read(Kind::Employee, Syntax::Ndjson, text, 11);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].records[0].1.text("salary_gbp"), Some("35204"));
    let told: Vec<(u64, Vec<&str>)> = refused
        .iter()
        .map(|(line, errors)| (*line, errors.iter().map(|error| error.pointer.as_str()).collect()))
        .collect();
    assert_eq!(
        told,
        [
            (2, vec![""]),
            (3, vec![""]),
            (4, vec!["/role", "/a~1b"]),
            (5, vec!["/postal_code"]),
            (6, vec![""]),
            (7, vec!["/salary_gbp"]),
        ]
    );
}

#[test]
fn what_a_row_leaves_blank_goes_and_what_it_does_not_name_stays() {
    let mut world = World::default();
    world.import(&csv(
        Kind::Employee,
        "external_ref,given_name,email,phone,city,time_zone,role,left_on,salary_gbp\n\
         E1,Dale,d@example.org,+12025550123,Leeds,Europe/London,nurse,2024-01-31,35204\n",
    ));
    let id = world.by_ref(Kind::Employee, "E1").id;
    let batch =
        world.import(&csv(Kind::Employee, "external_ref,phone,city,time_zone,left_on,salary_gbp\nE1,,,,,\n"));
    assert_eq!(batch.outcomes, [(2, Outcome::Updated)]);
    let clear = world.clear(id);
    assert_eq!(clear.keys().collect::<Vec<_>>(), ["email", "employment.role", "given_name"]);
    let stored = &world.subjects[&id];
    assert!(stored.phone_index.is_none() && stored.time_zone.is_none() && stored.email_index.is_some());
    assert_eq!(world.records.len(), 1, "the payroll record says nothing any more");
    let told = told(&IMPORT_DATA, batch.events[0].clone());
    let gone = ["-phone", "-postal_address.city", "-time_zone", "-employment.left_on", "-payroll.salary_gbp"];
    assert_eq!(told.changed, set(gone));
    let replaced = [
        ("phone", "+12025550123"),
        ("postal_address.city", "Leeds"),
        ("employment.left_on", "2024-01-31"),
        ("payroll.salary_gbp", "35204"),
    ];
    assert_eq!(told.replaced, map(replaced));
}

#[test]
fn the_row_that_adds_somebody_tells_of_their_name_and_no_later_one_does() {
    let mut world = World::default();
    for (text, changed) in [
        ("external_ref,email\nE1,a@example.org\n", set(["+external_ref", "+email"])),
        ("external_ref,email\nE1,b@example.org\n", set(["*email"])),
    ] {
        let batch = world.import(&csv(Kind::Employee, text));
        assert_eq!(told(&IMPORT_DATA, batch.events[0].clone()).changed, changed);
    }
}

#[test]
fn an_update_keeps_the_record_and_counts_its_changes() {
    let mut world = World::default();
    world.import(&csv(Kind::Employee, "external_ref,role\nE1,nurse\n"));
    let before = world.records.values().next().unwrap().clone();
    world.import(&csv(Kind::Employee, "external_ref,role\nE1,dentist\n"));
    let after = world.records.values().next().unwrap();
    assert_eq!((world.records.len(), after.id, after.version), (1, before.id, 2));
    assert_eq!(world.clear(after.subject)["employment.role"], "dentist");
}

#[test]
fn who_was_changed_by_hand_is_imported_again() {
    let mut world = World::default();
    let text = "external_ref,email\nE1,a@example.org\n";
    world.import(&csv(Kind::Employee, text));
    let id = world.by_ref(Kind::Employee, "E1").id;
    let patch = Patch { remove: vec!["email"], ..Patch::default() };
    let _event = block_on(ward_subject::subject::change(
        &mut world,
        &ward_subject::CHANGE_SUBJECT,
        tenant(),
        (id, now()),
        &patch,
    ))
    .unwrap()
    .1;
    assert_eq!(world.import(&csv(Kind::Employee, text)).outcomes, [(2, Outcome::Updated)]);
    assert_eq!(world.clear(id)["email"], "a@example.org");
}

#[test]
fn who_was_erased_is_refused_and_nobody_else_is() {
    let mut world = World::default();
    world.import(&csv(Kind::Employee, "external_ref,role\nE1,nurse\nE2,nurse\n"));
    let (first, second) = (world.by_ref(Kind::Employee, "E1").id, world.by_ref(Kind::Employee, "E2").id);
    world.keys.remove(&first);
    let batch = world.import(&csv(Kind::Employee, "external_ref,role\nE1,dentist\nE2,dentist\nE3,hr\n"));
    assert_eq!(batch.outcomes, [(3, Outcome::Updated), (4, Outcome::Accepted)]);
    assert_eq!(batch.refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2]);
    assert_eq!(batch.events.len(), 2);
    assert_eq!(world.clear(first)["employment.role"], "nurse");
    assert_eq!(world.clear(second)["employment.role"], "dentist");
}

#[test]
fn the_same_name_of_another_kind_is_somebody_else() {
    let mut world = World::default();
    world.import(&csv(Kind::Employee, "external_ref,given_name\n1,Dale\n"));
    let batch = world.import(&csv(Kind::Patient, "external_ref,given_name\n1,Ada\n"));
    assert_eq!(batch.outcomes, [(2, Outcome::Accepted)]);
    assert_eq!(world.subjects.len(), 2);
}
