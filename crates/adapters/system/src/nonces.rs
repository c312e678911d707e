use std::cell::RefCell;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use ward::kernel::{Clock, Entropy};

thread_local! {
    /// The second that it was seeded in, and what gives nonces until that is over.
    static GENERATOR: RefCell<Option<(u64, StdRng)>> = const { RefCell::new(None) };
}

pub(crate) fn fill(machine: &(impl Clock + Entropy), nonces: &mut [u8]) {
    let second = machine.coarse().as_secs();
    GENERATOR.with_borrow_mut(|kept| match kept {
        Some((seeded, generator)) if *seeded == second => generator.fill_bytes(nonces),
        _ => {
            let mut seed = [0; 32];
            machine.fill(&mut seed);
            kept.insert((second, StdRng::from_seed(seed))).1.fill_bytes(nonces);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
    use std::thread;

    use chrono::{DateTime, Utc};
    use ward::kernel::{Clock, Entropy};

    use super::fill;

    /// A clock set by hand, and randomness that says how often it was asked.
    #[derive(Default)]
    struct Fake {
        second: AtomicI64,
        asked: AtomicU8,
    }

    impl Clock for Fake {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(self.second.load(Ordering::Relaxed), 0).unwrap()
        }
    }

    impl Entropy for Fake {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.asked.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn nonces(machine: &Fake) -> HashSet<[u8; 12]> {
        let nonce = |_| {
            let mut nonce = [0; 12];
            fill(machine, &mut nonce);
            nonce
        };
        (0..1_000).map(nonce).collect()
    }

    #[test]
    fn no_nonce_comes_twice_and_each_second_has_a_seed_of_its_own() {
        let machine = Fake::default();
        let first = nonces(&machine);
        assert_eq!((first.len(), machine.asked.load(Ordering::Relaxed)), (1_000, 1));
        machine.second.store(1, Ordering::Relaxed);
        let second = nonces(&machine);
        assert_eq!((second.len(), machine.asked.load(Ordering::Relaxed)), (1_000, 2));
        assert!(first.is_disjoint(&second));
    }

    #[test]
    fn threads_share_no_seed() {
        let machine = Fake::default();
        let all: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| nonces(&machine))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all[0].is_disjoint(&all[1]));
    }
}
