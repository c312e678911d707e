use chrono::{DateTime, Utc};
use ward::kernel::{Clock, Entropy};

/// This machine's clock and randomness: the one place they are ambient.
#[derive(Debug)]
pub(crate) struct System;

impl Clock for System {
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        Utc::now()
    }
}

impl Entropy for System {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is where randomness comes from")]
        if getrandom::fill(bytes).is_err() {
            std::process::abort(); // no randomness, no service
        }
    }
}
