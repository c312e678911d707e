use std::sync::Arc;

use chrono::SecondsFormat;
use sha2::{Digest as _, Sha256};
use ward::audit::log::{self, NoProof, Proof, Start, Which};
use ward::audit::sequence::Head;
use ward::audit::{EXPORT, EXPORT_COMPLETED, EXPORT_STARTED, Event, Found, Search};
use ward::kernel::{Action, EventId, TenantId};
use ward::{Reading, Store as _};

use super::format::{Format, Layout, Line, Log};
use super::outlet::{Outlet, Untaken};
use super::page::{Page, Stride};
use super::patients::Patients;
use super::places::Place;
use super::proof;
use crate::app::App;
use crate::auth::Caller;
use crate::http::problem::Refused;

/// What to export.
pub(super) struct Asked {
    pub(super) format: Format,
    pub(super) raw: bool,
    pub(super) search: Search,
    /// How many of the log's entries it looks at; all, if no number is given.
    pub(super) size: Option<u64>,
    /// Whether its proof is wanted instead.
    pub(super) proof: bool,
}

/// An export that has begun: the log says so.
pub(super) struct Export {
    app: Arc<App>,
    caller: Caller,
    asked: Asked,
    /// Where the log began when the export did, and the log then.
    start: Option<Start>,
    head: Head,
    size: u64,
    layout: Box<dyn Layout>,
    log: Log,
    patients: Patients,
    stride: Stride,
    digest: Sha256,
    count: u64,
    _place: Place,
}

/// What stopped an export.
enum Stop {
    Untaken(Untaken),
    Refused(Refused),
}

impl From<Untaken> for Stop {
    fn from(why: Untaken) -> Self {
        Self::Untaken(why)
    }
}

