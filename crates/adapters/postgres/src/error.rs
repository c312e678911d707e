use sea_orm::{DbErr, RuntimeErr};
use ward::kernel::StoreError;

const UNIQUE_VIOLATION: &str = "23505";

/// Maps by SQLSTATE, then by constraint name; the driver's own words stay in the source, for the log.
pub(crate) fn failed(error: impl Into<Failure>) -> StoreError {
    let Failure(error) = error.into();
    if let Some(database) = error.as_database_error()
        && database.code().as_deref() == Some(UNIQUE_VIOLATION)
    {
        return StoreError::Taken { constraint: database.constraint().unwrap_or_default().to_owned() };
    }
    StoreError::Failed(Box::new(error))
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
