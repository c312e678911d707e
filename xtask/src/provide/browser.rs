use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{apt, is_in_place, name_tool, tools};
use crate::process::{Outcome, on_path, run_aside};

const PACKAGES: &str = include_str!("../../tools/package.json");
const LOCK: &str = include_str!("../../tools/package-lock.json");

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const CHROMIUM_ON_MACOS: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Makes sure of a headless browser and of what looks at pages through it: `chromium` and `node` in
/// `.ward/tools/bin`, axe and the browser's driver in `.ward/tools/node_modules`.
pub(crate) fn browser() -> Outcome {
    name_tool("chromium", &need("Chromium", &["chromium"], chromium)?)?;
    name_tool("node", &need("Node.js", &["nodejs", "npm"], node)?)?;
    let (tools, stamp) = (tools(), tools().join("node_modules/package-lock.json"));
    if is_in_place(&stamp, LOCK) {
        return Ok(());
    }
    fs::create_dir_all(&tools)?;
    fs::write(tools.join("package.json"), PACKAGES)?;
    fs::write(tools.join("package-lock.json"), LOCK)?;
    run_aside(
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&tools),
    )?;
    Ok(fs::write(stamp, LOCK)?)
}

fn need(what: &str, packages: &[&str], find: impl Fn() -> Option<PathBuf>) -> Outcome<PathBuf> {
    let missing =
        || format!("{what} is needed by the tests; on Debian: `apt-get install {}`", packages.join(" "));
    if let Some(found) = find() {
        return Ok(found);
    }
    if !apt::may_install() {
        return Err(missing().into());
    }
    apt::install(packages)?;
    find().ok_or_else(|| missing().into())
}

fn chromium() -> Option<PathBuf> {
    let application =
        || CHROMIUM_ON_MACOS.iter().map(PathBuf::from).find(|path: &PathBuf| Path::exists(path));
    CHROMIUM.iter().find_map(|name| on_path(name)).or_else(application)
}

/// Node without npm is no use here.
fn node() -> Option<PathBuf> {
    on_path("npm")?;
    on_path("node")
}
