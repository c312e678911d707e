//! How far logs were delivered: a row for each log and sink.

use async_trait::async_trait;
use ward::kernel::{StoreError, TenantId};
use ward::{Deliveries, Delivery, Held, Sinks};

use super::tree::number;
use crate::connection::Connection;
use crate::error::failed;
use crate::scoped::Scoped;
use crate::store::Postgres;
use crate::unit::PgUnit;

const ADD: &str = "INSERT INTO ward.log_delivery (tenant, sink) SELECT $1, $2 ON CONFLICT (tenant, sink) DO NOTHING RETURNING sink";

const BEGIN: &str = "UPDATE ward.log_delivery SET next = $3 WHERE tenant = $1 AND sink = $2";

const HOLD: &str = "
    UPDATE ward.log_delivery SET holder = $3, until = clock_timestamp() + $4 * interval '1 second'
    WHERE tenant = $1 AND sink = $2 AND (holder = $3 OR until < clock_timestamp()) RETURNING next";

const HELD: &str = "SELECT next FROM ward.log_delivery WHERE tenant = $1 AND sink = $2";

const ADVANCE: &str = "
    UPDATE ward.log_delivery SET next = $5, until = clock_timestamp() + $4 * interval '1 second'
    WHERE tenant = $1 AND sink = $2 AND holder = $3 AND next <= $5 RETURNING next";

#[async_trait]
impl Sinks for PgUnit {
    async fn add_sink(&mut self, name: &str, next: u64) -> Result<(), StoreError> {
        let added = self.scoped(ADD).bind(name.to_owned()).within(&self.conn).await?;
        if added.is_empty() || next == 0 {
            return Ok(());
        }
        let begin = self.scoped(BEGIN).bind(name.to_owned()).bind(next.cast_signed());
        begin.within(&self.conn).await.map(drop)
    }
}

#[async_trait]
impl Deliveries for Postgres {
    async fn hold(&self, delivery: Delivery<'_>) -> Result<Held, StoreError> {
        let conn = Connection::open(&self.shared, delivery.tenant.into(), true).await.map_err(failed)?;
        let held = scoped(HOLD, delivery).within(&conn).await?;
        let found = match held.first() {
            Some(row) => Held::From(number(row, "next")?),
            None => next(&conn, delivery.tenant, delivery.sink).await?.map_or(Held::Nobody, Held::Elsewhere),
        };
        super::growth::commit(conn).await?;
        Ok(found)
    }

    async fn advance(&self, delivery: Delivery<'_>, next: u64) -> Result<bool, StoreError> {
        let conn = Connection::open(&self.shared, delivery.tenant.into(), true).await.map_err(failed)?;
        let advanced = scoped(ADVANCE, delivery).bind(next.cast_signed()).within(&conn).await?;
        super::growth::commit(conn).await?;
        Ok(!advanced.is_empty())
    }

    async fn delivered(&self, tenant: TenantId, sink: &str) -> Result<Option<u64>, StoreError> {
        let conn = Connection::open(&self.shared, tenant.into(), true).await.map_err(failed)?;
        let next = next(&conn, tenant, sink).await?;
        super::growth::commit(conn).await?;
        Ok(next)
    }
}

async fn next(conn: &Connection, tenant: TenantId, sink: &str) -> Result<Option<u64>, StoreError> {
    let known = Scoped::new(tenant.into(), HELD).bind(sink.to_owned()).within(conn).await?;
    known.first().map(|row| number(row, "next")).transpose()
}

fn scoped(sql: &'static str, delivery: Delivery<'_>) -> Scoped {
    let scoped = Scoped::new(delivery.tenant.into(), sql).bind(delivery.sink.to_owned());
    scoped.bind(delivery.holder).bind(f64::from(Delivery::HOLD_SECONDS))
}
