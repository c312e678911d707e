//! A profile: what a deployment is, as data. Its roles, the form of its keys, its cipher, and what it claims.

mod claim;

use serde::Deserialize;
use ward::assurance::Claim;
use ward::crypto::Suite;
use ward::identity::Format;
use ward::rbac::Role;

/// The profiles that come with Ward, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("workforce", include_str!("../../profiles/workforce.toml")),
    ("quality", include_str!("../../profiles/quality.toml")),
    ("helpdesk", include_str!("../../profiles/helpdesk.toml")),
    ("practice", include_str!("../../profiles/practice.toml")),
    ("solo", include_str!("../../profiles/solo.toml")),
];

/// What a deployment is.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// Its name, which tenants keep.
    pub(crate) name: String,
    /// The title of its trust page.
    pub(crate) title: String,
    /// The cipher of new values.
    pub(crate) suite: Suite,
    /// How its API keys look.
    pub(crate) api_key: Format,
    /// The roles that its users may hold.
    pub(crate) roles: Vec<Role>,
    /// What it claims, in the order of its trust page.
    pub(crate) claims: Vec<Claim>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ProfileError {
    /// Neither a name nor a file's.
    #[error(
        "`{0}` is no profile: name `workforce`, `quality`, `helpdesk`, `practice`, `solo` or a file ending in `.toml`"
    )]
    Unknown(String),
    /// The file can't be read.
    #[error("profile `{0}` can't be read")]
    Unreadable(String, #[source] std::io::Error),
    /// All that is wrong with it.
    #[error("profile `{name}` doesn't hold together:\n{}", faults.join("\n"))]
    Invalid {
        /// Which.
        name: String,
        /// One a line.
        faults: Vec<String>,
    },
}

