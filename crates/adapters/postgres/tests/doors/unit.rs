//! No permit, no transaction; no event, no commit; no receipt, no plaintext.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;

use crate::support::{LOOK, READ, WRITE, WROTE, world, world_of};
use ward::audit::{self, Event, Leaf, RecordError, Trail, Writer};
use ward::crypto::{OpenError, Vault};
use ward::kernel::{Place, StoreError, SubjectId};
use ward::{Earlier, Job, Once, Store as _};

const LEAVES: &str =
    "SELECT count(*) FROM ward.audit_leaf WHERE body::jsonb ->> 'action' <> 'tenant.founded'";

#[tokio::test]
async fn a_dropped_unit_leaves_nothing() {
    let w = world().await;
    let tenant = w.tenant().await;
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    unit.make(&[w.id()]).await.unwrap();
    drop(unit);
    assert_eq!(
        w.count("postgres", "SELECT count(*) FROM ward.wrapped_key WHERE subject IS NOT NULL").await,
        0
    );
    assert_eq!(w.count("postgres", LEAVES).await, 0);
}

#[tokio::test]
async fn an_event_of_another_operation_is_refused_and_undoes_the_unit() {
    let w = world().await;
    let (tenant, subject) = (w.tenant().await, w.id::<SubjectId>());
    for event in [Event::of(&LOOK, READ, subject), Event::of(&WRITE, READ, subject)] {
        let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
        unit.make(&[subject]).await.unwrap();
        assert!(matches!(unit.commit(event).await, Err(RecordError::Foreign { .. })));
    }
    assert_eq!(
        w.count("postgres", "SELECT count(*) FROM ward.wrapped_key WHERE subject IS NOT NULL").await,
        0
    );
}

