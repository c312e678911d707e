//! What is personal beside the log.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::audit::{Leaf, Replaced, ValuesView};
use ward::kernel::{Commitment, RecordId, SealedBytes, StoreError, SubjectId};

use crate::error::failed;
use crate::reading::PgReading;
use crate::scoped::Scoped;

const REPLACED: &str = "
    SELECT v.commitment, v.record, v.field, v.sealed FROM ward.audit_value v
    WHERE v.tenant = $1 AND v.subject = $2 AND v.commitment = ANY ($3)";

/// Values to keep, each with the entry that says that it was replaced.
#[derive(Debug)]
pub(crate) struct Kept(Vec<(Uuid, Replaced)>);

impl Kept {
    pub(crate) fn of(leaves: &[Leaf<'_>]) -> Self {
        let values = leaves.iter().flat_map(|leaf| {
            let replaced = leaf.changes.iter().filter_map(|change| change.replaced.as_deref());
            replaced.map(|replaced| (Uuid::from(leaf.id), replaced.clone()))
        });
        Self(values.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bind(&self, statement: Scoped) -> Scoped {
        let record = |value: &Replaced| (value.row != value.subject.into()).then(|| value.row.id());
        statement
            .bind(self.column(|(_, value)| Uuid::from(value.subject)))
            .bind(self.column(|(_, value)| value.sealed.commitment.0.to_vec()))
            .bind(self.column(|(event, _)| *event))
            .bind(self.column(|(_, value)| record(value)))
            .bind(self.column(|(_, value)| value.field.to_string()))
            .bind(self.column(|(_, value)| value.sealed.bytes.clone()))
    }

    fn column<T>(&self, of: impl Fn(&(Uuid, Replaced)) -> T) -> Vec<T> {
        self.0.iter().map(of).collect()
    }
}

#[async_trait]
impl ValuesView for PgReading {
    async fn replaced(
        &mut self,
        subject: SubjectId,
        commitments: &[Commitment],
    ) -> Result<Vec<Replaced>, StoreError> {
        let replaced = self.scoped(REPLACED).bind(Uuid::from(subject));
        let replaced = replaced.bind(commitments.iter().map(|of| of.0.to_vec()).collect::<Vec<_>>());
        replaced.through(&self.gate).await?.iter().map(|row| value(subject, row)).collect()
    }
}

fn value(subject: SubjectId, row: &PgRow) -> Result<Replaced, StoreError> {
    let commitment: &[u8] = row.try_get("commitment").map_err(failed)?;
    let corrupt = |_| StoreError::Corrupt { table: "audit_value", column: "commitment" };
    let commitment = Commitment(commitment.try_into().map_err(corrupt)?);
    let record: Option<Uuid> = row.try_get("record").map_err(failed)?;
    Ok(Replaced {
        subject,
        row: record.map_or_else(|| subject.into(), |record| RecordId::from(record).into()),
        field: row.try_get::<String, _>("field").map_err(failed)?.into(),
        sealed: SealedBytes { bytes: row.try_get("sealed").map_err(failed)?, commitment },
    })
}
