use std::path::Path;

use ward_audit::verify::{EntryProof, NoProof, Reason, Refuted, Remembered, Source as _, verify_log};

use crate::command::Stop;
use crate::directory::{self, Directory, MOST};
use crate::options::Options;
use crate::report::Report;
use crate::state::State;
use crate::{export, keys};

/// `ward verify`.
pub(crate) fn verify(options: &Options) -> Result<Report, Stop> {
    let trust = keys::trust(options)?;
    let state = State::given(options, State::load)?;
    let remembered = |origin: &str| state.as_ref().map_or(Ok(None), |state| state.remembered(origin));
    let path = Path::new(options.operand());
    if !path.is_dir() {
        if let Some(report) = export::verify(path, &trust, state.as_ref(), options)? {
            return Ok(report);
        }
        beside_only(&options.export, "`--export` goes with the proof of an export")?;
        let entry = options.entry.as_deref().map(|path| directory::file(Path::new(path))).transpose()?;
        let proof = EntryProof::parse(&directory::file(path)?, entry).map_err(unproven)?;
        let shown = proof.verify(&trust)?;
        let head = &shown.vouched.checkpoint;
        remembered(&head.origin)?.as_ref().map_or(Ok(()), |before| before.allows(head))?;
        return Ok(Report::Entry(shown));
    }
    beside_only(&options.entry, "`--entry` goes with a proof, not with a log")?;
    beside_only(&options.export, "`--export` goes with the proof of an export")?;
    let mut log = Directory(path.to_owned());
    let note = log
        .read("checkpoint", MOST)?
        .ok_or_else(|| Stop::unread(path.display(), "there is no `checkpoint`"))?;
    let vouched = trust.vouch(&note)?;
    let before: Option<Remembered> = remembered(&vouched.checkpoint.origin)?;
    let contents = verify_log(&mut log, &vouched.checkpoint, before.as_ref(), true)?;
    Ok(Report::Log { vouched, contents, continues: before.map(|before| before.head.size) })
}

fn beside_only(given: &Option<String>, what: &str) -> Result<(), Stop> {
    if given.is_some() { Err(Stop::Usage(what.into())) } else { Ok(()) }
}

fn unproven(reason: NoProof) -> Stop {
    match reason {
        NoProof::NoEntry => Stop::Usage(format!("{reason}: `--entry FILE`")),
        _ => Refuted::from(Reason::Malformed).into(),
    }
}
