use chrono::TimeDelta;
use ward::kernel::{Entity, Operation, Place, TenantId};
use ward::{EraseError, ErasureBook as _, ErasureEntry, ErasureReason, Store as _, Unanswered, erase};

use super::canary::A;
use super::person::{EMAIL, person, sealed_email, word};
use super::{PROBE_READ, ProbeError, Seen, job};
use crate::app::App;
use crate::erasure::ledger::Erased;

/// After this, what isn't in the ledger is told to whoever relies on it.
const LATE: TimeDelta = TimeDelta::minutes(15);

/// Erases a person, and takes all of it back.
pub(crate) static TRY_ERASURE: Operation = job("tryErasure", &[], true);

/// C8: who is erased can't be read again, and whoever was is known outside of the database.
pub(super) async fn erasure(app: &App) -> Result<Seen, ProbeError> {
    let mut wrong = tried(app).await?;
    let (caveat, entered) = match &app.erased {
        None => (Some("No ledger is kept outside of the database: a backup that is restored brings back who was erased since.".to_owned()), 0),
        Some(erased) => ledger(app, erased, &mut wrong).await?,
    };
    let observed = format!(
        "A person was made, sealed and erased: nothing of them was left or found, no key opened what theirs had sealed, and it couldn't be \
         put back; all of this was undone. The ledger outside of the database has {entered} erasures, one for each that the database knows."
    );
    Ok(Seen::unless(wrong, entered + 4, observed).but(caveat))
}

/// What is wrong with an erasure, in a unit that is dropped: nobody is left of it, erased or not.
async fn tried(app: &App) -> Result<Vec<String>, ProbeError> {
    let mut unit = app.store.unit(app.prober(A, &TRY_ERASURE)?).await?;
    let mail = format!("{}@example.org", word(app.machine.next()));
    let stored = person(app, &mut unit, &TRY_ERASURE, &mail).await?;
    let (id, now) = (stored.id, app.clock().now());
    let kept = app.store.kept_keys(&unit, id).await?;
    let sealed = sealed_email(&stored)?;

    let mut wrong = Vec::new();
    match erase(&mut unit, id, (ErasureReason::Requested, None), now).await {
        Ok(_) => {}
        Err(EraseError::Store(error)) => return Err(error.into()),
        Err(error) => wrong.push(format!("a person could not be erased: {error}")),
    }
    let place = Place { tenant: A, row: Entity::from(id), column: EMAIL };
    if app.store.opens_anyhow(&unit, place, sealed).await? {
        wrong.push("what an erased person's key had sealed opens".to_owned());
    }
    if kept.is_empty() || app.store.put_back(unit, &kept).await? {
        wrong.push("the key of an erased person could be put back".to_owned());
    }
    Ok(wrong)
}

/// What is to be said of the ledger, and how many it has.
async fn ledger(
    app: &App,
    erased: &Erased,
    wrong: &mut Vec<String>,
) -> Result<(Option<String>, u64), ProbeError> {
    let known = app.store.last_entered().await?;
    let oldest = app.store.to_enter(1).await?;
    if oldest.iter().any(|oldest| app.clock().now() - oldest.destroyed_at > LATE) {
        wrong.push(
            "erasures have waited for more than a quarter of an hour to be entered into the ledger"
                .to_owned(),
        );
    }
    if !app.gate.is_settled() {
        wrong.push("the ledger has erasures that this database has still to do again".to_owned());
    }
    let keys = app.store.read(app.prober(TenantId::DEPLOYMENT, &PROBE_READ)?).await?.keys();
    let looked = async {
        let numbers = erased.ledger().numbers(0).await?;
        let last = if known > 0 { erased.ledger().text(known).await? } else { None };
        Ok::<_, Unanswered>((numbers, last))
    };
    let Ok((numbers, last)) = looked.await else {
        return Ok((
            Some("The ledger can't be reached: what is erased meanwhile waits to be entered.".to_owned()),
            known,
        ));
    };
    let there = numbers.iter().filter(|number| **number <= known).count() as u64;
    if there < known {
        wrong.push(format!("{} entries are missing from the ledger", known - there));
    }
    let is_ours = last.is_some_and(|text| ErasureEntry::read(&text, known, keys.ledger()).is_some());
    if known > 0 && !is_ours {
        wrong.push(format!("entry {known} of the ledger isn't what was written there"));
    }
    Ok((None, known))
}
