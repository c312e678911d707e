//! Pools without the driver's own upkeep.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;

/// After this a connection ends when it is given back, with whatever its server process has gathered.
const LIFETIME: Duration = Duration::from_secs(1800);

/// The driver (sqlx 0.9) counts a connection as idle after it has offered it: who takes it in between makes the count wrap, and upkeep
/// that reads it then goes round 2⁶⁴ times without a pause, for ever and with a thread of the runtime. So there is none, and no timer
/// that calls for it.
pub(crate) fn options() -> PgPoolOptions {
    PgPoolOptions::new()
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|_, connection| Box::pin(async move { Ok(connection.age < LIFETIME) }))
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn a_pool_has_no_upkeep_of_the_drivers() {
        assert_eq!((options().get_idle_timeout(), options().get_max_lifetime()), (None, None));
        assert_eq!(options().get_min_connections(), 0);
    }
}
