use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::tempdir;
use ward::assurance::Outcome;
use ward::kernel::{TenantId, Uuid};
use ward_testkit::Database;

use super::{DOWN, Done, Due, Turn};
use crate::config::Config;
use crate::serve;

const LOGS: [TenantId; 3] = [id(1), id(2), id(3)];
const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

const fn id(n: u128) -> TenantId {
    TenantId::fixed(Uuid::from_u128(n))
}

fn due() -> Due {
    Due::new("it", "late", Duration::from_secs(1))
}

fn taken(due: &Due) -> BTreeSet<TenantId> {
    due.take().into_iter().map(|(log, _)| log).collect()
}

fn minutes(minutes: i64) -> DateTime<Utc> {
    NOW + TimeDelta::minutes(minutes)
}

#[test]
fn what_is_not_done_comes_again_and_what_is_done_only_when_it_is_due() {
    let due = due();
    due.add(LOGS);
    due.add(LOGS);
    assert_eq!(taken(&due), LOGS.into());
    for (log, done) in LOGS.into_iter().zip([Done::All, Done::Some, Done::Nothing]) {
        assert_eq!(due.note(log, Turn::default(), Ok(done), NOW), None);
    }
    assert_eq!(taken(&due), [LOGS[1], LOGS[2]].into());
    assert_eq!(taken(&due), [].into());
}

#[test]
fn what_fails_waits_ever_longer_but_a_minute_at_most_and_holds_nobody_up() {
    let due = due();
    let (mut failures, mut waited, mut waits) = (1, 0, Vec::new());
    due.note(LOGS[0], Turn::default(), Err("no".into()), NOW);
    while waits.len() < 9 {
        due.add(LOGS); // it grows meanwhile, which hurries nothing
        waited += 1;
        for (log, turn) in due.take() {
            if log == LOGS[0] {
                assert_eq!(turn.failures, failures);
                failures += 1;
                waits.push(std::mem::take(&mut waited));
                assert_eq!(due.note(log, turn, Err("no".into()), NOW).as_deref(), Some("no"));
            } else {
                assert_eq!(turn.failures, 0);
                due.note(log, turn, Ok(Done::All), NOW);
            }
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn where_nothing_goes_well_one_is_tried_at_a_time_ever_more_rarely_until_one_does() {
    let (due, all) = (due(), 3 * u128::from(DOWN));
    due.add((0..all).map(id));
    let mut tried = Vec::new();
    for (log, turn) in due.take() {
        let done = if due.rests() { Ok(Done::Nothing) } else { Err("no".into()) };
        tried.extend(done.is_err().then_some(log));
        due.note(log, turn, done, NOW);
    }
    assert_eq!(tried.len(), DOWN as usize);
    let (mut waited, mut waits) = (0, Vec::new());
    while waits.len() < 9 {
        waited += 1;
        let turns = due.take();
        assert!(turns.len() <= 1 && !due.rests() || turns.is_empty());
        for (log, turn) in turns {
            assert!(!tried.contains(&log), "those that were never tried come first");
            tried.push(log);
            waits.push(std::mem::take(&mut waited));
            due.note(log, turn, Err("no".into()), NOW);
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);

    while due.take().into_iter().all(|(log, turn)| due.note(log, turn, Ok(Done::All), NOW).is_some()) {}
    assert_eq!(taken(&due).len(), all as usize - 1);
}

#[test]
fn what_has_failed_for_a_quarter_of_an_hour_is_told_until_it_goes_well() {
    let due = due();
    due.add(LOGS);
    let fail = |at| {
        for (log, turn) in due.take() {
            due.note(log, turn, Err("no".into()), at);
        }
    };
    fail(NOW);
    (0..60).for_each(|_| fail(minutes(14)));
    assert_eq!(due.late(minutes(14)), None);
    assert_eq!(due.late(minutes(15)), Some("late"));
    for (log, done) in LOGS.into_iter().zip([Done::All, Done::Some]) {
        let turn = due.turns().logs.remove(&log).unwrap_or_default();
        due.note(log, turn, Ok(done), minutes(15));
    }
    assert_eq!(due.late(minutes(15)), Some("late"), "one of three still fails");
    let turn = due.turns().logs.remove(&LOGS[2]).unwrap_or_default();
    due.note(LOGS[2], turn, Ok(Done::Nothing), minutes(15));
    assert_eq!(due.late(minutes(15)), Some("late"), "nothing was done");
    due.turns().logs.remove(&LOGS[2]);
    due.note(LOGS[2], turn, Ok(Done::Some), minutes(15));
    assert_eq!(due.late(minutes(60)), None);
}

#[tokio::test]
async fn whoever_sees_heads_and_has_long_been_silent_degrades_the_check_of_the_logs_until_they_answer() {
    let (db, home) = (Database::create().await.unwrap(), tempdir().unwrap());
    let witness = "http://127.0.0.1:1 witness.example+3ff362f1+BAuVKhgnkyVNd9dWJx3ZzV8B0sLrOVzSZcmBHs2qj0B3";
    let settings = [
        ("WARD_MODE", "development"),
        ("WARD_DATA_DIR", home.path().to_str().unwrap()),
        ("WARD_WITNESSES", witness),
        ("WARD_CHECKPOINTS", "file:///nowhere"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::from_settings(settings.into()).unwrap();
    let app = serve::app(&config, &db.url("ward_app")).await.unwrap();
    let all: Vec<_> = app.shown().collect();
    assert_eq!(all.len(), 2);
    let quarter = app.clock().now() - TimeDelta::minutes(15);
    for (work, who) in all.into_iter().zip(["a witness has", "couldn't be archived"]) {
        assert_eq!(app.look("audit_tree").await.outcome, Outcome::Pass);
        work.due().note(LOGS[0], Turn::default(), Err("no".into()), quarter);
        let run = app.look("audit_tree").await;
        assert!(matches!(&run.outcome, Outcome::Degraded(reason) if reason.contains(who)), "{run:?}");
        let turn = work.due().turns().logs.remove(&LOGS[0]).unwrap();
        work.due().note(LOGS[0], turn, Ok(Done::All), app.clock().now());
    }
    assert_eq!(app.look("audit_tree").await.outcome, Outcome::Pass);
}
