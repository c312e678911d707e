use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use ward::Store as _;
use ward::audit::Event;
use ward::crypto::{Clear, Keyring, LocalKeys, OpenError, RootKey};
use ward::kernel::{Entity, Place, RecordId, StoreError, SubjectId};

use super::canary::A;
use super::person::word;
use super::tenancy::{canary_record, canary_subject};
use super::{CANARY_DISCLOSED, PROBE_READ, ProbeError, Seen, is_refused};
use crate::app::App;

/// C1: what is stored holds no plaintext, and opens in its own place only.
pub(super) async fn sealing(app: &App) -> Result<Seen, ProbeError> {
    let a = app.canaries().await?.a;
    let secret = word(app.machine.next());
    let subject = canary_subject(&a).await?;
    let record = canary_record(&a, subject).await?;
    let email = json!({ "fields": { "email": format!("{secret}@example.org") } });
    a.patch(&format!("/v1/subjects/{subject}"), email).await?.expect("PATCH /v1/subjects/{id}", 200)?;
    let number = json!({ "fields": { "license_number": secret } });
    a.patch(&format!("/v1/records/{record}"), number).await?.expect("PATCH /v1/records/{id}", 200)?;

    let (subject, record) = (SubjectId::from(subject), RecordId::from(record));
    let missing = || ProbeError::Unexpected("the canary's row", 404);
    let mut reading = app.store.read(app.prober(A, &PROBE_READ)?).await?;
    let person = reading.subject(subject).await?.ok_or_else(missing)?.fields;
    let license = reading.record(record).await?.ok_or_else(missing)?.fields;
    let key = reading.subject_keys(&[subject]).await?.pop().flatten().ok_or_else(missing)?;
    let other = SubjectId::from(app.machine.next());
    let event = Event::of(&PROBE_READ, CANARY_DISCLOSED, subject)
        .covering([record.into(), other.into()])
        .disclosing(["email", "license_number", "phone"]);
    let receipt = reading.disclose(event).await?;

    let mut wrong = Vec::new();
    for (own, column, fields) in
        [(Entity::from(subject), "email", person), (Entity::from(record), "license_number", license)]
    {
        let stored = app.store.stored(A, own).await?.ok_or_else(missing)?;
        if holds(&stored, &secret) {
            wrong.push(format!("a stored {} holds plaintext", own.kind()));
        }
        let sealed = fields.find(column).ok_or_else(missing)?;
        let open =
            |row, column| app.vault.open(&key, Place { tenant: A, row, column }, &sealed.bytes, &receipt);
        if !open(own, column).is_ok_and(|clear| clear.as_bytes().starts_with(secret.as_bytes())) {
            wrong.push(format!("a stored value of a {} doesn't open in its own place", own.kind()));
        }
        if [(other.into(), column), (own, "phone")].map(|(row, column)| open(row, column)).iter().any(opens) {
            wrong.push(format!("a stored value of a {} opens in another place", own.kind()));
        }
    }
    let observed = "A person's address and a license number, just written, are in no column in clear, and open in their own places and in no other.";
    Ok(Seen::unless(wrong, 8, observed.into()))
}

/// Whether a row holds the word, in text or in bytes.
fn holds(row: &str, word: &str) -> bool {
    row.contains(word) || row.contains(&hex::encode(word))
}

fn opens(tried: &Result<Clear, OpenError>) -> bool {
    !matches!(tried, Err(OpenError::Forged))
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
    let read = locked.read(app.prober(A, &PROBE_READ)?).await.map(drop);
    let begun = locked.begin(app.prober(A, &PROBE_READ)?).await.map(drop);
    for (tried, what) in
        [(read, "a tenant is read without its key"), (begun, "a unit begins without its key")]
    {
        if !is_refused(tried, |error| matches!(error, StoreError::KeyUnavailable(_)))? {
            wrong.push(what.to_owned());
        }
    }
    let observed = "Without the right root key no tenant was read or written; four things that are no keys were refused.";
    Ok(Seen::unless(wrong, weak.len() as u64 + 2, observed.into()))
}
