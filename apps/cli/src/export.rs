use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use ward_audit::verify::{ExportProof, Reason, Refuted, Trust};

use crate::command::Stop;
use crate::directory;
use crate::options::Options;
use crate::report::Report;
use crate::state::State;

/// The longest line: that of an entry of 65,535 bytes has fewer.
const MOST: u64 = 1 << 20;

/// Verifies the proof of an export line by line, and that the file beside it is the one that was exported; nothing, if `path` is no
/// such proof.
pub(crate) fn verify(
    path: &Path,
    trust: &Trust,
    state: Option<&State>,
    options: &Options,
) -> Result<Option<Report>, Stop> {
    let unread = |error: io::Error| Stop::unread(path.display(), error);
    let mut file = BufReader::new(directory::open(path)?);
    let first = line(&mut file).map_err(unread)?.unwrap_or_default();
    let Some(proof) = ExportProof::open(&first, trust) else { return Ok(None) };
    let mut proof = proof?;
    if let Some(state) = state {
        let before = state.remembered(&proof.head().origin)?;
        before.map_or(Ok(()), |before| before.allows(proof.head()))?;
    }
    while let Some(line) = line(&mut file).map_err(unread)? {
        proof.line(&line)?;
    }
    let exported = proof.close()?;
    let export = options.export.as_deref().map(Path::new);
    if let Some(export) = export
        && digest(export)? != exported.sha256
    {
        return Err(Refuted::from(Reason::OtherFile).into());
    }
    Ok(Some(Report::Export { exported, has_file: export.is_some() }))
}

/// The next line, or what of it is not too long to be one.
fn line(file: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = file.take(MOST).read_until(b'\n', &mut line)?;
    Ok((read > 0).then_some(line))
}

fn digest(path: &Path) -> Result<String, Stop> {
    let (mut file, mut digest) = (directory::open(path)?, Sha256::new());
    let mut bytes = vec![0; 1 << 16];
    loop {
        match file.read(&mut bytes).map_err(|error| Stop::unread(path.display(), error))? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(bytes.get(..read).unwrap_or_default()),
        }
    }
}
