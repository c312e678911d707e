//! Which servers have the fixes for the holes in row-level security that are known.

/// For each major version, the first minor one without a known hole, from the release notes up to 2026-11-12.
///
/// 15.20 closes the last four: CVE-2026-116311, CVE-2026-120154, CVE-2026-16237 and CVE-2026-116327. What closes them in
/// other major versions was not verified, so those are not in the list.
const FIXED: [(i32, i32); 1] = [(15, 20)];

/// Why a server of this version can't carry the proof, if so.
pub(crate) fn shortfall(server_version_num: i32) -> Option<String> {
    let (major, minor) = (server_version_num / 10_000, server_version_num % 10_000);
    match FIXED.iter().find(|(known, _)| *known == major) {
        Some((_, first)) if minor >= *first => None,
        Some((_, first)) => Some(format!(
            "PostgreSQL {major}.{minor} has known holes in row-level security, fixed in {major}.{first}"
        )),
        None => Some(format!(
            "it is not verified which PostgreSQL {major} closes the known holes in row-level security"
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
