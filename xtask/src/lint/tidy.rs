//! Who may know whom. `deny.toml` holds the same for libraries that few others use; the arrows between Ward's
//! own crates, and tokio, are held here.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::process::{Outcome, cargo, output, root};

/// Libraries that only these crates may use outside their tests, and why.
const KEPT: &[(&str, &[&str], &str)] = &[
    ("poem", &["ward-api", "ward-witness"], "HTTP lives in apps"),
    ("poem-openapi", &["ward-api"], "HTTP lives in apps/api"),
    ("sea-orm", &["ward-postgres"], "SQL lives in adapters/postgres"),
    ("sea-orm-migration", &["ward-postgres"], "SQL lives in adapters/postgres"),
    ("sqlx", &["ward-postgres", "ward-testkit"], "SQL lives in adapters/postgres"),
    (
        "tokio",
        &[
            "ward-blob",
            "ward-postgres",
            "ward-kms",
            "ward-sink",
            "ward-witness-client",
            "ward-testkit",
            "ward-api",
            "ward-witness",
        ],
        "the domain has no runtime",
    ),
];

/// Whether every crate of the workspace knows only whom it may, has a licence, and takes the workspace's
/// lints.
pub(super) fn check() -> Outcome {
    let metadata = output(cargo().args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let crates = Member::all(&serde_json::from_str(&metadata)?, &root());
    let mut faults = faults(&crates);
    for member in &crates {
        let manifest = fs::read_to_string(root().join(&member.directory).join("Cargo.toml"))?;
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("{} doesn't take the workspace's lints", member.name));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

/// A crate of the workspace.
#[derive(Debug)]
struct Member {
    name: String,
    directory: String,
    licensed: bool,
    /// What it uses outside its tests.
    uses: Vec<String>,
}

impl Member {
    fn all(metadata: &Value, root: &Path) -> Vec<Self> {
        let packages = metadata.get("packages").and_then(Value::as_array);
        packages.into_iter().flatten().filter_map(|package| Self::of(package, root)).collect()
    }

    fn of(package: &Value, root: &Path) -> Option<Self> {
        let manifest = Path::new(package.get("manifest_path")?.as_str()?);
        let directory = manifest.parent()?.strip_prefix(root).ok()?.to_str()?.to_owned();
        let dependencies = package.get("dependencies")?.as_array()?.iter();
        let uses = dependencies.filter(|dependency| dependency.get("kind").is_none_or(|kind| kind != "dev"));
        let uses = uses.filter_map(|dependency| Some(dependency.get("name")?.as_str()?.to_owned())).collect();
        let licensed =
            package.get("license").and_then(Value::as_str).is_some_and(|license| !license.is_empty());
        Some(Self { name: package.get("name")?.as_str()?.to_owned(), directory, licensed, uses })
    }

    /// The crates of Ward that it may know, by where it lies.
    fn may_know(&self, other: &Self) -> bool {
        let (adapter, domain) = (other.directory.starts_with("crates/adapters/"), other.is_domain());
        match self.directory.as_str() {
            "crates/domain/kernel" | "crates/derive" | "xtask" => false,
            "crates/domain/audit" => other.name == "ward-kernel",
            directory if directory.starts_with("crates/domain/") => {
                matches!(&*other.name, "ward-kernel" | "ward-audit")
            }
            "crates/ward" => domain,
            "crates/testkit" => other.name == "ward" || adapter || domain,
            "crates/adapters/postgres" => matches!(&*other.name, "ward" | "ward-derive"),
            directory if directory.starts_with("crates/adapters/") => other.name == "ward",
            "apps/cli" => other.name == "ward-audit",
            directory if directory.starts_with("apps/") => other.name == "ward" || adapter,
            _ => false,
        }
    }

    fn is_domain(&self) -> bool {
        self.directory.starts_with("crates/domain/")
    }

    fn named_after_its_place(&self) -> bool {
        let last = self.directory.rsplit('/').next().unwrap_or_default();
        self.name == last || self.name == format!("ward-{last}")
    }
}

fn faults(crates: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    for member in crates {
        let name = &member.name;
        let own = member.uses.iter().filter_map(|used| crates.iter().find(|other| other.name == *used));
        let wrong = own.filter(|other| !member.may_know(other));
        faults.extend(wrong.map(|other| format!("{name} must not know {}", other.name)));
        for (library, users, reason) in KEPT {
            if member.uses.iter().any(|used| used == library) && !users.contains(&name.as_str()) {
                faults.push(format!("{name} must not use {library}: {reason}"));
            }
        }
        if !member.licensed {
            faults.push(format!("{name} has no licence"));
        }
        if !member.named_after_its_place() {
            faults.push(format!("{name} lies in `{}`, which is another name", member.directory));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::{Member, faults};

    fn package(directory: &str, name: &str, uses: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<_> =
            uses.iter().map(|(name, kind)| json!({"name": name, "kind": kind})).collect();
        let manifest = format!("/ward/{directory}/Cargo.toml");
        json!({"name": name, "license": "MIT", "manifest_path": manifest, "dependencies": dependencies})
    }

    fn workspace() -> Vec<Value> {
        let of = |names: &[&'static str]| names.iter().map(|name| (*name, None)).collect::<Vec<_>>();
        vec![
            package("crates/domain/kernel", "ward-kernel", &of(&["uuid"])),
            package("crates/domain/audit", "ward-audit", &of(&["ward-kernel"])),
            package("crates/domain/rbac", "ward-rbac", &[("ward-kernel", None), ("tokio", Some("dev"))]),
            package("crates/domain/crypto", "ward-crypto", &of(&["ward-kernel", "ward-audit"])),
            package("crates/ward", "ward", &of(&["ward-kernel", "ward-rbac", "ward-crypto"])),
            package(
                "crates/adapters/postgres",
                "ward-postgres",
                &of(&["ward", "ward-derive", "sqlx", "sea-orm", "tokio"]),
            ),
            package("crates/testkit", "ward-testkit", &of(&["ward", "ward-postgres", "tokio"])),
            package(
                "apps/api",
                "ward-api",
                &[("ward", None), ("ward-postgres", None), ("ward-testkit", Some("dev"))],
            ),
            package("xtask", "xtask", &of(&["ureq"])),
            package("apps/cli", "ward-cli", &of(&["ward-audit", "ureq"])),
            package("crates/derive", "ward-derive", &of(&["syn"])),
            package("crates/adapters/sink", "ward-sink", &of(&["ward"])),
        ]
    }

    fn found(packages: Vec<Value>) -> Vec<String> {
        faults(&Member::all(&json!({ "packages": packages }), Path::new("/ward")))
    }

    #[test]
    fn the_arrows_of_the_design_are_allowed() {
        assert_eq!(found(workspace()), Vec::<String>::new());
    }

    #[test]
    fn every_wrong_arrow_is_found() {
        for (index, used, kind) in [
            (0, "ward-audit", Value::Null),
            (1, "ward-crypto", Value::Null),
            (2, "ward-crypto", Value::Null),
            (2, "ward", Value::Null),
            (2, "tokio", Value::Null),
            (2, "sqlx", json!("build")),
            (4, "ward-postgres", Value::Null),
            (4, "poem", Value::Null),
            (5, "ward-kernel", Value::Null),
            (5, "ward-api", Value::Null),
            (7, "ward-crypto", Value::Null),
            (7, "ward-testkit", Value::Null),
            (7, "sea-orm", Value::Null),
            (8, "ward-postgres", Value::Null),
            (9, "ward-postgres", Value::Null),
            (9, "tokio", Value::Null),
            (10, "ward-kernel", Value::Null),
            (11, "ward-derive", Value::Null),
        ] {
            let mut packages = workspace();
            packages[index]["dependencies"].as_array_mut().unwrap().push(json!({"name": used, "kind": kind}));
            let faults = found(packages);
            assert!(faults.len() == 1 && faults[0].contains(used), "{index} {used}: {faults:?}");
        }
    }

    #[test]
    fn a_crate_without_a_licence_or_with_another_name_is_found() {
        let mut packages = workspace();
        packages[0]["license"] = Value::Null;
        packages[1]["name"] = json!("ward-ledger");
        packages[3]["dependencies"] = json!([]);
        assert_eq!(found(packages).len(), 2);
    }
}
