use std::fmt;

/// The oldest major version that Ward runs on.
pub const OLDEST: u32 = 15;

/// For each major version, the first minor one that closes every hole in row-level security known on
/// 2026-11-24 (CVE-2026-116311, CVE-2026-120154, CVE-2026-16237 and CVE-2026-116327, from the release notes
/// of 15.20).
const FIXED_IN: &[(u32, u32)] = &[(15, 20)];

/// A version of PostgreSQL.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    major: u32,
    minor: u32,
}

/// Whether a version of PostgreSQL has the fixes for the known holes in row-level security.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fixes {
    /// It has them all.
    Complete,
    /// It lacks some, which this minor version brings.
    Missing(Version),
    /// Nobody has entered yet which minor version of that major one brings them.
    Unknown,
}

impl Version {
    /// Reads what `postgres --version` prints; a beta counts as minor version 0.
    pub fn parse(printed: &str) -> Option<Self> {
        let (_, number) = printed.split_once("(PostgreSQL) ")?;
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        let major = digits(number);
        let minor = number.strip_prefix(&major)?.strip_prefix('.').map(digits);
        Some(Self { major: major.parse().ok()?, minor: minor.and_then(|m| m.parse().ok()).unwrap_or(0) })
    }

    /// The version that a server's `server_version_num`, such as 150020, stands for.
    pub fn from_num(num: u32) -> Self {
        Self { major: num / 10_000, minor: num % 10_000 }
    }

    /// The number as `server_version_num` has it.
    pub fn num(self) -> u32 {
        self.major * 10_000 + self.minor
    }

    /// The major version, which the files of a cluster belong to.
    pub fn major(self) -> u32 {
        self.major
    }

    /// Whether it has the fixes that tenant isolation needs.
    pub fn fixes(self) -> Fixes {
        match FIXED_IN.iter().find(|(major, _)| *major == self.major) {
            Some((_, minor)) if self.minor >= *minor => Fixes::Complete,
            Some((major, minor)) => Fixes::Missing(Self { major: *major, minor: *minor }),
            None => Fixes::Unknown,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fixes, Version};

    fn version(number: &str) -> Option<u32> {
        Version::parse(&format!("postgres (PostgreSQL) {number}\n")).map(Version::num)
    }

    #[test]
    fn a_version_is_read_from_what_the_server_prints() {
        assert_eq!(version("15.20 (Debian 15.20-0+deb12u1)"), Some(150_020));
        assert_eq!(version("18beta1"), Some(180_000));
        assert_eq!(version("17"), Some(170_000));
        assert_eq!(version("devel"), None);
        assert_eq!(Version::parse("psql 15.20"), None);
        assert_eq!(Version::from_num(150_020).to_string(), "15.20");
    }

    #[test]
    fn a_minor_version_below_the_fix_is_told_from_one_nobody_knows() {
        let fixes = |num| Version::from_num(num).fixes();
        assert_eq!(fixes(150_020), Fixes::Complete);
        assert_eq!(fixes(150_021), Fixes::Complete);
        assert_eq!(fixes(150_019), Fixes::Missing(Version::from_num(150_020)));
        assert_eq!(fixes(170_001), Fixes::Unknown);
    }
}
