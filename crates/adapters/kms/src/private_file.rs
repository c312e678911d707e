//! Files that only their owner reads: what holds a secret.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use zeroize::Zeroizing;

/// Why a file isn't believed to hold a secret. The path isn't told: it is the secret itself where somebody mistook one for the other.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// There is no such file, or it can't be read.
    #[error("can't be read")]
    Unreadable(#[from] io::Error),
    /// A directory, a pipe or a device: nothing that keeps a secret.
    #[error("is no regular file")]
    Irregular,
    /// Whoever owns the file may read it.
    #[error("must belong to the user that Ward runs as")]
    Foreign,
    /// Others than its owner may read it.
    #[error("must be readable by its owner alone (mode 0600)")]
    Exposed,
    /// No secret is so long.
    #[error("is longer than what it should hold")]
    Long,
}

/// The whole file, of `most` bytes. A link is judged by what it leads to.
pub fn read(file: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, Unfit> {
    // Before it is opened: a pipe would wait for a writer.
    if !fs::metadata(file)?.is_file() {
        return Err(Unfit::Irregular);
    }
    let file = File::open(file)?;
    let held = file.metadata()?;
    if held.uid() != rustix::process::geteuid().as_raw() {
        return Err(Unfit::Foreign);
    }
    if held.mode() & 0o077 != 0 {
        return Err(Unfit::Exposed);
    }
    if held.len() > most {
        return Err(Unfit::Long);
    }
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(most).unwrap_or_default()));
    file.take(most).read_to_end(&mut text)?;
    Ok(text)
}
