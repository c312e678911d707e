//! Thousands of requests dropped at random while they wait, on a pool of one connection. Its next user, who has no tenant, looks for
//! what is left on it, and writes something that must last. Under the same storm the driver's own form must lose.

#![expect(clippy::disallowed_methods, reason = "a test may")]

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use ward::audit::Event;
use ward::kernel::{Operation, SubjectId, TenantId, Uuid};
use ward::rbac::Permit;
use ward::{Earlier, Once, Store as _};

use crate::support::{LOOK, READ, WRITE, World, world_of};

const CUTS: usize = 2_000;

/// What is cut short.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// The driver's own transaction.
    Naive,
    /// Statements that commit themselves: a read, and a disclosure that is logged.
    Reading,
    /// A transaction that only reads, and is dropped.
    ReadUnit,
    /// A transaction that writes a key, an answer and an event.
    WriteUnit,
}

/// What the next users met with.
#[derive(Debug, Default, PartialEq)]
struct Toll {
    tenants: usize,
    rows: usize,
    transactions: usize,
    failures: usize,
    lost_writes: usize,
}

type Failure = Box<dyn std::error::Error>;

/// Drops `future` when it waits for the `turn`-th time, after a moment in which nobody reads what is answered. Cut by turns, not by
/// the clock, it is cut in every place however busy the machine is. Says how often it waited, and what it came to.
async fn cut<T>(future: impl Future<Output = T>, turn: usize, moment: usize) -> (usize, Option<T>) {
    let (mut future, mut waited) = (pin!(future), 0);
    let ended = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            waited += 1;
            if waited == turn { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await;
    if ended.is_none() {
        for _ in 0..moment {
            tokio::task::yield_now().await;
        }
    }
    (waited, ended)
}

/// One request of a tenant: `id` is what it leaves.
async fn request(form: Form, w: &World, tenant: TenantId, id: SubjectId) -> Result<(), Failure> {
    let permit = |operation: &'static Operation| w.permit(tenant, operation);
    match form {
        Form::Naive => naive(w, tenant).await?,
        Form::Reading => {
            let mut reading = w.store.read(permit(&LOOK)).await?;
            assert!(reading.tenant().await?.is_some_and(|found| found.id == tenant));
            reading.disclose(Event::of(&LOOK, READ, id).disclosing(["phone"])).await?;
        }
        Form::ReadUnit => {
            let mut unit = w.store.begin(permit(&LOOK)).await?;
            assert!(!unit.is_enqueued(w.id()).await?);
        }
        Form::WriteUnit => write(w, permit(&WRITE), id).await?,
    }
    Ok(())
}

async fn naive(w: &World, tenant: TenantId) -> Result<(), Failure> {
    let mut conn = w.store.pool.acquire().await?;
    let begin = AssertSqlSafe(format!("BEGIN; SET LOCAL ward.tenant = '{}'", Uuid::from(tenant)));
    let mut transaction = conn.begin_with(begin).await?;
    transaction.execute("SELECT count(*) FROM ward.tenant").await?;
    Ok(transaction.commit().await?)
}

async fn write(w: &World, permit: Permit, subject: SubjectId) -> Result<(), Failure> {
    let mut key = [0; 32];
    key[..16].copy_from_slice(Uuid::from(subject).as_bytes());
    let once = Once { key, request: key };
    let mut unit = w.store.begin(permit).await?;
    assert!(matches!(unit.claim(&once).await?, Earlier::None));
    unit.make(&[subject]).await?;
    unit.keep(&once, b"made").await?;
    unit.commit(w.wrote(subject)).await?;
    Ok(())
}

/// Takes the connection as its next user does: without a tenant, outside any transaction.
async fn look(w: &World, toll: &mut Toll) {
    const ASKED: &str = "
        SELECT coalesce(current_setting('ward.tenant', true), '') <> '' AS tenant,
            now() <> statement_timestamp() AS transaction, (SELECT count(*) FROM ward.tenant) > 0 AS rows";
    let mut conn = w.store.pool.acquire().await.unwrap();
    // A transaction that has failed answers nothing.
    let Ok(found) = (&mut *conn).fetch_one(ASKED).await else { return toll.transactions += 1 };
    toll.tenants += usize::from(found.get::<bool, _>("tenant"));
    toll.transactions += usize::from(found.get::<bool, _>("transaction"));
    toll.rows += usize::from(found.get::<bool, _>("rows"));
}

/// A storm over requests of one form; then the pool is closed, and whatever was acknowledged must be there.
async fn storm(form: Form) -> Toll {
    let w = world_of(1).await;
    let (tenant, next) = (w.tenant().await, w.tenant().await);
    let (mut toll, mut longest) = (Toll::default(), 1);
    let (mut acknowledged, mut written) = (Vec::new(), 0);
    for _ in 0..CUTS {
        let (id, random) = (w.id::<SubjectId>(), w.id::<Uuid>().as_u128() as usize); // its last bits are random
        let (waited, ended) =
            cut(request(form, &w, tenant, id), 1 + random % longest, random >> 16 & 7).await;
        longest = longest.max(waited + 1);
        match ended {
            Some(Ok(())) => acknowledged.push(id.into()),
            Some(Err(_)) => toll.failures += 1,
            None => {}
        }
        look(&w, &mut toll).await;
        match w.store.refuse(&w.denied(next)).await {
            Ok(()) => written += 1,
            Err(_) => toll.failures += 1,
        }
    }
    w.store.close().await;
    let done = acknowledged.len();
    assert!((CUTS / 50..CUTS - CUTS / 5).contains(&done), "{form:?}: {done} of {CUTS} came to their end");
    let refused =
        ids(&w, "SELECT id FROM ward.audit_leaf WHERE body::jsonb ->> 'action' = 'access.denied'").await;
    toll.lost_writes = written - refused.len();
    let stored = match form {
        Form::Naive | Form::ReadUnit => return toll,
        Form::Reading => logged(&w, "note.disclosed").await,
        Form::WriteUnit => whole(&w).await,
    };
    toll.lost_writes += acknowledged.iter().filter(|id| !stored.contains(id)).count();
    toll
}

/// What the events of a kind are about.
async fn logged(w: &World, action: &str) -> BTreeSet<Uuid> {
    let about = "SELECT (body::jsonb #>> '{entity,id}')::uuid FROM ward.audit_leaf";
    ids(w, &format!("{about} WHERE body::jsonb ->> 'action' = '{action}'")).await
}

/// The requests that were stored. Nothing is ever half stored: there are a key, an answer and an event, or none of the three.
async fn whole(w: &World) -> BTreeSet<Uuid> {
    let events = logged(w, "note.stored").await;
    let keys = ids(w, "SELECT subject FROM ward.wrapped_key WHERE subject IS NOT NULL").await;
    assert_eq!(events, keys);
    assert_eq!(w.count("postgres", "SELECT count(*) FROM ward.idempotency").await as usize, keys.len());
    keys
}

/// One after the other: side by side, each would hide the other's window.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_inherits_what_was_cut_short_and_nothing_acknowledged_is_lost() {
    let control = storm(Form::Naive).await;
    for found in [control.tenants, control.rows, control.transactions, control.lost_writes] {
        assert!(found > CUTS / 40, "too weak to mean anything: {control:?}");
    }
    for form in [Form::Reading, Form::ReadUnit, Form::WriteUnit] {
        assert_eq!(storm(form).await, Toll::default(), "{form:?}");
    }
}

#[tokio::test]
async fn a_statement_that_was_cut_short_poisons_its_unit() {
    let w = world_of(2).await;
    let (tenant, subject) = (w.tenant().await, w.id::<SubjectId>());
    let mut unit = w.store.begin(w.permit(tenant, &WRITE)).await.unwrap();
    let mut keeper = w.db.connect("postgres").await.unwrap();
    keeper.execute("BEGIN; LOCK TABLE ward.wrapped_key IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (_, ended) = cut(unit.make(&[subject]), 1, 0).await;
    assert!(ended.is_none(), "it didn't wait");
    keeper.close().await.unwrap();
    let refused = unit.commit(w.wrote(subject)).await;
    assert!(refused.is_err(), "nobody knows what the statement did");
    assert_eq!(whole(&w).await, BTreeSet::new());
}

/// The ids that `sql` tells the superuser.
async fn ids(w: &World, sql: &str) -> BTreeSet<Uuid> {
    let mut raw = w.db.connect("postgres").await.unwrap();
    let ids = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut raw).await.unwrap();
    ids.into_iter().collect()
}
