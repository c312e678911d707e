use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _};
use ward::assurance::{Kind, Phase, Status};
use ward::identity::Mode;
use ward::rbac::Policy;

use super::*;
use crate::probe;

/// What each page promises, by the ids of the catalogue.
const PROMISED: [(&str, &str); 5] = [
    (
        "workforce",
        "T1 T9 T10 I3 I9 R1 A1 A2 A4 A6 C1 C4 C6 C9 D1 D4 D5 D6 M1 M2 M3 M4 M5 S2 W1 G1 G2 G3 G4 G5 G8 G10 \
         O1 O3",
    ),
    ("quality", "T2 T5 I1 I2 I5 R2 A1 A2 C9 W3 W5 W6 G1 G4 G8 G9 G10 O2"),
    ("helpdesk", "T4 I6 I7 R5 A2 C9 D1 D2 D3 D6 W3 W6 G1 G5 G6 G7 G9 G10 O4"),
    ("practice", "T3 T4 T5 T6 R3 R4 A1 A3 A4 C2 C3 C5 L1 L2 S1 W4 G1 G2 G3 G4 G5 G6 G7 G8 G10"),
    ("solo", "T4 T7 T8 I2 I4 I8 A1 A2 A4 A5 A6 C6 C9 L1 L4 W6 G1 G2 G4 G5 G7 G10 O1 O4"),
];

