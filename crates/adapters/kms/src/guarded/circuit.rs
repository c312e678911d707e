use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use ward::kernel::Clock;

/// Whether a service is worth asking.
pub(super) struct Circuit {
    clock: Arc<dyn Clock>,
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    /// It is; so many calls in a row went without an answer.
    Closed { failed: u32 },
    /// It isn't, or one call tries it.
    Open { since: DateTime<Utc>, tried: bool },
}

impl Circuit {
    pub(super) fn new(clock: Arc<dyn Clock>, failures: u32, pause: Duration) -> Self {
        Self { clock, failures, pause, state: Mutex::new(State::Closed { failed: 0 }) }
    }

    /// Whether nobody may ask now.
    pub(super) fn rests(&self) -> bool {
        self.is_shut(*self.state())
    }

    /// Leave to ask; the first to get one after the pause is the only one until it was heard.
    pub(super) fn enter(&self) -> Option<Leave<'_>> {
        let mut state = self.state();
        if self.is_shut(*state) {
            return None;
        }
        let trial = match &mut *state {
            State::Closed { .. } => false,
            State::Open { tried, .. } => {
                *tried = true;
                true
            }
        };
        Some(Leave { circuit: self, trial })
    }

    /// A clock set back ends the pause.
    fn is_shut(&self, state: State) -> bool {
        let State::Open { since, tried } = state else { return false };
        tried || (self.clock.now() - since).to_std().is_ok_and(|rested| rested < self.pause)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reached(&self) {
        let mut state = self.state();
        if matches!(*state, State::Open { .. }) {
            tracing::info!("a key service answers again");
        }
        *state = State::Closed { failed: 0 };
    }

    fn missed(&self, trial: bool) {
        let now = self.clock.now();
        let mut state = self.state();
        *state = match *state {
            State::Closed { failed } if failed + 1 < self.failures => State::Closed { failed: failed + 1 },
            State::Closed { .. } => {
                tracing::warn!("a key service can't be reached, and is left alone for a while");
                State::Open { since: now, tried: false }
            }
            State::Open { .. } if trial => State::Open { since: now, tried: false },
            open => open, // it was asked before that was known
        };
    }
}

/// Leave to ask once.
pub(super) struct Leave<'a> {
    circuit: &'a Circuit,
    trial: bool,
}

impl Leave<'_> {
    /// What came of it: whether there was an answer.
    pub(super) fn heard(mut self, answer: bool) {
        match answer {
            true => self.circuit.reached(),
            false => self.circuit.missed(self.trial),
        }
        self.trial = false;
    }
}

/// A trial that was cut short is somebody else's to make.
impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !self.trial {
            return;
        }
        if let State::Open { tried, .. } = &mut *self.circuit.state() {
            *tried = false;
        }
    }
}
