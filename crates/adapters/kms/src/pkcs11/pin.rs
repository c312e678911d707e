use std::error::Error;

use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

const LONGEST: usize = 256;

/// What a user of a token proves itself with. It can't be shown.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

/// Bytes are no PIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a PIN is one line of text, of 1 to 256 bytes")]
pub struct InvalidPin;

impl Pin {
    /// Reads what a file holds: one line, whose end doesn't belong to it.
    pub fn parse(file: &[u8]) -> Result<Self, InvalidPin> {
        let line = file.strip_suffix(b"\n").unwrap_or(file);
        let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).map_err(|_| InvalidPin)?;
        let fits = (1..=LONGEST).contains(&line.len()) && !line.chars().any(char::is_control);
        fits.then(|| Self(Zeroizing::new(line.to_owned()))).ok_or(InvalidPin)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    pub(super) fn to_log_in(&self) -> AuthPin {
        AuthPin::from(self.0.as_str().to_owned())
    }
}

/// Port: where the PIN of a token comes from, asked before every login: a new one counts from the next call on.
///
/// It is asked where it may block. Whatever it fails with must not hold what it read.
pub trait Pins: Send + Sync {
    /// The PIN as it is now.
    fn pin(&self) -> Result<Pin, Box<dyn Error + Send + Sync>>;
}

impl<F: Fn() -> Result<Pin, Box<dyn Error + Send + Sync>> + Send + Sync> Pins for F {
    fn pin(&self) -> Result<Pin, Box<dyn Error + Send + Sync>> {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidPin, Pin};

    #[test]
    fn a_pin_is_one_line() {
        let pin = Pin::parse(b"1234").unwrap();
        for same in [&b"1234\n"[..], b"1234\r\n"] {
            assert!(Pin::parse(same).unwrap().is(&pin));
        }
        assert!(!Pin::parse(b"1234 ").unwrap().is(&pin));
        for none in [&b""[..], b"\n", b"12\n34", b"1234\n\n", b"\xff", b"12\0", &[b'1'; 257]] {
            assert_eq!(Pin::parse(none).err(), Some(InvalidPin));
        }
    }
}
