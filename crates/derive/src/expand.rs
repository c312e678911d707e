use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Result};

use crate::columns::{Column, Model};

/// Writes the code that binds each sealed column.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let model = Model::read(input)?;
    let (name, vis, table, row) = (&input.ident, &input.vis, &model.table, &model.row);
    let opening = model.columns.iter().map(|column| opening(column, &model, input));
    let indexing = model.columns.iter().map(|column| indexing(column, input));
    let sealing = model.columns.iter().map(|column| sealing(column, &model, input));
    Ok(quote! {
        #[automatically_derived]
        impl ::ward_postgres::SealedTable for Entity {
            const TABLE: &'static str = #table;
        }

        #[automatically_derived]
        impl #name {
            /// The row, as events name it.
            #vis fn row(&self) -> ::ward::kernel::Entity {
                ::ward::kernel::Entity::new(#table, self.#row)
            }

            #(#opening)*
            #(#indexing)*
        }

        #[automatically_derived]
        impl ActiveModel {
            #(#sealing)*
        }
    })
}

fn opening(column: &Column, model: &Model, input: &DeriveInput) -> TokenStream {
    let (vis, tenant, Column { field, kind, name, .. }) = (&input.vis, &model.tenant, column);
    let doc = format!("The sealed `{name}`, which opens for a receipt that names it.");
    quote! {
        #[doc = #doc]
        #vis fn #field(&self) -> <#kind as ::ward_postgres::SealedCell>::At<'_> {
            let tenant = ::ward::kernel::TenantId::from(self.#tenant);
            let place = ::ward::kernel::Place { tenant, row: self.row(), column: #name };
            ::ward_postgres::SealedCell::at(&self.#field, place)
        }
    }
}

fn indexing(column: &Column, input: &DeriveInput) -> Option<TokenStream> {
    column.index.as_ref()?;
    let (vis, name, finder) = (&input.vis, &column.name, format_ident!("index_of_{}", column.field.unraw()));
    let doc = format!("What the blind index of `{name}` is for `text`, to be compared in a query.");
    Some(quote! {
        #[doc = #doc]
        #vis fn #finder(indexer: &dyn ::ward::kernel::Indexer, text: &str) -> ::ward_postgres::IndexedText {
            ::ward_postgres::IndexedText::of::<Entity>(indexer, #name, text)
        }
    })
}

fn sealing(column: &Column, model: &Model, input: &DeriveInput) -> TokenStream {
    let (vis, row, Column { field, name, index, .. }) = (&input.vis, &model.row, column);
    let method = format_ident!("seal_{}", field.unraw());
    let doc = format!(
        "Sets `{name}` to `text`, sealed for this row, whose id must be set before. The event takes the change."
    );
    let indexed = index.as_ref().map(|index| {
        quote! { self.#index = ::sea_orm::ActiveValue::Set(sealer.index::<Entity>(#name, text).into()); }
    });
    quote! {
        #[doc = #doc]
        #vis fn #method(
            &mut self,
            sealer: &::ward_postgres::ColumnSealer,
            text: &str,
        ) -> ::core::result::Result<::ward::audit::Change, ::ward_postgres::NotSealed> {
            let (sealed, change) = sealer.seal::<Entity>(&self.#row, #name, text)?;
            self.#field = ::sea_orm::ActiveValue::Set(sealed.into());
            #indexed
            ::core::result::Result::Ok(change)
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn code(input: DeriveInput) -> String {
        expand(&input).map(|code| code.to_string()).unwrap_or_else(|error| format!("error: {error}"))
    }

    #[test]
    fn a_column_is_bound_to_the_names_that_the_database_has() {
        let code = code(parse_quote! {
            #[sea_orm(schema_name = "clinic", table_name = "visit")]
            struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                tenant: Uuid,
                #[sea_orm(primary_key, auto_increment = false)]
                id: Uuid,
                #[sealed]
                note: SealedText,
                #[sealed(index = phone_index)]
                #[sea_orm(column_name = "telephone", nullable)]
                phone: Option<SealedText>,
                phone_index: Option<IndexedText>,
                #[sealed(column = "city")]
                r#type: SealedText,
                room: String,
            }
        });
        for bound in [
            r#"const TABLE : & 'static str = "visit""#,
            r#"fn note (& self)"#,
            r#"column : "note""#,
            r#"column : "telephone""#,
            r#"column : "city""#,
            r#"fn seal_phone"#,
            r#"fn seal_type"#,
            r#"fn index_of_phone"#,
            r#"self . phone_index = "#,
        ] {
            assert!(code.contains(bound), "{bound}: {code}");
        }
        assert!(!code.contains("index_of_note") && !code.contains("room"), "{code}");
    }

    #[test]
    fn what_could_not_be_bound_is_refused() {
        let refused = |input, why: &str| {
            let code = code(input);
            assert!(code.starts_with("error") && code.contains(why), "{why}: {code}");
        };
        refused(parse_quote! { #[sea_orm(table_name = "visit")] enum Model { A } }, "only a model");
        refused(parse_quote! { #[sea_orm(table_name = "visit")] struct Model(Uuid); }, "only a model");
        refused(
            parse_quote! { #[sea_orm(table_name = "visit")] struct Model { tenant: Uuid, id: Uuid } },
            "no column",
        );
        refused(
            parse_quote! { #[sea_orm(table_name = "visit")] struct Model { tenant: Uuid, #[sealed] note: SealedText } },
            "field `id`",
        );
        refused(
            parse_quote! { #[sea_orm(table_name = "visit")] struct Model { id: Uuid, #[sealed] note: SealedText } },
            "field `tenant`",
        );
        refused(
            parse_quote! { struct Model { tenant: Uuid, id: Uuid, #[sealed] note: SealedText } },
            "table_name",
        );
        for wards in ["record", "subject", "tenant"] {
            refused(
                parse_quote! { #[sea_orm(table_name = #wards)] struct Model { tenant: Uuid, id: Uuid, #[sealed] note: SealedText } },
                "Ward has rows of this kind",
            );
        }
        refused(
            parse_quote! {
                #[sea_orm(table_name = "visit")]
                struct Model { tenant: Uuid, id: Uuid, #[sealed(index = nowhere)] note: SealedText }
            },
            "no field has this name",
        );
        refused(
            parse_quote! {
                #[sea_orm(table_name = "visit")]
                struct Model { tenant: Uuid, id: Uuid, #[sealed(key = "x")] note: SealedText }
            },
            "a column takes",
        );
        refused(
            parse_quote! {
                #[sea_orm(table_name = "visit")]
                #[sealed(column = "x")]
                struct Model { tenant: Uuid, id: Uuid, #[sealed] note: SealedText }
            },
            "a table takes",
        );
        refused(
            parse_quote! {
                #[sea_orm(table_name = "visit", rename_all = "camelCase")]
                struct Model { tenant: Uuid, id: Uuid, #[sealed] note: SealedText }
            },
            "rename_all",
        );
        let renamed = code(parse_quote! {
            #[sea_orm(table_name = "record", rename_all = "camelCase")]
            #[sealed(table = "clinic_record")]
            struct Model { tenant: Uuid, id: Uuid, #[sealed(column = "note")] note: SealedText }
        });
        assert!(renamed.contains(r#""clinic_record""#), "{renamed}");
    }
}
