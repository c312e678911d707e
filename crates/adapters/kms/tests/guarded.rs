//! Services that hang, are gone, come back and say no, behind the guard.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use ward::crypto::{KeyService, ServiceError, TenantKey};
use ward::kernel::{TenantId, Uuid};
use ward_kms::{Guarded, Limits, Withheld};
use ward_testkit::Machine;

const LIMITS: Limits =
    Limits { deadline: Duration::from_secs(5), at_once: 2, failures: 3, pause: Duration::from_secs(10) };

#[derive(Clone, Copy)]
enum Way {
    Answers,
    Refuses,
    Breaks,
    IsGone,
    /// Until it is let go, then it answers.
    Hangs,
}

struct Service {
    way: Mutex<Way>,
    asked: AtomicU32,
    go: Notify,
}

impl Service {
    fn goes(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    async fn answer(&self) -> Result<(), ServiceError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let way = *self.way.lock().unwrap();
        match way {
            Way::Answers => Ok(()),
            Way::Refuses => Err(ServiceError::Refused),
            Way::Breaks => Err(ServiceError::Broken),
            Way::IsGone => Err(ServiceError::Unavailable("gone".into())),
            Way::Hangs => {
                self.go.notified().await;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl KeyService for Service {
    async fn wrap(&self, _: TenantId, key: &TenantKey) -> Result<Vec<u8>, ServiceError> {
        self.answer().await.map(|()| key.to_clear().to_vec())
    }

    async fn unwrap(&self, _: TenantId, wrapped: &[u8]) -> Result<TenantKey, ServiceError> {
        self.answer().await.map(|()| TenantKey::from_clear(wrapped).unwrap())
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.answer().await
    }
}

struct World {
    machine: Arc<Machine>,
    service: Arc<Service>,
    guarded: Arc<Guarded>,
}

impl World {
    fn new() -> Self {
        let service = Service { way: Mutex::new(Way::Answers), asked: AtomicU32::new(0), go: Notify::new() };
        let (machine, service) = (Arc::new(Machine::default()), Arc::new(service));
        let guarded = Arc::new(Guarded::new(service.clone(), LIMITS, machine.clone()));
        Self { machine, service, guarded }
    }

    async fn check(&self) -> Result<(), ServiceError> {
        self.guarded.check().await
    }

    /// A call that goes on beside the test, as far as it gets by itself.
    async fn begin(&self) -> JoinHandle<Result<(), ServiceError>> {
        let guarded = self.guarded.clone();
        let call = tokio::spawn(async move { guarded.check().await });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        call
    }

    /// Has the circuit open.
    async fn lose(&self) {
        self.service.goes(Way::IsGone);
        for _ in 0..LIMITS.failures {
            assert_eq!(withheld(self.check().await), None);
        }
        assert_eq!(withheld(self.check().await), Some(Withheld::Resting));
    }

    fn pause(&self) {
        self.machine.advance(TimeDelta::from_std(LIMITS.pause).unwrap());
    }
}

/// Why the guard gave no answer, if it was the guard.
fn withheld<T>(answer: Result<T, ServiceError>) -> Option<Withheld> {
    match answer {
        Err(ServiceError::Unavailable(why)) => why.downcast_ref().copied(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it answered"),
    }
}

fn tenant() -> TenantId {
    TenantId::from(Uuid::from_u128(1))
}

fn key() -> TenantKey {
    let clear: Vec<u8> = std::iter::once(2).chain(1..33).collect();
    TenantKey::from_clear(&clear).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_the_service_answers_is_passed_on_and_never_remembered() {
    let world = World::new();
    let wrapped = world.guarded.wrap(tenant(), &key()).await.unwrap();
    let unwrapped = world.guarded.unwrap(tenant(), &wrapped).await.unwrap();
    assert_eq!(unwrapped.to_clear(), key().to_clear());
    world.check().await.unwrap();
    assert_eq!(world.service.asked(), 3);
    for (way, refused) in [(Way::Refuses, true), (Way::Breaks, false)] {
        world.service.goes(way);
        let answer = world.guarded.unwrap(tenant(), &wrapped).await.unwrap_err();
        assert_eq!(matches!(answer, ServiceError::Refused), refused);
        assert_eq!(matches!(answer, ServiceError::Broken), !refused);
    }
    world.service.goes(Way::IsGone);
    assert_eq!(withheld(world.guarded.unwrap(tenant(), &wrapped).await), None);
    assert_eq!(withheld(world.guarded.wrap(tenant(), &key()).await), None);
    assert_eq!(world.service.asked(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_unavailable_when_its_time_is_over() {
    let world = World::new();
    world.service.goes(Way::Hangs);
    let begun = tokio::time::Instant::now();
    assert_eq!(withheld(world.check().await), Some(Withheld::Late));
    assert_eq!(begun.elapsed().as_secs(), LIMITS.deadline.as_secs());
    assert_eq!(withheld(world.guarded.wrap(tenant(), &key()).await), Some(Withheld::Late));
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_under_way_than_may_be_and_others_wait_for_them() {
    let world = World::new();
    world.service.goes(Way::Hangs);
    let (first, second, third) = (world.begin().await, world.begin().await, world.begin().await);
    assert_eq!(world.service.asked(), 2);
    world.service.go.notify_one();
    first.await.unwrap().unwrap();
    tokio::task::yield_now().await;
    assert_eq!(world.service.asked(), 3);
    assert_eq!(withheld(second.await.unwrap()), Some(Withheld::Late));
    assert_eq!(withheld(third.await.unwrap()), Some(Withheld::Late));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_got_no_turn_is_unavailable_and_says_nothing_of_the_service() {
    let world = World::new();
    world.service.goes(Way::Hangs);
    let hanging = [world.begin().await, world.begin().await];
    let mut waiting = Vec::new();
    for _ in 0..LIMITS.failures {
        waiting.push(world.begin().await);
    }
    for call in hanging {
        assert_eq!(withheld(call.await.unwrap()), Some(Withheld::Late));
    }
    for call in waiting {
        assert_eq!(withheld(call.await.unwrap()), Some(Withheld::Busy));
    }
    world.service.goes(Way::Answers);
    assert_eq!(world.service.asked(), 2);
    world.check().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_gone_is_left_alone_then_tried_by_one_and_used_again_when_it_answers() {
    let world = World::new();
    world.lose().await;
    let asked = world.service.asked();
    assert_eq!(asked, LIMITS.failures);
    assert_eq!(withheld(world.guarded.wrap(tenant(), &key()).await), Some(Withheld::Resting));
    assert_eq!(world.service.asked(), asked);

    world.pause();
    world.service.goes(Way::Hangs);
    let trial = world.begin().await;
    assert_eq!(world.service.asked(), asked + 1);
    assert_eq!(withheld(world.check().await), Some(Withheld::Resting));
    assert_eq!(world.service.asked(), asked + 1);

    world.service.go.notify_one();
    trial.await.unwrap().unwrap();
    world.service.goes(Way::Answers);
    for _ in 0..5 {
        world.check().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_without_an_answer_begins_the_pause_anew() {
    let world = World::new();
    world.lose().await;
    world.pause();
    let asked = world.service.asked();
    assert_eq!(withheld(world.check().await), None);
    assert_eq!(withheld(world.check().await), Some(Withheld::Resting));
    assert_eq!(world.service.asked(), asked + 1);
    world.pause();
    world.service.goes(Way::Answers);
    world.check().await.unwrap();
    // One failure is none too many again.
    world.service.goes(Way::IsGone);
    assert_eq!(withheld(world.check().await), None);
    assert_eq!(withheld(world.check().await), None);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_cut_short_is_made_by_the_next() {
    let world = World::new();
    world.lose().await;
    world.pause();
    world.service.goes(Way::Hangs);
    let trial = world.begin().await;
    assert_eq!(withheld(world.check().await), Some(Withheld::Resting));
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
    world.service.goes(Way::Answers);
    world.check().await.unwrap();
    world.check().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_answer() {
    let world = World::new();
    for way in [Way::Refuses, Way::Breaks] {
        world.service.goes(way);
        for _ in 0..LIMITS.failures * 3 {
            let answer = world.check().await.unwrap_err();
            assert!(!matches!(answer, ServiceError::Unavailable(_)), "{answer}");
        }
        // Nor do failures add up over it.
        for _ in 0..3 {
            world.service.goes(Way::IsGone);
            for _ in 1..LIMITS.failures {
                assert_eq!(withheld(world.check().await), None);
            }
            world.service.goes(way);
            assert!(!matches!(world.check().await.unwrap_err(), ServiceError::Unavailable(_)));
        }
    }
    world.lose().await;
    world.pause();
    world.service.goes(Way::Refuses);
    for _ in 0..2 {
        assert!(matches!(world.check().await, Err(ServiceError::Refused)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_ends_the_pause() {
    let world = World::new();
    world.lose().await;
    world.service.goes(Way::Answers);
    world.machine.advance(TimeDelta::hours(-1));
    world.check().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_began_before_the_pause_does_not_end_it_unless_it_is_answered() {
    let world = World::new();
    world.service.goes(Way::Hangs);
    let old = world.begin().await;
    world.lose().await;
    world.pause();
    world.service.goes(Way::Hangs);
    let trial = world.begin().await;
    assert_eq!(withheld(old.await.unwrap()), Some(Withheld::Late));
    assert_eq!(withheld(world.check().await), Some(Withheld::Resting));
    assert_eq!(withheld(trial.await.unwrap()), Some(Withheld::Late));
    assert_eq!(withheld(world.check().await), Some(Withheld::Resting));
}

#[test]
fn a_guard_shows_nothing_of_what_it_guards() {
    assert_eq!(format!("{:?}", World::new().guarded), "Guarded(..)");
}
