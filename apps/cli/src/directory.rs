use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ward_audit::verify::Source;

use crate::command::Stop;

/// What proofs, checkpoints, keys and states may weigh.
pub(crate) const MOST: usize = 4 << 20;

/// A log that was copied into a directory.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Source for Directory {
    type Error = Stop;

    fn read(&mut self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Stop> {
        let path = self.0.join(path);
        read(&path, most).map_err(|error| Stop::unread(path.display(), error))
    }
}

/// A file that must be there.
pub(crate) fn file(path: &Path) -> Result<Vec<u8>, Stop> {
    match read(path, MOST) {
        Ok(Some(bytes)) if bytes.len() <= MOST => Ok(bytes),
        Ok(Some(_)) => Err(Stop::unread(path.display(), "longer than 4 MiB")),
        Ok(None) => Err(Stop::unread(path.display(), "not there")),
        Err(error) => Err(Stop::unread(path.display(), error)),
    }
}

/// A file that must be there, to be read piece by piece.
pub(crate) fn open(path: &Path) -> Result<File, Stop> {
    match opened(path) {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(Stop::unread(path.display(), "not there")),
        Err(error) => Err(Stop::unread(path.display(), error)),
    }
}

/// Not more than `most` bytes and one, so that what is too long shows.
fn read(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = opened(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn opened(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("not a file")),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        found => found.and_then(|_| File::open(path)).map(Some),
    }
}

/// Puts a file where there is none, or another one, so that after a crash there is one of the two.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let written = || -> io::Result<()> {
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}.new", std::process::id()));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(directory)?.sync_all()
    };
    written().map_err(|error| Stop::unread(path.display(), error))
}
