//! Logs that are years old: the database dates entries by their ids, and the writer's clock is set back.

use std::sync::Arc;

use chrono::{Datelike as _, Months, TimeDelta};
use ward::Store as _;
use ward::audit::keeping::{KeptYears, PRUNE_LOG, Pruned};
use ward::kernel::{Clock as _, EventId, TenantId, authority};

use crate::logs::{Log, sequencer};
use crate::support::{World, world};

/// The months before those that there are from the beginning.
const MONTHS: &str = "
    SELECT count(ward.make_month(m)) FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '{n} months',
        date_trunc('month', now() AT TIME ZONE 'UTC') - interval '2 months', '1 month') m";

const STAMP: &str = "CREATE OR REPLACE FUNCTION ward.stamp() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.at := {at}; RETURN NEW; END $$";
const MADE: &str =
    "to_timestamp(('x' || left(NEW.id::text, 8) || substr(NEW.id::text, 10, 4))::bit(48)::bigint / 1000.0)";

/// A log with room for so many months before this one, whose tenant was founded then.
pub(crate) async fn founded(months: u32) -> Log {
    let w = world().await;
    w.db.run("ward_owner", MONTHS.replace("{n}", &months.to_string())).await.unwrap();
    w.db.run("ward_owner", STAMP.replace("{at}", MADE)).await.unwrap();
    w.db.run("ward_owner", "INSERT INTO ward.audit_keeping (years) VALUES (6)").await.unwrap();
    ago(&w, months);
    let (tenant, sequencer) = (w.tenant().await, sequencer(&w));
    Log { w, tenant, sequencer }
}

/// Sets the writer's clock to the tenth of the month so many months ago; now, if there are none. Ids never go back.
pub(crate) fn ago(w: &World, months: u32) {
    let (then, machine) = (w.machine.now(), &w.machine);
    #[expect(clippy::disallowed_methods, reason = "the clock itself was moved")]
    let now = chrono::Utc::now();
    let wanted = if months == 0 { now } else { (now - Months::new(months)).with_day(10).unwrap() };
    machine.advance(wanted - then + TimeDelta::milliseconds(1));
}

/// Dates entries by the database's clock again.
pub(crate) async fn is_now(w: &World) {
    ago(w, 0);
    w.db.run("ward_owner", STAMP.replace("{at}", "pg_catalog.clock_timestamp()")).await.unwrap();
}

pub(crate) fn years(years: &str) -> KeptYears {
    years.parse().unwrap()
}

/// Has the log say that it begins at `first`, in a place.
pub(crate) async fn say(log: &Log, tenant: TenantId, first: u64) -> EventId {
    let said = write(log, tenant, first).await;
    log.sequencer.catch_up(tenant).await.unwrap();
    said
}

/// The same, without a place yet.
pub(crate) async fn write(log: &Log, tenant: TenantId, first: u64) -> EventId {
    let mut reading = crate::logs::reading(&log.w, tenant).await;
    let said = Pruned::of(&mut *reading, first).await.unwrap().unwrap();
    let keeper = Arc::new(authority::system(tenant, "keeper"));
    let unit = log.w.store.begin(log.w.permit_of(&keeper, &PRUNE_LOG)).await.unwrap();
    *unit.commit(said.event(tenant, "2020-01-01")).await.unwrap().events().first().unwrap()
}
