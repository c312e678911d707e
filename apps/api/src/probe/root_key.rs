use ward::crypto::{KeyError, Keyring, ServiceError, StoredKeys};

use super::canary::{A, B};
use super::{ProbeError, Seen};
use crate::app::App;

const HERE: &str = "The root key lies in a file of this machine, and in no key management service.";
const BESIDE: &str = "A root key in a file of this machine still unwraps what it wrapped: `ward-api follow-root-key` has the service wrap all of \
                      it, and then that key can go.";

/// C1: whoever holds the root answers, and gives what it wrapped to the tenant that it wrapped it for.
pub(super) async fn root_key(app: &App) -> Result<Seen, ProbeError> {
    let wrong = match tried(app.store.keyring(), app).await {
        Ok(wrong) => wrong,
        Err(KeyError::Service(error)) => vec![format!("{error}, when the root was asked")],
        Err(error) => return Err(ProbeError::Canary(Box::new(error))),
    };
    let holder = if app.rooted_elsewhere { "The key service" } else { "This process" };
    let observed = format!(
        "{holder} wrapped a key under the root for one test customer, unwrapped the same key for it, and refused it to another; the key was \
         thrown away."
    );
    let caveat = if app.rooted_elsewhere { app.beside_here.then_some(BESIDE) } else { Some(HERE) };
    Ok(Seen::unless(wrong, 4, observed).but(caveat))
}

/// What is wrong with the root. The key is made for this, and nowhere stored.
async fn tried(ring: &Keyring, app: &App) -> Result<Vec<String>, KeyError> {
    ring.service().check().await?;
    let (_, keys) = ring.create(A, app.profile.suite).await?;
    let stored = StoredKeys { external: None, keys };
    let mut wrong = Vec::new();
    match ring.ask(A, &stored).await {
        Ok(()) => {}
        Err(KeyError::Service(error @ ServiceError::Unavailable(_))) => return Err(error.into()),
        Err(error) => wrong.push(format!("what the root wrapped isn't what it unwraps: {error}")),
    }
    match ring.ask(B, &stored).await {
        Ok(()) => wrong.push("the root unwraps the key of one customer for another".to_owned()),
        Err(KeyError::Service(error @ ServiceError::Unavailable(_))) => return Err(error.into()),
        Err(_) => {}
    }
    Ok(wrong)
}
