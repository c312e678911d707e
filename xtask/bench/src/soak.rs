//! A million operations of many tenants at once, each of which may be dropped at any await: nobody sees another's row,
//! and nothing acknowledged is lost or half done.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use futures::future::try_join_all;
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sqlx::Row as _;
use tokio::sync::Mutex;
use ward::audit::Event;
use ward::kernel::{Ids as _, Operation};

use crate::Outcome;
use crate::unit::{READ, STORED, TABLES, WRITE, governed};
use crate::world::Tenants;

const TENANTS: usize = 50;
const CLIENTS: u64 = 64;
/// An operation waits about this often.
const TURNS: u64 = 4;

#[derive(Default)]
struct Tally {
    done: AtomicU64,
    cut: AtomicU64,
    seen: AtomicU64,
    failed: AtomicU64,
    stored: Mutex<Vec<Uuid>>,
}

/// Does so many operations; an error if one of them saw or lost what it must not.
pub(crate) async fn run(operations: u64) -> Outcome {
    let tenants = Arc::new(Tenants::create(TABLES, &[&WRITE, &READ], TENANTS).await?);
    let tally = Arc::new(Tally::default());
    let clients = (0..CLIENTS).map(|client| {
        let (tenants, tally) = (tenants.clone(), tally.clone());
        tokio::spawn(async move {
            for n in 0..operations / CLIENTS {
                operate(&tenants, &tally, client, n).await?;
            }
            Outcome::Ok(())
        })
    });
    let progress = tokio::spawn(progress(tally.clone(), operations));
    let ended = try_join_all(clients).await?.into_iter().collect::<Outcome<Vec<()>>>();
    progress.abort();
    ended?;
    judge(&tenants, &tally).await
}

async fn progress(tally: Arc<Tally>, operations: u64) {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let done = tally.done.load(Ordering::Relaxed) + tally.cut.load(Ordering::Relaxed);
        eprintln!("{done} of {operations}");
    }
}

/// One operation of one tenant, dropped at a turn drawn by lot, or not at all.
async fn operate(tenants: &Tenants, tally: &Tally, client: u64, n: u64) -> Outcome {
    let lot = lot(client, n);
    let tenant = (lot >> 8) as usize % TENANTS;
    let turn = lot % (2 * TURNS);
    let ended = if lot >> 60 < 4 {
        cut(write(tenants, tenant), turn).await.map(|stored| stored.map(Some))
    } else {
        cut(read(tenants, tally, tenant), turn).await.map(|read| read.map(|()| None))
    };
    match ended {
        None => drop(tally.cut.fetch_add(1, Ordering::Relaxed)),
        Some(Err(_)) => drop(tally.failed.fetch_add(1, Ordering::Relaxed)),
        Some(Ok(stored)) => {
            tally.done.fetch_add(1, Ordering::Relaxed);
            tally.stored.lock().await.extend(stored);
        }
    }
    Ok(())
}

/// The same lots on every run, like dice.
fn lot(client: u64, n: u64) -> u64 {
    let mut lot = (client << 40 | n).wrapping_add(0x9e37_79b9_7f4a_7c15);
    lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    lot ^ (lot >> 31)
}

async fn cut<T>(future: impl Future<Output = T>, turn: u64) -> Option<T> {
    let (mut future, mut waited) = (pin!(future), 0);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => {
            waited += 1;
            if waited == turn + 1 && turn < TURNS { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

async fn write(tenants: &Tenants, tenant: usize) -> Outcome<Uuid> {
    let (id, operation): (Uuid, &'static Operation) = (tenants.machine.next(), &WRITE);
    let unit = tenants.store.unit(tenants.permit(tenant, operation)?).await?;
    let row = governed::ActiveModel { id: Set(id), body: Set("a note".into()), ..Default::default() };
    unit.insert(row).await?;
    unit.commit(Event::of(&WRITE, STORED, ward::kernel::Entity::new("note", id))).await?;
    Ok(id)
}

/// Without a predicate of its own: whatever row comes must be the tenant's.
async fn read(tenants: &Tenants, tally: &Tally, tenant: usize) -> Outcome {
    let reading = tenants.store.reading(tenants.permit(tenant, &READ)?).await?;
    let found = reading.all(governed::Entity::find().limit(5)).await?;
    let own = tenants.id(tenant);
    if found.iter().any(|row| Some(row.tenant.into()) != own) {
        tally.seen.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn judge(tenants: &Tenants, tally: &Tally) -> Outcome {
    let mut root = tenants.db.connect("postgres").await?;
    let lost = "SELECT count(*) FROM unnest($1::uuid[]) s (id) WHERE NOT EXISTS (SELECT FROM bench.governed g WHERE g.id = s.id)";
    let stored = tally.stored.lock().await.clone();
    let lost: i64 = sqlx::query(lost).bind(&stored).fetch_one(&mut root).await?.try_get(0)?;
    let halves = "WITH noted AS MATERIALIZED (
            SELECT (l.body::jsonb #>> '{entity,id}')::uuid AS id FROM ward.audit_leaf l WHERE l.body::jsonb ->> 'action' = 'note.stored')
        SELECT (SELECT count(*) FROM bench.governed g WHERE NOT EXISTS (SELECT FROM noted n WHERE n.id = g.id))
            + (SELECT count(*) FROM noted n WHERE NOT EXISTS (SELECT FROM bench.governed g WHERE g.id = n.id))";
    let halves: i64 = sqlx::query(halves).fetch_one(&mut root).await?.try_get(0)?;
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let (done, cut, seen, failed) =
        (count(&tally.done), count(&tally.cut), count(&tally.seen), count(&tally.failed));
    println!(
        "{done} operations done, {cut} dropped, {failed} failed; {} writes acknowledged: {lost} lost, {halves} half done; \
         {seen} readings saw another tenant's row.",
        stored.len()
    );
    if lost + halves > 0 || seen > 0 || failed > 0 {
        Err("the storm found a leak or a loss".into())
    } else {
        Ok(())
    }
}
