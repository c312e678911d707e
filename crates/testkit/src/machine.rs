use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{ContextV7, Timestamp, Uuid};
use ward::kernel::{Clock, Entropy, Ids};
use ward_system::System;

/// This machine's clock, moved ahead or back at will, with ids that follow it; and its randomness.
#[derive(Debug)]
pub struct Machine {
    ahead: AtomicI64,
    ids: Mutex<ContextV7>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { ahead: AtomicI64::new(0), ids: Mutex::new(ContextV7::new()) }
    }
}

impl Machine {
    /// Moves the clock, to the microsecond.
    pub fn advance(&self, by: TimeDelta) {
        self.ahead.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

impl Clock for Machine {
    fn now(&self) -> DateTime<Utc> {
        System.now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))
    }
}

impl Ids for Machine {
    fn next(&self) -> Uuid {
        let (now, ids) = (self.now(), self.ids.lock().unwrap_or_else(PoisonError::into_inner));
        let seconds = now.timestamp().try_into().unwrap_or_default();
        Uuid::new_v7(Timestamp::from_unix(&*ids, seconds, now.timestamp_subsec_nanos()))
    }
}

impl Entropy for Machine {
    fn fill(&self, bytes: &mut [u8]) {
        System.fill(bytes);
    }

    fn fill_nonces(&self, bytes: &mut [u8]) {
        System.fill_nonces(bytes);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use ward::kernel::{Clock as _, Entropy as _, Ids as _};

    use super::Machine;

    #[test]
    fn the_clock_and_the_ids_move_together() {
        let machine = Machine::default();
        let (before, first) = (machine.now(), machine.next());
        machine.advance(TimeDelta::days(2));
        assert!(machine.now() - before >= TimeDelta::days(2));
        let second = machine.next();
        assert!(second > first);
        let time = |id: uuid::Uuid| id.get_timestamp().unwrap().to_unix().0;
        assert!(time(second) - time(first) >= 2 * 86_400);
        machine.advance(TimeDelta::days(-3));
        assert!(machine.now() < before);
    }

    #[test]
    fn ids_are_in_order_and_bytes_are_not_alike() {
        let machine = Machine::default();
        let ids: Vec<_> = (0..1_000).map(|_| machine.next()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        let (mut one, mut other) = ([0; 33], [0; 33]);
        machine.fill(&mut one);
        machine.fill(&mut other);
        assert_ne!(one, other);
    }
}
