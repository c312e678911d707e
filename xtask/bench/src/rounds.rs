//! Interleaved rounds. Each contender has its turn in every round, in another order each time, so that whatever else
//! the machine does meets them all; what is compared is compared within a round, and the median of the rounds counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, try_join_all};
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;
use crate::table::figure;

/// How long to look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// For how long a contender has its turn.
    pub(crate) turn: Duration,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 15, turn: Duration::from_millis(400) };
    pub(crate) const QUICK: Self = Self { rounds: 3, turn: Duration::from_millis(50) };
}

/// One way to do something, again and again, by the client of that number.
pub(crate) struct Contender {
    name: &'static str,
    act: Arc<dyn Fn(usize) -> BoxFuture<'static, Outcome> + Send + Sync>,
}

impl Contender {
    pub(crate) fn new<F: Future<Output = Outcome> + Send + 'static>(
        name: &'static str,
        act: impl Fn(usize) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { name, act: Arc::new(move |client| Box::pin(act(client))) }
    }
}

/// A name, how often in a turn, and what.
pub(crate) type Computation<'a> = (&'static str, u32, Box<dyn FnMut() + 'a>);

/// What a contender did, over all rounds.
pub(crate) struct Score {
    pub(crate) name: &'static str,
    /// What one took, in microseconds or nanoseconds.
    pub(crate) cost: Ratios,
    /// How many there were in a second.
    pub(crate) rate: Ratios,
}

/// A figure of each round, and beside it that of the first contender in the same round.
#[derive(Default)]
pub(crate) struct Ratios(Vec<(f64, f64)>);

impl Ratios {
    fn note(&mut self, own: f64, base: f64) {
        self.0.push((own, base));
    }

    /// The median figure.
    pub(crate) fn median(&self) -> f64 {
        median(self.0.iter().map(|(own, _)| *own))
    }

    /// The median of the rounds' ratios, with the least and the greatest.
    pub(crate) fn ratio(&self) -> String {
        told(self.0.iter().map(|(own, base)| own / base).collect())
    }

    /// The same, beside another than the first contender.
    pub(crate) fn over(&self, other: &Self) -> String {
        told(self.0.iter().zip(&other.0).map(|((own, _), (other, _))| own / other).collect())
    }
}

fn told(all: Vec<f64>) -> String {
    let (least, most) = all.iter().fold((f64::MAX, 0.0), |(l, m): (f64, f64), &r| (l.min(r), m.max(r)));
    format!("{} [{}–{}]", figure(median(all)), figure(least), figure(most))
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Lets `clients` work at the same time, as each contender does.
pub(crate) async fn compete(effort: Effort, clients: usize, contenders: &[Contender]) -> Outcome<Vec<Score>> {
    let mut turns = Vec::new();
    // The first round warms up.
    for round in 0..=effort.rounds {
        let mut done = vec![(0.0, 0.0); contenders.len()];
        for n in order(round, contenders.len()) {
            if let (Some(contender), Some(done)) = (contenders.get(n), done.get_mut(n)) {
                *done = turn(contender, clients, effort.turn).await?;
            }
        }
        turns.push(done);
    }
    Ok(scores(contenders.iter().map(|contender| contender.name), turns.into_iter().skip(1)))
}

/// The same for what needs nothing but the processor: each does its thing so many times. The time is the thread's own,
/// whoever else is at work.
pub(crate) fn compute(effort: Effort, contenders: &mut [Computation<'_>]) -> Vec<Score> {
    let mut turns = Vec::new();
    for round in 0..=effort.rounds {
        let mut done = vec![(0.0, 0.0); contenders.len()];
        for n in order(round, contenders.len()) {
            if let (Some((_, times, act)), Some(done)) = (contenders.get_mut(n), done.get_mut(n)) {
                let begun = own_time();
                (0..*times).for_each(|_| act());
                let nanoseconds = (own_time() - begun).as_nanos() as f64 / f64::from(*times);
                *done = (nanoseconds, 1e9 / nanoseconds);
            }
        }
        turns.push(done);
    }
    scores(contenders.iter().map(|(name, ..)| *name), turns.into_iter().skip(1))
}

/// A cost and a rate of each contender, in each round.
pub(crate) fn scores(
    names: impl Iterator<Item = &'static str>,
    rounds: impl Iterator<Item = Vec<(f64, f64)>>,
) -> Vec<Score> {
    let named = |name| Score { name, cost: Ratios::default(), rate: Ratios::default() };
    let mut scores: Vec<_> = names.map(named).collect();
    for round in rounds {
        let Some(&(base_cost, base_rate)) = round.first() else { continue };
        for (score, (cost, rate)) in scores.iter_mut().zip(round) {
            score.cost.note(cost, base_cost);
            score.rate.note(rate, base_rate);
        }
    }
    scores
}

/// Everybody is first once, and nobody always follows the same.
pub(crate) fn order(round: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |n| {
        let n = if round.is_multiple_of(2) { n } else { count - 1 - n };
        (n + round / 2) % count
    })
}

/// The median time of one, in microseconds, and how many there were in a second.
async fn turn(contender: &Contender, clients: usize, length: Duration) -> Outcome<(f64, f64)> {
    let begun = Instant::now();
    let work = (0..clients).map(|client| {
        let act = contender.act.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            while begun.elapsed() < length {
                let started = Instant::now();
                act(client).await?;
                times.push(started.elapsed().as_secs_f64() * 1e6);
            }
            Outcome::Ok(times)
        })
    });
    let times: Outcome<Vec<_>> = try_join_all(work).await?.into_iter().collect();
    let times = times.map_err(|error| format!("{}: {error}", contender.name))?.concat();
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    Ok((median(times), rate))
}

/// What this thread took of a processor.
fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs().try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{order, scores};

    #[test]
    fn everybody_has_a_turn_in_every_round_and_is_first_in_one() {
        let mut first = BTreeSet::new();
        for round in 0..6 {
            let turns: Vec<_> = order(round, 3).collect();
            first.insert(turns[0]);
            assert_eq!(turns.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
        }
        assert_eq!(first.len(), 3);
    }

    #[test]
    fn what_counts_is_the_median_of_ratios_within_a_round() {
        let rounds = [[10.0, 20.0], [1.0, 3.0], [100.0, 110.0]];
        let rounds = rounds.map(|round| round.map(|cost| (cost, 1.0 / cost)).to_vec());
        let scores = scores(["bare", "ours"].into_iter(), rounds.into_iter());
        assert_eq!(scores[1].cost.ratio(), "2.00 [1.10–3.00]");
        assert_eq!(scores[0].cost.over(&scores[1].cost), "0.50 [0.33–0.91]");
        assert_eq!((scores[0].cost.median(), scores[1].cost.median()), (10.0, 20.0));
    }
}
