use std::fmt;
use std::sync::Arc;

use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, StringLen, ValueType, ValueTypeErr};
use sea_orm::{ActiveValue, ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value};
use uuid::Uuid;
use ward::audit::{Change, Receipt};
use ward::crypto::{Clear, OpenError, Sealed, SubjectKey, Vault};
use ward::kernel::{
    BlindIndex, Entity, Indexer, Place, SealError, Sealer, StoreError, SubjectId, SubjectKeys as _, TenantId,
};

use crate::table::TenantTable;
use crate::unit::PgUnit;

/// A table with sealed columns: [`SealedColumns`](crate::SealedColumns) says so.
pub trait SealedTable: TenantTable {
    /// By which values are bound, and events name rows. A table that is renamed keeps it.
    const TABLE: &'static str;
}

/// What a sealed column holds: a person's text, sealed for that column of that row. In the database it is a `bytea`.
///
/// Only a [`ColumnSealer`] makes one from a text, and only a receipt opens it, so no text comes to lie in its column in clear:
/// bytes that were never sealed are no value of this type, be they read or written.
///
/// ```
/// use sea_orm::entity::prelude::*;
/// use ward_postgres::{SealedColumns, SealedText, TenantTable};
///
/// #[derive(Clone, Debug, DeriveEntityModel, SealedColumns)]
/// #[sea_orm(schema_name = "clinic", table_name = "visit")]
/// pub struct Model {
///     #[sea_orm(primary_key, auto_increment = false)]
///     tenant: Uuid,
///     #[sea_orm(primary_key, auto_increment = false)]
///     id: Uuid,
///     #[sealed]
///     note: SealedText,
/// }
/// # #[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
/// # pub enum Relation {}
/// # impl ActiveModelBehavior for ActiveModel {}
/// # impl TenantTable for Entity { const TENANT: Column = Column::Tenant; }
/// # use ward::crypto::{Clear, OpenError, SubjectKey, Vault};
/// # use ward::audit::Receipt;
///
/// fn read(visit: &Model, vault: &Vault, key: &SubjectKey, receipt: &Receipt) -> Result<Clear, OpenError> {
///     visit.note().open(vault, key, receipt)
/// }
/// ```
///
/// A text is none, and nothing but a receipt opens one:
///
/// ```compile_fail
/// let note: ward_postgres::SealedText = String::from("sleeps well").into();
/// ```
/// ```compile_fail
/// # use ward::crypto::{SubjectKey, Vault};
/// # fn read(note: ward_postgres::SealedField<'_>, vault: &Vault, key: &SubjectKey) {
/// note.open(vault, key); // no receipt
/// # }
/// ```
/// ```compile_fail
/// # use sea_orm::entity::prelude::*;
/// # use ward_postgres::{SealedColumns, TenantTable};
/// #[derive(Clone, Debug, DeriveEntityModel, SealedColumns)]
/// #[sea_orm(schema_name = "clinic", table_name = "visit")]
/// pub struct Model {
///     #[sea_orm(primary_key, auto_increment = false)]
///     tenant: Uuid,
///     #[sea_orm(primary_key, auto_increment = false)]
///     id: Uuid,
///     #[sealed]
///     note: String, // not sealed
/// }
/// # #[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
/// # pub enum Relation {}
/// # impl ActiveModelBehavior for ActiveModel {}
/// # impl TenantTable for Entity { const TENANT: Column = Column::Tenant; }
/// ```
/// ```compile_fail
/// # use sea_orm::entity::prelude::*;
/// # use ward_postgres::{SealedColumns, SealedText};
/// #[derive(Clone, Debug, DeriveEntityModel, SealedColumns)]
/// #[sea_orm(schema_name = "clinic", table_name = "visit")]
/// pub struct Model {
///     #[sea_orm(primary_key, auto_increment = false)]
///     tenant: Uuid,
///     #[sea_orm(primary_key, auto_increment = false)]
///     id: Uuid,
///     #[sealed]
///     note: SealedText,
/// }
/// # #[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
/// # pub enum Relation {}
/// # impl ActiveModelBehavior for ActiveModel {}
/// // no `TenantTable`: a table that isn't a tenant's has no sealed columns
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct SealedText(Vec<u8>);

impl SealedText {
    /// The sealed value, as stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        Sealed::parse(&bytes).is_ok().then_some(Self(bytes))
    }
}

impl fmt::Debug for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedText(..)")
    }
}

/// The blind index of a sealed column: equal texts of a tenant and column show as equal. In the database it is a `bytea`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IndexedText(BlindIndex);

impl IndexedText {
    /// What `text` has in `column`; it should be brought into one form before, such as lower case.
    pub fn of<T: SealedTable>(indexer: &dyn Indexer, column: &str, text: &str) -> Self {
        // Ward's own columns have no slash in their names.
        Self(indexer.index(&format!("{}/{column}", T::TABLE), text.as_bytes()))
    }
}

/// Seals one person's texts for columns of a product team's own tables.
pub struct ColumnSealer {
    tenant: TenantId,
    key: Arc<dyn Sealer>,
    indexer: Arc<dyn Indexer>,
}

