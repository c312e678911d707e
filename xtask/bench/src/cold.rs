//! A tenant's keys, found in the cache and loaded anew through each key service.

use std::env;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::process::Command;
use ward::crypto::{KeyService, Keyring, LocalKeys, RootKey, Suite, TenantKeys, WrappedKey};
use ward::kernel::{Clock as _, Ids as _, TenantId};
use ward_kms::aws::{AwsKeys, Kms};
use ward_kms::pkcs11::{Module, Pin, Pkcs11Keys};
use ward_kms::{Guarded, Limits};
use ward_system::System;
use ward_testkit::{CompatibleKms, Hsm};

use crate::Outcome;
use crate::rounds::{Computation, Contender, Effort, compete, compute};
use crate::table::{Table, figure};

/// Names the directory of the token that this process was given.
const OWN: &str = "WARD_BENCH_HSM";

/// Runs the program again with a token in its environment, where SoftHSM looks for it and nowhere else. Nothing, if that was done.
pub(crate) async fn with_token() -> Outcome<Option<ExitCode>> {
    if env::var_os(OWN).is_some() {
        return Ok(None);
    }
    let home = tempfile::tempdir()?;
    let (name, conf) = Hsm::start(home.path())?.settings();
    let mut again = Command::new(env::current_exe()?);
    again.args(env::args_os().skip(1)).env(OWN, home.path()).env(name, conf);
    let status = again.status().await?;
    Ok(Some(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
}

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    Ok(vec![cached(effort).await?, loaded(effort).await?])
}

async fn cached(effort: Effort) -> Outcome<Table> {
    let machine = Arc::new(System);
    let kept = Kept::under(Arc::new(local(&machine)?), &machine).await?;
    kept.load().await?;
    let mut contenders: [Computation<'_>; 2] = [
        (
            "the clock alone",
            20_000,
            Box::new(move || {
                black_box(System.coarse());
            }),
        ),
        (
            "Keyring::cached",
            20_000,
            Box::new(|| {
                black_box(kept.ring.cached(kept.tenant));
            }),
        ),
    ];
    let mut table = Table::new("A tenant's keys, found in the cache", ["", "ns", "× the clock"]);
    for score in compute(effort, &mut contenders) {
        table.row([score.name.to_owned(), figure(score.cost.median()), score.cost.ratio()]);
    }
    kept.ring.cached(kept.tenant).ok_or("the keys were let go too soon")?;
    Ok(table)
}

async fn loaded(effort: Effort) -> Outcome<Table> {
    let machine = Arc::new(System);
    let kms = CompatibleKms::start()?;
    let services: [(&'static str, Arc<dyn KeyService>); 3] = [
        ("a root key in this process", Arc::new(local(&machine)?)),
        ("PKCS#11: SoftHSM, logged into and out of", Arc::new(token(&machine)?)),
        ("AWS KMS's API: moto, two requests", Arc::new(kms_key(&kms).await?)),
    ];
    let mut contenders = Vec::new();
    for (name, service) in services {
        let service = Guarded::new(service, Limits::default(), machine.clone());
        let kept = Arc::new(Kept::under(Arc::new(service), &machine).await?);
        contenders.push(Contender::new(name, move |_| {
            let kept = kept.clone();
            async move { kept.load().await }
        }));
    }
    let scores = compete(effort, 1, &contenders).await?;
    let mut table =
        Table::new("A tenant's keys, loaded with a cold cache", ["the root", "p50 µs", "× local"]);
    for score in scores {
        table.row([score.name.to_owned(), figure(score.cost.median()), score.cost.ratio()]);
    }
    Ok(table)
}

fn local(machine: &Arc<System>) -> Outcome<LocalKeys> {
    Ok(LocalKeys::new(RootKey::random(&**machine)?, machine.clone()))
}

fn token(machine: &Arc<System>) -> Outcome<Pkcs11Keys> {
    let hsm = Hsm::at(&PathBuf::from(env::var_os(OWN).ok_or("this process has no token")?))?;
    let pin = || Ok(Pin::parse(Hsm::PIN.as_bytes())?);
    Ok(Pkcs11Keys::new(Module::at(hsm.module()), hsm.address().parse()?, Arc::new(pin), machine.clone()))
}

async fn kms_key(kms: &CompatibleKms) -> Outcome<AwsKeys> {
    let key = format!("aws-kms:{}", kms.create_key().await?).parse()?;
    Ok(AwsKeys::new(Kms::new(kms.settings())?, key))
}

/// A tenant whose own key a service wraps, and a ring to keep it.
struct Kept {
    ring: Keyring,
    tenant: TenantId,
    stored: Vec<WrappedKey>,
}

impl Kept {
    async fn under(service: Arc<dyn KeyService>, machine: &Arc<System>) -> Outcome<Self> {
        let tenant = machine.next().into();
        let made = TenantKeys::create(tenant, &*service, Suite::default(), machine.clone());
        let (_, stored) = made.await?;
        let ring = Keyring::new(service, machine.clone(), machine.clone(), Keyring::LONGEST, 1_000)?;
        Ok(Self { ring, tenant, stored })
    }

    /// Loads them as if nobody had before.
    async fn load(&self) -> Outcome {
        self.ring.forget(self.tenant);
        self.ring.load(self.tenant, &self.stored).await?;
        Ok(())
    }
}
