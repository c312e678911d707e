use std::io;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;
use ward::kernel::StoreError;

const UNIQUE_VIOLATION: &str = "23505";
const READ_ONLY_SQL_TRANSACTION: &str = "25006";
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Maps by SQLSTATE, then by constraint name. The driver's own words are left out: they may quote a value.
pub(crate) fn failed(error: impl Into<Failure>) -> StoreError {
    let Failure(error) = error.into();
    let Some(answer) = error.as_database_error() else {
        return StoreError::Failed(Box::new(Fault::of_driver(&error)));
    };
    match answer.code().as_deref() {
        Some(UNIQUE_VIOLATION) => {
            StoreError::Taken { constraint: answer.constraint().unwrap_or_default().to_owned() }
        }
        Some(READ_ONLY_SQL_TRANSACTION) => StoreError::ReadOnly,
        Some(SERIALIZATION_FAILURE | DEADLOCK_DETECTED | LOCK_NOT_AVAILABLE) => {
            StoreError::Raced(Box::new(Fault::of_database(answer)))
        }
        _ => StoreError::Failed(Box::new(Fault::of_database(answer))),
    }
}

/// What went wrong, fit for a log: codes and names, no value.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("SQLSTATE {code}, table `{table}`, constraint `{constraint}`")]
    Database { code: String, table: String, constraint: String },
    #[error("no connection came free in time")]
    Exhausted,
    #[error("the connection broke: {0}")]
    Broken(io::ErrorKind),
    #[error("a column is not of the type that it should be")]
    Column,
    #[error("the driver failed")]
    Driver,
}

impl Fault {
    fn of_database(answer: &dyn DatabaseError) -> Self {
        let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
        Self::Database {
            code: answer.code().unwrap_or_default().into_owned(),
            table: name(answer.table()),
            constraint: name(answer.constraint()),
        }
    }

    fn of_driver(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Exhausted,
            sqlx::Error::Io(error) => Self::Broken(error.kind()),
            sqlx::Error::PoolClosed => Self::Broken(io::ErrorKind::NotConnected),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => Self::Column,
            _ => Self::Driver,
        }
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