impl Profile {
    /// The built-in profile of that name, or the one in the file at that path, which ends in `.toml`.
    pub(crate) fn load(name: &str) -> Result<Self, ProfileError> {
        let invalid = |faults| ProfileError::Invalid { name: name.to_owned(), faults };
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(text).map_err(invalid);
        }
        if !name.ends_with(".toml") {
            return Err(ProfileError::Unknown(name.to_owned()));
        }
        let text = std::fs::read_to_string(name);
        let text = text.map_err(|error| ProfileError::Unreadable(name.to_owned(), error))?;
        Self::parse(&text).map_err(invalid)
    }

    /// Reads a profile, and names everything that is wrong with it.
    fn parse(text: &str) -> Result<Self, Vec<String>> {
        let raw: Raw = toml::from_str(text).map_err(|error| vec![error.to_string()])?;
        let mut faults = Vec::new();
        let suite = match raw.suite.as_str() {
            "xchacha20-poly1305" => Suite::XChaCha20Poly1305,
            "aes-256-gcm" => Suite::Aes256Gcm,
            _ => {
                faults.push("`suite` must be `xchacha20-poly1305` or `aes-256-gcm`".to_owned());
                Suite::default()
            }
        };
        let api_key = Format::new(&raw.api_key.prefix, raw.api_key.checksum);
        faults.extend(api_key.as_ref().err().map(|error| format!("`api_key.prefix`: {error}")));
        let roles = roles(raw.role, &mut faults);
        let claims = claim::all(raw.claim, &mut faults);
        match api_key {
            Ok(api_key) if faults.is_empty() => {
                Ok(Self { name: raw.name, title: raw.title, suite, api_key, roles, claims })
            }
            _ => Err(faults),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    title: String,
    suite: String,
    api_key: RawKey,
    #[serde(default)]
    role: Vec<toml::Value>,
    claim: Vec<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    prefix: String,
    checksum: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    name: String,
    permissions: Vec<String>,
}

fn roles(raw: Vec<toml::Value>, faults: &mut Vec<String>) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    for (n, value) in raw.into_iter().enumerate() {
        match value.try_into::<RawRole>() {
            Err(error) => faults.push(format!("role {}: {}", n + 1, error.message())),
            Ok(role) if roles.iter().any(|known| known.name == role.name) => {
                faults.push(format!("role `{}` is named twice", role.name));
            }
            Ok(RawRole { name, permissions }) => roles.push(Role { name, permissions }),
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ward::assurance::{Kind, Status};
    use ward::identity::Mode;
    use ward::rbac::Policy;

    use super::*;
    use crate::operations;

    /// Every check that there is.
    const PROBES: [&str; 10] = [
        "api_keys",
        "audit_completeness",
        "audit_immutability",
        "cross_tenant",
        "fail_closed",
        "isolation",
        "permissions",
        "read_only",
        "sealing",
        "tenant_from_credential",
    ];

    fn built_in() -> impl Iterator<Item = Profile> {
        BUILT_IN.iter().map(|(name, _)| Profile::load(name).unwrap())
    }

    #[test]
    fn every_profile_is_what_its_file_is_called() {
        for (name, _) in BUILT_IN {
            assert_eq!(Profile::load(name).unwrap().name, name);
        }
    }

    #[test]
    fn no_role_holds_a_permission_that_no_operation_requires() {
        for profile in built_in() {
            let policy = Policy::compile(operations::TABLE, &profile.roles);
            assert!(policy.is_ok(), "{}: {}", profile.name, policy.unwrap_err());
        }
    }

    #[test]
    fn every_profile_has_its_roles() {
        let names = |profile: &str| -> Vec<String> {
            Profile::load(profile).unwrap().roles.into_iter().map(|role| role.name).collect()
        };
        assert_eq!(names("workforce"), ["owner", "admin", "member", "viewer"]);
        assert_eq!(names("quality"), ["Owner", "Admin", "User", "Viewer"]);
        assert_eq!(names("helpdesk"), [""; 0], "keys only");
        assert_eq!(
            names("practice"),
            ["admin", "manager", "hr", "clinical", "finance", "readonly", "employee"]
        );
        assert_eq!(names("solo"), ["practitioner"]);
    }

    #[test]
    fn no_two_profiles_have_keys_that_look_alike() {
        let starts: BTreeSet<_> = built_in().map(|profile| profile.api_key.start(Mode::Live)).collect();
        assert_eq!(starts.len(), BUILT_IN.len());
        assert!(starts.contains("cq_live_"), "{starts:?}");
    }

    #[test]
    fn every_profile_runs_every_check_and_no_other() {
        for profile in built_in() {
            let probes: Vec<_> = profile.claims.iter().filter_map(Claim::probe).collect();
            let distinct: BTreeSet<_> = probes.iter().copied().collect();
            assert_eq!(distinct, BTreeSet::from(PROBES), "{}", profile.name);
            assert_eq!(probes.len(), distinct.len(), "{}: one claim a check", profile.name);
        }
    }

    #[test]
    fn nothing_is_green_before_a_check_ran() {
        let now = chrono::DateTime::UNIX_EPOCH;
        for claim in built_in().flat_map(|profile| profile.claims) {
            let status = claim.status(None, now);
            assert!(!matches!(status, Status::Active | Status::Degraded), "{}", claim.id);
            assert!(
                !matches!(claim.kind, Kind::Attested { .. } | Kind::Inherited { .. }),
                "{}: there is no document",
                claim.id
            );
        }
    }

    #[test]
    fn every_claim_names_the_requirements_that_it_answers() {
        for claim in built_in().flat_map(|profile| profile.claims) {
            assert!(!claim.controls.is_empty(), "{}", claim.id);
        }
    }

    #[test]
    fn what_no_page_promises_stands_under_its_own_heading() {
        let profile = Profile::load("workforce").unwrap();
        let also: Vec<_> = profile.claims.iter().filter(|claim| claim.section == claim::ALSO_KEPT).collect();
        let ids: Vec<_> = also.iter().map(|claim| claim.promises.join(" ")).collect();
        assert_eq!(ids, ["T2", "T4", "C3", "R3", "I6"]);
        assert!(also.iter().all(|claim| claim.probe().is_some()));
    }

    #[test]
    fn a_profile_of_ones_own_is_a_file() {
        assert!(matches!(Profile::load("nobody"), Err(ProfileError::Unknown(_))));
        assert!(matches!(Profile::load("/nowhere/profile.toml"), Err(ProfileError::Unreadable(..))));
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/solo.toml");
        assert_eq!(Profile::load(manifest).unwrap().name, "solo");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let faults = Profile::parse(
            r#"
            name = "x"
            title = "x"
            suite = "rot13"
            api_key = { prefix = "X", checksum = true }
            [[role]]
            name = "a"
            permissions = []
            [[role]]
            name = "a"
            permissions = []
            [[role]]
            nmae = "b"
            [[claim]]
            id = "green"
            promises = ["T1"]
            section = "S"
            sentence = "It is kept."
            status = "active"
            [[claim]]
            id = "nothing"
            promises = ["T1"]
            section = "S"
            sentence = "It is kept."
            "#,
        )
        .unwrap_err();
        for wrong in
            ["suite", "prefix", "role `a` is named twice", "role 3", "claim `green`", "claim `nothing`"]
        {
            assert!(faults.iter().any(|fault| fault.contains(wrong)), "{wrong}: {faults:?}");
        }
        assert_eq!(faults.len(), 6, "{faults:?}");
    }
}