impl<E: Into<Refused>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl Export {
    pub(super) async fn begin(app: Arc<App>, caller: Caller, asked: Asked) -> Result<Self, Refused> {
        let _permitted = app.permit(&caller, &EXPORT).await?;
        let place = app.exports.take(caller.0.who.tenant());
        let place = place.ok_or_else(|| {
            Refused::too_many("too-many-exports", "as many exports are under way as there may be at once")
        })?;
        let mut reading = app.read(&caller, &EXPORT).await?;
        if let Some(size) = asked.size {
            let known = reading.head().await?.map_or(0, |head| head.checkpoint.size);
            if size > known {
                return Err(Refused::at("?size", "must not be larger than the log"));
            }
        }
        let tenant = reading.writer().tenant();
        reading.disclose(event(EXPORT_STARTED, &asked, tenant)).await?;
        let mut reading = app.read_log(&caller, &EXPORT).await?;
        let start = reading.start().await?;
        let head = reading.head().await?.ok_or(NoProof::Unplaced)?;
        let origin = &head.checkpoint.origin;
        let deployment = origin.rsplit_once('/').map_or(&**origin, |(deployment, _)| deployment);
        let log = Log { tenant, deployment: deployment.to_owned() };
        Ok(Self {
            size: asked.size.unwrap_or(head.checkpoint.size),
            layout: asked.format.layout(asked.raw, &log),
            patients: Patients::default(),
            stride: Stride::first(),
            digest: Sha256::new(),
            count: 0,
            app,
            caller,
            asked,
            start,
            head,
            log,
            _place: place,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Sends it all, no faster than it is taken.
    pub(super) async fn run(mut self, outlet: Outlet) {
        let sent = self.send(&outlet).await;
        drop(self); // whoever sees the end may begin another one
        let ended = match sent {
            Ok(()) => outlet.end().await.map_err(Stop::from),
            stopped => stopped,
        };
        match ended {
            Ok(()) | Err(Stop::Untaken(Untaken::Gone)) => {}
            Err(Stop::Untaken(Untaken::Idle)) => {
                tracing::error!("an export was cut short: nothing of it was taken for a minute");
            }
            Err(Stop::Refused(refused)) => tracing::error!(?refused, "an export was cut short"),
        }
    }

    async fn send(&mut self, outlet: &Outlet) -> Result<(), Stop> {
        let mut text = self.opening().await?;
        let mut below = self.size;
        while below > 0 {
            // One page is read while the one before it is taken.
            let (put, page) = tokio::join!(outlet.put(text), self.page(below));
            put?;
            (text, below) = page?;
        }
        outlet.put(text).await?;
        outlet.emptied().await?;
        let completed = self.complete().await?;
        if self.asked.proof {
            outlet.put(self.proven(completed).await?).await?;
        }
        Ok(())
    }

    /// What comes before the entries.
    async fn opening(&mut self) -> Result<String, Refused> {
        let opening = self.layout.opening();
        self.digest.update(opening);
        if !self.asked.proof {
            return Ok(opening.to_owned());
        }
        let says = match &self.start {
            Some(start) => Some(self.says(start).await?),
            None => None,
        };
        Ok(proof::opening(&self.asked, self.size, &self.head, says.as_ref()))
    }

    /// The newest entries below a place, as they are sent; and below which place to go on.
    async fn page(&mut self, below: u64) -> Result<(String, u64), Refused> {
        self.app.recheck(&self.caller).await?;
        let mut reading = self.reading().await?;
        let keys = reading.keys();
        let Found { entries, reached, damaged } =
            reading.entries(&self.asked.search, Some(below), self.stride.entries()).await?;
        if damaged > 0 {
            return Err(NoProof::Broken.into()); // nobody signs for what isn't what was logged, nor for a part as if it were the whole
        }
        let paths = if self.asked.proof {
            let places = entries.iter().map(|entry| entry.index);
            log::prove_places(&mut *reading, places, self.head.checkpoint.size).await?
        } else {
            Vec::new()
        };
        let (mut page, mut below, mut paths) = (Page::default(), reached.unwrap_or(0), paths.into_iter());
        for entry in entries {
            let index = entry.index;
            let mut line = Line::of(entry, &self.log, &keys);
            if self.layout.names_patients() {
                self.patients.find(&mut *reading, &mut line).await?;
            }
            let proof = paths.next().map(|path| proof::line(&line, &path));
            let mut text = String::new();
            self.layout.write(line, &mut text);
            if !page.takes(proof.as_deref().unwrap_or(&text)) {
                below = index + 1;
                break;
            }
            self.digest.update(&text);
            self.count += 1;
        }
        self.stride.follow(&page);
        Ok((page.into_text(), below))
    }

    /// The entry in which the log says where it begins, below the head.
    async fn says(&self, start: &Start) -> Result<Proof, Refused> {
        let mut reading = self.reading().await?;
        let (index, entry) = reading.located(start.entry).await?.ok_or(NoProof::Broken)?;
        let index = index.ok_or(NoProof::Broken)?;
        let path = log::prove_places(&mut *reading, [index], self.head.checkpoint.size).await?;
        let path = path.into_iter().next().ok_or(NoProof::Broken)?;
        Ok(Proof { entry, index, path, head: self.head.clone() })
    }

    /// Has the log say that all was sent: from where it began.
    async fn complete(&self) -> Result<EventId, Refused> {
        if let Some(now) = self.reading().await?.start().await?.filter(|now| self.start != Some(*now)) {
            return Err(NoProof::Pruned { first: now.first }.into());
        }
        let digest = hex::encode(self.digest.clone().finalize());
        let event = event(EXPORT_COMPLETED, &self.asked, self.log.tenant);
        let event = event.noting("size", self.size).noting("count", self.count).noting("sha256", digest);
        let receipt = self.reading().await?.disclose(event).await?;
        Ok(receipt.events().first().copied().ok_or(NoProof::Absent)?)
    }

    /// What the log says of the export, proven, and that the log still has what it had when it began.
    async fn proven(&self, completed: EventId) -> Result<String, Refused> {
        let mut reading = self.app.read_log(&self.caller, &EXPORT).await?;
        let proof = log::prove_entry(&mut *reading, completed, Which::Latest).await?;
        let (from, to) = (self.head.checkpoint.size, proof.head.checkpoint.size);
        let consistency = log::prove_consistency(&mut *reading, from, to).await?;
        Ok(proof::closing(proof, &consistency))
    }

    async fn reading(&self) -> Result<Box<dyn Reading>, Refused> {
        let permit = self.app.policy.permit(&self.caller.0.who, &EXPORT)?;
        Ok(self.app.store.read(permit).await?)
    }
}

/// What the log says of an export.
fn event(action: Action, asked: &Asked, tenant: TenantId) -> Event {
    let flags = [("raw", asked.raw), ("proof", asked.proof)];
    let times = [("from", asked.search.from), ("to", asked.search.to)];
    let event = Event::of(&EXPORT, action, tenant).noting("format", asked.format.word());
    let event =
        flags.into_iter().filter(|(_, flag)| *flag).fold(event, |event, (name, _)| event.noting(name, true));
    times.into_iter().fold(event, |event, (name, time)| match time {
        Some(time) => event.noting(name, time.to_rfc3339_opts(SecondsFormat::Micros, true)),
        None => event,
    })
}
