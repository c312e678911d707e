use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;
use ward::Reading;
use ward::audit::Writer;
use ward::crypto::{SubjectKey, TenantKeys, WrappedKey};
use ward::kernel::{Ids, Machine, StoreError, SubjectId};

use crate::gated::Gated;
use crate::group::Group;
use crate::keys;
use crate::scoped::Scoped;
use crate::turns::Shared;

/// One tenant's data, to read: each statement names its tenant, and no transaction is open between two.
pub struct PgReading {
    pub(crate) gate: Gated,
    pub(crate) group: Group,
    pub(crate) keys: Arc<TenantKeys>,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) writer: Writer,
    /// Keys that came along with rows, so that they cost no statement of their own.
    pub(crate) wrapped: HashMap<SubjectId, WrappedKey>,
}

impl PgReading {
    pub(crate) fn new(
        pool: Shared,
        group: Group,
        keys: Arc<TenantKeys>,
        machine: Arc<dyn Machine>,
        writer: Writer,
    ) -> Self {
        let gate = Gated::new(pool, writer.tenant().into());
        Self { gate, group, keys, machine, writer, wrapped: HashMap::new() }
    }

    pub(crate) fn tenant(&self) -> Uuid {
        self.writer.tenant().into()
    }

    pub(crate) fn scoped(&self, sql: &'static str) -> Scoped {
        Scoped::new(self.tenant(), sql)
    }
}

#[async_trait]
impl Reading for PgReading {
    fn writer(&self) -> &Writer {
        &self.writer
    }

    fn ids(&self) -> Arc<dyn Ids> {
        self.machine.clone()
    }

    fn keys(&self) -> Arc<TenantKeys> {
        self.keys.clone()
    }

    async fn subject_keys(
        &mut self,
        subjects: &[SubjectId],
    ) -> Result<Vec<Option<Arc<SubjectKey>>>, StoreError> {
        let missing: Vec<_> = subjects.iter().filter(|id| !self.wrapped.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            let rows =
                keys::of_subjects(self.scoped(keys::OF_SUBJECTS), &missing).through(&self.gate).await?;
            self.wrapped.extend(keys::by_subject(&rows)?);
        }
        let unwrap = |id: &SubjectId| self.wrapped.get(id).map(|wrapped| keys::unwrap(&self.keys, wrapped));
        subjects.iter().map(|id| unwrap(id).transpose()).collect()
    }

    async fn committing_key(&mut self, subject: SubjectId) -> Result<Option<Arc<SubjectKey>>, StoreError> {
        let rows = self.scoped(keys::WHOLE).bind(Uuid::from(subject)).through(&self.gate).await?;
        keys::whole(&self.keys, &rows)
    }
}
