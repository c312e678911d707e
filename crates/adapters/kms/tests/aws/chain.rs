//! Credentials that AWS's own chain finds. It reads the environment, so each test runs in a process of its own.

use std::env;
use std::net::TcpListener;
use std::time::Duration;

use ward::crypto::KeyService as _;
use ward_kms::aws::{AwsKeys, Kms};

use crate::support::{ARN, alone, outcome, server, some_key, tenant};

/// The key that this process is for, if it is for one.
fn own(patience: Duration) -> Option<AwsKeys> {
    let key = format!("aws-kms:{}", env::var(ARN).ok()?).parse().unwrap();
    Some(AwsKeys::new(Kms::within(patience, env::vars()).unwrap(), key))
}

#[tokio::test]
async fn where_nobody_gives_credentials_there_is_no_waiting_for_them() {
    if let Some(keys) = own(Duration::from_secs(1)) {
        let outcome = outcome(keys.check()).await;
        return assert!(["Unasked", "Late"].contains(&&*outcome), "{outcome}");
    }
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap(); // it takes connections, and never answers
    let metadata = format!("http://{}", deaf.local_addr().unwrap());
    let test = "chain::where_nobody_gives_credentials_there_is_no_waiting_for_them";
    assert!(alone(test, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata)]).await);
    assert!(alone(test, &[("AWS_EC2_METADATA_DISABLED", "true")]).await);
}

#[tokio::test]
async fn a_web_identity_is_exchanged_for_credentials() {
    if let Some(keys) = own(Kms::LONGEST) {
        let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
        assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Ok");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "a.b.c").unwrap();
    let mut more = [
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ward"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let test = "chain::a_web_identity_is_exchanged_for_credentials";
    assert!(alone(test, &more).await);
    more[1].1 = "/nonexistent/token";
    assert!(!alone(test, &more).await);
}

#[tokio::test]
async fn no_key_is_sent_in_clear_to_where_the_environment_leads() {
    if let Some(keys) = own(Kms::LONGEST) {
        return assert_eq!(outcome(keys.wrap(tenant(1), &some_key())).await, "Ok");
    }
    let test = "chain::no_key_is_sent_in_clear_to_where_the_environment_leads";
    let elsewhere = format!("http://0.0.0.0:{}", server().address().port()); // the same server, by no loopback address
    let mut more =
        [("AWS_ACCESS_KEY_ID", "ward"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_PROFILE", "default")];
    assert!(alone(test, &more).await);
    more[2] = ("AWS_ENDPOINT_URL", &elsewhere);
    assert!(!alone(test, &more).await);
}
