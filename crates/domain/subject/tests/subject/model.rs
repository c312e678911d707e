use std::collections::BTreeMap;

use ward_subject::Kind;
use ward_subject::import::Outcome;

use crate::support::{Dice, World, csv};

/// What an import must amount to: the last cell that spoke of a field, by name.
type Model = BTreeMap<String, BTreeMap<String, String>>;

const COLUMNS: [(&str, &str, [&str; 3]); 6] = [
    ("given_name", "given_name", ["Ada", "Dale", "Zoë, \"the\" first"]),
    ("email", "email", ["a@example.org", "b@example.org", "c@example.org"]),
    ("city", "postal_address.city", ["Leeds", "York", "Bath"]),
    ("street", "postal_address.street", ["1 Elm Row", "2 Oak Row", "3 Ash Row"]),
    ("role", "employment.role", ["nurse", "dentist", "hr"]),
    ("salary_gbp", "payroll.salary_gbp", ["1", "2", "3"]),
];

struct File {
    columns: Vec<usize>,
    rows: Vec<(String, Vec<Option<usize>>)>,
}

fn file(dice: &mut Dice) -> File {
    let columns: Vec<_> = (0..COLUMNS.len()).filter(|_| dice.below(3) > 0).collect();
    let row = |dice: &mut Dice| {
        let cells = columns.iter().map(|_| (dice.below(4) > 0).then(|| dice.below(3) as usize)).collect();
        (format!("E{}", dice.below(6)), cells)
    };
    let rows = (0..dice.below(12)).map(|_| row(dice)).collect();
    File { columns, rows }
}

fn text(file: &File) -> String {
    let mut text = String::from("external_ref");
    file.columns.iter().for_each(|column| text += &format!(",{}", COLUMNS[*column].0));
    for (name, cells) in &file.rows {
        text += &format!("\n{name}");
        for (column, cell) in file.columns.iter().zip(cells) {
            let cell = cell.map(|n| COLUMNS[*column].2[n].replace('"', "\"\""));
            text += &format!(",\"{}\"", cell.unwrap_or_default());
        }
    }
    text + "\n"
}

fn apply(model: &mut Model, file: &File) {
    for (name, cells) in &file.rows {
        let known = model.entry(name.clone()).or_default();
        for (column, cell) in file.columns.iter().zip(cells) {
            let (_, field, values) = COLUMNS[*column];
            match cell {
                Some(n) => drop(known.insert(field.to_owned(), values[*n].to_owned())),
                None => drop(known.remove(field)),
            }
        }
    }
}

fn stored(world: &World, model: &Model) -> Model {
    model.keys().map(|name| (name.clone(), world.clear(world.by_ref(Kind::Employee, name).id))).collect()
}

#[test]
fn a_batch_does_what_its_rows_would_one_by_one() {
    let mut dice = Dice(7);
    for _ in 0..150 {
        let (mut batched, mut single, mut model) = (World::default(), World::default(), Model::new());
        for _ in 0..6 {
            let file = file(&mut dice);
            let rows = csv(Kind::Employee, &text(&file));
            let batch = batched.import(&rows);
            let one_by_one: Vec<_> =
                rows.iter().flat_map(|row| single.import(std::slice::from_ref(row)).outcomes).collect();
            assert_eq!(batch.outcomes, one_by_one);
            let changed = batch.outcomes.iter().filter(|(_, outcome)| *outcome != Outcome::Unchanged).count();
            assert_eq!(batch.events.len(), changed, "one event for each row that changed something");

            apply(&mut model, &file);
            assert_eq!(batched.subjects.len(), model.len());
            assert_eq!(stored(&batched, &model), model);
            assert_eq!(stored(&single, &model), model);

            let rest = batched.import(&rows.into_iter().rev().take(1).collect::<Vec<_>>());
            assert!(rest.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Unchanged));
        }
    }
}
