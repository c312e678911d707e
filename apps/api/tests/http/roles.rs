//! Which role may do what, as committed for auditors, tried out; and that what is committed is what the code says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Deployment, Outcome, nobody, operations};

const PROFILES: [&str; 5] = ["workforce", "quality", "helpdesk", "practice", "solo"];

fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}

/// What `ward-api` prints.
fn printed(arguments: &[&str]) -> Outcome<String> {
    let done = Command::new(env!("CARGO_BIN_EXE_ward-api")).args(arguments).output()?;
    if done.status.success() { Ok(String::from_utf8(done.stdout)?) } else { Err("the command failed".into()) }
}

/// By operation, whether each role may.
type Matrix = BTreeMap<String, Vec<bool>>;

/// The roles, and the committed matrix without the operations that need no permission.
fn matrix(profile: &str) -> Outcome<(Vec<String>, Matrix)> {
    let text = fs::read_to_string(repository(&format!("docs/permissions/{profile}.txt")))?;
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let roles = lines.next().ok_or("no header")?.into_iter().skip(2).map(str::to_owned).collect();
    let guarded = lines.filter(|words| !words[1].starts_with('('));
    let row =
        |words: Vec<&str>| (words[0].to_owned(), words[2..].iter().map(|word| *word == "yes").collect());
    Ok((roles, guarded.map(row).collect()))
}

/// The permissions of each role, as the profile has them; `*` for all.
fn permissions(profile: &str) -> Outcome<BTreeMap<String, Vec<String>>> {
    let text = fs::read_to_string(repository(&format!("apps/api/profiles/{profile}.toml")))?;
    let profile: toml::Table = toml::from_str(&text)?;
    let roles = profile.get("role").and_then(toml::Value::as_array).into_iter().flatten();
    let words = |role: &toml::Value| {
        let names = role["permissions"].as_array().into_iter().flatten().filter_map(toml::Value::as_str);
        names.map(str::to_owned).collect()
    };
    Ok(roles.map(|role| (role["name"].as_str().unwrap_or_default().to_owned(), words(role))).collect())
}

#[tokio::test]
async fn a_role_may_do_what_its_matrix_says_and_nothing_else() -> Outcome {
    let mut refused = 0;
    for profile in PROFILES {
        let (roles, matrix) = matrix(profile)?;
        let held = permissions(profile)?;
        assert_eq!(held.keys().collect::<BTreeSet<_>>(), roles.iter().collect(), "{profile}");
        let deployment = Deployment::start(profile).await?;
        let tenant = deployment.tenant("Clinic").await?;
        let operations = operations(&tenant.client).await?;
        let all: Vec<_> = operations.iter().filter_map(|operation| operation.permission.as_deref()).collect();
        let guarded = operations.iter().filter(|operation| operation.permission.is_some());
        assert_eq!(guarded.clone().count(), matrix.len(), "{profile}: an operation is not in the matrix");

        for (n, role) in roles.iter().enumerate() {
            let own: Vec<_> = held[role].iter().map(String::as_str).collect();
            let holder = tenant.with(if own == ["*"] { &all } else { &own }).await?;
            for operation in guarded.clone() {
                let mut ask = operation.nonsense();
                ask.path = operation.path.replace("{id}", &nobody().to_string());
                let status = holder.send(&ask).await?.status;
                let may = matrix[&operation.id][n];
                assert_eq!(status == 403, !may, "{profile}: {role} calling {}: {status}", operation.id);
                assert_ne!(status, 401, "{profile}: {role} calling {}", operation.id);
                refused += usize::from(!may);
            }
        }
        deployment.stop().await?;
    }
    assert!(refused > 80, "only {refused} were refused");
    Ok(())
}

#[tokio::test]
async fn a_key_of_no_permission_may_do_nothing_that_needs_one() -> Outcome {
    let deployment = Deployment::shared().await?;
    let powerless = deployment.tenant("Clinic").await?.with(&[]).await?;
    for operation in operations(&powerless).await? {
        if operation.permission.is_some() {
            powerless.send(&operation.nonsense()).await?.expect(403)?;
        }
    }
    Ok(())
}

const NOT_HELD: &str = "SELECT FROM ward.audit_leaf WHERE body::jsonb @> '{\"action\": \"access.denied\", \"reason\": \"not_held\", \"outcome\": \"denied\"}'";

#[tokio::test]
async fn nobody_gives_a_key_what_they_do_not_hold() -> Outcome {
    let deployment = Deployment::shared().await?;
    let tenant = deployment.tenant("Clinic").await?;
    let keeper = tenant.with(&["api_keys.create", "api_keys.rotate", "api_keys.read"]).await?;
    let body = |permissions: &[&str]| serde_json::json!({ "name": "More", "mode": "live", "permissions": permissions });
    for (unknown, pointer) in
        [(&["api_keys.create", "*"][..], "/permissions/1"), (&["nonsense"], "/permissions/0")]
    {
        let refused = keeper.post("/v1/api-keys", body(unknown)).await?.expect(422)?;
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let tries = || deployment.database.run("postgres", NOT_HELD);
    let before = tries().await?;
    keeper.post("/v1/api-keys", body(&["api_keys.read", "subjects.read"])).await?.expect(403)?;
    assert_eq!(tries().await?, before + 1, "an attempt to hold more is in the log");
    keeper.post("/v1/api-keys", body(&["api_keys.read"])).await?.expect(201)?;
    // Nor by replacing a key that holds more.
    let (stronger, _) = tenant.key("live", &["subjects.read"]).await?;
    let rotate = format!("/v1/api-keys/{stronger}/rotate");
    keeper.post(&rotate, serde_json::json!({ "overlap_seconds": 0 })).await?.expect(403)?;
    assert_eq!(tries().await?, before + 2);
    let kept = tenant.client.get("/v1/api-keys").await?.expect(200)?;
    let kept = kept["items"].as_array().ok_or("no keys")?;
    let old = kept.iter().find(|key| key["id"] == stronger.as_str()).ok_or("the key is gone")?;
    assert!(old["expires_at"].is_null() && old["replaced_by"].is_null(), "{old}");
    Ok(())
}

#[test]
fn what_is_committed_is_what_the_code_says() -> Outcome {
    let committed = fs::read_to_string(repository("docs/openapi.json"))?;
    assert!(
        committed.trim_end() == printed(&["openapi"])?.trim_end(),
        "`cargo xtask openapi` writes it anew"
    );
    for profile in PROFILES {
        let committed = fs::read_to_string(repository(&format!("docs/permissions/{profile}.txt")))?;
        assert_eq!(committed, printed(&["permissions", profile])?, "{profile}");
    }
    Ok(())
}
