//! Sealing and opening, beside the raw ciphers with associated data of the same length.

use std::hint::black_box;
use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use ward::crypto::{KeyId, LocalKeys, RootKey, SubjectKey, Suite, TenantKeys};
use ward::kernel::{Entity, Entropy, Ids as _, Place, Sealer as _, TenantId};
use ward_testkit::Machine;

use crate::Outcome;
use crate::rounds::{Computation, Effort, compute};
use crate::table::{Table, figure};

/// As long as what Ward binds a value to.
const ASSOCIATED: [u8; 150] = [7; 150];
const SIZES: [usize; 3] = [64, 256, 4_096];

/// The operating system's, as in service.
struct System;

impl Entropy for System {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "there is no service without randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("randomness");
    }
}

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    let mut table = Table::new("Sealing and opening a value", ["", "bytes", "ns", "× raw"]);
    for suite in [Suite::XChaCha20Poly1305, Suite::Aes256Gcm] {
        let keys = Keys::of(suite).await?;
        for size in SIZES {
            let text = vec![b'x'; size];
            for (what, mut contenders) in [("seal", keys.seal(&text)), ("open", keys.open(&text)?)] {
                for (n, score) in compute(effort, &mut contenders).iter().enumerate() {
                    let ratio = if n == 0 { "1".to_owned() } else { score.cost.ratio() };
                    let name = format!("{}: {what}, {}", name(suite), score.name);
                    table.row([name, size.to_string(), figure(score.cost.median()), ratio]);
                }
            }
        }
    }
    Ok(vec![table])
}

fn name(suite: Suite) -> &'static str {
    match suite {
        Suite::Aes256Gcm => "AES-256-GCM",
        _ => "XChaCha20-Poly1305",
    }
}

type Raw<'a> = Box<dyn Fn(&[u8]) -> Vec<u8> + 'a>;

struct Keys {
    suite: Suite,
    tenant: TenantKeys,
    subject: SubjectKey,
    place: Place<'static>,
}

impl Keys {
    async fn of(suite: Suite) -> Outcome<Self> {
        let (machine, entropy) = (Machine::default(), Arc::new(System));
        let id: TenantId = machine.next().into();
        let service = LocalKeys::new(RootKey::random(&System)?, entropy.clone());
        let (tenant, _) = TenantKeys::create(id, &service, suite, entropy).await?;
        let (subject, _) = tenant.make_subject_key(KeyId::FIRST_SUBJECT, machine.next().into())?;
        let place = Place { tenant: id, row: Entity::new("subject", machine.next()), column: "given_name" };
        Ok(Self { suite, tenant, subject, place })
    }

    fn raw(&self) -> (Raw<'_>, Raw<'_>) {
        fn both<C: Aead + KeyInit + Clone + 'static>(nonce: &'static [u8]) -> (Raw<'static>, Raw<'static>)
        where
            for<'n> &'n chacha20poly1305::aead::Nonce<C>: TryFrom<&'n [u8]>,
        {
            let cipher = C::new(&Default::default());
            let opener = cipher.clone();
            let seal = move |text: &[u8]| {
                let nonce = <&chacha20poly1305::aead::Nonce<C>>::try_from(nonce).ok();
                let payload = Payload { msg: text, aad: &ASSOCIATED };
                nonce.and_then(|nonce| cipher.encrypt(nonce, payload).ok()).unwrap_or_default()
            };
            let open = move |sealed: &[u8]| {
                let nonce = <&chacha20poly1305::aead::Nonce<C>>::try_from(nonce).ok();
                let payload = Payload { msg: sealed, aad: &ASSOCIATED };
                nonce.and_then(|nonce| opener.decrypt(nonce, payload).ok()).unwrap_or_default()
            };
            (Box::new(seal), Box::new(open))
        }
        match self.suite {
            Suite::Aes256Gcm => both::<Aes256Gcm>(&[1; 12]),
            _ => both::<XChaCha20Poly1305>(&[1; 24]),
        }
    }

    fn seal<'a>(&'a self, text: &'a [u8]) -> Vec<Computation<'a>> {
        let (seal, _) = self.raw();
        let (secret, subject, place) = (self.tenant.queue(), &self.subject, self.place);
        vec![
            (
                "raw, fixed nonce",
                2_000,
                Box::new(move || {
                    black_box(seal(text));
                }),
            ),
            (
                "operational secret",
                2_000,
                Box::new(move || {
                    let _sealed = black_box(secret.seal(place, text));
                }),
            ),
            (
                "personal, with commitment",
                2_000,
                Box::new(move || {
                    let _sealed = black_box(subject.seal(place, text));
                }),
            ),
        ]
    }

    fn open<'a>(&'a self, text: &[u8]) -> Outcome<Vec<Computation<'a>>> {
        let (seal, open) = self.raw();
        let (secret, place) = (self.tenant.queue(), self.place);
        let (raw, sealed) = (seal(text), secret.seal(place, text)?);
        if open(&raw) != text || !secret.open(place, &sealed).is_ok_and(|clear| clear.as_bytes() == text) {
            return Err("what was sealed doesn't open".into());
        }
        Ok(vec![
            (
                "raw",
                2_000,
                Box::new(move || {
                    black_box(open(&raw));
                }),
            ),
            (
                "operational secret",
                2_000,
                Box::new(move || {
                    black_box(secret.open(place, &sealed).is_ok());
                }),
            ),
        ])
    }
}
