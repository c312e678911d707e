use chrono::TimeDelta;
use ward::crypto::{KeyId, KeyPurpose, Sealed};
use ward::kernel::{Entity, JobId, Place, RotationId, Uuid};
use ward::subject::Subjects as _;
use ward::subject::subject::email_index;
use ward::{Job, KeyUpkeep as _, Queue as _, Rotation, RotationState, Unit as _};
use ward_postgres::{KeyStanding, PgUnit};

use super::canary::A;
use super::counted::Counted;
use super::person::{EMAIL, TRY_KEYS, person, sealed_email, word};
use super::{ProbeError, Seen};
use crate::app::App;

/// What waits for a test customer's work is moved in so many steps at most.
const STEPS: usize = 20;
const BATCH: u32 = 200;

/// C4: a key is followed by another, with all that it sealed, and no rotation stands still.
pub(super) async fn rotation(app: &App) -> Result<Seen, ProbeError> {
    let mut wrong = versions(app).await?;
    wrong.extend(people(app).await?);
    let (tenants, of) = standing(app).await?;
    if of.still > 0 {
        wrong.push(format!("{} rotations moved nothing for an hour", of.still));
    }
    if of.old > 0 {
        wrong.push(format!("{} kinds of keys are older than they may be, and nothing follows them", of.old));
    }
    let caveat = match (app.profile.rotate_days, of.resting) {
        (None, _) => {
            Some("Keys are followed by others when somebody asks for it, and by no schedule.".to_owned())
        }
        (_, 0) => None,
        (_, resting) => {
            Some(format!("{resting} kinds of keys are older than they may be, and their rotation rests."))
        }
    };
    let observed = format!(
        "A key for queued work was followed by another version, and a person's key by another key: what they had sealed opened, was moved, and is \
         under the new one like what is new; all of this was undone. Of the keys \
         of {tenants} {} rotations are under way, and none stands still.",
        of.under_way,
    );
    Ok(Seen::unless(wrong, tenants.all() + 2, observed).but(caveat))
}

/// All customers' keys together, but for those whose keys can't be had: theirs follow when they can.
async fn standing(app: &App) -> Result<(Counted, KeyStanding), ProbeError> {
    let (mut tenants, mut all) = (Counted::default(), KeyStanding::default());
    for tenant in app.bright_tenants().await? {
        let of = app.store.key_standing(tenant, (app.profile.rotate_days, app.profile.suite)).await?;
        tenants.count(tenant, &of);
        all.under_way += of.under_way;
        all.still += of.still;
        all.old += of.old;
        all.resting += of.resting;
    }
    Ok((tenants, all))
}

/// What is wrong with a next version of a key, in a unit that is dropped.
async fn versions(app: &App) -> Result<Vec<String>, ProbeError> {
    let mut unit = app.store.unit(app.prober(A, &TRY_KEYS)?).await?;
    let (id, text) = (JobId::from(app.machine.next()), word(app.machine.next()).into_bytes());
    let place = Place { tenant: A, row: id.into(), column: "payload" };
    let job = Job { id, kind: "canary", payload: text.clone(), run_at: app.clock().now() };
    unit.enqueue(&job).await?;
    let before = payload(app, &unit, id).await?;
    let new = unit.add_version(KeyPurpose::Queue).await?;
    app.store.serve_newest(&mut unit).await?;

    let mut wrong = Vec::new();
    let opens = |unit: &PgUnit, sealed: &[u8]| {
        unit.keys().queue().open(place, sealed).is_ok_and(|clear| clear.as_bytes() == text)
    };
    if !opens(&unit, &before) {
        wrong.push("what the version before had sealed doesn't open".to_owned());
    }
    let rotation = moving(app, KeyPurpose::Queue, None);
    for _ in 0..STEPS {
        if unit.move_on(&rotation, BATCH).await?.rows == 0 {
            break;
        }
    }
    let after = payload(app, &unit, id).await?;
    if key_of(&before) == Some(new) || key_of(&after) != Some(new) {
        wrong.push("what the version before had sealed was not moved".to_owned());
    }
    if !opens(&unit, &after) {
        wrong.push("what was moved under the next version doesn't open".to_owned());
    }
    let fresh = unit.keys().queue().seal(place, &text);
    if fresh.ok().as_deref().and_then(key_of) != Some(new) {
        wrong.push("what is new is not under the next version".to_owned());
    }
    Ok(wrong)
}

/// What is wrong with a key that follows a person's, in a unit that is dropped.
async fn people(app: &App) -> Result<Vec<String>, ProbeError> {
    let mut unit = app.store.unit(app.prober(A, &TRY_KEYS)?).await?;
    let mail = format!("{}@example.org", word(app.machine.next()));
    let made = person(app, &mut unit, &TRY_KEYS, &mail).await?;
    let old = key_of(sealed_email(&made)?);
    // The one before it, whoever that is, so that this person is the next.
    let before = Uuid::from_u128(Uuid::from(made.id).as_u128().saturating_sub(1));
    unit.move_on(&moving(app, KeyPurpose::Subject, Some(before)), 1).await?;

    let held = unit.hold(&[made.id]).await?.pop().ok_or(ProbeError::Unexpected("the canary", 404))?;
    let sealed = sealed_email(&held)?;
    let (own, left): (Vec<_>, Vec<_>) = app
        .store
        .kept_keys(&unit, made.id)
        .await?
        .into_iter()
        .partition(|key| key.purpose == KeyPurpose::Subject);
    let mut wrong = Vec::new();
    let new = own.first().filter(|key| Some(key.id) != old && key_of(sealed) == Some(key.id));
    let Some(new) = new.filter(|_| own.len() == 1) else {
        return Ok(vec!["a person's key was not followed by another, with what it had sealed".to_owned()]);
    };
    if left.len() != 1 || left.iter().any(|key| Some(key.id) != old || key.purpose != KeyPurpose::Commitment)
    {
        wrong.push("more is left of a person's old key than what checks commitments".to_owned());
    }
    let place = Place { tenant: A, row: Entity::from(made.id), column: EMAIL };
    let keys = unit.keys();
    let found = keys.subject_key(new, &left).ok().and_then(|key| {
        let by = (&*keys.index() as _, "");
        key.index((place, sealed), by, |by, _, text| Some(email_index(by, text))).ok()
    });
    if found.is_none() || found != made.email_index {
        wrong.push("what was moved under a person's new key doesn't open".to_owned());
    }
    Ok(wrong)
}

/// A rotation that is nowhere stored, of everything that was made before tomorrow.
fn moving(app: &App, purpose: KeyPurpose, after: Option<Uuid>) -> Rotation {
    Rotation {
        id: RotationId::from(app.machine.next()),
        purpose,
        state: RotationState::Running,
        begun_at: app.clock().now() + TimeDelta::days(1),
        ended_at: None,
        total: None,
        done: 0,
        after,
    }
}

async fn payload(app: &App, unit: &PgUnit, id: JobId) -> Result<Vec<u8>, ProbeError> {
    let stored = app.store.stored_payload(unit, id).await?;
    stored.ok_or(ProbeError::Unexpected("the canary's job", 404))
}

/// Which key a sealed value names.
fn key_of(sealed: &[u8]) -> Option<KeyId> {
    Sealed::parse(sealed).ok().map(|sealed| sealed.key())
}
