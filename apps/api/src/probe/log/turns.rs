//! In which order one run looks at logs, and how much of each.

use std::collections::VecDeque;

use ward::kernel::TenantId;

/// Tiles of 256 entries that one run hashes anew: the rest has its turn in the runs after it.
const TILES: u64 = 512;
/// Of one log at a time, before it is another's turn.
const AT_ONCE: u64 = 64;

/// Who is still to be looked at. What short logs leave goes to long ones.
pub(super) struct Turns {
    waiting: VecDeque<Turn>,
    tiles: u64,
}

/// A log's turn.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) tenant: TenantId,
    /// How many tiles of it this run hasn't looked at; unknown, before its first turn.
    left: Option<u64>,
}

impl Turns {
    pub(super) fn of(tenants: Vec<TenantId>) -> Self {
        let waiting = tenants.into_iter().map(|tenant| Turn { tenant, left: None }).collect();
        Self { waiting, tiles: TILES }
    }

    /// Whose turn it is, and for how many tiles at most.
    pub(super) fn next(&mut self) -> Option<(Turn, u64)> {
        let most = self.tiles.min(AT_ONCE);
        let turn = if most > 0 { self.waiting.pop_front()? } else { return None };
        Some((turn, turn.left.map_or(most, |left| left.min(most))))
    }

    /// `looked` tiles of it were looked at, of `all`: it has another turn, if there are more, and none, if nothing could be looked at.
    pub(super) fn done(&mut self, turn: Turn, looked: u64, all: u64) {
        self.tiles = self.tiles.saturating_sub(looked.max(1));
        let left = turn.left.unwrap_or(all).saturating_sub(looked);
        if left > 0 && looked > 0 {
            self.waiting.push_back(Turn { left: Some(left), ..turn });
        }
    }

    /// How many logs had no turn.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().filter(|turn| turn.is_first()).count()
    }
}

impl Turn {
    /// Whether it is the log's first in this run.
    pub(super) fn is_first(&self) -> bool {
        self.left.is_none()
    }
}

#[cfg(test)]
mod tests {
    use ward::kernel::Uuid;

    use super::*;

    /// How much of each log is looked at, and how many have no turn.
    fn run(logs: &[u64]) -> (Vec<u64>, usize) {
        let ids = (0..logs.len()).map(|n| Uuid::from_u128(n as u128).into()).collect();
        let (mut turns, mut looked) = (Turns::of(ids), vec![0; logs.len()]);
        while let Some((turn, most)) = turns.next() {
            let n = Uuid::from(turn.tenant).as_u128() as usize;
            assert_eq!(turn.is_first(), looked[n] == 0);
            let tiles = logs[n].min(most);
            looked[n] += tiles;
            turns.done(turn, tiles, logs[n]);
        }
        (looked, turns.waiting())
    }

    #[test]
    fn what_short_logs_leave_goes_to_long_ones_and_none_is_looked_at_twice() {
        assert_eq!(run(&[3, 100, 1]), (vec![3, 100, 1], 0));
        assert_eq!(run(&[100_000]), (vec![512], 0));
        assert_eq!(run(&[1, 100_000, 10, 100_000]), (vec![1, 256, 10, 245], 0));
        assert_eq!(run(&[1_000; 10]), ([vec![64; 8], vec![0; 2]].concat(), 2));
        assert_eq!(run(&[1; 600]).1, 600 - 512);
        assert_eq!(run(&[]), (vec![], 0));
    }

    #[test]
    fn a_log_that_is_not_sound_takes_no_turn_from_others() {
        let mut turns = Turns::of(vec![TenantId::DEPLOYMENT]);
        let (first, most) = turns.next().unwrap();
        turns.done(first, most, 1_000);
        let (second, _) = turns.next().unwrap();
        assert!(!second.is_first());
        turns.done(second, 0, 0);
        assert!(turns.next().is_none());
    }
}
