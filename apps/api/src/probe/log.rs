use std::num::NonZeroU64;

use chrono::{DateTime, TimeDelta};
use hyper::Method;
use serde_json::{Value, json};
use ward::Store as _;
use ward::audit::sequence::SequenceError;
use ward::audit::tree::Tile;
use ward::kernel::{EventId, TenantId, Uuid};

use super::{INSPECT_LOG, ProbeError, Seen};
use crate::app::App;
use crate::{due, logs};

/// A1: a write and a refusal leave exactly their events, with actor, address and request.
pub(super) async fn completeness(app: &App) -> Result<Seen, ProbeError> {
    let a = app.canaries().await?.a;
    let (changed, refused) = (app.machine.next().to_string(), app.machine.next().to_string());

    let before = a.get("/v1/tenant").await?.expect("GET /v1/tenant", 200)?;
    let minutes =
        before.body.pointer("/settings/idle_timeout_seconds").and_then(Value::as_u64).unwrap_or(1800);
    let change = json!({ "settings": { "idle_timeout_seconds": if minutes == 1800 { 1860 } else { 1800 } } });
    let id = [("x-request-id", changed.as_str())];
    a.send(Method::PATCH, "/v1/tenant", Some(change), &id).await?.expect("PATCH /v1/tenant", 200)?;
    let nobody = format!("/v1/subjects/{}", app.machine.next());
    let id = [("x-request-id", refused.as_str())];
    a.send(Method::GET, &nobody, None, &id).await?.expect("GET /v1/subjects/{id}", 404)?;

    let log = a.get("/v1/audit/events?limit=50").await?.expect("GET /v1/audit/events", 200)?;
    let events: Vec<_> = log.body.pointer("/items").and_then(Value::as_array).into_iter().flatten().collect();
    let of = |request: &str, action: &str| {
        let matches = |event: &&&Value| {
            event.pointer("/source/request_id").and_then(Value::as_str) == Some(request)
                && event.pointer("/action").and_then(Value::as_str) == Some(action)
                && event.pointer("/actor/id").is_some_and(Value::is_string)
                && event.pointer("/source/ip").is_some_and(Value::is_string)
        };
        events.iter().filter(matches).count()
    };
    let mut wrong = Vec::new();
    if of(&changed, "tenant.changed") != 1 {
        wrong.push("a change left no event of its own, or more than one".to_owned());
    }
    if of(&refused, "access.denied") != 1 {
        wrong.push("a refusal left no event of its own, or more than one".to_owned());
    }
    let observed = "A change and a refusal each left one event with actor, address, request and time.";
    Ok(Seen::unless(wrong, 2, observed.into()))
}

/// A4: the application's role can't rewrite the log.
pub(super) async fn immutability(app: &App) -> Result<Seen, ProbeError> {
    let (open, tried) = app.store.rewrites().await?;
    let wrong = open.into_iter().map(|what| format!("the log can be rewritten: {what}")).collect();
    let observed = format!(
        "{tried} ways to change, remove, truncate or back-date entries are refused to the application."
    );
    Ok(Seen::unless(wrong, tried, observed))
}

/// Tiles of 256 entries that one run hashes anew: the rest has its turn in the runs after it.
const TILES: u64 = 512;
/// Of one log, so that a long one leaves some to others.
const TILES_OF_ONE: u64 = 64;
/// After this, a leaf waits too long for its place: it should take a second.
const LATE: TimeDelta = TimeDelta::seconds(30);

/// A4: the logs are what was signed, and grow.
pub(super) async fn tree(app: &App) -> Result<Seen, ProbeError> {
    let mut wrong = Vec::new();
    if is_late(app).await? {
        wrong.push("an entry has waited too long for its place".to_owned());
    }
    let mut tenants = app.tenants().await?;
    tenants.sort_by_key(|tenant| app.sequencer.last_look(*tenant));
    let (mut logs, mut entries, mut tiles) = (0, 0, TILES);
    for tenant in tenants {
        let Some(share) = NonZeroU64::new(tiles.min(TILES_OF_ONE)) else { break };
        let looked = look_again(app, tenant, share.get(), &mut wrong).await?;
        (logs, entries) = (logs + 1, entries + looked);
        tiles = tiles.saturating_sub(looked.div_ceil(Tile::WIDTH.into()).max(1));
    }
    if app.stuck.count() > 0 {
        wrong.push("a log doesn't grow".to_owned());
    }
    if app.witnessed.iter().any(|witness| witness.wrong.count() > 0) {
        wrong.push("a witness has seen another log".to_owned());
    }
    if app.archived.as_ref().is_some_and(|archived| archived.wrong.count() > 0) {
        wrong.push("another log was archived".to_owned());
    }
    let observed =
        format!("{entries} stored entries of {logs} logs are those that their signed heads stand for.");
    Ok(Seen::unless(wrong, entries, observed).but(due::late(app.shown(), app.clock().now())))
}

async fn is_late(app: &App) -> Result<bool, ProbeError> {
    let waiting = app.sequencer.waiting(1).await?;
    let made = |id: EventId| {
        let (seconds, nanos) = Uuid::from(id).get_timestamp()?.to_unix();
        DateTime::from_timestamp(seconds.cast_signed(), nanos)
    };
    let late = |id| made(id).is_none_or(|made| app.clock().now() - made > LATE);
    Ok(waiting.first().is_some_and(|(_, oldest)| late(*oldest)))
}

/// How many entries of a log were hashed anew.
async fn look_again(
    app: &App,
    tenant: TenantId,
    tiles: u64,
    wrong: &mut Vec<String>,
) -> Result<u64, ProbeError> {
    let mut reading = app.store.read(app.prober(tenant, &INSPECT_LOG)?).await?;
    let keys = reading.keys();
    if reading.rejected().await? > 0 {
        wrong.push("an entry was altered, or removed, before it had a place".to_owned());
    }
    match app.sequencer.look_again(tenant, &mut *reading, &keys, tiles).await {
        Ok(looked) => Ok(looked),
        Err(SequenceError::Store(error)) => Err(error.into()),
        Err(error) => {
            let (tenant, causes) = (Uuid::from(tenant), logs::causes(&error));
            tracing::error!(%tenant, error = causes, "a log isn't what was signed");
            wrong.push(format!("a log isn't what was signed: {error}"));
            Ok(0)
        }
    }
}
