use ward_kernel::holds_card_number;
use ward_subject::Kind;
use ward_subject::import::{Outcome, Syntax};

use crate::support::{World, read, told};

const FILES: [(Kind, &str, usize, usize); 3] = [
    (Kind::Clinician, "clinicians_us.csv", 2_000, 1),
    (Kind::Patient, "patients_br.csv", 1_000, 1),
    (Kind::Employee, "staff_uk.csv", 2_000, 2),
];

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../../demo/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn every_row_of_every_file_is_taken_and_none_twice() {
    let mut world = World::default();
    for (kind, name, count, categories) in FILES {
        let (before, records) = (world.subjects.len(), world.records.len());
        let (rows, refused) = read(kind, Syntax::Csv, &file(name), 16_384);
        assert_eq!((rows.len(), refused), (count, vec![]), "{name}");

        let mut events = 0;
        for rows in rows.chunks(500) {
            let batch = world.import(rows);
            assert!(batch.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Accepted));
            assert_eq!(batch.outcomes.len(), rows.len());
            events += batch.events.len();
        }
        assert_eq!(events, count);
        assert_eq!(world.subjects.len() - before, count);
        assert_eq!(world.records.len() - records, count * categories);

        let writes = world.writes;
        let again = world.import(&rows);
        assert!(again.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Unchanged));
        assert_eq!((again.outcomes.len(), again.events.len(), world.writes), (count, 0, writes), "{name}");
    }
}

#[test]
fn every_cell_is_stored_as_it_stands_in_the_file() {
    let mut world = World::default();
    let (rows, _) = read(Kind::Employee, Syntax::Csv, &file("staff_uk.csv"), 999);
    world.import(&rows);
    let clear = world.clear(world.by_ref(Kind::Employee, "EMP-20261122-000002").id);
    for (name, value) in [
        ("given_name", "Lynda"),
        ("family_name", "Smith"),
        ("email", "lynda.smith2@example.org"),
        ("phone", "+447700900801"),
        ("date_of_birth", "1965-09-04"),
        ("postal_address.street", "169 Norton Ports"),
        ("postal_address.city", "Bishopberg"),
        ("postal_address.postal_code", "L1B 1LG"),
        ("employment.role", "dentist"),
        ("employment.started_on", "2012-03-21"),
        ("employment.left_on", "2023-09-25"),
        ("payroll.national_insurance", "KC495039B"),
        ("payroll.sort_code", "12-09-90"),
        ("payroll.account_number", "74658963"),
        ("payroll.salary_gbp", "88754"),
    ] {
        assert_eq!(clear[name], value, "{name}");
    }
    assert_eq!(clear.len(), 15);
}

#[test]
fn a_changed_line_changes_one_subject() {
    let mut world = World::default();
    let text = String::from_utf8(file("clinicians_us.csv")).unwrap();
    world.import(&read(Kind::Clinician, Syntax::Csv, text.as_bytes(), 4_096).0);
    let other = text.replace("+12065550130,1983-11-03", "+12065550131,1983-11-03");
    let batch = world.import(&read(Kind::Clinician, Syntax::Csv, other.as_bytes(), 4_096).0);
    let updated: Vec<_> =
        batch.outcomes.iter().filter(|(_, outcome)| *outcome != Outcome::Unchanged).collect();
    assert_eq!(updated, [&(2, Outcome::Updated)]);
    assert_eq!(batch.events.len(), 1);
    let id = world.by_ref(Kind::Clinician, "CL-20261122-000000").id;
    assert_eq!(world.clear(id)["phone"], "+12065550131");
    assert_eq!(world.records.len(), 2_000);
    let told = told(&ward_subject::IMPORT_DATA, batch.events[0].clone());
    assert_eq!((told.action, told.entity, told.covers.len()), ("subject.imported", id.into(), 1));
    assert_eq!(told.details["line"], "2");
}

#[test]
fn no_line_of_them_is_taken_for_a_card() {
    for (_, name, ..) in FILES {
        let text = String::from_utf8(file(name)).unwrap();
        assert!(text.split(['\n', ',']).all(|cell| !holds_card_number(cell)), "{name}");
    }
}

#[test]
fn a_line_of_json_says_the_same_as_a_line_of_csv() {
    let mut world = World::default();
    let rows = read(Kind::Patient, Syntax::Csv, &file("patients_br.csv"), 4_096).0;
    world.import(&rows);
    let text = String::from_utf8(file("patients_br.csv")).unwrap();
    let header: Vec<_> = text.lines().next().unwrap().split(',').collect();
    let plain = text.lines().skip(1).filter(|line| !line.contains('"'));
    let json = plain.map(|line| {
        let members = header.iter().zip(line.split(','));
        let mut members: Vec<_> = members.map(|(name, cell)| format!("{name:?}:{cell:?}")).collect();
        members.reverse();
        format!("{{{}}}\n", members.join(", "))
    });
    let json: String = json.collect();
    let (rows, refused) = read(Kind::Patient, Syntax::Ndjson, json.as_bytes(), 100);
    assert!(rows.len() > 100 && refused.is_empty(), "{}", rows.len());
    let batch = world.import(&rows);
    assert!(batch.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Unchanged));
}
