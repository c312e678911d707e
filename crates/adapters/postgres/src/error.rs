use sea_orm::{DbErr, RuntimeErr};
use ward::kernel::StoreError;

const UNIQUE_VIOLATION: &str = "23505";
const READ_ONLY_SQL_TRANSACTION: &str = "25006";
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";

/// Maps by SQLSTATE, then by constraint name; the driver's own words stay in the source, for the log.
pub(crate) fn failed(error: impl Into<Failure>) -> StoreError {
    let Failure(error) = error.into();
    let database = error.as_database_error();
    match database.and_then(|database| database.code()).as_deref() {
        Some(UNIQUE_VIOLATION) => {
            let constraint = database.and_then(|database| database.constraint()).unwrap_or_default();
            StoreError::Taken { constraint: constraint.to_owned() }
        }
        Some(READ_ONLY_SQL_TRANSACTION) => StoreError::ReadOnly,
        Some(SERIALIZATION_FAILURE | DEADLOCK_DETECTED) => StoreError::Raced(Box::new(error)),
        _ => StoreError::Failed(Box::new(error)),
    }
}

pub(crate) struct Failure(sqlx::Error);

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::Query(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Conn(RuntimeErr::SqlxError(error)) => match std::sync::Arc::try_unwrap(error) {
                Ok(error) => Self(error),
                Err(shared) => Self(sqlx::Error::Protocol(shared.to_string())),
            },
            other => Self(sqlx::Error::Protocol(other.to_string())),
        }
    }
}
