//! What is secret is not told.

use std::sync::{Arc, Mutex, PoisonError};
use std::{env, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tracing_subscriber::filter::LevelFilter;
use ward::crypto::KeyService as _;
use ward_testkit::{Fault, FaultyKms};

use crate::support::{ARN, alone, keys, server, some_key, tenant};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_and_no_error_holds_a_key_or_a_secret_however_talkative() {
    if env::var_os(ARN).is_none() {
        let test = "silent::no_log_and_no_error_holds_a_key_or_a_secret_however_talkative";
        return assert!(alone(test, &[]).await); // others would decide with it what is logged
    }
    let written = Written::default();
    let writer = written.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    let _logs = tracing::subscriber::set_default(subscriber.finish());

    let front = FaultyKms::before(server().address()).unwrap();
    let keys = keys(&server().create_key().await.unwrap(), front.settings());
    let key = some_key();
    let wrapped = keys.wrap(tenant(1), &key).await.unwrap();
    keys.unwrap(tenant(1), &wrapped).await.unwrap();
    let mut told = format!("{keys:?}");
    for fault in [
        Fault::Half,
        Fault::Torn,
        Fault::OtherArn,
        Fault::ShortKey,
        Fault::DENIED,
        Fault::THROTTLED,
        Fault::Garbage,
    ] {
        front.fail_at("Decrypt", fault);
        told += &format!("{:?}", keys.unwrap(tenant(1), &wrapped).await.unwrap_err());
        front.fail_at("Encrypt", fault);
        told += &format!("{:?}", keys.wrap(tenant(1), &key).await.err());
    }
    told += &String::from_utf8_lossy(&written.0.lock().unwrap());
    assert!(told.contains("AWS KMS refuses a key"), "logs are written");
    let clear = key.to_clear();
    for secret in
        [STANDARD.encode(&*clear), format!("{:?}", &clear[1..9]), "AWS_SECRET".into(), "\"secret\"".into()]
    {
        assert!(!told.contains(secret.trim_matches(['[', ']'])));
    }
    assert!(!told.contains(&STANDARD.encode(&*clear)[..16]));
}
