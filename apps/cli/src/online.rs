use serde_json::Value;
use ward_audit::tree::{Hash, verify_consistency};
use ward_audit::verify::{Reason, Refuted, Remembered, Source as _, Vouched, verify_log};

use crate::command::Stop;
use crate::directory::MOST;
use crate::keys;
use crate::options::Options;
use crate::report::Report;
use crate::served::Served;
use crate::state::State;

/// `ward audit verify`.
pub(crate) fn verify(options: &Options, api_key: Option<String>) -> Result<Report, Stop> {
    let trust = keys::trust(options)?;
    let mut log = Served::of(options, api_key)?;
    let state = State::given(options, State::open)?;
    let vouched = trust.vouch(&checkpoint(&mut log, !options.witnesses.is_empty())?)?;
    let before = match &state {
        Some(state) => state.remembered(&vouched.checkpoint.origin)?,
        None => None,
    };
    let contents = verify_log(&mut log, &vouched.checkpoint, before.as_ref(), options.full)?;
    if let Some(before) = &before {
        prove(&mut log, before, &vouched)?;
    }
    if let Some(state) = state {
        state.remember(&vouched, &contents)?;
    }
    Ok(Report::Log { vouched, contents, continues: before.map(|before| before.head.size) })
}

/// The latest checkpoint; or the latest that has witnesses, which may be somewhat older.
pub(crate) fn checkpoint(log: &mut Served, witnessed: bool) -> Result<Vec<u8>, Stop> {
    let path = if witnessed { "checkpoint?witnessed=true" } else { "checkpoint" };
    log.read(path, MOST)?.ok_or_else(|| Stop::Unread("no log is served there".into()))
}

/// Asks for the proof that the log has only grown, which everybody else would rely on.
fn prove(log: &mut Served, before: &Remembered, now: &Vouched) -> Result<(), Stop> {
    let (older, newer) = (&before.head, &now.checkpoint);
    if older.size == 0 || older.size == newer.size {
        return Ok(());
    }
    let path = format!("consistency?from={}&to={}", older.size, newer.size);
    let answer =
        log.read(&path, MOST)?.ok_or_else(|| Stop::Unread("no proof of consistency is served".into()))?;
    let proof = hashes(&answer).ok_or(Refuted::from(Reason::Malformed))?;
    verify_consistency((older.size, older.root), (newer.size, newer.root), &proof)
        .map_err(|_| Refuted::from(Reason::Unproven).into())
}

fn hashes(answer: &[u8]) -> Option<Vec<Hash>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer.get("path")?.as_array()?.iter().map(|hash| Hash::parse(hash.as_str()?)).collect()
}
