use chrono::{DateTime, TimeDelta, Utc};
use futures::executor::block_on;
use ward_audit::Event;
use ward_identity::api_key::{
    CREATE, CreateError, LIST, REVOKE, ROTATE, Replacement, Request, RevokeError, RotateError, create,
    revoke, rotate,
};
use ward_identity::{ApiKey, ApiKeysView as _, Creator, Issued, Mode, State};
use ward_kernel::{Actor, Entity, InvalidText, StoreError};

use crate::support::{Kept, after, code, format, key, mint, now, somebody};

fn request(n: u128) -> Request {
    let permissions = ["subjects.read", "records.read", "subjects.read"].map(String::from).to_vec();
    let name = "Front desk".to_owned();
    Request { id: key(n), name, mode: Mode::Live, permissions, expires_at: None, monthly_quota: None }
}

fn made(kept: &mut Kept, request: Request) -> Result<(Issued, Event), CreateError> {
    block_on(create(kept, &CREATE, mint(&format()), request, (somebody(), now())))
}

fn rotated(
    kept: &mut Kept,
    (of, id): (u128, u128),
    overlap: TimeDelta,
    at: DateTime<Utc>,
) -> Result<(Issued, Event), RotateError> {
    let replacement = Replacement { of: key(of), id: key(id), overlap };
    block_on(rotate(kept, mint(&format()), replacement, Creator::System, at))
}

#[test]
fn a_created_key_is_kept_by_its_digest_and_shown_once() {
    let mut kept = Kept::default();
    let expires_at = Some(after(ApiKey::LONGEST));
    let asked = Request { expires_at, monthly_quota: Some(1000), mode: Mode::Test, ..request(1) };
    let (issued, event) = made(&mut kept, asked).unwrap();
    let [(stored, digest)] = &kept.keys[..] else { panic!("{:?}", kept.keys) };
    assert_eq!((stored, *digest), (&issued.key, issued.secret.digest(code)));
    assert_eq!(format().parse(issued.secret.expose()).unwrap().mode(), Mode::Test);
    assert_eq!(stored.permissions, ["records.read", "subjects.read"]);
    assert_eq!(
        (stored.created_by, stored.created_at, stored.hint.clone()),
        (somebody(), now(), issued.secret.hint())
    );
    assert_eq!((stored.expires_at, stored.monthly_quota, stored.replaces), (expires_at, Some(1000), None));
    assert_eq!(stored.state(now()), State::Active);

    assert_eq!((event.action().as_str(), event.entity()), ("api_key.created", Entity::from(key(1))));
    let (told, shown) = (format!("{event:?} {:?} {issued:?}", kept.keys), issued.secret.expose());
    for expected in
        ["\"mode\"", "\"test\"", "records.read subjects.read", "\"1000\"", "2025-11-14T22:13:20.000000Z"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains(&shown["wd_test_".len()..shown.len() - 4]), "the secret is printed");
    assert!(!format!("{event:?}").contains("Front desk"), "a name may be personal");
}

#[test]
fn a_key_that_makes_no_sense_is_not_made() {
    let mut kept = Kept::default();
    let mut refused = |request| made(&mut kept, request).unwrap_err();
    let named = |name: &str| Request { name: name.to_owned(), ..request(1) };
    assert!(matches!(refused(named(" ")), CreateError::Name(InvalidText::Empty)));
    assert!(matches!(refused(named(&"é".repeat(101))), CreateError::Name(InvalidText::Long(100))));
    assert!(matches!(refused(named("4111 1111 1111 1111")), CreateError::Name(InvalidText::Card)));
    let ending = |passed| Request { expires_at: Some(after(passed)), ..request(1) };
    assert!(matches!(refused(ending(TimeDelta::zero())), CreateError::Past));
    assert!(matches!(refused(ending(TimeDelta::days(-1))), CreateError::Past));
    assert!(matches!(refused(ending(ApiKey::LONGEST + TimeDelta::nanoseconds(1))), CreateError::Far));
    assert!(matches!(refused(Request { monthly_quota: Some(0), ..request(1) }), CreateError::NoQuota));
    assert_eq!((kept.writes, kept.keys.len()), (0, 0));
    assert!(made(&mut kept, named(&"é".repeat(100))).is_ok());
}

