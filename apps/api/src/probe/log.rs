mod turns;

use chrono::{DateTime, TimeDelta};
use hyper::Method;
use serde_json::{Value, json};
use ward::audit::sequence::SequenceError;
use ward::audit::tree::Tile;
use ward::kernel::{EventId, StoreError, TenantId, Uuid};
use ward::{KeyWatch as _, Look, Store as _};

use self::turns::Turns;
use super::{INSPECT_LOG, ProbeError, Seen};
use crate::app::App;
use crate::custodian::{is_dark, is_spent};
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

/// After this, a leaf waits too long for its place: it should take a second.
const LATE: TimeDelta = TimeDelta::seconds(30);

/// A4: the logs are what was signed, and grow.
pub(super) async fn tree(app: &App) -> Result<Seen, ProbeError> {
    let mut round = Round { app, wrong: Vec::new(), logs: 0, entries: 0, size: 0 };
    if is_late(app).await? {
        round.wrong.push("an entry has waited too long for its place".to_owned());
    }
    let waiting = round.go().await?;
    let Round { mut wrong, logs, entries, size, .. } = round;
    if app.stuck.count() > 0 {
        wrong.push("a log doesn't grow".to_owned());
    }
    if app.witnessed.iter().any(|witness| witness.wrong.count() > 0) {
        wrong.push("a witness has seen another log".to_owned());
    }
    if app.archived.as_ref().is_some_and(|archived| archived.wrong.count() > 0) {
        wrong.push("another log was archived".to_owned());
    }
    let later =
        if waiting > 0 { format!(" {waiting} more logs have their turn later.") } else { String::new() };
    let observed = format!(
        "{entries} of the {size} stored entries of {logs} logs are those that their signed heads stand for, and are found by \
         what they say.{later}"
    );
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

/// One run through the logs.
struct Round<'a> {
    app: &'a App,
    wrong: Vec<String>,
    logs: u64,
    entries: u64,
    size: u64,
}

impl Round<'_> {
    /// Looks at all logs in turn, as far as one run goes. Says how many had no turn.
    async fn go(&mut self) -> Result<usize, ProbeError> {
        let tenants = self.app.sequencer.in_turn(self.app.tenants().await?).await?;
        let mut turns = Turns::of(tenants);
        while let Some((turn, most)) = turns.next() {
            let Some(look) = self.look(turn.tenant, most).await? else {
                turns.done(turn, 0, 0);
                continue;
            };
            if turn.is_first() {
                (self.logs, self.size) = (self.logs + 1, self.size + look.size);
            }
            self.entries += look.entries;
            turns.done(turn, look.tiles, look.size.div_ceil(Tile::WIDTH.into()));
        }
        Ok(turns.waiting())
    }

    /// Looks at a part of a log; nothing, where it isn't what was signed.
    async fn look(&mut self, tenant: TenantId, tiles: u64) -> Result<Option<Look>, ProbeError> {
        let mut reading = match self.app.store.read(self.app.prober(tenant, &INSPECT_LOG)?).await {
            Err(error) if is_spent(&error) => return Ok(None),
            Err(error) if is_dark(&error) && self.app.store.brought(tenant).await?.is_some() => {
                return Ok(None);
            }
            Err(error @ StoreError::KeyUnavailable(_)) => {
                let (tenant, causes) = (Uuid::from(tenant), logs::causes(&error));
                tracing::error!(%tenant, error = causes, "a log can't be looked at");
                self.wrong.push("a log can't be looked at: its tenant's key can't be had".to_owned());
                return Ok(None);
            }
            read => read?,
        };
        let keys = reading.keys();
        let mut aside = reading.rejected().await?;
        if !aside.is_empty() {
            self.app.retry(tenant).await?;
            aside = reading.rejected().await?;
        }
        if !aside.is_empty() {
            self.wrong.push("an entry was altered, or removed, before it had a place".to_owned());
        }
        match self.app.sequencer.look_again(tenant, &mut *reading, &keys, tiles).await {
            Ok(look) => {
                look.mended.iter().for_each(|error| self.found(tenant, error));
                for leaf in &look.enlisted {
                    let (tenant, leaf) = (Uuid::from(tenant), Uuid::from(*leaf));
                    tracing::error!(%tenant, %leaf, "an entry had no place and waited for none: now it does");
                    self.wrong.push("an entry had no place and waited for none".to_owned());
                }
                Ok(Some(look))
            }
            Err(SequenceError::Store(error)) => Err(error.into()),
            Err(error) => {
                self.found(tenant, &error);
                Ok(None)
            }
        }
    }

    fn found(&mut self, tenant: TenantId, error: &SequenceError) {
        let (tenant, causes) = (Uuid::from(tenant), logs::causes(error));
        tracing::error!(%tenant, error = causes, "a log isn't what was signed");
        self.wrong.push(format!("a log isn't what was signed: {error}"));
    }
}
