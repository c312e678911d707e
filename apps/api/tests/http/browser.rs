//! The pages in a real browser: what they show, whom they shut out, what they run and fetch. `browser/*.mjs` look; here is what at.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;
use ward_testkit::{tool, tools};

use crate::support::{Deployment, Outcome};

/// Statuses that no profile has whose checks pass, and a text that wants to be more than text.
const OF_EVERY_STATUS: &str = r#"
[[claim]]
id = "paper"
promises = ["G10"]
section = "Papers"
sentence = "<script>alert(1)</script><img src=x onerror=alert(1)> is a sentence & no more, Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft."
attested = { document = "The \"report\" <b>of ours</b>", owner = "Security", expires = 2999-01-31 }

[[claim]]
id = "papers-of-others"
promises = ["G10", "C9"]
section = "Papers"
sentence = "The disks are encrypted."
inherited = { provider = "A host", document = "SOC 2 Type 2", owner = "Security", expires = 2999-01-31 }

[[claim]]
id = "old-paper"
promises = ["O1"]
section = "Papers"
sentence = "The backups were tested."
attested = { document = "Protocol", owner = "Security", expires = 2001-01-31 }
"#;

/// Runs `browser/<script>` on a deployment; what it says is told if it fails.
async fn look(script: &'static str, deployment: &Deployment) -> Outcome {
    tool("chromium")?;
    let mut node = Command::new(tool("node")?);
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/browser");
    node.arg("--test-reporter=spec").arg(scripts.join(script)).arg(fs::canonicalize(tools())?);
    node.arg(format!("http://{}", deployment.address()));
    let looked = tokio::task::spawn_blocking(move || node.output()).await??;
    let told =
        [looked.stdout, looked.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    // A script that tests nothing fails nothing.
    assert!(looked.status.success() && !told.contains("tests 0"), "{script}:\n{told}");
    Ok(())
}

#[tokio::test]
async fn the_trust_page_of_every_profile_can_be_read_by_everybody() -> Outcome {
    let mut deployment = Deployment::start("workforce").await?;
    deployment.checked().await?;
    look("trust.mjs", &deployment).await?;
    for profile in ["quality", "helpdesk", "practice", "solo"] {
        deployment = deployment.restart_as(profile).await?;
        println!("{profile}:");
        look("trust.mjs", &deployment).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_trust_page_with_rows_of_every_status_can_be_read_by_everybody() -> Outcome {
    let workforce = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/workforce.toml"))?;
    let home = tempdir()?;
    let file = home.path().join("profile.toml");
    fs::write(&file, workforce + OF_EVERY_STATUS)?;
    let deployment = Deployment::start(&file.display().to_string()).await?;
    deployment.checked().await?;
    deployment.rewrite("UPDATE ward.probe_run SET outcome = 'fail', observed = 'a <b>stored</b> row holds plaintext.' WHERE probe = 'sealing'").await?;
    deployment
        .rewrite(
            "UPDATE ward.probe_run SET outcome = 'degraded', reason = 'it is old' WHERE probe = 'isolation'",
        )
        .await?;
    deployment
        .rewrite("UPDATE ward.probe_run SET at = at - interval '1 day' WHERE probe = 'api_keys'")
        .await?;
    deployment.rewrite("DELETE FROM ward.probe_run WHERE probe = 'permissions'").await?;

    let trust = deployment.anonymous().get("/trust.json").await?.expect(200)?;
    for status in
        "failing overdue stale degraded active attested inherited available in_progress roadmap".split(' ')
    {
        let claims = trust["claims"].as_array().into_iter().flatten();
        assert!(claims.into_iter().any(|claim| claim["status"] == status), "no row is {status}");
    }
    look("trust.mjs", &deployment).await
}

#[tokio::test]
async fn the_reference_tells_its_reader_what_every_operation_promises_and_runs_nothing_else() -> Outcome {
    look("docs.mjs", Deployment::shared().await?).await
}
