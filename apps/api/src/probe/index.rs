use hyper::Method;
use serde_json::json;
use sha2::{Digest, Sha256, Sha512};
use ward::Store as _;
use ward::kernel::{BlindIndex, SubjectId, TenantId, Uuid};

use super::canary::{A, B};
use super::client::Client;
use super::person::word;
use super::tenancy::canary_called;
use super::{PROBE_READ, ProbeError, Seen};
use crate::app::App;

/// What the test customers call whoever is looked for: nobody else changes them.
const CALLED: &str = "canary-index";

/// C7: who is looked for by an address is found by it, and what finds them says nothing without the customer's key.
pub(super) async fn index(app: &App) -> Result<Seen, ProbeError> {
    let clients = app.canaries().await?;
    let email = format!("{}@example.org", word(app.machine.next()));
    let mut wrong = Vec::new();
    let own = addressed(&clients.a, &email).await?;
    for (asked, told, found) in [
        (email.to_uppercase(), "somebody isn't found by their address", vec![own]),
        (format!("x{email}"), "somebody is found by another address", Vec::new()),
    ] {
        if find(&clients.a, &asked).await? != found {
            wrong.push(told.to_owned());
        }
    }
    if !find(&clients.b, &email).await?.is_empty() {
        wrong.push("a customer's person is found by another customer".to_owned());
    }
    let other = addressed(&clients.b, &email).await?;
    let (a, b) = (stored(app, A, own).await?, stored(app, B, other).await?);
    if a == b {
        wrong.push("the same address has the same index in two customers".to_owned());
    }
    if [a, b].iter().any(|index| is_digest(index, &email)) {
        wrong.push("an index is a digest that anybody can work out".to_owned());
    }
    let observed = "A person was found by their address, in whichever case, by no other, and by no other customer; what finds them is stored as another \
                    code in each of two customers, and is no digest of the address.";
    Ok(Seen::unless(wrong, 6, observed.into()))
}

/// The canary's person of that address.
async fn addressed(client: &Client, email: &str) -> Result<Uuid, ProbeError> {
    let id = canary_called(client, CALLED).await?;
    let body = json!({ "fields": { "email": email } });
    let changed = client.send(Method::PATCH, &format!("/v1/subjects/{id}"), Some(body), &[]).await?;
    changed.expect("PATCH /v1/subjects/{id}", 200)?;
    Ok(id)
}

/// The people whom a customer finds by an address.
async fn find(client: &Client, email: &str) -> Result<Vec<Uuid>, ProbeError> {
    let found = client.get(&format!("/v1/subjects?email={email}")).await?.expect("GET /v1/subjects", 200)?;
    let items = found.body.get("items").and_then(|items| items.as_array()).into_iter().flatten();
    Ok(items.filter_map(|item| item.get("id")?.as_str()?.parse().ok()).collect())
}

async fn stored(app: &App, tenant: TenantId, id: Uuid) -> Result<BlindIndex, ProbeError> {
    let mut reading = app.store.read(app.prober(tenant, &PROBE_READ)?).await?;
    let person = reading.subject(SubjectId::from(id)).await?;
    person.and_then(|person| person.email_index).ok_or(ProbeError::Unexpected("the canary's index", 404))
}

/// Whether it begins as a digest of the address that needs no key: alone, or with the name of its column before it.
fn is_digest(index: &BlindIndex, email: &str) -> bool {
    let texts = [email.to_owned(), format!("email{email}"), format!("subject.email{email}")];
    texts
        .iter()
        .any(|text| Sha256::digest(text).starts_with(&index.0) || Sha512::digest(text).starts_with(&index.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_without_a_key_is_known_for_one() {
        let cut = |digest: &[u8]| BlindIndex(digest[..16].try_into().unwrap());
        let email = "ada@example.org";
        assert!(is_digest(&cut(&Sha256::digest(email)), email));
        assert!(is_digest(&cut(&Sha512::digest(format!("subject.email{email}"))), email));
        assert!(!is_digest(&cut(&Sha256::digest("bob@example.org")), email));
    }
}
