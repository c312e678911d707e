use std::collections::HashSet;

use serde_json::json;
use ward::crypto::{Keyring, Sealed, Suite};
use ward::subject::SealedFields;

use super::canary::{A, B};
use super::counted::Counted;
use super::person::word;
use super::tenancy::{canary_record, canary_subject};
use super::{ProbeError, Seen};
use crate::app::App;

/// People and records of each test customer whose fields are looked at.
const MOST: u32 = 200;

/// C2: what is stored is sealed with the profile's cipher, under a nonce of its own.
pub(super) async fn cipher(app: &App) -> Result<Seen, ProbeError> {
    let a = app.canaries().await?.a;
    let record = canary_record(&a, canary_subject(&a).await?).await?;
    let number = json!({ "fields": { "license_number": word(app.machine.next()) } });
    a.patch(&format!("/v1/records/{record}"), number).await?.expect("PATCH /v1/records/{id}", 200)?;

    let (mut values, mut wrong) = (Vec::new(), Vec::new());
    for tenant in [A, B] {
        values.extend(app.store.newest_fields(tenant, MOST).await?);
    }
    let suite = app.profile.suite;
    let (count, length) = judged(&values, suite, &mut wrong);
    let most = app.store.most_messages().await?;
    if most >= Keyring::LAST_MESSAGES {
        wrong.push(format!(
            "a key sealed {most} messages, and serves for nothing but having another follow it"
        ));
    }
    let (mut for_it, mut other, mut worn, tenants) = (Counted::default(), 0_u64, 0, app.tenants().await?);
    for tenant in &tenants {
        let standing = app.store.key_standing(*tenant, (None, suite)).await?;
        worn += standing.worn;
        if standing.otherwise > 0 {
            other += 1;
        } else {
            for_it.count(*tenant, &standing);
        }
    }
    let caveats = [
        (worn > 0)
            .then(|| format!("{worn} keys sealed as many messages as one should, and wait to be followed.")),
        (other > 0).then(|| format!("{other} tenants were founded for another cipher, and keep it.")),
    ];
    let caveats: Vec<_> = caveats.into_iter().flatten().collect();
    let caveat = (!caveats.is_empty()).then(|| caveats.join(" "));
    let observed = format!(
        "{count} fields of two test customers, one of them just written, are sealed with {}, each under another nonce, of {length} bytes; the keys \
         of {for_it} are for it. The key that sealed most messages, of those that are counted, sealed {most} so far.",
        suite.as_str().to_uppercase(),
    );
    Ok(Seen::unless(wrong, count + tenants.len() as u64, observed).but(caveat))
}

/// How many values there are, and the length of their nonces.
fn judged(values: &[SealedFields], suite: Suite, wrong: &mut Vec<String>) -> (u64, usize) {
    let (mut nonces, mut count, mut length) = (HashSet::new(), 0, 0);
    for (name, value) in values.iter().flat_map(|fields| &fields.0) {
        count += 1;
        match Sealed::parse(&value.bytes) {
            Err(_) => wrong.push(format!("a stored `{name}` is not sealed")),
            Ok(sealed) if sealed.suite() != suite => {
                wrong.push(format!("a stored `{name}` is sealed with {}", sealed.suite().as_str()));
            }
            Ok(sealed) => {
                length = sealed.nonce().len();
                if !nonces.insert((sealed.key(), sealed.nonce())) {
                    wrong.push(format!("a stored `{name}` is sealed under a nonce that served before"));
                }
            }
        }
    }
    if count == 0 {
        wrong.push("no field of the test customers is stored".to_owned());
    }
    (count, length)
}

#[cfg(test)]
mod tests {
    use ward::kernel::{Commitment, SealedBytes};

    use super::*;

    fn sealed(suite: u8, key: u8, nonce: u8) -> SealedFields {
        let length = if suite == 2 { 12 } else { 24 };
        let mut bytes = vec![1, suite, 0, 1, 0, key];
        bytes.extend(vec![nonce; length]);
        bytes.extend([0; 20]);
        let value = SealedBytes { bytes, commitment: Commitment([0; 32]) };
        SealedFields(vec![("email".into(), value)])
    }

    #[test]
    fn another_cipher_a_nonce_that_served_and_what_is_not_sealed_are_told() {
        let judge = |values: &[SealedFields]| {
            let mut wrong = Vec::new();
            let seen = judged(values, Suite::Aes256Gcm, &mut wrong);
            (seen, wrong)
        };
        let clear = SealedBytes { bytes: b"ada@example.org".to_vec(), commitment: Commitment([0; 32]) };
        let clear = SealedFields(vec![("email".into(), clear)]);
        assert_eq!(judge(&[sealed(2, 1, 1), sealed(2, 1, 2), sealed(2, 2, 1)]), ((3, 12), Vec::new()));
        for (values, told) in [
            (vec![sealed(2, 1, 1), sealed(2, 1, 1)], "under a nonce that served before"),
            (vec![sealed(1, 1, 1)], "is sealed with xchacha20-poly1305"),
            (vec![clear], "is not sealed"),
            (Vec::new(), "no field"),
        ] {
            let (_, wrong) = judge(&values);
            assert!(wrong.len() == 1 && wrong[0].contains(told), "{wrong:?}");
        }
    }
}
