use std::time::{Duration, Instant};

use super::pin::Pin;

const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);

/// Which PINs a token took, so that none that is wrong is tried until the token locks itself.
#[derive(Default)]
pub(super) struct Tries {
    worked: Option<Pin>,
    wrong: Option<Wrong>,
}

struct Wrong {
    pin: Pin,
    at: Instant,
    wait: Duration,
    /// Whether the token tells that there was a wrong try, until somebody logs in.
    told: bool,
}

/// What a token says of the tries that are left.
#[derive(Clone, Copy, Default)]
pub(super) struct Left {
    /// There were wrong ones since the last login.
    pub(super) fewer: bool,
    /// There is one, or none.
    pub(super) few: bool,
}

/// How new what the library knows of the token is.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Known {
    /// It was initialised just now.
    Now,
    /// Before, and may be again.
    Before,
    /// Before, and can't be again now.
    BeforeAndNoBetter,
}

/// Whether a PIN may be tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Leave {
    Granted,
    /// Once the library knows the token as it is now, or else a right one may be taken for wrong.
    Anew,
    Denied,
}

impl Tries {
    pub(super) fn leave(&self, pin: &Pin, left: Left, known: Known, now: Instant) -> Leave {
        if left.few {
            return Leave::Denied;
        }
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.pin.is(pin));
        if wrong.is_some_and(|wrong| wrong.still_is(left, now)) {
            return Leave::Denied;
        }
        let worked = wrong.is_none() && self.worked.as_ref().is_some_and(|worked| worked.is(pin));
        match known {
            Known::Before if !worked => Leave::Anew,
            Known::BeforeAndNoBetter if wrong.is_some() => Leave::Denied,
            _ => Leave::Granted,
        }
    }

    pub(super) fn worked(&mut self, pin: Pin) {
        *self = Self { worked: Some(pin), wrong: None };
    }

    /// Notes that `pin` was wrong, and whether the token says so.
    pub(super) fn was_wrong(&mut self, pin: Pin, told: bool, now: Instant) {
        let wait = match &self.wrong {
            Some(wrong) if wrong.pin.is(&pin) => (wrong.wait * 2).min(LONGEST),
            _ => FIRST,
        };
        self.wrong = Some(Wrong { pin, at: now, wait, told });
    }

    /// Nothing is known of the token.
    pub(super) fn is_blank(&self) -> bool {
        self.worked.is_none() && self.wrong.is_none()
    }
}

impl Wrong {
    fn still_is(&self, left: Left, now: Instant) -> bool {
        (left.fewer || !self.told) && now.duration_since(self.at) < self.wait
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Known, Leave, Left, Tries};
    use crate::pkcs11::Pin;

    const MINUTE: Duration = Duration::from_secs(60);
    const FULL: Left = Left { fewer: false, few: false };
    const FEWER: Left = Left { fewer: true, few: false };

    fn pin(text: &str) -> Pin {
        Pin::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_pin_that_worked_is_tried_and_any_other_once_the_library_is_new() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        assert!(tries.is_blank());
        assert_eq!(tries.leave(&pin("1"), FULL, Known::Before, now), Leave::Anew);
        assert_eq!(tries.leave(&pin("1"), FULL, Known::Now, now), Leave::Granted);
        assert_eq!(tries.leave(&pin("1"), FULL, Known::BeforeAndNoBetter, now), Leave::Granted);
        tries.worked(pin("1"));
        assert!(!tries.is_blank());
        assert_eq!(tries.leave(&pin("1"), FULL, Known::Before, now), Leave::Granted);
        assert_eq!(tries.leave(&pin("2"), FULL, Known::Before, now), Leave::Anew);
    }

    #[test]
    fn a_wrong_pin_is_tried_again_when_the_token_says_that_somebody_logged_in() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        tries.worked(pin("1"));
        tries.was_wrong(pin("1"), true, now);
        assert_eq!(tries.leave(&pin("1"), FEWER, Known::Now, now), Leave::Denied);
        assert_eq!(tries.leave(&pin("1"), FULL, Known::Before, now), Leave::Anew);
        assert_eq!(tries.leave(&pin("1"), FULL, Known::BeforeAndNoBetter, now), Leave::Denied);
        assert_eq!(tries.leave(&pin("1"), FULL, Known::Now, now), Leave::Granted);
        assert_eq!(tries.leave(&pin("2"), FEWER, Known::Now, now), Leave::Granted);
    }

    #[test]
    fn a_wrong_pin_is_tried_again_ever_more_seldom_where_the_token_says_nothing() {
        let (mut tries, mut now) = (Tries::default(), Instant::now());
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            tries.was_wrong(pin("1"), false, now);
            now += MINUTE * minutes - Duration::from_millis(1);
            assert_eq!(tries.leave(&pin("1"), FULL, Known::Now, now), Leave::Denied, "{minutes}");
            now += Duration::from_millis(1);
            assert_eq!(tries.leave(&pin("1"), FEWER, Known::Now, now), Leave::Granted, "{minutes}");
        }
        tries.was_wrong(pin("2"), false, now);
        assert_eq!(tries.leave(&pin("2"), FULL, Known::Now, now + MINUTE), Leave::Granted);
    }

    #[test]
    fn the_last_try_is_nobodys() {
        let (mut tries, now) = (Tries::default(), Instant::now());
        tries.worked(pin("1"));
        let few = Left { fewer: true, few: true };
        assert_eq!(tries.leave(&pin("1"), few, Known::Now, now), Leave::Denied);
        assert_eq!(tries.leave(&pin("2"), few, Known::Now, now), Leave::Denied);
    }
}
