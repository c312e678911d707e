//! Keys in hardware, reached through the PKCS#11 library that its maker ships.
//!
//! Each call opens a session, logs in, looks at the key, uses it and logs out again, so that whoever destroys the key, or changes the
//! PIN, is obeyed by the next call. What is logged in counts for the whole process, so the calls to one token follow each other.
//!
//! **The library** ([`Module`]) is loaded once in a process, when it is first needed, and initialised anew when it lost what it knew, when
//! a token is missing that may have come since, before a PIN is tried that hasn't worked before, and now and then besides: some libraries,
//! SoftHSM's among them, believe the PIN that they read when they were initialised. That takes a hundredth of the time, so such a library
//! obeys a changed PIN after a hundred times as long as initialising takes: 20 milliseconds with SoftHSM. Where the token checks the PIN
//! itself, it does so in every call.
//!
//! **A wrong PIN** isn't tried again by itself, since tokens lock themselves after a few: not before the token says that somebody logged
//! in since, or a minute has passed, then two, up to an hour. Another PIN is tried at once. Where the token says that one try is left, none
//! is made: log in by other means, and that is over. Each replica tries for itself.
//!
//! **The key** is a secret AES key of 32 bytes on the token, sensitive, not extractable, that may encrypt and decrypt, and the only one with
//! its label or id. No other is used. Ward gives the initialisation vector; where the token makes its own, that one counts.
//!
//! A library may hang for as long as its hardware does, and the thread with it. Sixteen may, in each library, and no runtime waits for
//! them when it ends; put [`Guarded`](crate::Guarded) around the keys, so that nobody else does.

mod address;
mod aside;
mod failure;
mod keys;
mod login;
mod module;
mod object;
mod pin;
mod token;
mod tries;
mod wrapped;

pub use address::{Address, InvalidAddress};
pub use failure::Trouble;
pub use keys::Pkcs11Keys;
pub use module::Module;
pub use pin::{InvalidPin, Pin, Pins};
