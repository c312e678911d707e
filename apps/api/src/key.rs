//! `/keys`

pub(crate) mod view;

use std::sync::Arc;

use poem_openapi::OpenApi;
use ward::audit::RecordError;
use ward::crypto::TransferError;
use ward::kernel::{Operation, TenantId};
use ward::{BRING_KEY, Custody, EntrustError, GIVE_BACK_KEY, KEY_TRANSFERRED, LIST_KEYS, Store as _};

use crate::app::App;
use crate::auth::Caller;
use crate::custodian::{self, TRIES};
use crate::http::body::Body;
use crate::http::problem::Refused;
use crate::http::reply::{Answer, Done, Shown};
use crate::tag::Tag;
use view::{HeldKeyList, NewOwnKeyService, OwnKeyService};

pub(crate) struct Api(pub(crate) Arc<App>);

#[OpenApi(prefix_path = "/v1", tag = "Tag::Keys")]
impl Api {
    /// List the tenant's keys
    ///
    /// What each is for, how it stands and who wraps it; the keys of the tenant's people, each wrapped by the tenant's own, are not
    /// listed. No key can be read.
    #[oai(path = "/keys", method = "get", operation_id = "listKeys")]
    async fn list(&self, caller: Caller) -> Result<Shown<HeldKeyList>, Refused> {
        let mut reading = self.0.read(&caller, &LIST_KEYS).await?;

        let custody = reading.custody().await?;
        Ok(Shown(HeldKeyList::of(&custody, self.0.clock().now())))
    }

    /// Have a key service of the tenant's own wrap its key
    ///
    /// The service must wrap the key and unwrap it again before anything changes. From then on it is asked once a minute on every
    /// replica: when it says no, everything of the tenant's is answered with 503 within that time, until it says yes again. No data is
    /// migrated. The same address again changes nothing.
    #[oai(path = "/keys/external", method = "put", operation_id = "bringKey")]
    async fn bring(
        &self,
        caller: Caller,
        body: Body<NewOwnKeyService>,
    ) -> Result<Shown<OwnKeyService>, Refused> {
        let address = body.value.address()?;
        for _ in 0..TRIES {
            let custody = self.0.custody(&caller, &BRING_KEY).await?;
            if custody.stored.external.as_deref() == Some(&*address) {
                return Ok(Shown(OwnKeyService::of(address, custody.since)));
            }
            let (request, answer) = (Request { operation: &BRING_KEY, digest: &body.digest }, |now| {
                Shown(OwnKeyService::of(address.clone(), Some(now)))
            });
            if let Some(done) = self.0.entrust(&caller, request, (&custody, Some(&address)), answer).await? {
                return Ok(done);
            }
        }
        Err(changed())
    }

    /// Have the deployment's key service wrap the tenant's key again
    ///
    /// The tenant's own service must unwrap it once more. Where there is none, nothing changes.
    #[oai(path = "/keys/external", method = "delete", operation_id = "giveBackKey")]
    async fn give_back(&self, caller: Caller) -> Result<Done, Refused> {
        for _ in 0..TRIES {
            let custody = self.0.custody(&caller, &GIVE_BACK_KEY).await?;
            if custody.stored.external.is_none() {
                return Ok(Done);
            }
            let request = Request { operation: &GIVE_BACK_KEY, digest: &[0; 32] };
            if let Some(done) = self.0.entrust(&caller, request, (&custody, None), |_| Done).await? {
                return Ok(done);
            }
        }
        Err(changed())
    }
}

fn changed() -> Refused {
    Refused::conflict("keys-changed", "the tenant's keys were changed by others at the same time; ask again")
}

/// Which operation, and the digest of what was asked.
struct Request<'a> {
    operation: &'static Operation,
    digest: &'a [u8; 32],
}

impl App {
    async fn custody(&self, caller: &Caller, operation: &'static Operation) -> Result<Custody, Refused> {
        Ok(self.read(caller, operation).await?.custody().await?)
    }

    /// Has another service wrap the key; nothing, if what is stored changed meanwhile. The services are asked while no transaction is
    /// open: nobody's connection waits for them.
    async fn entrust<A: Answer>(
        &self,
        caller: &Caller,
        request: Request<'_>,
        (custody, to): (&Custody, Option<&str>),
        answer: impl FnOnce(chrono::DateTime<chrono::Utc>) -> A,
    ) -> Result<Option<A>, Refused> {
        let tenant = caller.0.who.tenant();
        let wrapped = self.store.keyring().transfer(tenant, &custody.stored, to).await;
        let wrapped = match wrapped {
            Ok(wrapped) => wrapped,
            // Whoever wrapped the key may have been relieved by another since.
            Err(TransferError::Held(_)) if self.moved(caller, &request, custody).await? => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let keys = self.store.read(custodian::permit(self, TenantId::DEPLOYMENT)?).await?.keys();
        let mut act = self.begin(caller, request.operation, request.digest).await?;
        let now = self.clock().now();
        let event = match ward::entrust(&mut *act, (custody, &wrapped), to, &keys, now).await {
            Ok(event) => event,
            Err(EntrustError::Changed) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let answer = act.commit(event, answer(now)).await?;
        self.store.keyring().forget(tenant); // the others are told by the database
        tracing::info!(%tenant, "{}", KEY_TRANSFERRED.as_str());
        Ok(Some(answer))
    }

    async fn moved(&self, caller: &Caller, request: &Request<'_>, seen: &Custody) -> Result<bool, Refused> {
        Ok(self.custody(caller, request.operation).await?.stored != seen.stored)
    }
}

impl From<TransferError> for Refused {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Forbidden => {
                Self::at("/address", "must be that of a key which this tenant may bring here")
            }
            TransferError::Refused(_) => Self::conflict(
                "key-refused",
                "the key service didn't wrap the tenant's key and unwrap it again; nothing was changed",
            ),
            TransferError::Unavailable(_) => {
                Self::unavailable("key-unavailable", "the key service can't be reached; nothing was changed")
            }
            _ => Self::dark(),
        }
    }
}

impl From<EntrustError> for Refused {
    fn from(error: EntrustError) -> Self {
        match error {
            EntrustError::Store(error) => error.into(),
            error => Self::logged(&error),
        }
    }
}

/// What a job of the custodian's came to, where a request waits for it.
impl From<custodian::Failed> for Refused {
    fn from(failed: custodian::Failed) -> Self {
        match failed {
            custodian::Failed::Store(error) | custodian::Failed::Record(RecordError::Store(error)) => {
                error.into()
            }
            failed => Self::logged(&failed),
        }
    }
}
