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

type Changes = (Vec<(&'static str, String)>, Vec<&'static str>);

fn changes(given: Value) -> Result<Changes, Vec<String>> {
    let given = given.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value));
    let read = Fields::parse_changes(Catalogue::standard().subject(), given);
    let (set, removed) =
        read.map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>())?;
    Ok((set.iter().map(|(name, text)| (name, text.to_owned())).collect(), removed))
}

#[test]
fn a_field_that_there_is_not_can_not_be_removed_either() {
    let read = changes(json!({ "given_name": "Ada", "phone": null }));
    assert_eq!(read, Ok((vec![("given_name", "Ada".into())], vec!["phone"])));
    let read = changes(json!({ "fone": null, "phone": null, "email": "x" }));
    assert_eq!(read, Err(vec!["/email".into(), "/fone".into()]));
}

#[test]
fn an_address_is_set_and_removed_part_by_part_or_removed_whole() {
    let read = changes(json!({ "postal_address": { "city": "York", "street": null } }));
    assert_eq!(read, Ok((vec![("postal_address.city", "York".into())], vec!["postal_address.street"])));
    let (set, removed) = changes(json!({ "postal_address": null })).unwrap();
    let parts = ["street", "city", "state", "postal_code", "country"];
    assert_eq!((set, removed), (vec![], parts.map(|part| &*format!("postal_address.{part}").leak()).into()));
}

#[test]
fn a_group_is_an_object_and_is_written_one_way() {
    let catalogue = Catalogue::standard();
    for (given, pointer, detail) in [
        (json!({ "postal_address.city": "York" }), "/postal_address.city", "no such field here"),
        (json!({ "postal_address": { "a.b": "York" } }), "/postal_address/a.b", "no such field here"),
        (json!({ "postal_address": "York" }), "/postal_address", "must be an object"),
        (json!({ "postal_address": null }), "/postal_address", "must be an object"),
        (json!({ "postal_address": {} }), "/postal_address", "must not be empty"),
        (json!({ "postal_address": { "city": null } }), "/postal_address/city", "must be a string"),
        (json!({ "postal_address": { "city": {} } }), "/postal_address/city", "must be a string"),
        (json!({ "email": {} }), "/email", "must be a string"),
    ] {
        assert_eq!(faults(catalogue.subject(), &given), [(pointer.to_owned(), detail.to_owned())]);
    }
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
    for name in ["", &"x".repeat(256), "Shoe size", ".size", "shoe.", "a.shoe.size"] {
        assert!(std::panic::catch_unwind(|| spec(name.to_owned())).is_err(), "{name:?}");
    }
}
