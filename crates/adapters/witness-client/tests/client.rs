//! What the client makes of witnesses that answer well, badly and not at all.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use rustls::RootCertStore;
use rustls::crypto::ring;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use ward::audit::note::{Checkpoint, KeyKind, Note, NoteSigner, Signature, VerifierKey};
use ward::audit::tree::Hash;
use ward::audit::witness::{AddCheckpoint, Refusal, Witness as _, WitnessError};
use ward::kernel::SealError;
use ward_witness_client::{HttpWitness, InvalidWitness};

struct Key(SigningKey, VerifierKey);

impl Key {
    fn new(name: &str, kind: KeyKind) -> Self {
        let key = SigningKey::from_bytes(&[5; 32]);
        let public = VerifierKey::new(name, kind, key.verifying_key().to_bytes()).unwrap();
        Self(key, public)
    }
}

impl NoteSigner for Key {
    fn key(&self) -> &VerifierKey {
        &self.1
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SealError> {
        Ok(self.0.sign(message).to_bytes())
    }
}

fn keys() -> Vec<VerifierKey> {
    vec![Key::new("w.example", KeyKind::Cosignature).1]
}

fn checkpoint() -> Note {
    let mut note = Checkpoint { origin: "log.example".into(), size: 3, root: Hash([9; 32]) }.note();
    note.sign(&Key::new("log.example", KeyKind::Note)).unwrap();
    note
}

/// The word of a witness for [`checkpoint`].
fn word() -> Signature {
    let mut note = checkpoint();
    note.cosign(&Key::new("w.example", KeyKind::Cosignature), 7).unwrap();
    note.signatures()[1].clone()
}

fn answer(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} So\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Takes a request, whole, and gives this answer. What was asked is told.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: String) -> String {
    let mut asked = Vec::new();
    // A checkpoint ends with the signature's line.
    while !asked.ends_with(b"=\n") {
        if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            break;
        }
    }
    let _gone = stream.write_all(answer.as_bytes()).await; // the client may have heard enough
    let _gone = stream.shutdown().await;
    String::from_utf8(asked).unwrap()
}

/// A witness that gives one answer: its address, and what it is asked.
async fn witness(answer: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prefix/", listener.local_addr().unwrap());
    (url, tokio::spawn(async move { serve(listener.accept().await.unwrap().0, answer).await }))
}

async fn ask(url: &str) -> Result<Vec<Signature>, WitnessError> {
    let witness = HttpWitness::new(url, keys()).unwrap();
    witness.add_checkpoint(2, &[Hash([1; 32]), Hash([2; 32])], &checkpoint()).await
}

#[tokio::test]
async fn a_word_that_the_witnesss_key_has_signed_is_taken() {
    let (url, asked) =
        witness(answer(200, "text/plain", &format!("— other.example AAAAAAE=\n{}\n", word()))).await;
    assert_eq!(ask(&url).await.unwrap(), [word()]);
    let asked = asked.await.unwrap();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /prefix/add-checkpoint HTTP/1.1\r\n"), "{head}");
    let proof = vec![Hash([1; 32]), Hash([2; 32])];
    assert_eq!(body.parse(), Ok(AddCheckpoint { old: 2, proof, checkpoint: checkpoint() }));
}

#[tokio::test]
async fn a_refusal_is_told_for_what_it_is() {
    for (status, kind, body, refusal) in [
        (400, "text/plain", "", Refusal::Malformed),
        (403, "text/plain", "", Refusal::Untrusted),
        (404, "text/plain", "", Refusal::Unknown),
        (409, "text/x.tlog.size", "17\n", Refusal::Behind { size: 17 }),
        (422, "text/plain", "no", Refusal::Inconsistent),
    ] {
        let refused = ask(&witness(answer(status, kind, body)).await.0).await;
        assert!(matches!(refused, Err(WitnessError::Refused(told)) if told == refusal), "{refused:?}");
    }
}

#[tokio::test]
async fn what_the_protocol_does_not_say_is_no_answer() {
    let long = "a".repeat(65 << 10);
    for (status, kind, body) in [
        (200, "text/plain", &*long),
        (201, "text/plain", &format!("{}\n", word())),
        (302, "text/plain", ""),
        (409, "text/plain", "17\n"),
        (409, "text/x.tlog.size", "17"),
        (409, "text/x.tlog.size", "-17\n"),
        (500, "text/plain", ""),
        (503, "text/plain", &long),
    ] {
        let nothing = ask(&witness(answer(status, kind, body)).await.0).await;
        assert!(matches!(nothing, Err(WitnessError::Unavailable(_))), "{status} {kind}: {nothing:?}");
    }
    let (url, _) = witness("HTTP/1.1 200 So\r\ncontent-length: 9\r\n\r\nshort".into()).await;
    assert!(matches!(ask(&url).await, Err(WitnessError::Unavailable(_))));
    for body in ["", "hello\n", "— w.example AAAAAAE=\n"] {
        let nothing = ask(&witness(answer(200, "text/plain", body)).await.0).await;
        assert!(matches!(nothing, Err(WitnessError::Invalid(_))), "{body}: {nothing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_witness_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = ask(&format!("http://{}", listener.local_addr().unwrap())).await;
    let Err(WitnessError::Unavailable(error)) = silent else { panic!("{silent:?}") };
    assert!(error.is::<tokio::time::error::Elapsed>(), "{error}");
    drop(listener);
}

#[tokio::test]
async fn over_tls_a_witness_is_who_the_roots_say() {
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (own, other) = (made(), made());
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(ring::default_provider().into());
    let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let tls = TlsAcceptor::from(Arc::new(tls.with_single_cert(vec![own.cert.der().clone()], key).unwrap()));
    for (known, granted) in [(own, true), (other, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let tls = tls.clone();
        let asked = tokio::spawn(async move {
            if let Ok(stream) = tls.accept(listener.accept().await.unwrap().0).await {
                serve(stream, answer(200, "text/plain", &format!("{}\n", word()))).await;
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(known.cert.der().clone()).unwrap();
        let witness = HttpWitness::with_roots(roots, &url, keys()).unwrap();
        let word = witness.add_checkpoint(0, &[], &checkpoint()).await;
        assert_eq!(word.is_ok(), granted, "{word:?}");
        asked.await.unwrap();
    }
}

#[test]
fn a_witness_has_an_address_and_a_key_of_its_own() {
    let new = |url: &str, keys| HttpWitness::new(url, keys).map(drop);
    assert!(new("http://[::1]:8090/a/b", keys()).is_ok());
    for url in ["", "localhost", "ftp://localhost", "http://", "http://localhost/?a=b", "http://a b"] {
        assert!(matches!(new(url, keys()), Err(InvalidWitness::Url)), "{url}");
    }
    for keys in [vec![], vec![Key::new("w.example", KeyKind::Note).1]] {
        assert!(matches!(new("http://localhost", keys), Err(InvalidWitness::Key)));
    }
}
