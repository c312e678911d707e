use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult as _, QueryOrder as _, QueryResult, QuerySelect as _, QueryTrait as _};
use ward::assurance::{Ledger, LedgerView, Outcome, Run};
use ward::kernel::StoreError;

use crate::error::failed;
use crate::reading::PgReading;
use crate::table::TenantTable;
use crate::unit::PgUnit;

/// A row of `ward.probe_run`.
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(schema_name = "ward", table_name = "probe_run")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    probe: String,
    at: DateTime<Utc>,
    outcome: String,
    reason: Option<String>,
    observed: String,
    population: i64,
    version: String,
    duration: i64,
}

#[derive(Clone, Copy, Debug, DeriveRelation, EnumIter)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantTable for Entity {
    const TENANT: Column = Column::Tenant;
}

/// One step down the index for each check: `DISTINCT ON` would read every run there ever was.
const LAST_RUNS: &str = "
    SELECT run.* FROM unnest($2::text[]) asked (probe) CROSS JOIN LATERAL
        (SELECT * FROM ward.probe_run r WHERE r.tenant = $1 AND r.probe = asked.probe ORDER BY r.id DESC LIMIT 1) run";

#[async_trait]
impl Ledger for PgUnit {
    async fn record_run(&mut self, run: &Run) -> Result<(), StoreError> {
        let (outcome, reason) = match &run.outcome {
            Outcome::Pass => ("pass", None),
            Outcome::Degraded(reason) => ("degraded", Some(reason.clone())),
            Outcome::Fail => ("fail", None),
        };
        self.insert(ActiveModel {
            tenant: NotSet,
            id: Set(run.id),
            probe: Set(run.probe.clone()),
            at: Set(run.at),
            outcome: Set(outcome.to_owned()),
            reason: Set(reason),
            observed: Set(run.observed.clone()),
            population: Set(run.population.cast_signed()),
            version: Set(run.version.clone()),
            duration: Set(run.duration.cast_signed()),
        })
        .await
    }
}

#[async_trait]
impl LedgerView for PgReading {
    async fn last_runs(&mut self, probes: &[&str]) -> Result<Vec<Run>, StoreError> {
        let rows = self.scoped(LAST_RUNS).bind(probes).through(&self.gate).await?;
        let parse = |row| Model::from_query_result(&row, "").map_err(failed)?.try_into();
        rows.into_iter().map(QueryResult::from).map(parse).collect()
    }

    async fn runs(
        &mut self,
        probe: &str,
        (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        before: Option<Uuid>,
        most: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let select = Entity::find()
            .filter(Column::Probe.eq(probe))
            .apply_if(from, |select, from| select.filter(Column::At.gte(from)))
            .apply_if(to, |select, to| select.filter(Column::At.lt(to)))
            .apply_if(before, |select, before| select.filter(Column::Id.lt(before)))
            .order_by_desc(Column::Id)
            .limit(u64::from(most));
        self.all(select).await?.into_iter().map(Run::try_from).collect()
    }
}

impl TryFrom<Model> for Run {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let outcome = match row.outcome.as_str() {
            "pass" => Outcome::Pass,
            "degraded" => Outcome::Degraded(row.reason.unwrap_or_default()),
            "fail" => Outcome::Fail,
            _ => return Err(StoreError::Corrupt { table: "probe_run", column: "outcome" }),
        };
        Ok(Self {
            id: row.id,
            probe: row.probe,
            at: row.at,
            outcome,
            observed: row.observed,
            population: row.population.cast_unsigned(),
            version: row.version,
            duration: row.duration.cast_unsigned(),
        })
    }
}
