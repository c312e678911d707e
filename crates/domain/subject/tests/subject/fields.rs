use serde_json::{Value, json};
use ward_subject::{Catalogue, Category, FieldSpec, Fields, Format};

fn faults(specs: &[FieldSpec], given: &Value) -> Vec<(String, String)> {
    let given = given.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value));
    let faults = Fields::parse(specs, given).unwrap_err();
    faults.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
}

#[test]
fn everything_that_is_wrong_is_told_by_its_place_and_no_value_is() {
    let catalogue = Catalogue::standard();
    let told = faults(
        catalogue.subject(),
        &json!({
            "given_name": "s3cret\u{7}",
            "family_name": "s3cret".repeat(17),
            "email": "s3cret",
            "phone": 12025550123_u64,
            "date_of_birth": "s3cret",
            "postal_address": { "street": "s3\u{7}cret", "mo/on~": "s3cret", "city": 7 },
            "pass/word": "s3cret",
            "gender": "",
        }),
    );
    let pointers: Vec<_> = told.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/date_of_birth",
            "/email",
            "/family_name",
            "/gender",
            "/given_name",
            "/pass~1word",
            "/phone",
            "/postal_address/city",
            "/postal_address/mo~1on~0",
            "/postal_address/street",
        ]
    );
    assert!(told.iter().all(|(_, detail)| !detail.contains("s3cret")), "{told:?}");
}

#[test]
fn a_field_that_there_is_not_can_not_be_removed_either() {
    let catalogue = Catalogue::standard();
    let read = |given: Value| {
        let given = given.as_object().unwrap().clone();
        let given = given.iter().map(|(name, value)| (name.as_str(), value));
        let changes = Fields::parse_changes(catalogue.subject(), given);
        changes.map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>())
    };
    let (set, removed) = read(json!({ "given_name": "Ada", "phone": null })).unwrap();
    assert_eq!((set.text("given_name"), &*removed), (Some("Ada"), &["phone".to_owned()][..]));
    assert_eq!(read(json!({ "fone": null, "phone": null, "email": "x" })).unwrap_err(), ["/email", "/fone"]);
}

#[test]
fn a_card_number_is_found_wherever_it_stands() {
    let catalogue = Catalogue::standard();
    let note = catalogue.category("clinical_note").unwrap();
    for (specs, given) in [
        (catalogue.subject(), json!({ "given_name": "4111 1111 1111 1111" })),
        (catalogue.subject(), json!({ "postal_address": { "street": "4111-1111-1111-1111 Main" } })),
        (catalogue.subject(), json!({ "postal_address": { "city": "4111 1111", "country": "1111 1111" } })),
        (&note.fields, json!({ "text": "paid\nwith 5555555555554444" })),
    ] {
        let told = faults(specs, &given);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].1, "must not hold a card number");
    }
}

#[test]
fn fields_print_no_value() {
    let catalogue = Catalogue::standard();
    let given = json!({ "given_name": "s3cret" });
    let fields = Fields::parse(catalogue.subject(), [("given_name", &given["given_name"])]).unwrap();
    assert_eq!(format!("{fields:?}"), "{\"given_name\"}");
}

#[test]
fn a_product_adds_categories_of_its_own() {
    let specs = vec![FieldSpec::new("shoe_size", Format::Amount)];
    let catalogue = Catalogue::standard().with(Category { name: "podiatry", fields: specs });
    let fields = &catalogue.category("podiatry").unwrap().fields;
    assert!(Fields::parse(fields, [("shoe_size", &json!("42"))]).is_ok());
    assert_eq!(faults(fields, &json!({ "shoe_size": "tall" }))[0].0, "/shoe_size");
    assert!(catalogue.category("payroll").is_some());
    assert!(Catalogue::standard().category("podiatry").is_none());
}

#[test]
fn no_field_has_a_name_that_could_not_be_stored_whole() {
    let spec = |name: String| FieldSpec::new(name.leak(), Format::Amount).name();
    assert_eq!(spec("x".repeat(255)).len(), 255);
    for name in [String::new(), "x".repeat(256), "Shoe size".into()] {
        assert!(std::panic::catch_unwind(|| spec(name.clone())).is_err(), "{name:?}");
    }
}
