use super::apt;
use crate::process::Outcome;

// Tests look for SoftHSM when they run; this is the same code, so that both find the same.
#[path = "../../../crates/testkit/src/hsm/find.rs"]
mod find;

/// Makes sure of SoftHSM's library.
pub(crate) fn hsm() -> Outcome {
    let missing = || format!("SoftHSM is needed by the tests; install it with `{}`", find::INSTALL);
    if find::library().is_some_and(|library| library.is_file()) {
        return Ok(());
    }
    if !apt::may_install() {
        return Err(missing().into());
    }
    apt::install(&["softhsm2"])?;
    find::library().map(drop).ok_or_else(|| missing().into())
}
