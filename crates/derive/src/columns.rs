use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Result, Type};

/// Kinds of rows of Ward's own: a receipt for one of them must never cover a product's.
const WARDS: [&str; 12] = [
    "api_key",
    "audit_leaf",
    "audit_value",
    "claim",
    "event",
    "job",
    "probe_run",
    "record",
    "subject",
    "tenant",
    "user",
    "wrapped_key",
];

/// What the macro reads of a model.
pub(crate) struct Model {
    /// By which values are bound, and events name rows.
    pub(crate) table: String,
    pub(crate) tenant: Ident,
    pub(crate) row: Ident,
    pub(crate) columns: Vec<Column>,
}

pub(crate) struct Column {
    pub(crate) field: Ident,
    pub(crate) kind: Type,
    /// The name that values are bound to.
    pub(crate) name: String,
    /// The field of its blind index.
    pub(crate) index: Option<Ident>,
}

impl Model {
    pub(crate) fn read(input: &DeriveInput) -> Result<Self> {
        let table = Table::read(&input.attrs)?;
        let fields = named(input)?;
        let field = |name: &str| {
            fields.iter().find_map(|field| field.ident.clone().filter(|ident| ident.unraw() == name))
        };
        let needed = |name| {
            field(name).ok_or_else(|| {
                Error::new_spanned(&input.ident, format!("a model with sealed columns has a field `{name}`"))
            })
        };
        let columns = fields.iter().filter_map(|field| Column::read(field, &table).transpose());
        let columns = columns.collect::<Result<Vec<_>>>()?;
        if columns.is_empty() {
            return Err(Error::new_spanned(&input.ident, "no column is marked `#[sealed]`"));
        }
        if let Some(index) = columns
            .iter()
            .filter_map(|column| column.index.as_ref())
            .find(|index| field(&index.unraw().to_string()).is_none())
        {
            return Err(Error::new_spanned(index, "no field has this name"));
        }
        let name = table
            .name
            .ok_or_else(|| Error::new_spanned(&input.ident, "needs `#[sea_orm(table_name = \"…\")]`"))?;
        Ok(Self { table: name, tenant: needed("tenant")?, row: needed("id")?, columns })
    }
}

/// What its attributes say of the table.
struct Table {
    name: Option<String>,
    /// Whether SeaORM names the columns by a rule of its own.
    renames: bool,
}

impl Table {
    fn read(attributes: &[Attribute]) -> Result<Self> {
        let (mut of_orm, mut own, mut renames) = (None, None, false);
        each(attributes, "sea_orm", |meta| {
            if meta.path.is_ident("table_name") {
                of_orm = Some(text(&meta)?);
                return Ok(());
            }
            renames |= meta.path.is_ident("rename_all");
            skip(&meta)
        })?;
        each(attributes, "sealed", |meta| {
            if !meta.path.is_ident("table") {
                return Err(meta.error("a table takes `table = \"…\"`"));
            }
            own = Some(text(&meta)?);
            Ok(())
        })?;
        let name = own.or(of_orm);
        match &name {
            Some(taken) if WARDS.contains(&taken.value().as_str()) => {
                Err(Error::new_spanned(taken, "Ward has rows of this kind: say `#[sealed(table = \"…\")]`"))
            }
            _ => Ok(Self { name: name.map(|name| name.value()), renames }),
        }
    }
}

impl Column {
    /// Nothing, if the field isn't sealed.
    fn read(field: &Field, table: &Table) -> Result<Option<Self>> {
        let Some(ident) = field.ident.clone() else { return Ok(None) };
        if !field.attrs.iter().any(|attribute| attribute.path().is_ident("sealed")) {
            return Ok(None);
        }
        let (mut of_orm, mut own, mut index) = (None, None, None);
        each(&field.attrs, "sea_orm", |meta| {
            if meta.path.is_ident("column_name") {
                of_orm = Some(text(&meta)?.value());
                return Ok(());
            }
            skip(&meta)
        })?;
        each(&field.attrs, "sealed", |meta| {
            if meta.path.is_ident("column") {
                own = Some(text(&meta)?.value());
            } else if meta.path.is_ident("index") {
                index = Some(meta.value()?.parse::<Ident>()?);
            } else {
                return Err(meta.error("a column takes `index = …` and `column = \"…\"`"));
            }
            Ok(())
        })?;
        let plain = || (!table.renames).then(|| ident.unraw().to_string());
        let name = own.or(of_orm).or_else(plain);
        let name = name.ok_or_else(|| {
            Error::new_spanned(&ident, "with `rename_all`, say `#[sealed(column = \"…\")]`")
        })?;
        Ok(Some(Self { field: ident, kind: field.ty.clone(), name, index }))
    }
}

fn named(input: &DeriveInput) -> Result<Vec<&Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter().collect()),
            _ => Err(Error::new_spanned(&input.ident, "only a model has sealed columns")),
        },
        _ => Err(Error::new_spanned(&input.ident, "only a model has sealed columns")),
    }
}

/// What is written in the attributes called `name`, if they have any brackets.
fn each(
    attributes: &[Attribute],
    name: &str,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let bracketed =
        |attribute: &&Attribute| attribute.path().is_ident(name) && attribute.meta.require_list().is_ok();
    attributes.iter().filter(bracketed).try_for_each(|attribute| attribute.parse_nested_meta(&mut read))
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// Passes over what is SeaORM's own business.
fn skip(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let inner;
        syn::parenthesized!(inner in meta.input);
        inner.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}
