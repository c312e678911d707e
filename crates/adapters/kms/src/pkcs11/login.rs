use std::time::Instant;

use cryptoki::context::{Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};

use super::failure::{Failure, Trouble};
use super::pin::{Pin, Pins};
use super::token;
use super::tries::{Known, Leave, Tries};

/// A session that is logged in, until it is dropped.
pub(super) struct Login(Session);

impl Login {
    /// Logs in to the token that `label` names, if its PIN may be tried.
    pub(super) fn new(
        (library, known): (&Pkcs11, Known),
        label: &str,
        pins: &dyn Pins,
        tries: &mut Tries,
    ) -> Result<Self, Failure> {
        let pin = pins.pin().map_err(|error| Failure::Down(Trouble::Pin(error)))?;
        let (slot, left) = token::find(library, label)?;
        match tries.leave(&pin, left, known, Instant::now()) {
            Leave::Granted => {}
            Leave::Anew => return Err(Failure::Lost(Trouble::Untried)),
            Leave::Denied => return Err(Failure::Refused("the PIN was wrong, and isn't tried again yet")),
        }
        let session = library.open_ro_session(slot)?;
        match log_in(&session, &pin) {
            Ok(()) => tries.worked(pin),
            Err(error) => {
                let failure = failed(error);
                if matches!(failure, Failure::Refused(WRONG)) {
                    tries.was_wrong(pin, token::has_fewer(library, slot), Instant::now());
                }
                return Err(failure);
            }
        }
        Ok(Self(session))
    }

    pub(super) fn session(&self) -> &Session {
        &self.0
    }
}

/// Before the session ends: otherwise whoever comes next would be logged in without a PIN.
impl Drop for Login {
    fn drop(&mut self) {
        let _ended = self.0.logout(); // the login ends with its last session all the same
    }
}

/// A login that somebody left behind is ended first, since it proves nothing about the PIN.
fn log_in(session: &Session, pin: &Pin) -> Result<(), Error> {
    let log_in = || session.login(UserType::User, Some(&pin.to_log_in()));
    match log_in() {
        Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
            session.logout()?;
            log_in()
        }
        answer => answer,
    }
}

const WRONG: &str = "the PIN is wrong";

fn failed(error: Error) -> Failure {
    use RvError::{
        ActionProhibited, FunctionRejected, NewPinMode, PinExpired, PinIncorrect, PinInvalid, PinLenRange,
        PinLocked, PinTooWeak, UserPinNotInitialized, UserTypeInvalid,
    };
    match error {
        Error::Pkcs11(PinIncorrect | PinInvalid | PinLenRange, Function::Login) => Failure::Refused(WRONG),
        Error::Pkcs11(PinLocked, Function::Login) => Failure::Refused("the token is locked"),
        Error::Pkcs11(
            PinExpired
            | PinTooWeak
            | NewPinMode
            | UserPinNotInitialized
            | UserTypeInvalid
            | ActionProhibited
            | FunctionRejected,
            Function::Login,
        ) => Failure::Refused("nobody may log in with that PIN"),
        error => Failure::from(error),
    }
}
