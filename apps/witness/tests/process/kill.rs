//! Kills the witness while both sides of many forks ask it at once: it never signs for both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Runtime;
use ward::audit::note::{Checkpoint, Note};
use ward::audit::witness::cosign;
use ward_witness_client::HttpWitness;

use crate::fixture::{FORK, Log};
use crate::witness::{Witness, pause};

const LOGS: usize = 12;
const LARGEST: u64 = 12;

/// For each log, whose word was heard at which size: 0 is what both sides share.
type Heard = Mutex<BTreeMap<usize, BTreeSet<(u8, u64)>>>;

fn cycles() -> usize {
    std::env::var("WARD_TEST_CYCLES").map_or(30, |cycles| cycles.parse().expect("a number"))
}

/// One side of each log, which grows until the witness is gone.
struct Side<'w> {
    number: u8,
    logs: &'w [Log],
    witness: HttpWitness,
    heard: &'w Heard,
    words: &'w AtomicUsize,
}

impl Side<'_> {
    async fn grow(&self) {
        // The sides begin at different logs, and meet.
        let first = usize::from(self.number) * LOGS / 2;
        for (size, n) in (FORK..=LARGEST).flat_map(|size| (0..LOGS).map(move |n| (size, (n + first) % LOGS)))
        {
            let log = &self.logs[n];
            let proof = |old| std::future::ready(log.proof(old, size).ok_or("no such tree"));
            if cosign(&self.witness, &log.signed(size), size - 1, proof).await.is_ok() {
                self.words.fetch_add(1, Ordering::SeqCst);
                self.heard.lock().unwrap().entry(n).or_default().insert((whose(self.number, size), size));
            }
        }
    }
}

fn whose(side: u8, size: u64) -> u8 {
    if size > FORK { side } else { 0 }
}

/// Feeds both sides, and kills the witness after `enough` words, or when they have no more to ask.
fn feed_and_kill(witness: &Witness, runtime: &Runtime, sides: &[Side<'_>; 2], enough: usize) {
    std::thread::scope(|scope| {
        let grown = sides.each_ref().map(|side| scope.spawn(|| runtime.block_on(side.grow())));
        while sides[0].words.load(Ordering::SeqCst) < enough && grown.iter().any(|side| !side.is_finished()) {
            pause();
        }
        witness.kill();
    });
}

/// What the witness shows of a log is the last that was heard or later, and of the side that was.
fn assert_one_side(witness: &Witness, sides: [&Log; 2], heard: &mut BTreeSet<(u8, u64)>) {
    let shown = witness.latest(sides[0].key.name());
    if shown.status == 404 {
        assert_eq!(heard.len(), 0, "what was signed is forgotten: {heard:?}");
        return;
    }
    let shown = Checkpoint::parse(&Note::parse(&shown.text).unwrap()).unwrap();
    let side = sides.iter().position(|log| log.checkpoint(shown.size) == shown).expect("one of them");
    assert!(heard.iter().all(|(_, size)| *size <= shown.size), "at {}: {heard:?} is forgotten", shown.size);
    heard.insert((whose(side as u8 + 1, shown.size), shown.size));
    let both = [1, 2].iter().all(|side| heard.iter().any(|(of, _)| of == side));
    assert!(!both, "signed for both sides: {heard:?}");
}

#[test]
fn a_witness_that_is_killed_again_and_again_never_signs_for_both_sides_of_a_fork() {
    let mut witness = Witness::start(&[]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut won = [0, 0];
    for cycle in 0..cycles() {
        let logs = [1, 2].map(|side| {
            (0..LOGS).map(|n| Log::new(&format!("log.example/{cycle}/{n}"), side)).collect::<Vec<_>>()
        });
        witness.know(&logs[0].iter().collect::<Vec<_>>());
        let (heard, words) = (Heard::default(), AtomicUsize::new(0));
        for kill in 0..2 {
            let sides = [0, 1].map(|n| Side {
                number: n as u8 + 1,
                logs: &logs[n],
                witness: witness.client(),
                heard: &heard,
                words: &words,
            });
            // Another number of words each time, so that the kill comes at another moment: around the fork, and behind it.
            let enough = words.load(Ordering::SeqCst) + LOGS / 2 + (cycle * 7 + kill * 11) % 29;
            feed_and_kill(&witness, &runtime, &sides, enough);
            witness.start_again();
            let mut heard = heard.lock().unwrap();
            for (n, sides) in logs[0].iter().zip(&logs[1]).enumerate() {
                assert_one_side(&witness, sides.into(), heard.entry(n).or_default());
            }
        }
        let heard = heard.into_inner().unwrap();
        let winners = heard.values().flatten().filter(|(side, _)| *side > 0);
        winners.for_each(|(side, _)| won[usize::from(*side) - 1] += 1);
    }
    assert!(won[0] > 0 && won[1] > 0, "there was no race: {won:?}");
}
