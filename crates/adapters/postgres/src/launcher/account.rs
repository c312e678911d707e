use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::error::{LaunchError, at};

/// The account that PostgreSQL runs as where Ward itself is root.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// `None` for a process that isn't root: PostgreSQL then runs as itself. A cluster that exists keeps its
    /// owner.
    pub(super) fn to_drop_to(cluster: &Path) -> Result<Option<Self>, LaunchError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(held) = fs::metadata(cluster)
            && held.uid() != 0
        {
            return Ok(Some(Self { uid: held.uid(), gid: held.gid() }));
        }
        let path = Path::new("/etc/passwd");
        let passwd = fs::read_to_string(path).map_err(at(path))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::named(name, &passwd))
            .map(Some)
            .ok_or(LaunchError::NoAccount)
    }

    fn named(name: &str, passwd: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let entry = passwd.lines().map(fields).find(|fields| fields.first().is_some_and(|n| n == name))?;
        Some(Self { uid: entry.get(2)?.parse().ok()?, gid: entry.get(3)?.parse().ok()? })
    }

    /// Whether the account may pass through every directory above `path`.
    pub(super) fn reaches(self, path: &Path) -> bool {
        let mut probe = Command::new("/bin/sh");
        probe.args(["-c", r#"cd -- "$1""#, "sh"]).arg(path).uid(self.uid).gid(self.gid).current_dir("/");
        probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::Account;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\npostgres2:x:7:8::/:\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        assert_eq!(Account::named("postgres", passwd), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(Account::named("nobody", passwd), None);
        assert_eq!(Account::named("nobody", "nobody:*:-2:-2::/:/usr/bin/false"), None);
    }
}
