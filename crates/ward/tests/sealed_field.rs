//! The example of a sealed column, run.

#[path = "../examples/sealed_field.rs"]
mod sealed_field;

#[test]
fn what_the_example_seals_it_opens_against_a_receipt() {
    sealed_field::main().unwrap();
}
