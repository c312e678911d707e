//! Replicas that enter erasures at the same time: in every order in which two can take their steps.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use ward::crypto::{LedgerKey, LocalKeys, RootKey, Suite, TenantKeys};
use ward::kernel::{Clock as _, StoreError, SubjectId, TenantId, Uuid};
use ward::{
    Beyond, ErasureBook, ErasureEntry, ErasureLedger, ErasureReason, LedgerError, Owed, Unanswered,
    Unentered, enter,
};
use ward_testkit::Machine;

const TENANT: TenantId = TenantId::DEPLOYMENT;

/// Lets another take a step.
async fn step() {
    let mut is_over = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[derive(Default)]
struct Ledger(Mutex<BTreeMap<u64, String>>);

#[async_trait]
impl ErasureLedger for Ledger {
    async fn text(&self, number: u64) -> Result<Option<String>, Unanswered> {
        step().await;
        Ok(self.0.lock().unwrap().get(&number).cloned())
    }

    async fn add(&self, number: u64, text: &str) -> Result<bool, Unanswered> {
        step().await;
        let mut texts = self.0.lock().unwrap();
        let is_free = !texts.contains_key(&number);
        texts.entry(number).or_insert_with(|| text.to_owned());
        Ok(is_free)
    }

    async fn numbers(&self, number: u64) -> Result<Vec<u64>, Unanswered> {
        step().await;
        Ok(self.0.lock().unwrap().range(number + 1..).map(|(number, _)| *number).collect())
    }
}

/// Who was erased, and their numbers, which stay as they are once they are known.
struct Book(Mutex<BTreeMap<SubjectId, Option<u64>>>);

impl Book {
    fn of(people: &[SubjectId]) -> Self {
        Self(Mutex::new(people.iter().map(|id| (*id, None)).collect()))
    }
}

#[async_trait]
impl ErasureBook for Book {
    async fn last_entered(&self) -> Result<u64, StoreError> {
        step().await;
        Ok(self.0.lock().unwrap().values().filter_map(|number| *number).max().unwrap_or_default())
    }

    async fn to_enter(&self, most: u32) -> Result<Vec<Unentered>, StoreError> {
        step().await;
        let people = self.0.lock().unwrap();
        let unentered = people.iter().filter(|(_, number)| number.is_none()).take(most as usize);
        Ok(unentered.map(|(id, _)| erased(*id)).collect())
    }

    async fn place(&self, _: TenantId, subject: SubjectId, number: u64) -> Result<bool, StoreError> {
        step().await;
        self.0.lock().unwrap().get_mut(&subject).unwrap().get_or_insert(number);
        Ok(false)
    }

    async fn owing(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(Vec::new())
    }

    async fn owed(&self, _: TenantId, _: u32) -> Result<Vec<Owed>, StoreError> {
        Ok(Vec::new())
    }

    async fn settle(&self, _: TenantId, _: SubjectId) -> Result<(), StoreError> {
        Ok(())
    }
}

fn erased(subject: SubjectId) -> Unentered {
    let destroyed_at = Machine::default().now();
    Unentered { tenant: TENANT, subject, keys: Vec::new(), reason: ErasureReason::Requested, destroyed_at }
}

fn people() -> [SubjectId; 2] {
    [1, 2].map(|n| SubjectId::from(Uuid::from_u128(n)))
}

async fn keys() -> TenantKeys {
    let machine = Arc::new(Machine::default());
    let service = LocalKeys::new(RootKey::random(&*machine).unwrap(), machine.clone());
    TenantKeys::create(TENANT, &service, Suite::Aes256Gcm, machine).await.unwrap().0
}

/// Has two enter at once, the one or the other a step further as the bits of `order` say.
fn both(ledger: &Ledger, book: &Book, key: &LedgerKey, order: u32) {
    let mut context = Context::from_waker(Waker::noop());
    let (mut one, mut other) = (pin!(enter(ledger, book, key)), pin!(enter(ledger, book, key)));
    let (mut one_is_done, mut other_is_done) = (false, false);
    for at in 0.. {
        if one_is_done && other_is_done {
            break;
        }
        let is_one = if other_is_done { true } else { !one_is_done && order >> (at % 32) & 1 == 0 };
        let (done, polled) = match is_one {
            true => (&mut one_is_done, one.as_mut().poll(&mut context)),
            false => (&mut other_is_done, other.as_mut().poll(&mut context)),
        };
        if let Poll::Ready(entered) = polled {
            assert_eq!(entered.unwrap(), Beyond::Nothing, "{order:b}");
            *done = true;
        }
    }
}

#[tokio::test]
async fn in_whichever_order_two_take_their_steps_everybody_is_entered_once() {
    let keys = keys().await;
    for order in 0..1 << 14 {
        let (ledger, book) = (Ledger::default(), Book::of(&people()));
        both(&ledger, &book, keys.ledger(), order);
        enter(&ledger, &book, keys.ledger()).await.unwrap();

        let texts = ledger.0.into_inner().unwrap();
        let entry = |(number, text): (&u64, &String)| ErasureEntry::read(text, *number, keys.ledger());
        let entered: Vec<_> = texts.iter().map(|text| entry(text).unwrap()).collect();
        let numbers: Vec<_> = entered.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [1, 2], "{order:b}");
        let placed = book.0.into_inner().unwrap();
        assert!(entered.iter().all(|entry| placed[&entry.subject] == Some(entry.number)), "{order:b}");
    }
}

#[tokio::test]
async fn a_ledger_that_has_somebody_twice_is_an_error_and_no_success() {
    let keys = keys().await;
    let [known, new] = people();
    let (ledger, book) = (Ledger::default(), Book::of(&[known]));
    enter(&ledger, &book, keys.ledger()).await.unwrap();
    let Unentered { tenant, subject, keys: none, reason, destroyed_at } = erased(known);
    let again = ErasureEntry { number: 2, tenant, subject, keys: none, reason, destroyed_at };
    ledger.0.lock().unwrap().insert(2, again.write(keys.ledger()));
    book.0.lock().unwrap().insert(new, None);
    let entered = enter(&ledger, &book, keys.ledger()).await;
    assert!(matches!(entered, Err(LedgerError::Twice(2))), "{entered:?}");
}
