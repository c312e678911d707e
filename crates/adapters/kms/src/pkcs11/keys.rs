use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use ward::crypto::{KeyService, ServiceError, TenantKey};
use ward::kernel::{Entropy, TenantId};
use zeroize::Zeroizing;

use super::address::Address;
use super::aside::aside;
use super::failure::Failure;
use super::login::Login;
use super::module::Module;
use super::object;
use super::pin::Pins;
use super::wrapped::{IV, TAG, Wrapped, bound_to};

/// A [`KeyService`] whose root is a key on a token.
///
/// [`ServiceError::Refused`] where the key is gone or unfit, or the PIN is wrong; the log says which. [`ServiceError::Unavailable`] with
/// the [`Trouble`](super::Trouble) where the token isn't there or its library fails. It takes as long as the library does: put
/// [`Guarded`](crate::Guarded) around it.
pub struct Pkcs11Keys {
    module: Module,
    key: Arc<Key>,
    entropy: Arc<dyn Entropy>,
}

struct Key {
    address: Address,
    pins: Arc<dyn Pins>,
}

impl Pkcs11Keys {
    /// The key at `address`, of whose token `pins` knows the PIN.
    pub fn new(module: Module, address: Address, pins: Arc<dyn Pins>, entropy: Arc<dyn Entropy>) -> Self {
        Self { module, key: Arc::new(Key { address, pins }), entropy }
    }

    /// Has `job` done with the key. Where a library that is initialised anew may mend what was wrong, it is tried once more.
    async fn ask<T: Send + 'static>(&self, job: impl Job<T>) -> Result<T, ServiceError> {
        let answer = match self.try_to(job.clone(), false).await {
            Err(Failure::Lost(_)) => self.try_to(job, true).await,
            answer => answer,
        };
        answer.map_err(|failure| match failure {
            Failure::Broken => ServiceError::Broken,
            Failure::Lost(trouble) | Failure::Down(trouble) => ServiceError::Unavailable(trouble.into()),
            Failure::Refused(reason) => {
                tracing::warn!(address = %self.key.address, reason, "a key on a token is refused");
                ServiceError::Refused
            }
        })
    }

    async fn try_to<T: Send + 'static>(&self, job: impl Job<T>, again: bool) -> Result<T, Failure> {
        let mut turn = self.module.turn(self.key.address.token()).await.map_err(Failure::Down)?;
        let entered = self.module.enter(again).await.map_err(Failure::Down)?;
        let key = self.key.clone();
        let done = aside(move || {
            let library = (&entered.functions, entered.known);
            let login = Login::new(library, key.address.token(), &*key.pins, &mut turn.tries)?;
            let root = object::find(login.session(), &key.address)?;
            job(login.session(), root)
        });
        done.await.map_err(Failure::Down)?
    }
}

/// What is to be done with a session and the key.
trait Job<T>: Fn(&Session, ObjectHandle) -> Result<T, Failure> + Clone + Send + 'static {}

impl<T, F: Fn(&Session, ObjectHandle) -> Result<T, Failure> + Clone + Send + 'static> Job<T> for F {}

#[async_trait]
impl KeyService for Pkcs11Keys {
    async fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        let mut iv = [0; IV];
        self.entropy.fill(&mut iv);
        if iv.iter().all(|octet| iv.first() == Some(octet)) {
            return Err(ServiceError::Broken);
        }
        let (clear, ad) = (key.to_clear(), bound_to(tenant));
        let wrapped = self.ask(move |session, root| {
            let mut iv = iv;
            let body = session.encrypt(&gcm(&mut iv, &ad)?, root, &clear)?;
            Wrapped::new(iv, &body).ok_or(Failure::Broken)
        });
        Ok(wrapped.await?.to_bytes())
    }

    async fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        let (wrapped, ad) = (Wrapped::parse(wrapped).ok_or(ServiceError::Broken)?, bound_to(tenant));
        let clear = self.ask(move |session, root| {
            let mut iv = wrapped.iv;
            Ok(Zeroizing::new(session.decrypt(&gcm(&mut iv, &ad)?, root, &wrapped.body)?))
        });
        TenantKey::from_clear(&clear.await?).map_err(|_| ServiceError::Broken)
    }

    /// Logs in and looks at the key.
    async fn check(&self) -> Result<(), ServiceError> {
        self.ask(|_, _| Ok(())).await
    }
}

fn gcm<'a>(iv: &'a mut [u8], ad: &'a [u8]) -> Result<Mechanism<'a>, Error> {
    const BITS: usize = TAG * 8;
    Ok(Mechanism::AesGcm(GcmParams::new(iv, ad, BITS.try_into()?)?))
}

impl fmt::Debug for Pkcs11Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Keys").field("address", &self.key.address).finish_non_exhaustive()
    }
}