#[tokio::test]
async fn events_that_do_not_lie_in_the_unit_commit_nothing() {
    struct Paper;
    #[async_trait]
    impl Trail for Paper {
        async fn append(&mut self, _: &[Leaf<'_>]) -> Result<DateTime<Utc>, StoreError> {
            Ok(DateTime::UNIX_EPOCH)
        }
    }
    let w = world().await;
    let (tenant, subject) = (w.tenant().await, w.id::<SubjectId>());
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    unit.make(&[subject]).await.unwrap();
    let (writer, ids) = (unit.writer().clone(), unit.ids());
    let elsewhere = audit::record(&mut Paper, &*ids, &writer, &w.wrote(subject).into()).await.unwrap();
    assert!(matches!(unit.close(&elsewhere).await, Err(StoreError::ForeignEvents)));

    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    unit.make(&[subject]).await.unwrap();
    let forged = Writer { operation: &LOOK, ..unit.writer().clone() };
    let event = Event::of(&LOOK, READ, subject).into();
    let by_another = audit::record(&mut *unit, &*ids, &forged, &event).await;
    assert!(matches!(by_another, Err(RecordError::Store(StoreError::ForeignEvents))));

    let subjects = "SELECT count(*) FROM ward.wrapped_key WHERE subject IS NOT NULL";
    assert_eq!(w.count("postgres", subjects).await, 0);
    assert_eq!(w.count("postgres", LEAVES).await, 0);
}

#[tokio::test]
async fn a_tenant_is_founded_once() {
    let w = world().await;
    let tenant = w.tenant().await;
    assert!(matches!(w.found(tenant).await.err(), Some(StoreError::Taken { .. })));
}

#[tokio::test]
async fn a_unit_that_failed_claims_no_commit() {
    let w = world().await;
    let (tenant, subject) = (w.tenant().await, w.id::<SubjectId>());
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    unit.make(&[subject]).await.unwrap();
    assert!(matches!(unit.make(&[subject]).await, Err(StoreError::Taken { .. })));
    assert!(unit.commit(w.wrote(subject)).await.is_err());
    assert_eq!(w.count("postgres", LEAVES).await, 0);
}

#[tokio::test]
async fn two_units_that_wait_for_each_other_are_told_so() {
    let w = world().await;
    let (tenant, a, b) = (w.tenant().await, w.id::<SubjectId>(), w.id::<SubjectId>());
    let mut one = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    let mut other = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    one.make(&[a]).await.unwrap();
    other.make(&[b]).await.unwrap();
    let crossed = async {
        let made = one.make(&[b]).await.map(drop);
        drop(one);
        made
    };
    let (one, other) = tokio::join!(crossed, async {
        let made = other.make(&[a]).await.map(drop);
        drop(other);
        made
    });
    let raced = |made: &Result<(), StoreError>| matches!(made, Err(StoreError::Raced(_)));
    assert_eq!([one, other].iter().filter(|made| raced(made)).count(), 1);
}

#[tokio::test]
async fn an_operation_that_does_not_write_cannot() {
    let w = world().await;
    let tenant = w.tenant().await;
    let mut unit = w.store.begin(w.permit(tenant, &LOOK)).await.unwrap();
    let current = unit.current().await;
    assert!(matches!(current, Err(StoreError::ReadOnly)), "even a row lock is a write");
    let mut unit = w.store.begin(w.permit(tenant, &LOOK)).await.unwrap();
    assert!(matches!(unit.make(&[w.id()]).await.map(drop), Err(StoreError::ReadOnly)));
}

#[tokio::test]
async fn a_refusal_is_logged() {
    let w = world().await;
    let tenant = w.tenant().await;
    w.store.refuse(&w.denied(tenant)).await.unwrap();
    let denials = "SELECT count(*) FROM ward.audit_leaf
        WHERE body::jsonb @> '{\"outcome\": \"denied\", \"action\": \"access.denied\", \"reason\": \"not_permitted\"}'";
    assert_eq!(w.count("postgres", denials).await, 1);
}

#[tokio::test]
async fn nothing_opens_without_a_receipt_that_covers_it() {
    let w = world().await;
    let (tenant, subject) = (w.tenant().await, w.id::<SubjectId>());
    let place = Place { tenant, row: subject.into(), column: "phone" };
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    let keys = unit.make(&[subject]).await.unwrap();
    let sealed = keys[0].seal(place, b"+44 20 7946 0000").unwrap().bytes;
    let written = unit.commit(w.wrote(subject)).await.unwrap();

    let vault = Vault::new(w.machine.clone());
    let disclose = async |event: Event| {
        let mut reading = w.store.read(w.permit(tenant, &LOOK)).await.unwrap();
        let key = reading.subject_keys(&[subject]).await.unwrap().remove(0).unwrap();
        (key, reading.disclose(event).await.unwrap())
    };
    let (key, other_field) = disclose(Event::of(&LOOK, READ, subject).disclosing(["email"])).await;
    let (_, other_row) = disclose(Event::of(&LOOK, READ, w.id::<SubjectId>()).disclosing(["phone"])).await;
    for receipt in [&written, &other_field, &other_row] {
        assert!(matches!(vault.open(&key, place, &sealed, receipt), Err(OpenError::NotCovered)));
    }
    let (_, receipt) = disclose(Event::of(&LOOK, READ, subject).disclosing(["phone"])).await;
    assert_eq!(vault.open(&key, place, &sealed, &receipt).unwrap().as_bytes(), b"+44 20 7946 0000");
    w.machine.advance(TimeDelta::seconds(61));
    assert!(matches!(vault.open(&key, place, &sealed, &receipt), Err(OpenError::NotCovered)));
}

#[tokio::test]
async fn a_request_has_its_effect_once() {
    let w = world().await;
    let tenant = w.tenant().await;
    let who = w.who(tenant, &["notes.write"]);
    let begin = async || w.store.begin(w.permit_of(&who, &WRITE)).await.unwrap();
    let once = Once { key: [1; 32], request: [2; 32] };
    let mut first = begin().await;
    assert!(matches!(first.claim(&once).await.unwrap(), Earlier::None));
    let mut meanwhile = begin().await;
    assert!(matches!(meanwhile.claim(&once).await.unwrap(), Earlier::InFlight));
    first.keep(&once, b"answer").await.unwrap();
    first.commit(Event::of(&WRITE, WROTE, tenant)).await.unwrap();
    assert!(
        matches!(begin().await.claim(&once).await.unwrap(), Earlier::Answered(text) if text == b"answer")
    );
    let other = Once { request: [3; 32], ..once };
    assert!(matches!(begin().await.claim(&other).await.unwrap(), Earlier::Different));
    assert!(
        meanwhile.keep(&once, b"again").await.is_err(),
        "a claim that missed the answer can't keep another"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_claim_sees_what_was_answered_before() {
    let w = world().await;
    let who = w.who(w.tenant().await, &["notes.write"]);
    for round in 0..40 {
        let once = Once { key: [round; 32], request: [2; 32] };
        let ask = async || {
            let mut unit = w.store.begin(w.permit_of(&who, &WRITE)).await.unwrap();
            let earlier = unit.claim(&once).await.unwrap();
            if matches!(earlier, Earlier::None) {
                unit.keep(&once, b"answer").await.unwrap();
                unit.commit(Event::of(&WRITE, WROTE, who.tenant())).await.unwrap();
            }
            matches!(earlier, Earlier::None)
        };
        let effects = join_all((0..16).map(|_| ask())).await;
        assert_eq!(effects.into_iter().filter(|&effect| effect).count(), 1);
    }
}

#[tokio::test]
async fn an_answer_opens_for_nobody_else() {
    let w = world().await;
    let tenant = w.tenant().await;
    let once = Once { key: [1; 32], request: [2; 32] };
    let people = [(); 2].map(|()| w.who(tenant, &["notes.write"]));
    for (who, answer) in people.iter().zip(["first", "second"]) {
        let mut unit = w.store.begin(w.permit_of(who, &WRITE)).await.unwrap();
        unit.claim(&once).await.unwrap();
        unit.keep(&once, answer.as_bytes()).await.unwrap();
        unit.commit(Event::of(&WRITE, WROTE, tenant)).await.unwrap();
    }
    let mut root = w.db.connect("postgres").await.unwrap();
    let swap =
        "UPDATE ward.idempotency i SET answer = o.answer FROM ward.idempotency o WHERE o.actor <> i.actor";
    sqlx::query(swap).execute(&mut root).await.unwrap();
    for who in &people {
        let mut unit = w.store.begin(w.permit_of(who, &WRITE)).await.unwrap();
        assert!(matches!(unit.claim(&once).await, Err(StoreError::Failed(_))));
    }
}

#[tokio::test]
async fn a_job_is_due_with_its_units_commit_and_is_done_once() {
    use ward::Deployment as _;
    let w = world().await;
    let tenant = w.tenant().await;
    let job =
        Job { id: w.id(), kind: "mail", payload: b"dear Ada".to_vec(), run_at: chrono::DateTime::UNIX_EPOCH };
    let mut dropped = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    dropped.enqueue(&job).await.unwrap();
    drop(dropped);
    assert!(w.store.lease(&["mail"], 10, 60).await.unwrap().is_empty());

    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    unit.enqueue(&job).await.unwrap();
    unit.commit(Event::of(&WRITE, WROTE, tenant)).await.unwrap();
    let leases = w.store.lease(&["mail"], 10, 60).await.unwrap();
    assert_eq!(leases.len(), 1);
    assert!(w.store.lease(&["mail"], 10, 60).await.unwrap().is_empty(), "leased to one only");

    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    assert_eq!(unit.payload(&leases[0]).await.unwrap().unwrap(), b"dear Ada");
    assert!(unit.finish(&leases[0]).await.unwrap());
    unit.commit(Event::of(&WRITE, WROTE, tenant)).await.unwrap();
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    assert!(!unit.finish(&leases[0]).await.unwrap(), "a lease that is over ends nothing");
}

#[tokio::test]
async fn a_tenant_that_asks_for_every_connection_leaves_one_to_the_others() {
    let w = world_of(4).await;
    let (greedy, other) = (w.tenant().await, w.tenant().await);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(w.store.begin(w.permit(greedy, &WRITE)).await.unwrap());
    }
    let mut more = Box::pin(w.store.begin(w.permit(greedy, &WRITE)));
    let served = w.store.begin(w.permit(other, &WRITE));
    tokio::select! {
        biased;
        _ = &mut more => panic!("a fourth connection for the greedy one"),
        unit = served => drop(unit.unwrap()),
    }
    held.pop();
    more.await.unwrap();
}
