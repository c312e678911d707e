//! Keys at a server that fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ward::crypto::{KeyError, KeyService as _, Suite, TenantKeys};
use ward_kms::aws::{AwsKeys, Kms};
use ward_testkit::{Fault, FaultyKms, Machine};

use crate::support::{keys, outcome, server, some_key, tenant};

const EVERYWHERE: [(Fault, &str); 13] = [
    (Fault::DISABLED, "Refused"),
    (Fault::PENDING_DELETION, "Refused"),
    (Fault::DENIED, "Refused"),
    (Fault::Says("NotFoundException"), "Refused"),
    (Fault::THROTTLED, "ThrottlingException"),
    (Fault::INTERNAL, "KMSInternalException"),
    (Fault::Fails("KeyUnavailableException"), "KeyUnavailableException"),
    (Fault::Says("UnrecognizedClientException"), "UnrecognizedClientException"),
    (Fault::Garbage, "Garbled"),
    (Fault::Torn, "Garbled"),
    (Fault::Page, "Garbled"),
    (Fault::Redirect, "Garbled"),
    (Fault::OtherArn, "Broken"),
];

/// A front before the server, and a key behind it.
async fn front() -> (FaultyKms, AwsKeys) {
    let front = FaultyKms::before(server().address()).unwrap();
    let keys = keys(&server().create_key().await.unwrap(), front.settings());
    (front, keys)
}

#[tokio::test]
async fn every_fault_is_told_as_what_it_is_and_is_over_when_it_ends() {
    let (front, keys) = front().await;
    let (key, of) = (some_key(), tenant(1));
    let wrapped = keys.wrap(of, &key).await.unwrap();
    for (fault, expected) in EVERYWHERE {
        front.fail_at("DescribeKey", fault);
        assert_eq!(outcome(keys.check()).await, expected, "{fault:?}");
        assert_eq!(outcome(keys.wrap(of, &key)).await, expected, "{fault:?}");
        assert_eq!(outcome(keys.unwrap(of, &wrapped)).await, expected, "{fault:?}");
        front.fail_at("Encrypt", fault);
        assert_eq!(outcome(keys.wrap(of, &key)).await, expected, "{fault:?}");
        front.fail_at("Decrypt", fault);
        assert_eq!(outcome(keys.unwrap(of, &wrapped)).await, expected, "{fault:?}");
        front.heal();
        assert_eq!(outcome(keys.wrap(of, &key)).await, "Ok", "{fault:?}");
        assert_eq!(outcome(keys.unwrap(of, &wrapped)).await, "Ok", "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_does_not_end_is_none() {
    let (front, keys) = front().await;
    let (key, of) = (some_key(), tenant(1));
    let wrapped = keys.wrap(of, &key).await.unwrap();
    for (fault, expected) in
        [(Fault::Half, "Unconnected"), (Fault::Flood, "Garbled"), (Fault::Reset, "Unconnected")]
    {
        front.fail_at("Encrypt", fault);
        assert_eq!(outcome(keys.wrap(of, &key)).await, expected, "{fault:?}");
        front.fail_at("Decrypt", fault);
        assert_eq!(outcome(keys.unwrap(of, &wrapped)).await, expected, "{fault:?}");
        front.fail(fault);
        assert_eq!(outcome(keys.check()).await, expected, "{fault:?}");
        front.heal();
        assert_eq!(outcome(keys.unwrap(of, &wrapped)).await, "Ok", "{fault:?}");
    }
}

#[tokio::test]
async fn who_never_answers_is_late_and_is_asked_again_when_it_does() {
    let front = FaultyKms::before(server().address()).unwrap();
    let kms = Kms::within(Duration::from_secs(2), front.settings()).unwrap();
    let arn = server().create_key().await.unwrap();
    let keys = AwsKeys::new(kms, format!("aws-kms:{arn}").parse().unwrap());
    let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
    front.fail(Fault::Silence);
    assert_eq!(outcome(keys.check()).await, "Late");
    front.fail_at("Decrypt", Fault::Silence);
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Late");
    front.heal();
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Ok");
}

#[tokio::test]
async fn what_is_not_the_key_that_was_wrapped_is_not_taken_for_it() {
    let (front, keys) = front().await;
    let of = tenant(1);
    front.fail(Fault::LongBlob);
    assert_eq!(outcome(keys.wrap(of, &some_key())).await, "Broken");
    front.heal();
    let entropy = Arc::new(Machine::default());
    let (_, stored) = TenantKeys::create(of, &keys, Suite::default(), entropy.clone()).await.unwrap();
    assert!(TenantKeys::load(of, &keys, &stored, entropy.clone()).await.is_ok());
    front.fail(Fault::ShortKey);
    assert_eq!(outcome(keys.unwrap(of, &stored[0].bytes)).await, "Broken");
    front.fail(Fault::ForeignKey);
    assert_eq!(outcome(keys.unwrap(of, &stored[0].bytes)).await, "Ok");
    let loaded = TenantKeys::load(of, &keys, &stored, entropy).await;
    assert!(matches!(loaded, Err(KeyError::Broken(_))));
}

#[tokio::test]
async fn a_key_is_had_by_two_requests_and_a_fault_in_passing_is_tried_once_more() {
    let (front, keys) = front().await;
    let counted = |counts: &[(&str, usize)]| -> BTreeMap<String, usize> {
        counts.iter().map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
    };
    keys.check().await.unwrap();
    assert_eq!(front.counted(), counted(&[("DescribeKey", 1)]));
    let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
    assert_eq!(front.counted(), counted(&[("DescribeKey", 2), ("Encrypt", 1)]));
    keys.unwrap(tenant(1), &wrapped).await.unwrap();
    assert_eq!(front.counted(), counted(&[("Decrypt", 1), ("DescribeKey", 3), ("Encrypt", 1)]));

    front.fail_at("Decrypt", Fault::THROTTLED);
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "ThrottlingException");
    assert_eq!(front.counted(), counted(&[("Decrypt", 3), ("DescribeKey", 4), ("Encrypt", 1)]));
    front.fail_at("Decrypt", Fault::DENIED);
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Refused");
    assert_eq!(front.counted(), counted(&[("Decrypt", 4), ("DescribeKey", 5), ("Encrypt", 1)]));
    front.fail_at("DescribeKey", Fault::DISABLED);
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Refused");
    assert_eq!(front.counted(), counted(&[("Decrypt", 4), ("DescribeKey", 6), ("Encrypt", 1)]));
}
