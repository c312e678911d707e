use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;
use ward::Unit;
use ward::audit::{Events, Receipt, RecordError, Recorded, Writer};
use ward::crypto::TenantKeys;
use ward::kernel::{EventId, Ids, Machine, StoreError};

use crate::connection::Connection;
use crate::error::failed;
use crate::scoped::Scoped;

/// One tenant's transaction: every port of Ward's, and a product team's own tables ([`TenantTable`](crate::TenantTable)).
///
/// It hands out no connection, and closes for none but the events that it appended itself.
pub struct PgUnit {
    pub(crate) conn: Connection,
    pub(crate) keys: Arc<TenantKeys>,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) writer: Writer,
    /// What this unit has added to the log.
    pub(crate) appended: Vec<EventId>,
}

impl PgUnit {
    pub(crate) fn new(
        conn: Connection,
        keys: Arc<TenantKeys>,
        machine: Arc<dyn Machine>,
        writer: Writer,
    ) -> Self {
        Self { conn, keys, machine, writer, appended: Vec::new() }
    }

    /// Records `events` and commits them with the changes they explain, or nothing at all.
    pub async fn commit(self, events: impl Into<Events>) -> Result<Receipt, RecordError> {
        let unit: Box<dyn Unit> = Box::new(self);
        unit.commit(events).await
    }

    pub(crate) fn tenant(&self) -> Uuid {
        self.writer.tenant().into()
    }

    pub(crate) fn scoped(&self, sql: &'static str) -> Scoped {
        Scoped::new(self.tenant(), sql)
    }
}

#[async_trait]
impl Unit for PgUnit {
    fn writer(&self) -> &Writer {
        &self.writer
    }

    fn ids(&self) -> Arc<dyn Ids> {
        self.machine.clone()
    }

    fn keys(&self) -> Arc<TenantKeys> {
        self.keys.clone()
    }

    async fn close(self: Box<Self>, recorded: &Recorded) -> Result<(), StoreError> {
        if recorded.unit() != self.writer.unit || recorded.events() != self.appended {
            return Err(StoreError::ForeignEvents);
        }
        match self.conn.commit().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Poisoned),
            Err(error) => Err(failed(error)),
        }
    }
}
