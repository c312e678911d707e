//! Keys, wrapped anew under the next of the tenant's own.

use std::sync::Arc;

use ward::crypto::KeyPurpose;
use ward::kernel::{Clock as _, StoreError, SubjectKeys as _, TenantId, authority};
use ward::rbac::Policy;
use ward::{
    ADVANCE_ROTATION, Custodian as _, KeyUpkeep as _, NextOwn, ROTATOR, Rotation, RotationState, Unit as _,
};
use ward_postgres::PgUnit;

use crate::support::{WRITE, World, world};

/// A copy of the key for blind indexes under another word: as if a later Ward had wrapped a key in a way of its own.
const PLANT: &str = "
    SET session_replication_role = replica;
    INSERT INTO ward.wrapped_key (tenant, id, purpose, bytes, commitment)
    SELECT tenant, 60, 'later', bytes, commitment FROM ward.wrapped_key WHERE purpose = 'index';
    RESET session_replication_role";

async fn rotating(w: &World, tenant: TenantId) -> Result<PgUnit, StoreError> {
    let policy = Policy::compile(&[&ADVANCE_ROTATION], &[]).unwrap();
    let permit = policy.permit(&Arc::new(authority::system(tenant, ROTATOR)), &ADVANCE_ROTATION).unwrap();
    let mut unit = w.store.unit(permit).await?;
    let seen = unit.hold_keys().await?.stored;
    let made = (seen.keys.first().unwrap().id, unit.keys().suite());
    let made = w.store.keyring().make_own(tenant, None, made).await.unwrap();
    assert!(unit.add_own(&NextOwn { seen, made }).await?.is_some());
    w.store.serve_newest(&mut unit).await?;
    Ok(unit)
}

#[tokio::test]
async fn a_key_of_tomorrow_that_nobody_here_can_move_ends_no_rotation_and_keeps_what_wraps_it() {
    let w = world().await;
    let tenant = w.tenant().await;
    let mut unit = w.store.unit(w.permit(tenant, &WRITE)).await.unwrap();
    let (one, other) = (w.id(), w.id());
    unit.make(&[one, other]).await.unwrap();
    unit.commit(w.wrote(one)).await.unwrap();
    w.db.run("postgres", PLANT).await.unwrap();

    let mut unit = rotating(&w, tenant).await.unwrap();
    let mut rotation = Rotation {
        id: w.id(),
        purpose: KeyPurpose::Tenant,
        state: RotationState::Running,
        begun_at: w.machine.now(),
        ended_at: None,
        total: None,
        done: 0,
        after: None,
    };
    assert_eq!(unit.left_to_move(&rotation).await.unwrap(), 8 + 2 + 1);
    for _ in 0..20 {
        let moved = unit.move_on(&rotation, 1).await.unwrap();
        if moved.rows == 0 {
            break;
        }
        (rotation.done, rotation.after) = (rotation.done + moved.rows, moved.last);
    }
    assert_eq!(rotation.done, 8 + 2, "each that can be, and that one is passed by");
    assert_eq!(unit.left_to_move(&rotation).await.unwrap(), 1);
}
