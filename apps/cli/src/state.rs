use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};
use ward_audit::note::{Checkpoint, Note};
use ward_audit::verify::{Contents, Remembered, Vouched};

use crate::command::Stop;
use crate::options::Options;
use crate::{directory, keys, report};

/// The checkpoints that were seen last, one for each origin. Whoever can write the file decides what is remembered.
pub(crate) struct State {
    path: PathBuf,
    logs: Map<String, Value>,
    /// It is a checkpoint of one log, and says nothing of others.
    is_checkpoint: bool,
}

impl State {
    /// What the command was given to hold a log against: a state, or a checkpoint that was kept.
    pub(crate) fn given(
        options: &Options,
        state: fn(&str) -> Result<Self, Stop>,
    ) -> Result<Option<Self>, Stop> {
        match (&options.state, &options.since) {
            (Some(_), Some(_)) => Err(Stop::Usage("`--since` goes without `--state`".into())),
            (Some(path), None) => state(path).map(Some),
            (None, Some(path)) => Self::checkpoint(path, options).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// A checkpoint that one of the log's keys must have signed; witnesses need not.
    fn checkpoint(path: &str, options: &Options) -> Result<Self, Stop> {
        let path = PathBuf::from(path);
        let Vouched { checkpoint, note, .. } = keys::of_logs(options)?.vouch(&directory::file(&path)?)?;
        let seen = json!({ "checkpoint": note.to_string(), "latest": null });
        Ok(Self { path, logs: [(checkpoint.origin, seen)].into_iter().collect(), is_checkpoint: true })
    }

    /// Reads a state that must be there.
    pub(crate) fn load(path: &str) -> Result<Self, Stop> {
        let path = PathBuf::from(path);
        let bytes = directory::file(&path)?;
        let mut state: Value =
            serde_json::from_slice(&bytes).map_err(|_| Stop::unread(path.display(), "not a state"))?;
        match state.get_mut("logs").map(Value::take) {
            Some(Value::Object(logs)) => Ok(Self { path, logs, is_checkpoint: false }),
            _ => Err(Stop::unread(path.display(), "not a state")),
        }
    }

    /// Reads a state, or begins one.
    pub(crate) fn open(path: &str) -> Result<Self, Stop> {
        if Path::new(path).exists() {
            Self::load(path)
        } else {
            Ok(Self { path: path.into(), logs: Map::new(), is_checkpoint: false })
        }
    }

    pub(crate) fn remembered(&self, origin: &str) -> Result<Option<Remembered>, Stop> {
        let Some(log) = self.logs.get(origin) else {
            let other = || Stop::Usage(format!("`{}` is a checkpoint of another log", self.path.display()));
            return if self.is_checkpoint { Err(other()) } else { Ok(None) };
        };
        let read = || {
            let note = Note::parse(log.get("checkpoint")?.as_str()?).ok()?;
            let head = Checkpoint::parse(&note).ok().filter(|head| head.origin == origin)?;
            let latest = match log.get("latest")? {
                Value::Null => None,
                time => Some(NaiveDateTime::parse_from_str(time.as_str()?, report::TIME).ok()?),
            };
            Some(Remembered { head, latest })
        };
        read().map(Some).ok_or_else(|| Stop::unread(self.path.display(), "not a state"))
    }

    /// Remembers what was verified, unless something newer has been meanwhile. A checkpoint stays as it is.
    pub(crate) fn remember(self, vouched: &Vouched, contents: &Contents) -> Result<(), Stop> {
        if self.is_checkpoint {
            return Ok(());
        }
        let Checkpoint { origin, size, .. } = &vouched.checkpoint;
        let path = self.path.to_string_lossy().into_owned();
        let mut newest = Self::open(&path)?;
        if newest.remembered(origin)?.is_some_and(|before| before.head.size > *size) {
            return Ok(());
        }
        let latest = contents.latest.map(|time| time.format(report::TIME).to_string());
        newest
            .logs
            .insert(origin.clone(), json!({ "checkpoint": vouched.note.to_string(), "latest": latest }));
        directory::replace(&self.path, format!("{:#}\n", json!({ "logs": newest.logs })).as_bytes())
    }
}
