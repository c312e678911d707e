//! This machine's clock, ids and randomness: the one place where they are ambient.
//!
//! ```
//! use ward::kernel::{Clock as _, Entropy as _, Ids as _};
//! use ward_system::System;
//!
//! let (first, second) = (System.next(), System.next());
//! assert!(first < second);
//! let mut key = [0; 32];
//! System.fill(&mut key);
//! assert_ne!(key, [0; 32]);
//! assert!(System.coarse().as_secs() > 1_700_000_000);
//! ```
#![forbid(unsafe_code)]

mod nonces;

#[cfg(target_os = "linux")]
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;
use ward::kernel::{Clock, Entropy, Ids};

/// What this machine has of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    /// In microseconds, which is what a database keeps.
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let now = Utc::now();
        now.trunc_subsecs(6)
    }

    /// As the kernel's last tick left it: some milliseconds ago.
    #[cfg(target_os = "linux")]
    fn coarse(&self) -> Duration {
        Duration::try_from(clock_gettime(ClockId::RealtimeCoarse)).unwrap_or_default()
    }
}

impl Ids for System {
    fn next(&self) -> Uuid {
        #[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
        Uuid::now_v7()
    }
}

impl Entropy for System {
    /// By the operating system.
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is where randomness comes from")]
        if getrandom::fill(bytes).is_err() {
            std::process::abort(); // no randomness, no service
        }
    }

    /// By a generator of the thread's own, ChaCha12, which the operating system seeds anew every second. So a machine that goes on from a
    /// picture of its memory, or twice from one, repeats none once its clock moved.
    fn fill_nonces(&self, bytes: &mut [u8]) {
        nonces::fill(self, bytes);
    }
}
