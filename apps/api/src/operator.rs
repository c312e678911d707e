//! What whoever runs the deployment does: founding tenants, each with a sandbox and a first key.

use std::sync::Arc;

use chrono::TimeDelta;
use ward::Store as _;
use ward::audit::{Events, RecordError};
use ward::identity::{self, ApiKeySecret, Mode, NewApiKey};
use ward::kernel::{Operation, Requires, StoreError, TenantId, Text, authority};
use ward::rbac::Denied;
use ward::tenancy::{self, Founding, TENANT_FOUNDED};

use crate::app::App;

const JOB: &str = "operator";

/// Founds a tenant, with its first key.
pub(crate) static FOUND_TENANT: Operation = Operation {
    id: "foundTenant",
    requires: Requires::Job(JOB),
    events: &[TENANT_FOUNDED, identity::API_KEY_CREATED],
    writes: true,
    discloses: false,
    controls: &["T1", "I6", "A1"],
    rate: "job",
    idempotent: false,
};
