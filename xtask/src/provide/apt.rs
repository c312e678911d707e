use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::process::{Outcome, run_aside};

/// Whether packages may be installed here: as root, on Debian or one of its kin.
pub(super) fn may_install() -> bool {
    let id = Command::new("id").arg("-u").output();
    Path::new("/usr/bin/apt-get").exists() && id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// Installs packages, or brings them up to date.
pub(super) fn install(packages: &[&str]) -> Outcome {
    static LISTS_ARE_FRESH: AtomicBool = AtomicBool::new(false);
    if !LISTS_ARE_FRESH.swap(true, Ordering::Relaxed) {
        run_aside(apt_get().arg("update"))?;
    }
    run_aside(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

fn apt_get() -> Command {
    let mut apt_get = Command::new("apt-get");
    apt_get.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).env("DEBIAN_FRONTEND", "noninteractive");
    apt_get
}
