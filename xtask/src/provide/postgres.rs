use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::{apt, tools};
use crate::process::Outcome;

// Ward's launcher looks for PostgreSQL when it runs; this is the same code, so that both find the same.
#[path = "../../../crates/adapters/postgres/src/launcher/find.rs"]
#[expect(unreachable_pub, reason = "the launcher shows it to others")]
mod find;
#[path = "../../../crates/adapters/postgres/src/launcher/version.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the launcher uses more of it"))]
#[expect(unreachable_pub, reason = "the launcher shows it to others")]
mod version;

use find::{Binaries, INSTALL};
use version::Fixes;

/// How long to leave a package archive in peace that had no newer version.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Makes sure of a PostgreSQL that Ward runs on, with the fixes that tenant isolation needs where they can be
/// had.
pub(crate) fn postgres() -> Outcome {
    let found = match newest() {
        Some(found) => found,
        None => install()?,
    };
    match found.version().fixes() {
        Fixes::Complete => Ok(()),
        Fixes::Missing(_) if may_upgrade(&found) => upgrade(&found),
        Fixes::Missing(_) => warn(&found),
        Fixes::Unknown => {
            let version = found.version();
            eprintln!(
                "note: nobody has entered yet which minor version of PostgreSQL {} fixes row-level security.",
                version.major()
            );
            Ok(())
        }
    }
}

fn newest() -> Option<Binaries> {
    Binaries::installed(chosen().as_deref()).into_iter().next()
}

fn chosen() -> Option<PathBuf> {
    env::var_os("WARD_PG_BINDIR").map(PathBuf::from)
}

fn install() -> Outcome<Binaries> {
    if let Some(directory) = chosen() {
        return Err(format!(
            "`WARD_PG_BINDIR` is `{}`, which holds no PostgreSQL 15 or newer",
            directory.display()
        )
        .into());
    }
    let missing = format!("PostgreSQL 15 or newer is needed; install it with `{INSTALL}`");
    if !apt::may_install() {
        return Err(missing.into());
    }
    eprintln!("PostgreSQL is missing; installing it.");
    apt::install(&["postgresql"])?;
    newest().ok_or_else(|| missing.into())
}

/// Whether it came from the archive, and the archive wasn't asked in vain lately.
fn may_upgrade(found: &Binaries) -> bool {
    let asked = fs::metadata(stamp()).and_then(|stamp| stamp.modified());
    let lately = asked.is_ok_and(|asked| asked.elapsed().is_ok_and(|age| age < PATIENCE));
    found.directory().starts_with("/usr/lib/postgresql") && apt::may_install() && !lately
}

fn upgrade(found: &Binaries) -> Outcome {
    eprintln!("PostgreSQL {} has known holes in row-level security; upgrading it.", found.version());
    let package = format!("postgresql-{}", found.version().major());
    if let Err(error) = apt::install(&[&package]) {
        eprintln!("{error}");
    }
    let found = newest().ok_or("PostgreSQL is gone after its upgrade")?;
    if matches!(found.version().fixes(), Fixes::Missing(_)) {
        fs::create_dir_all(tools())?;
        fs::write(stamp(), "")?;
        return warn(&found);
    }
    Ok(())
}

fn stamp() -> PathBuf {
    tools().join("postgres-has-no-upgrade")
}

fn warn(found: &Binaries) -> Outcome {
    let Fixes::Missing(fixed) = found.version().fixes() else { return Ok(()) };
    let line = "!".repeat(100);
    eprintln!(
        "{line}\nPostgreSQL {} has known holes in row-level security, which {fixed} fixes. Tenant isolation is degraded until it is\n\
         upgraded, and production mode refuses to start.\n{line}",
        found.version()
    );
    Ok(())
}