/// Which promise each check is about.
const CHECKED: [(&str, &str); 22] = [
    ("isolation", "T1"),
    ("tenant_from_credential", "T2"),
    ("cross_tenant", "T4"),
    ("read_only", "T10"),
    ("audit_completeness", "A1"),
    ("audit_immutability", "A4"),
    ("audit_tree", "A4"),
    ("audit_keeping", "A5"),
    ("audit_reads", "A2"),
    ("audit_scrub", "A3"),
    ("audit_export", "A6"),
    ("sealing", "C1"),
    ("fail_closed", "C3"),
    ("root_key", "C1"),
    ("cipher", "C2"),
    ("key_rotation", "C4"),
    ("own_key", "C5"),
    ("sealed_backups", "C6"),
    ("blind_index", "C7"),
    ("erasure", "C8"),
    ("permissions", "R3"),
    ("api_keys", "I6"),
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
fn every_role_set_compiles_into_a_policy() {
    for profile in built_in() {
        let policy = Policy::compile(operations::TABLE, &profile.roles);
        assert!(policy.is_ok(), "{}: {}", profile.name, policy.unwrap_err());
    }
}

#[test]
fn every_profile_has_its_roles_keys_and_cipher() {
    let told: Vec<_> = built_in()
        .map(|profile| {
            let roles: Vec<_> = profile.roles.iter().map(|role| role.name.as_str()).collect();
            (roles.join(" "), profile.api_key.start(Mode::Live), profile.suite)
        })
        .collect();
    let is = |roles: &str, start: &str, suite| (roles.to_owned(), start.to_owned(), suite);
    let expected = [
        is("owner admin member viewer", "wf_live_", Suite::Aes256Gcm),
        is("owner admin user viewer", "qm_live_", Suite::XChaCha20Poly1305),
        is("", "cq_live_", Suite::XChaCha20Poly1305),
        is("admin manager hr clinical finance readonly employee", "pm_live_", Suite::Aes256Gcm),
        is("practitioner", "sp_live_", Suite::XChaCha20Poly1305),
    ];
    assert_eq!(told, expected);
    let helpdesk = Profile::load("helpdesk").unwrap();
    assert!(helpdesk.api_key.parse("cq_live_0123456789ABCDEFGHIJKL").is_ok(), "22 characters, no checksum");
}

#[test]
fn every_promise_of_a_page_is_claimed_on_it() {
    for (profile, (name, promised)) in built_in().zip(PROMISED) {
        assert_eq!(profile.name, name);
        let on_page = profile.claims.iter().filter(|claim| claim.section != ALSO_KEPT);
        let claimed: BTreeSet<_> =
            on_page.flat_map(|claim| claim.promises.iter().map(String::as_str)).collect();
        let missing: Vec<_> = promised.split(' ').filter(|promise| !claimed.contains(promise)).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
}

#[test]
fn every_profile_runs_every_check_once_for_what_it_checks() {
    for profile in built_in() {
        let proven: Vec<_> =
            profile.claims.iter().filter_map(|claim| Some((claim.probe()?, claim))).collect();
        assert_eq!(proven.len(), CHECKED.len(), "{}", profile.name);
        let proven: BTreeMap<_, _> = proven.into_iter().collect();
        assert!(proven.keys().copied().eq(probe::names().collect::<BTreeSet<_>>()), "{}", profile.name);
        for (probe, promise) in CHECKED {
            assert_eq!(proven[probe].promises, [promise], "{}: {probe}", profile.name);
        }
    }
}

#[test]
fn what_is_also_kept_is_proven_and_comes_last() {
    for profile in built_in() {
        let (name, claims) = (&profile.name, &profile.claims);
        let first = claims.iter().position(|claim| claim.section == ALSO_KEPT).unwrap();
        assert!(
            claims[first..].iter().all(|claim| claim.section == ALSO_KEPT && claim.probe().is_some()),
            "{name}"
        );
        let promised = PROMISED.iter().find(|(known, _)| known == name).unwrap().1;
        for promise in claims[first..].iter().flat_map(|claim| &claim.promises) {
            assert!(
                !promised.split(' ').any(|known| known == promise),
                "{name}: its page promises {promise}"
            );
        }
    }
}

#[test]
fn nothing_is_green_before_a_check_ran() {
    let now = DateTime::UNIX_EPOCH;
    for claim in built_in().flat_map(|profile| profile.claims) {
        let status = claim.status(None, now);
        assert!(!matches!(status, Status::Active | Status::Degraded), "{}", claim.id);
        assert!(!claim.controls.is_empty(), "{}: answers no requirement", claim.id);
        let papers = matches!(claim.kind, Kind::Attested { .. } | Kind::Inherited { .. });
        assert!(!papers, "{}: there is no document", claim.id);
    }
}

#[test]
fn what_is_planned_is_planned_for_2027() {
    for claim in built_in().flat_map(|profile| profile.claims) {
        if let Kind::Roadmap { phase: Phase::Planned, target, .. } = claim.kind {
            assert_eq!(target.map(|day| day.year()), Some(2027), "{}", claim.id);
        }
    }
}

#[test]
fn a_profile_of_ones_own_is_a_file() {
    for nothing in ["nobody", "/nowhere/profile.toml"] {
        assert!(matches!(Profile::load(nothing), Err(ProfileError::Unreadable(..))));
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/solo.toml");
    assert_eq!(Profile::load(file).unwrap().name, "solo");
    let no_profile = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let told = Profile::load(no_profile).unwrap_err().to_string();
    assert!(told.contains("`title` is missing") && told.contains("`package` is not a field"), "{told}");
}

#[test]
fn what_is_no_toml_says_where() {
    let faults = Profile::parse("name = 'x'\ntitle =\n").unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("line 2"), "{faults:?}");
}

#[test]
fn what_should_be_a_table_is_told_to_be_none() {
    let text = "name = 'x'\ntitle = 'x'\nsuite = 'aes-256-gcm'\napi_key = 5\nrole = 'all'\nclaim = [true]\n";
    let expected = [
        "`api_key` must be a table",
        "`role` must be an array of tables",
        "claim 1 must be a table",
        "it claims nothing",
    ];
    assert_eq!(Profile::parse(text).unwrap_err(), expected);
    assert_eq!(Profile::parse("").unwrap_err().len(), 5, "four fields are missing, and every claim");
}

const BROKEN: &str = r#"
name = "Mine"
suite = "rot13"
colour = "green"
api_key = { prefix = "X", checksum = "no" }
[[role]]
name = "a"
permissions = ["subjects.read", "subjects.guess"]
[[role]]
name = "a"
permissions = []
[[role]]
nmae = "b"
[[claim]]
id = "green"
promises = ["T1", "T99"]
section = "S"
sentence = "It is kept."
status = "active"
proven = { probe = "luck", minutes = 0, often = true }
[[claim]]
id = "green"
promises = []
sentence = 5
[[claim]]
id = "Two"
promises = ["T1"]
section = "S"
sentence = "It is kept."
proven = { probe = "isolation" }
roadmap = { phase = "done", target = "soon", note = " " }
[[claim]]
id = "paper"
promises = ["G10"]
also_kept = true
sentence = "It is kept."
inherited = { document = "D" }
"#;

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let expected = [
        "`name` must be a lower-case letter, then lower-case letters, digits, `_` and `-`",
        "`title` is missing",
        "`suite` must be `xchacha20-poly1305` or `aes-256-gcm`",
        "`api_key`: `checksum`: invalid type: string \"no\", expected a boolean",
        "`api_key`: the prefix of API keys must be 2 to 8 lower-case letters",
        "role `a`: no operation requires `subjects.guess`",
        "role `a`: the name is taken",
        "role 3: `name` is missing",
        "role 3: `permissions` is missing",
        "role 3: `nmae` is not a field",
        "claim `green`: `T99` is no control that Ward knows",
        "claim `green`: `proven`: there is no check `luck`",
        "claim `green`: `proven`: a run must count for a minute at least",
        "claim `green`: `proven`: `often` is not a field",
        "claim `green`: `status` is not a field",
        "claim `green`: the id is taken",
        "claim `green`: it answers no promise",
        "claim `green`: `section` is missing",
        "claim `green`: `sentence`: invalid type: integer `5`, expected a string",
        "claim `green`: exactly one of `proven`, `attested`, `inherited`, `roadmap` must stand behind it",
        "claim `Two`: `id` must be a lower-case letter, then lower-case letters, digits, `_` and `-`",
        "claim `Two`: exactly one of `proven`, `attested`, `inherited`, `roadmap` must stand behind it",
        "claim `Two`: `proven`: `minutes` is missing",
        "claim `Two`: `roadmap`: `phase` must be `planned`, `in_progress` or `available`",
        "claim `Two`: `roadmap`: `target` must be a date such as 2027-06-30, without quotes",
        "claim `Two`: `roadmap`: `note` is empty",
        "claim `paper`: what is also kept must be proven",
        "claim `paper`: `inherited`: `expires` is missing",
        "claim `paper`: `inherited`: `provider` is missing",
        "claim `paper`: `inherited`: `owner` is missing",
        "`colour` is not a field",
    ];
    assert_eq!(Profile::parse(BROKEN).unwrap_err(), expected);
}
