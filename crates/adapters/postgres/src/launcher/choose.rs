use std::fs;
use std::path::Path;

use super::error::{LaunchError, at};
use super::find::Binaries;

impl Binaries {
    /// The newest PostgreSQL that can run the cluster in `data_dir`: any for one that doesn't exist yet, else
    /// only its own major version. Looks in `chosen` alone where it is given (`WARD_PG_BINDIR`).
    pub fn find(data_dir: &Path, chosen: Option<&Path>) -> Result<Self, LaunchError> {
        let made_by = made_by(data_dir)?;
        let mut found = Self::installed(chosen);
        if found.is_empty() {
            return Err(
                chosen.map_or(LaunchError::NotInstalled, |path| LaunchError::NotThere(path.to_owned()))
            );
        }
        found.retain(|binaries| made_by.is_none_or(|major| binaries.version().major() == major));
        found.into_iter().next().ok_or(LaunchError::OtherMajor(made_by.unwrap_or_default()))
    }
}

/// The major version that made the cluster, where there is one.
fn made_by(data_dir: &Path) -> Result<Option<u32>, LaunchError> {
    let path = data_dir.join("cluster/PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(major) => Ok(major.trim().parse().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(&path)(error)),
    }
}
