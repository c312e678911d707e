//! Runs a statement inside a savepoint and looks at what came of it.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use sqlx::postgres::{PgDatabaseError, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, PgConnection, Row as _, ValueRef as _};
use uuid::Uuid;

use super::probe::{Context, Oracle, Probe};

#[derive(Debug)]
pub(crate) enum Answer {
    Done {
        /// The first column of the first row, if it is a number.
        count: i64,
        touched: u64,
        text: String,
    },
    Refused(Refusal),
}

#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    /// Which part of the server refused: says more than the code, in no language.
    routine: String,
    constraint: Option<String>,
    text: String,
}

/// What a statement proved.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// A wall said no.
    Refused,
    /// It ran and got nothing; which tells something only if there was something to get.
    Empty,
    Vacuous,
    Inconclusive,
    Breach(String),
}

/// Statements of one attack. Each is undone before the next.
#[derive(Debug)]
pub(crate) struct Field<'c> {
    pub(crate) conn: &'c mut PgConnection,
    pub(crate) attacker: Uuid,
    pub(crate) victim: Uuid,
}

impl Field<'_> {
    /// Tries `sql`. If it went well and `state` is given, also answers what `state` then says to the victim.
    pub(crate) async fn ask(
        &mut self,
        context: Context,
        sql: &str,
        state: Option<&str>,
    ) -> Result<(Answer, Option<String>), sqlx::Error> {
        self.run(&format!("SAVEPOINT probe{}", context.enter(self.attacker))).await?;
        let answer = match self.attempt(sql).await {
            Ok(answer) => answer,
            Err(error) => Answer::Refused(refusal(error)?),
        };
        let after = match (&answer, state) {
            (Answer::Done { .. }, Some(state)) => Some(self.state(state).await?),
            _ => None,
        };
        self.run("ROLLBACK TO SAVEPOINT probe; RELEASE SAVEPOINT probe").await?;
        Ok((answer, after))
    }

    /// What the victim itself sees.
    pub(crate) async fn state(&mut self, sql: &str) -> Result<String, sqlx::Error> {
        let message = format!("SET LOCAL ward.tenant = '{}'; {sql}", self.victim);
        sqlx::raw_sql(AssertSqlSafe(message)).fetch_one(&mut *self.conn).await?.try_get(0)
    }

    /// Becomes that tenant until the next savepoint is undone.
    pub(crate) async fn enter(&mut self, tenant: Uuid) -> Result<(), sqlx::Error> {
        self.run(&format!("SET LOCAL ward.tenant = '{tenant}'")).await
    }

    async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *self.conn).await.map(drop)
    }

    async fn attempt(&mut self, sql: &str) -> Result<Answer, sqlx::Error> {
        if sql.starts_with("COPY ") {
            return self.copy(sql).await;
        }
        let (mut touched, mut count, mut text) = (0, 0, String::new());
        let mut results = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_many(&mut *self.conn);
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Left(done) => touched += done.rows_affected(),
                Either::Right(row) => {
                    let cell = cell(&row)?;
                    count = cell.parse().unwrap_or(count);
                    text.extend([&*cell, "\n"]);
                }
            }
        }
        Ok(Answer::Done { count, touched, text })
    }

    /// sqlx 0.9.0 loses step with the server where `copy_out_raw` is refused; so it is only called on what is known not to be.
    async fn copy(&mut self, sql: &str) -> Result<Answer, sqlx::Error> {
        match self.run(sql).await {
            Ok(()) | Err(sqlx::Error::Protocol(_)) => self.conn.ping().await?,
            Err(refused) => return Err(refused),
        }
        let chunks: Vec<_> = self.conn.copy_out_raw(sql).await?.try_collect().await?;
        let text = chunks.iter().map(|chunk| String::from_utf8_lossy(chunk)).collect();
        Ok(Answer::Done { count: 0, touched: 0, text })
    }
}

impl Answer {
    /// Judges it by the oracle of `probe`; `markers` are the victim's values, `changed` whether the victim's rows are others now.
    pub(crate) fn judge(
        &self,
        probe: &Probe,
        context: Context,
        markers: &BTreeSet<String>,
        changed: bool,
    ) -> Outcome {
        let told = |text: &str| {
            markers.iter().any(|marker| text.contains(&**marker) && !probe.sql.contains(&**marker))
        };
        match self {
            Self::Refused(refusal) if told(&refusal.text) || refusal.text.contains("\"seen:") => {
                Outcome::Breach("the error message holds a value of the victim's".into())
            }
            Self::Refused(refusal) => refusal.judge(probe, context),
            Self::Done { .. } if changed => Outcome::Breach("rows of the victim's were changed".into()),
            Self::Done { count, touched, text } => match probe.oracle {
                Oracle::CountsNone if *count != 0 => {
                    Outcome::Breach(format!("{count} rows of other tenants"))
                }
                Oracle::TouchesNone if *touched != 0 => Outcome::Breach(format!("{touched} rows touched")),
                Oracle::Refused => Outcome::Breach("was not refused".into()),
                Oracle::Silent if told(text) => Outcome::Breach("answered a value of the victim's".into()),
                _ => Outcome::Empty,
            },
        }
    }
}

impl Refusal {
    /// By a right that isn't held, or by a policy; not by somebody's trigger.
    pub(crate) fn by_wall(&self) -> bool {
        self.code == "42501" && self.routine != "exec_stmt_raise"
    }

    /// By this unique index or exclusion constraint.
    pub(crate) fn by_key(&self, index: &str) -> bool {
        matches!(&*self.code, "23505" | "23P01") && self.constraint.as_deref() == Some(index)
    }

    fn judge(&self, probe: &Probe, context: Context) -> Outcome {
        let writes = matches!(probe.oracle, Oracle::TouchesNone | Oracle::Refused);
        match (self.code.as_bytes(), probe.oracle) {
            _ if self.by_wall() => Outcome::Refused,
            // The tenant that is set is no uuid.
            (b"22P02", _) if context == Context::Garbage => Outcome::Refused,
            // Whatever a function refuses it refuses for its own reasons.
            (_, Oracle::Silent) if !matches!(&*self.code, "55P03" | "57014") => Outcome::Refused,
            // A policy is asked before constraints and before triggers see an old row.
            ([b'2', b'3', ..] | b"42501" | b"0A000", _) if writes => {
                Outcome::Breach(format!("passed the policy; refused with {} only then", self.code))
            }
            _ => Outcome::Inconclusive,
        }
    }
}

/// Any row as text: the simple protocol sends nothing else.
fn cell(row: &PgRow) -> Result<String, sqlx::Error> {
    let value = row.try_get_raw(0)?;
    if value.is_null() {
        return Ok(String::new());
    }
    value.as_str().map(str::to_owned).map_err(sqlx::Error::Decode)
}

/// What the server said; an error of the connection stays one.
fn refusal(error: sqlx::Error) -> Result<Refusal, sqlx::Error> {
    let Some(said) = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>()) else {
        return Err(error);
    };
    let parts = [Some(said.message()), said.detail(), said.hint(), said.r#where()];
    Ok(Refusal {
        code: said.code().to_owned(),
        constraint: said.constraint().map(str::to_owned),
        routine: said.routine().unwrap_or_default().to_owned(),
        text: parts.into_iter().flatten().collect::<Vec<_>>().join("\n"),
    })
}
