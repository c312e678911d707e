//! `/tenant`

use std::sync::Arc;

use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use uuid::Uuid;
use ward::kernel::{TenantId, Text};
use ward::tenancy::{
    self, CHANGE_TENANT, ChangeError, Changes, SHOW_TENANT, Settings, SettingsChange, Tenant,
};

use crate::app::App;
use crate::auth::Caller;
use crate::http::body::Body;
use crate::http::given::{Given, Line, MailDomain};
use crate::http::problem::{Fault, Refused};
use crate::http::reply::Shown;
use crate::http::time::Time;
use crate::tag::Tag;

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Tenant")]
impl Api {
    /// Show the caller's tenant
    ///
    /// Which tenant it is comes from the credential alone.
    #[oai(path = "/tenant", method = "get", operation_id = "showTenant")]
    async fn show(&self, caller: Caller) -> Result<Shown<TenantView>, Refused> {
        let mut reading = self.0.read(&caller, &SHOW_TENANT).await?;

        match reading.tenant().await? {
            Some(tenant) => Ok(Shown(tenant.into())),
            None => Err(self.0.absent(reading.absent(reading.writer().tenant())).await),
        }
    }

    /// Change the caller's tenant
    ///
    /// What is not named stays as it is. Every change is in the audit log with what was there before.
    #[oai(path = "/tenant", method = "patch", operation_id = "changeTenant")]
    async fn change(&self, caller: Caller, body: Body<TenantChange>) -> Result<Shown<TenantView>, Refused> {
        let mut act = self.0.begin(&caller, &CHANGE_TENANT, &body.digest).await?;

        let changes = body.value.try_into()?;
        let (tenant, event) = tenancy::change(&mut *act, changes).await?;

        let shown = Shown(tenant.into());
        match event {
            Some(event) => act.commit(event, shown).await,
            None => Ok(shown),
        }
    }
}

/// A customer of the deployment.
#[derive(Object)]
pub(crate) struct TenantView {
    /// Names it.
    id: Uuid,
    /// What it calls itself.
    name: String,
    /// Where its data lies.
    region: String,
    /// Which promises it was sold.
    profile: String,
    /// The host names that lead to it.
    hostnames: Vec<String>,
    /// The tenant where its test keys act.
    sandbox: Option<Uuid>,
    /// What it chose.
    settings: SettingsView,
    /// Since when.
    created_at: Time,
}

/// What a tenant chooses for itself.
#[derive(Object)]
struct SettingsView {
    /// Whether nobody gets in without a second factor; kept for log-in, which is to come.
    mfa_required: bool,
    /// How long a session lasts at most, in seconds; kept for log-in, which is to come.
    session_ttl_seconds: u32,
    /// How long it lasts unused, in seconds.
    idle_timeout_seconds: u32,
    /// The mail domains whose people may join; empty means any.
    allowed_email_domains: Vec<String>,
}

/// What to change about a tenant.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct TenantChange {
    /// What it calls itself.
    name: Option<Given<Line<{ tenancy::NAME_LENGTH }>>>,
    /// What it chooses.
    settings: Option<SettingsPatch>,
}

/// Which settings to change, and to what.
#[derive(Deserialize, Object)]
#[oai(deny_unknown_fields)]
#[serde(deny_unknown_fields)]
struct SettingsPatch {
    /// Whether nobody gets in without a second factor; kept for log-in, which is to come.
    mfa_required: Option<bool>,
    /// How long a session lasts at most, in seconds; kept for log-in, which is to come.
    #[oai(validator(minimum(value = "300"), maximum(value = "2592000")))]
    session_ttl_seconds: Option<u32>,
    /// How long it lasts unused, in seconds; no longer than the session.
    #[oai(validator(minimum(value = "60"), maximum(value = "2592000")))]
    idle_timeout_seconds: Option<u32>,
    /// The mail domains whose people may join; empty means any.
    #[oai(validator(max_items = 100))]
    allowed_email_domains: Option<Vec<Given<MailDomain>>>,
}

impl TryFrom<TenantChange> for Changes {
    type Error = Refused;

    fn try_from(change: TenantChange) -> Result<Self, Refused> {
        match &change.settings {
            None if change.name.is_none() => return Err(Refused::nothing_named("")),
            Some(settings) if !settings.names_any() => return Err(Refused::nothing_named("/settings")),
            _ => {}
        }
        let name = change.name.map(|name| Text::parse(&name.0, tenancy::NAME_LENGTH)).transpose();
        let name = name.map_err(|error| Refused::at("/name", error))?;
        let settings = change.settings.map(SettingsChange::from).unwrap_or_default();
        Ok(Self { name, settings })
    }
}

impl SettingsPatch {
    fn names_any(&self) -> bool {
        let Self { mfa_required, session_ttl_seconds, idle_timeout_seconds, allowed_email_domains } = self;
        mfa_required.is_some()
            || session_ttl_seconds.is_some()
            || idle_timeout_seconds.is_some()
            || allowed_email_domains.is_some()
    }
}

impl From<SettingsPatch> for SettingsChange {
    fn from(patch: SettingsPatch) -> Self {
        let SettingsPatch { mfa_required, session_ttl_seconds, idle_timeout_seconds, allowed_email_domains } =
            patch;
        let domains = |domains: Vec<Given<MailDomain>>| domains.into_iter().map(|domain| domain.0).collect();
        let allowed_email_domains = allowed_email_domains.map(domains);
        Self { mfa_required, session_ttl_seconds, idle_timeout_seconds, allowed_email_domains }
    }
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Invalid(faults) => {
                let fault = |fault: &tenancy::InvalidSettings| {
                    Fault::new(format!("/settings{}", fault.pointer()), fault)
                };
                Self::invalid(faults.iter().map(fault).collect())
            }
            ChangeError::Absent => Self::absent(),
            ChangeError::Store(error) => error.into(),
            error => Self::logged(&error),
        }
    }
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.into(),
            name: tenant.name.into(),
            region: tenant.region,
            profile: tenant.profile,
            hostnames: Vec::new(),
            sandbox: tenant.sandbox.map(TenantId::into),
            settings: tenant.settings.into(),
            created_at: tenant.created_at.into(),
        }
    }
}

impl From<Settings> for SettingsView {
    fn from(settings: Settings) -> Self {
        let Settings { mfa_required, session_ttl_seconds, idle_timeout_seconds, allowed_email_domains } =
            settings;
        Self { mfa_required, session_ttl_seconds, idle_timeout_seconds, allowed_email_domains }
    }
}
