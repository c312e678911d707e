use std::env;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use ward::crypto::{ServiceError, TenantKey};
use ward::kernel::{Entropy as _, TenantId, Uuid};
use ward_kms::aws::{AwsKeys, Kms, Unanswered};
use ward_testkit::{CompatibleKms, Machine};

/// Names the key that a process is for, if it runs one test alone.
pub(crate) const ARN: &str = "WARD_TEST_KEY";

/// Runs a test of this program's again, with nothing in its environment but this, and says whether it passed.
pub(crate) async fn alone(test: &str, more: &[(&str, &str)]) -> bool {
    let arn = server().create_key().await.unwrap();
    let endpoint = format!("http://{}", server().address());
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test]).env_clear().env("HOME", "/nonexistent");
    child.env(ARN, arn).env("AWS_ENDPOINT_URL", endpoint).envs(more.iter().copied());
    let ran = child.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.contains("1 passed") || said.contains("1 failed"), "{said}");
    ran.status.success()
}

/// This process's server, which ends with it.
pub(crate) fn server() -> &'static CompatibleKms {
    static SERVER: OnceLock<CompatibleKms> = OnceLock::new();
    SERVER.get_or_init(|| CompatibleKms::start().unwrap())
}

/// The key that has this ARN, asked through a client of its own.
pub(crate) fn keys(arn: &str, settings: Vec<(String, String)>) -> AwsKeys {
    AwsKeys::new(Kms::new(settings).unwrap(), format!("aws-kms:{arn}").parse().unwrap())
}

/// A key that was made just now.
pub(crate) async fn new_keys() -> (String, AwsKeys) {
    let arn = server().create_key().await.unwrap();
    let keys = keys(&arn, server().settings());
    (arn, keys)
}

pub(crate) fn tenant(number: u128) -> TenantId {
    Uuid::from_u128(number).into()
}

pub(crate) fn some_key() -> TenantKey {
    let mut clear = [1; 33];
    Machine::default().fill(&mut clear[1..]);
    TenantKey::from_clear(&clear).unwrap()
}

/// What came of it, in a word, after a while that is bounded.
pub(crate) async fn outcome<T>(asked: impl Future<Output = Result<T, ServiceError>>) -> String {
    let answer = tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it hangs");
    match answer {
        Ok(_) => "Ok".to_owned(),
        Err(ServiceError::Unavailable(why)) => match why.downcast_ref::<Unanswered>() {
            Some(Unanswered::Said(word)) => word.clone(),
            Some(why) => format!("{why:?}"),
            None => panic!("{why:?}"),
        },
        Err(error) => format!("{error:?}"),
    }
}