#[test]
fn a_key_works_until_its_time_is_over() {
    let mut kept = Kept::default();
    let expires_at = Some(after(TimeDelta::hours(1)));
    let (Issued { key, .. }, _) = made(&mut kept, Request { expires_at, ..request(1) }).unwrap();
    assert_eq!(key.state(after(TimeDelta::minutes(59))), State::Active);
    assert_eq!(key.state(after(TimeDelta::hours(1))), State::Expired);
    let revoked = ApiKey { revoked_at: Some(now()), ..key };
    assert_eq!(revoked.state(after(TimeDelta::hours(1))), State::Revoked);
}

#[test]
fn a_rotated_key_works_on_for_the_overlap_beside_the_new_one() {
    let mut kept = Kept::default();
    let (first, _) = made(&mut kept, Request { monthly_quota: Some(9), ..request(1) }).unwrap();
    let at = after(TimeDelta::days(3));
    let (second, event) = rotated(&mut kept, (1, 2), Replacement::OVERLAP, at).unwrap();

    let (old, new) = (kept.of(key(1)), kept.of(key(2)));
    assert_eq!(old.expires_at, Some(at + TimeDelta::hours(24)));
    assert_eq!((old.state(at + TimeDelta::hours(23)), old.replaced_by), (State::Active, Some(key(2))));
    assert_eq!(old.state(at + TimeDelta::hours(24)), State::Expired);
    assert_ne!(first.secret.expose(), second.secret.expose());
    assert_eq!(kept.keys[1].1, second.secret.digest(code));
    let expected = ApiKey {
        id: key(2),
        created_by: Creator::System,
        created_at: at,
        hint: second.secret.hint(),
        replaces: Some(key(1)),
        ..first.key
    };
    assert_eq!(new, &expected);

    assert_eq!((event.action().as_str(), event.entity()), ("api_key.rotated", Entity::from(key(1))));
    let told = format!("{event:?}");
    assert!(told.contains(&format!("{:?}", Entity::from(key(2)))), "{told}");
    assert!(told.contains("2023-11-18T22:13:20.000000Z"), "{told}");
}

#[test]
fn without_an_overlap_the_old_key_ends_at_once() {
    let mut kept = Kept::default();
    let _ = made(&mut kept, request(1)).unwrap();
    let _ = rotated(&mut kept, (1, 2), TimeDelta::zero(), now()).unwrap();
    assert_eq!([1, 2].map(|n| kept.of(key(n)).state(now())), [State::Expired, State::Active]);
}

#[test]
fn a_rotation_never_lengthens_the_old_key_and_gives_the_new_one_the_same_span() {
    let mut kept = Kept::default();
    let span = TimeDelta::days(90);
    let _ = made(&mut kept, Request { expires_at: Some(after(span)), ..request(1) }).unwrap();
    let late = after(TimeDelta::days(89) + TimeDelta::hours(12));
    let _ = rotated(&mut kept, (1, 2), Replacement::OVERLAP, late).unwrap();
    assert_eq!(kept.of(key(1)).expires_at, Some(after(span)));
    assert_eq!(kept.of(key(2)).expires_at, Some(late + span));
}

