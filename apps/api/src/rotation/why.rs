//! Why a step of a rotation failed, in a word that whoever runs the deployment is told.

use std::error::Error;

use ward::crypto::{KeyError, ServiceError, Unloaded};
use ward::kernel::StoreError;

/// The word for `error`; what it says in full is logged, and may hold anything.
pub(super) fn word(error: &(dyn Error + 'static)) -> &'static str {
    let mut causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.find_map(known).unwrap_or("failed")
}

fn known(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let key = error.downcast_ref::<Unloaded>().map(Unloaded::why).or_else(|| error.downcast_ref());
    Some(match (key, error.downcast_ref()) {
        (Some(KeyError::Service(ServiceError::Refused)), _) => "key-refused",
        (Some(KeyError::Service(ServiceError::Unavailable(_))), _) => "key-unreachable",
        (Some(KeyError::Spent(_)), _) => "key-spent",
        (Some(_), _) => "key-broken",
        (None, Some(StoreError::Raced(_))) => "raced",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: KeyError) -> &'static str {
        word(&StoreError::KeyUnavailable(Box::new(Unloaded::from(error))))
    }

    #[test]
    fn what_failed_is_told_in_a_word() {
        assert_eq!(of(ServiceError::Refused.into()), "key-refused");
        assert_eq!(of(ServiceError::Unavailable("10.0.0.1 is silent".into()).into()), "key-unreachable");
        assert_eq!(of(KeyError::Broken(1.into())), "key-broken");
        let asked = KeyError::Service(ServiceError::Refused);
        assert_eq!(word(&StoreError::KeyUnavailable(Box::new(asked))), "key-refused");
        assert_eq!(word(&StoreError::Raced("twice".into())), "raced");
        assert_eq!(word(&StoreError::Poisoned), "failed");
    }
}
