use ward::crypto::KeyService as _;
use ward_testkit::{Hsm, HsmKey};

use crate::{Note, alone, assert_refused, key, keys, keys_at, tenant};

#[test]
fn a_key_that_may_leave_the_token_or_is_none_for_this_is_refused() {
    alone("unfit::a_key_that_may_leave_the_token_or_is_none_for_this_is_refused", async |hsm| {
        let unfit = [
            HsmKey::Short,
            HsmKey::Generic,
            HsmKey::Extractable,
            HsmKey::Readable,
            HsmKey::NeverEncrypts,
            HsmKey::NeverDecrypts,
        ];
        for kind in unfit {
            hsm.create(Hsm::TOKEN, "unfit", kind).unwrap();
            let unfit = keys_at(&hsm, "pkcs11:token=Ward%20HSM;object=unfit", Note::of(Hsm::PIN));
            assert_refused(unfit.check().await);
            assert_refused(unfit.wrap(tenant(1), &key()).await);
            assert_refused(unfit.unwrap(tenant(1), &[&[0x11], &[1; 61][..]].concat()).await);
            hsm.destroy("unfit").unwrap();
        }
        hsm.create(Hsm::TOKEN, "unfit", HsmKey::Fit).unwrap();
        keys_at(&hsm, "pkcs11:token=Ward%20HSM;object=unfit", Note::of(Hsm::PIN)).check().await.unwrap();
    });
}

#[test]
fn of_two_keys_or_two_tokens_with_one_label_none_is_used() {
    alone("unfit::of_two_keys_or_two_tokens_with_one_label_none_is_used", async |hsm| {
        let keys = keys(&hsm);
        hsm.create(Hsm::TOKEN, Hsm::KEY, HsmKey::Fit).unwrap();
        assert_refused(keys.check().await);
        hsm.destroy(Hsm::KEY).unwrap();
        hsm.create(Hsm::TOKEN, Hsm::KEY, HsmKey::Fit).unwrap();
        keys.check().await.unwrap();

        hsm.add_token(Hsm::TOKEN).unwrap();
        hsm.destroy(Hsm::KEY).unwrap();
        hsm.create(Hsm::TOKEN, Hsm::KEY, HsmKey::Fit).unwrap();
        crate::wait_until(&keys, Result::is_err).await;
        assert_refused(keys.check().await);
    });
}
