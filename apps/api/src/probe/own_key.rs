mod locker;

use std::sync::Arc;

use chrono::TimeDelta;
use ward::crypto::{KeyError, Keyring, ServiceError, StoredKeys, WrappedKey};
use ward::kernel::{StoreError, TenantId};
use ward::{KeyWatch as _, Store as _};

use super::canary::A;
use super::{PROBE_READ, ProbeError, Seen};
use crate::app::App;
use locker::Locker;

/// Every key that somebody brought is looked at within this; four times a minute where nothing is wrong.
const UNSEEN: TimeDelta = TimeDelta::minutes(5);
/// Tenants that are asked for although their keys can't be had.
const MOST: usize = 20;
/// Where nobody may bring a key from.
const NOWHERE: &str = "nowhere:canary";

const NONE_MAY: &str = "No customer may bring a key here: `WARD_TENANT_KEYS` names none.";

/// C5: who withdraws the key that they brought ends access, and nobody goes on without it.
pub(super) async fn own_key(app: &App) -> Result<Seen, ProbeError> {
    let mut wrong = withdrawn(app).await?;
    wrong.extend(elsewhere(app).await?);
    let watched = app.store.keys_watched(app.clock().now() - UNSEEN).await?;
    if watched.unseen > 0 {
        wrong.push(format!("nobody looked at {} of the keys that customers brought", watched.unseen));
    }
    let dark = app.store.dark().await?;
    let served = served(app, &dark).await?;
    if served > 0 {
        wrong.push(format!("{served} customers whose keys can't be had are served"));
    }
    let observed = format!(
        "A test customer's key, brought from a service of this check's own, was withdrawn: from then on it wasn't had. What another service wrapped was \
         refused, and no root stood in for a service that can't be had. {} customers brought keys, all looked at within five minutes; {} of them can't be \
         had, and {} whose they are were asked for and not served.",
        watched.brought,
        dark.len(),
        dark.len().min(MOST),
    );
    Ok(Seen::unless(wrong, watched.brought + 4, observed).but((!app.tenants_bring).then_some(NONE_MAY)))
}

/// What is wrong when a key is withdrawn that wraps a tenant's, of which nothing is stored.
async fn withdrawn(app: &App) -> Result<Vec<String>, ProbeError> {
    let (locker, keys) = wrapped_elsewhere(app).await?;
    let stored = StoredKeys { external: Some(Locker::ADDRESS.to_owned()), keys, ..StoredKeys::default() };
    let (root, _) = wrapped_elsewhere(app).await?;
    let ring = ring(app, &root)?.with_external(Arc::new(locker.clone()));

    let mut wrong = Vec::new();
    if ring.loading(A).unwrap(stored.clone()).await.is_err() || ring.cached(A).is_none() {
        wrong.push("a key that was brought isn't had".to_owned());
    }
    locker.withdraw();
    ring.forget(A);
    let had = ring.ask(A, &stored).await.is_ok() || ring.loading(A).unwrap(stored).await.is_ok();
    if had || ring.cached(A).is_some() {
        wrong.push("a key that was withdrawn is had".to_owned());
    }
    Ok(wrong)
}

/// What is wrong with keys that another service wrapped than the one that is stored.
async fn elsewhere(app: &App) -> Result<Vec<String>, ProbeError> {
    let (ring, mut wrong) = (app.store.keyring(), Vec::new());
    let custody = app.store.read(app.prober(A, &PROBE_READ)?).await?.custody().await?;
    let moved = StoredKeys { external: Some(NOWHERE.to_owned()), ..custody.stored };
    if ring.ask(A, &moved).await.is_ok() {
        wrong.push("the deployment's root stands in for a service that can't be had".to_owned());
    }
    let (_, keys) = wrapped_elsewhere(app).await?;
    match ring.ask(A, &StoredKeys { keys, ..StoredKeys::default() }).await {
        Ok(()) => wrong.push("what another service wrapped is unwrapped".to_owned()),
        Err(KeyError::Service(error @ ServiceError::Unavailable(_))) => {
            return Err(ProbeError::Canary(Box::new(error)));
        }
        Err(_) => {}
    }
    Ok(wrong)
}

/// A service that nobody knows, and keys for a test customer that it wrapped.
async fn wrapped_elsewhere(app: &App) -> Result<(Locker, Vec<WrappedKey>), ProbeError> {
    let locker = Locker::new(&app.machine).map_err(|error| ProbeError::Canary(Box::new(error)))?;
    let made = ring(app, &locker)?.create(A, app.profile.suite).await;
    let (_, keys) = made.map_err(|error| ProbeError::Canary(Box::new(error)))?;
    Ok((locker, keys))
}

fn ring(app: &App, root: &Locker) -> Result<Keyring, ProbeError> {
    let (root, machine) = (Arc::new(root.clone()), &app.machine);
    let ring = Keyring::new(root, machine.clone(), machine.clone(), Keyring::LONGEST, 1);
    ring.map_err(|error| ProbeError::Canary(Box::new(error)))
}

/// How many of these tenants are read though whoever wraps their keys doesn't give them. One whose service says yes again may be.
async fn served(app: &App, dark: &[TenantId]) -> Result<u64, ProbeError> {
    let mut served = 0;
    for &tenant in dark.iter().take(MOST) {
        match app.store.read(app.prober(tenant, &PROBE_READ)?).await.map(drop) {
            Err(StoreError::KeyUnavailable(_)) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => {
                let Some(brought) = app.store.brought(tenant).await? else { continue };
                served += u64::from(app.store.keyring().ask(tenant, &brought.stored).await.is_err());
            }
        }
    }
    Ok(served)
}