impl ColumnSealer {
    /// `text`, sealed for `column` of the row that `id` names, and what became of that column, for the event.
    pub fn seal<T: SealedTable>(
        &self,
        id: &ActiveValue<Uuid>,
        column: &'static str,
        text: &str,
    ) -> Result<(SealedText, Change), NotSealed> {
        let (ActiveValue::Set(id) | ActiveValue::Unchanged(id)) = id else { return Err(NotSealed::NoRow) };
        let place = Place { tenant: self.tenant, row: Entity::new(T::TABLE, *id), column };
        let sealed = self.key.seal(place, text.as_bytes())?;
        Ok((SealedText(sealed.bytes), Change::personal(column, None, Some(sealed.commitment))))
    }

    /// The blind index of `text` in `column`.
    pub fn index<T: SealedTable>(&self, column: &str, text: &str) -> IndexedText {
        IndexedText::of::<T>(&*self.indexer, column, text)
    }
}

impl fmt::Debug for ColumnSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ColumnSealer(..)")
    }
}

/// From now on nobody has another key follow this one: values under it lie where Ward doesn't see them.
const LEND: &str = "
    UPDATE ward.wrapped_key SET lent = true
    WHERE tenant = $1 AND subject = $2 AND purpose = 'subject' AND bytes IS NOT NULL AND NOT lent";

impl PgUnit {
    /// What seals a person's texts in this tenant, for columns of a product team's own tables; nothing, where the person was
    /// erased, or never was. The person keeps their key from then on: a [rotation](ward::Rotation) of subjects' keys passes it over.
    pub async fn column_sealer(&mut self, subject: SubjectId) -> Result<Option<ColumnSealer>, StoreError> {
        self.scoped(LEND).bind(Uuid::from(subject)).within(&self.conn).await?;
        let key = self.of(&[subject]).await?.pop().flatten();
        let (tenant, indexer) = (self.writer.tenant(), self.indexer());
        Ok(key.map(|key| ColumnSealer { tenant, key, indexer }))
    }
}

/// A sealed text and the place where it lies.
#[derive(Clone, Copy, Debug)]
pub struct SealedField<'a> {
    place: Place<'static>,
    text: &'a SealedText,
}

impl SealedField<'_> {
    /// Opens it, if the committed events behind `receipt` say that this column of this row is disclosed.
    pub fn open(&self, vault: &Vault, key: &SubjectKey, receipt: &Receipt) -> Result<Clear, OpenError> {
        vault.open(key, self.place, self.text.as_bytes(), receipt)
    }

    /// Where it lies: where else it lay, it would not open.
    pub fn place(&self) -> Place<'static> {
        self.place
    }
}

/// A type that a sealed column has: [`SealedText`], or that in an [`Option`].
pub trait SealedCell {
    /// The cell, at its place.
    type At<'a>
    where
        Self: 'a;

    /// Puts it at its place.
    fn at(&self, place: Place<'static>) -> Self::At<'_>;
}

impl SealedCell for SealedText {
    type At<'a> = SealedField<'a>;

    fn at(&self, place: Place<'static>) -> SealedField<'_> {
        SealedField { place, text: self }
    }
}

impl SealedCell for Option<SealedText> {
    type At<'a> = Option<SealedField<'a>>;

    fn at(&self, place: Place<'static>) -> Option<SealedField<'_>> {
        self.as_ref().map(|text| text.at(place))
    }
}

/// Why a text was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSealed {
    /// The row has no id yet, and the value must be bound to it.
    #[error("set the row's id before its columns are sealed")]
    NoRow,
    /// The key didn't seal it.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Gives a type that is bytes to the database what SeaORM asks of a column.
macro_rules! bytea {
    ($kind:ty, $name:literal, $into:expr, $from:expr) => {
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::Bytes(Some($into(value)))
            }
        }

        impl Nullable for $kind {
            fn null() -> Value {
                Value::Bytes(None)
            }
        }

        impl ValueType for $kind {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                let Value::Bytes(Some(bytes)) = value else { return Err(ValueTypeErr) };
                $from(bytes).ok_or(ValueTypeErr)
            }

            fn type_name() -> String {
                $name.to_owned()
            }

            fn array_type() -> ArrayType {
                ArrayType::Bytes
            }

            fn column_type() -> ColumnType {
                ColumnType::VarBinary(StringLen::None)
            }
        }

        impl TryGetable for $kind {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                let odd = || DbErr::Type(concat!("the column holds no ", $name).to_owned());
                $from(Vec::try_get_by(row, index)?).ok_or_else(|| odd().into())
            }
        }
    };
}

bytea!(SealedText, "SealedText", |text: SealedText| text.0, SealedText::parse);
bytea!(IndexedText, "IndexedText", |index: IndexedText| index.0.0.to_vec(), |bytes: Vec<u8>| bytes
    .try_into()
    .ok()
    .map(|code| IndexedText(BlindIndex(code))));
