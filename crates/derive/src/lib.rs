//! The derive macro behind sealed columns; product teams take it from `ward_postgres`, where it is described.
#![forbid(unsafe_code)]

mod columns;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Binds the `#[sealed]` columns of a SeaORM model to their table, column, row and tenant.
///
/// For each, such as `note`, the model has a method `note()`, which opens it, and the active model a method `seal_note()`,
/// which sets it.
#[proc_macro_derive(SealedColumns, attributes(sealed))]
pub fn sealed_columns(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
