use std::path::Path;

use ward_audit::note::VerifierKey;
use ward_audit::verify::Trust;

use crate::command::Stop;
use crate::directory;
use crate::options::Options;

/// Whose word counts, by what the command was given.
pub(crate) fn trust(options: &Options) -> Result<Trust, Stop> {
    if options.keys.is_empty() {
        return Err(Stop::Usage(
            "`--key` is needed: a verifier key that was not served with what it verifies".into(),
        ));
    }
    Ok(Trust::new(all(&options.keys)?, all(&options.witnesses)?, options.quorum)?)
}

/// The same, without asking for witnesses.
pub(crate) fn of_logs(options: &Options) -> Result<Trust, Stop> {
    Ok(Trust::new(all(&options.keys)?, Vec::new(), None)?)
}

fn all(given: &[String]) -> Result<Vec<VerifierKey>, Stop> {
    let mut keys = Vec::new();
    for given in given {
        match given.parse() {
            Ok(key) => keys.push(key),
            Err(_) => keys.extend(in_file(given)?),
        }
    }
    Ok(keys)
}

fn in_file(path: &str) -> Result<Vec<VerifierKey>, Stop> {
    let text = String::from_utf8(directory::file(Path::new(path))?).unwrap_or_default();
    let lines =
        text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r'])).filter(|line| !line.is_empty());
    let wrong = |_| Stop::Usage(format!("`{path}` is neither a verifier key nor a file of such"));
    let keys = lines.map(|line| line.parse().map_err(wrong)).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() { Err(Stop::Usage(format!("`{path}` holds no verifier key"))) } else { Ok(keys) }
}
