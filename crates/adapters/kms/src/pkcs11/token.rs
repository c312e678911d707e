use cryptoki::context::Pkcs11;
use cryptoki::slot::{Slot, TokenInfo};

use super::failure::{Failure, Trouble};
use super::tries::Left;

/// The one token with that label, and where it is. What is wrong with others is no concern of whoever looks for it.
pub(super) fn find(library: &Pkcs11, label: &str) -> Result<(Slot, Left), Failure> {
    let mut found = None;
    let mut why = Trouble::NoToken;
    for slot in library.get_slots_with_token()? {
        match library.get_token_info(slot) {
            Ok(token) if token.token_initialized() && token.label() == label => {
                if found.replace((slot, left(&token))).is_some() {
                    return Err(Failure::Refused("two tokens have that label"));
                }
            }
            Ok(_) => {}
            Err(error) => why = error.into(),
        }
    }
    found.ok_or(Failure::Lost(why))
}

/// What the token says now, of a login that just failed.
pub(super) fn has_fewer(library: &Pkcs11, slot: Slot) -> bool {
    library.get_token_info(slot).is_ok_and(|token| left(&token).fewer)
}

fn left(token: &TokenInfo) -> Left {
    let few = token.user_pin_final_try() || token.user_pin_locked();
    Left { fewer: few || token.user_pin_count_low(), few }
}
