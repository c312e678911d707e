use ward_audit::verify::{EntryProof, Reason, Refuted, Source as _};

use crate::command::Stop;
use crate::directory::MOST;
use crate::keys;
use crate::options::Options;
use crate::report::Report;
use crate::served::Served;

/// `ward audit prove`: fetches the proof of one entry and verifies it, so that what is kept is known to hold.
pub(crate) fn prove(options: &Options, api_key: Option<String>) -> Result<Report, Stop> {
    let (trust, id) = (keys::trust(options)?, options.operand().to_ascii_lowercase());
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Err(Stop::Usage("an entry is named by the id of its event".into()));
    }
    let mut log = Served::of(options, api_key)?;
    let witnessed = if options.witnesses.is_empty() { "" } else { "?witnessed=true" };
    let answer = log.read(&format!("events/{id}/proof{witnessed}"), MOST)?;
    let answer = answer.ok_or_else(|| Stop::unread(&id, "there is no such entry"))?;
    let proof = EntryProof::parse(&answer, None).map_err(|_| Refuted::from(Reason::Malformed))?;
    let shown = proof.verify(&trust)?;
    if shown.id.to_string() != id {
        return Err(Stop::unread(&id, "the proof of another entry is served"));
    }
    Ok(Report::Proven { bundle: proof.bundle(&shown.vouched).to_string(), shown })
}
