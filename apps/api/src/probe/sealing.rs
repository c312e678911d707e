use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use ward::Store as _;
use ward::audit::Event;
use ward::crypto::{Keyring, LocalKeys, OpenError, RootKey};
use ward::kernel::{Entity, Place, StoreError, SubjectId};

use super::canary::A;
use super::tenancy::canary_subject;
use super::{CANARY_DISCLOSED, PROBE_READ, ProbeError, Seen};
use crate::app::App;

/// C1: what is stored holds no plaintext, and opens in its own place only.
pub(super) async fn sealing(app: &App) -> Result<Seen, ProbeError> {
    let a = app.canaries().await?.a;
    let id = canary_subject(&a).await?;
    let secret = format!("canary-{}", app.machine.next().simple());
    let email = format!("{secret}@example.org");
    let change = json!({ "fields": { "email": email } });
    a.patch(&format!("/v1/subjects/{id}"), change).await?.expect("PATCH /v1/subjects/{id}", 200)?;

    let subject = SubjectId::from(id);
    let missing = || ProbeError::Unexpected("the canary's row", 404);
    let stored = app.store.stored(A, subject).await?.ok_or_else(missing)?;
    let mut wrong = Vec::new();
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    if holds(&stored.fields) || holds(&stored.external_ref) || stored.words.contains(&secret) {
        wrong.push("a stored row holds plaintext".to_owned());
    }

    let other: SubjectId = app.machine.next().into();
    let mut reading = app.store.read(app.prober(A, &PROBE_READ)?).await?;
    let row = reading.subject(subject).await?.ok_or_else(missing)?;
    let key = reading.subject_keys(&[subject]).await?.pop().flatten().ok_or_else(missing)?;
    let sealed = row.fields.find("email").ok_or_else(missing)?;
    let event = Event::of(&PROBE_READ, CANARY_DISCLOSED, subject)
        .covering([other.into()])
        .disclosing(["email", "phone"]);
    let receipt = reading.disclose(event).await?;
    let open =
        |row: Entity, column| app.vault.open(&key, Place { tenant: A, row, column }, &sealed.bytes, &receipt);
    if !open(subject.into(), "email").is_ok_and(|clear| holds(clear.as_bytes())) {
        wrong.push("a stored value doesn't open in its own place".to_owned());
    }
    for (row, column) in [(other.into(), "email"), (subject.into(), "phone")] {
        if !matches!(open(row, column), Err(OpenError::Forged)) {
            wrong.push("a stored value opens in another place".to_owned());
        }
    }
    let observed =
        "A record just written holds no plaintext in any column, opens in its own place, and in no other.";
    Ok(Seen::unless(wrong, 4, observed.into()))
}

/// C3: without the right key nothing is read or written, and what is no key is none.
pub(super) async fn fail_closed(app: &App) -> Result<Seen, ProbeError> {
    let mut wrong = Vec::new();
    let weak: [&[u8]; 4] = [b"", b"short", &[0; 32], &[7; 32]];
    if weak.iter().any(|bytes| RootKey::parse(bytes).is_ok()) {
        wrong.push("a missing, short or constant root key is accepted".to_owned());
    }
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| ProbeError::Canary(error);
    let other = RootKey::random(&*app.machine).map_err(|error| broken(Box::new(error)))?;
    let service = Arc::new(LocalKeys::new(other, app.machine.clone()));
    let ring = Keyring::new(service, app.machine.clone(), app.machine.clone(), TimeDelta::seconds(1), 1);
    let locked = app.store.under(Arc::new(ring.map_err(|error| broken(Box::new(error)))?));
    let unavailable = |refused: Result<(), StoreError>| matches!(refused, Err(StoreError::KeyUnavailable(_)));
    if !unavailable(locked.read(app.prober(A, &PROBE_READ)?).await.map(drop)) {
        wrong.push("a tenant is read without its key".to_owned());
    }
    if !unavailable(locked.begin(app.prober(A, &PROBE_READ)?).await.map(drop)) {
        wrong.push("a unit begins without the tenant's key".to_owned());
    }
    let observed = "Without the right root key no tenant was read or written; four things that are no keys were refused.";
    Ok(Seen::unless(wrong, weak.len() as u64 + 2, observed.into()))
}
