//! Keys at a server that wraps in earnest.

use futures::future::join_all;
use serde_json::json;
use ward::crypto::KeyService as _;
use ward_kms::aws::{AwsKeys, Kms};
use ward_testkit::{CompatibleKms, FaultyKms};

use crate::support::{keys, new_keys, outcome, server, some_key, tenant};

/// Before the part of a ciphertext that is sealed, moto writes the key's id.
const SEALED: usize = 1 + 36;

#[tokio::test]
async fn a_wrapped_key_unwraps_for_its_tenant_and_is_not_in_what_is_stored() {
    let (_, keys) = new_keys().await;
    let key = some_key();
    let wrapped = keys.wrap(tenant(1), &key).await.unwrap();
    let again = keys.wrap(tenant(1), &key).await.unwrap();
    assert_eq!(wrapped[0], 3);
    assert_ne!(wrapped, again);
    assert!(!wrapped.windows(8).any(|part| part == &key.to_clear()[8..16]));
    for wrapped in [wrapped, again] {
        assert_eq!(keys.unwrap(tenant(1), &wrapped).await.unwrap().to_clear(), key.to_clear());
    }
    keys.check().await.unwrap();
}

#[tokio::test]
async fn it_unwraps_for_no_other_tenant_and_by_no_other_key() {
    let ((_, keys), (_, others)) = (new_keys().await, new_keys().await);
    let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
    assert_eq!(outcome(keys.unwrap(tenant(2), &wrapped)).await, "Broken");
    assert_eq!(outcome(others.unwrap(tenant(1), &wrapped)).await, "Refused");
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Ok");
}

#[tokio::test]
async fn with_a_bit_flipped_anywhere_it_does_not_unwrap() {
    let (_, keys) = new_keys().await;
    let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
    for spot in 0..wrapped.len() {
        let mut other = wrapped.clone();
        other[spot] ^= 1 << (spot % 8);
        let outcome = outcome(keys.unwrap(tenant(1), &other)).await;
        match spot {
            0 | SEALED.. => assert_eq!(outcome, "Broken", "{spot}"),
            _ => assert_ne!(outcome, "Ok", "{spot}"),
        }
    }
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped[..wrapped.len() - 1])).await, "Broken");
}

#[tokio::test]
async fn what_no_key_of_kms_wrapped_is_broken_without_a_request() {
    let front = FaultyKms::before(server().address()).unwrap();
    let keys = keys(&server().create_key().await.unwrap(), front.settings());
    let long = [&[3], &*vec![7; 6145]].concat();
    for wrapped in [&[][..], &[3], &[1, 1, 0, 0], &[2; 100], &long] {
        assert_eq!(outcome(keys.unwrap(tenant(1), wrapped)).await, "Broken");
    }
    assert!(front.counted().is_empty());
}

#[tokio::test]
async fn a_key_that_is_disabled_or_to_be_deleted_does_nothing_until_it_is_enabled() {
    let (arn, keys) = new_keys().await;
    let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
    for deleted in [false, true] {
        match deleted {
            true => server().schedule_deletion(&arn).await.unwrap(),
            false => server().disable(&arn).await.unwrap(),
        }
        assert_eq!(outcome(keys.wrap(tenant(1), &some_key())).await, "Refused");
        assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Refused");
        assert_eq!(outcome(keys.check()).await, "Refused");
        server().enable(&arn).await.unwrap();
        assert_eq!(outcome(keys.wrap(tenant(1), &some_key())).await, "Ok");
        assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Ok");
        assert_eq!(outcome(keys.check()).await, "Ok");
    }
}

#[tokio::test]
async fn a_key_that_is_for_something_else_or_is_not_there_is_refused() {
    let (arn, _) = new_keys().await;
    let mut wrong =
        vec![arn.replace(arn.rsplit('/').next().unwrap(), "00000000-0000-0000-0000-000000000000")];
    for how in [
        json!({"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}),
        json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}),
        json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}),
    ] {
        wrong.push(server().create_key_in("eu-central-1", how).await.unwrap());
    }
    for arn in wrong {
        let keys = keys(&arn, server().settings());
        assert_eq!(outcome(keys.check()).await, "Refused", "{arn}");
        assert_eq!(outcome(keys.wrap(tenant(1), &some_key())).await, "Refused", "{arn}");
    }
}

#[tokio::test]
async fn one_client_reaches_keys_of_every_region() {
    let kms = Kms::new(server().settings()).unwrap();
    let mut arns = Vec::new();
    for region in ["eu-central-1", "us-gov-west-1", "ap-southeast-2"] {
        arns.push(server().create_key_in(region, json!({})).await.unwrap());
    }
    for arn in arns {
        let keys = AwsKeys::new(kms.clone(), format!("aws-kms:{arn}").parse().unwrap());
        let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
        assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Ok", "{arn}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_get_each_their_own() {
    let (_, keys) = new_keys().await;
    let own = join_all((1..=32).map(|number| {
        let keys = &keys;
        async move {
            let key = some_key();
            let wrapped = keys.wrap(tenant(number), &key).await.unwrap();
            let unwrapped = keys.unwrap(tenant(number), &wrapped).await.unwrap();
            unwrapped.to_clear() == key.to_clear()
        }
    }));
    assert!(own.await.into_iter().all(|own| own));
}

#[tokio::test]
async fn a_server_that_is_gone_is_out_of_reach_and_one_that_lost_the_key_refuses() {
    let mut server = CompatibleKms::start().unwrap();
    let kms = Kms::new(server.settings()).unwrap();
    let of = |arn: &str| AwsKeys::new(kms.clone(), format!("aws-kms:{arn}").parse().unwrap());
    let keys = of(&server.create_key().await.unwrap());
    let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();

    server.kill();
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Unconnected");
    assert_eq!(outcome(keys.check()).await, "Unconnected");

    server.start_again().unwrap();
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Refused");
    let keys = of(&server.create_key().await.unwrap());
    let wrapped = keys.wrap(tenant(1), &some_key()).await.unwrap();
    assert_eq!(outcome(keys.unwrap(tenant(1), &wrapped)).await, "Ok");
}