#[test]
fn only_a_key_that_works_and_was_not_replaced_is_rotated() {
    let mut kept = Kept::default();
    for n in 1..=3 {
        let expires_at = (n == 1).then(|| after(TimeDelta::days(1)));
        let _ = made(&mut kept, Request { expires_at, ..request(n) }).unwrap();
    }
    let _ = block_on(revoke(&mut kept, key(2), now())).unwrap();
    let _ = rotated(&mut kept, (3, 4), Replacement::OVERLAP, now()).unwrap();
    let (before, writes) = (format!("{:?}", kept.keys), kept.writes);
    let mut refused = |of, overlap, at| rotated(&mut kept, (of, 9), overlap, at).unwrap_err();
    assert!(matches!(refused(8, TimeDelta::zero(), now()), RotateError::NotFound));
    assert!(matches!(refused(1, TimeDelta::zero(), after(TimeDelta::days(1))), RotateError::Expired));
    assert!(matches!(refused(2, TimeDelta::zero(), now()), RotateError::Revoked));
    assert!(matches!(refused(3, TimeDelta::zero(), now()), RotateError::Replaced(by) if by == key(4)));
    assert!(matches!(refused(1, TimeDelta::seconds(-1), now()), RotateError::Overlap));
    let month = Replacement::LONGEST_OVERLAP;
    assert!(matches!(refused(1, month + TimeDelta::seconds(1), now()), RotateError::Overlap));
    assert_eq!((format!("{:?}", kept.keys), kept.writes), (before, writes));
}

#[test]
fn a_revoked_key_is_off_at_once_and_stays_listed() {
    let mut kept = Kept::default();
    let _ = made(&mut kept, request(1)).unwrap();
    let event = block_on(revoke(&mut kept, key(1), now())).unwrap();
    assert_eq!((event.action().as_str(), event.entity()), ("api_key.revoked", Entity::from(key(1))));
    assert_eq!(kept.of(key(1)).state(now()), State::Revoked);
    assert_eq!(block_on(kept.list(None, 10)).unwrap().len(), 1);
}

#[test]
fn revoking_again_changes_nothing_and_leaves_no_event() {
    let mut kept = Kept::default();
    let _ = made(&mut kept, request(1)).unwrap();
    let _ = block_on(revoke(&mut kept, key(1), now())).unwrap();
    let writes = kept.writes;
    let again = block_on(revoke(&mut kept, key(1), after(TimeDelta::hours(1))));
    assert!(matches!(again, Err(RevokeError::Already(at)) if at == now()));
    assert!(matches!(block_on(revoke(&mut kept, key(2), now())), Err(RevokeError::NotFound)));
    assert_eq!((kept.writes, kept.of(key(1)).revoked_at), (writes, Some(now())));
}

#[test]
fn storage_that_fails_gives_no_secret_and_no_event() {
    let mut kept = Kept::default();
    let _ = made(&mut kept, request(1)).unwrap();
    kept.broken = true;
    assert!(matches!(made(&mut kept, request(2)), Err(CreateError::Store(StoreError::Poisoned))));
    let moved = rotated(&mut kept, (1, 2), TimeDelta::zero(), now());
    assert!(matches!(moved, Err(RotateError::Store(StoreError::Poisoned))));
    assert!(matches!(block_on(revoke(&mut kept, key(1), now())), Err(RevokeError::Store(_))));
    assert_eq!(kept.of(key(1)).state(now()), State::Active);
}

#[test]
fn a_key_remembers_who_made_it() {
    let of = |actor: Actor| Creator::from(actor);
    assert_eq!(of(Actor::ApiKey(key(3))), Creator::ApiKey(key(3)));
    assert_eq!(of(Actor::System("bootstrap")), Creator::System);
    let Creator::User(id) = somebody() else { panic!("not a user") };
    assert_eq!(of(Actor::User(id)), somebody());
}

#[test]
fn each_operation_names_its_permission_and_its_event() {
    let rows = [&CREATE, &LIST, &ROTATE, &REVOKE];
    assert_eq!(rows.map(|row| row.id), ["createApiKey", "listApiKeys", "rotateApiKey", "revokeApiKey"]);
    assert_eq!(rows.map(|row| row.writes), [true, false, true, true]);
    assert_eq!(rows.map(|row| row.idempotent), [true, false, true, false]);
    assert!(
        rows.iter().all(|row| row.events.len() == usize::from(row.writes) && row.controls.contains(&"I6"))
    );
}
