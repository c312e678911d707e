//! Which servers can carry the proof: those that have the fixes for the known holes in row-level security.

use crate::launcher::{Fixes, Version};

/// Why a server of this version can't carry the proof, if so.
pub(crate) fn shortfall(server_version_num: i32) -> Option<String> {
    let version = Version::from_num(server_version_num.unsigned_abs());
    match version.fixes() {
        Fixes::Complete => None,
        Fixes::Missing(fixed) => {
            Some(format!("PostgreSQL {version} has known holes in row-level security, fixed in {fixed}"))
        }
        Fixes::Unknown => Some(format!(
            "it is not verified which PostgreSQL {} closes the known holes in row-level security",
            version.major()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::shortfall;

    #[test]
    fn only_a_server_known_to_be_fixed_has_no_shortfall() {
        assert_eq!(shortfall(150_020), None);
        assert_eq!(shortfall(150_021), None);
        assert!(shortfall(150_019).unwrap().contains("fixed in 15.20"));
        assert!(shortfall(170_009).unwrap().contains("not verified"));
        assert!(shortfall(140_099).unwrap().contains("not verified"));
    }
}
