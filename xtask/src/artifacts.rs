//! Committed artifacts: written by `ward-api` itself, read by auditors, compared by `lint`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::process::{Outcome, cargo, output, root};

/// `cargo xtask openapi`: writes them all anew.
pub(crate) fn write() -> Outcome {
    for (path, text) in generate()? {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&path, text)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Whether they are what the code says, and no more.
pub(crate) fn check() -> Outcome {
    let wanted = generate()?;
    let differs = |path: &PathBuf, text: &String| fs::read_to_string(path).map_or(true, |held| held != *text);
    let mut wrong: Vec<_> =
        wanted.iter().filter(|(path, text)| differs(path, text)).map(|(path, _)| path).collect();
    let permissions = text_files(root().join("docs/permissions"));
    wrong.extend(permissions.iter().filter(|path| !wanted.contains_key(*path)));
    if wrong.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = wrong.iter().map(|path| path.display().to_string()).collect();
    Err(format!("not what the code says: {}; `cargo xtask openapi` writes them anew", names.join(", "))
        .into())
}

fn generate() -> Outcome<BTreeMap<PathBuf, String>> {
    let docs = root().join("docs");
    let mut artifacts = BTreeMap::from([(docs.join("openapi.json"), ward_api(&["openapi"])?)]);
    for profile in profiles()? {
        let path = docs.join("permissions").join(format!("{profile}.txt"));
        artifacts.insert(path, ward_api(&["permissions", &profile])?);
    }
    Ok(artifacts)
}

/// Built with the whole workspace's features, as the tests are, so that nothing is built twice.
fn ward_api(arguments: &[&str]) -> Outcome<String> {
    output(cargo().args(["run", "--quiet", "--locked", "--bin", "ward-api", "--"]).args(arguments))
}

/// The names of the profiles that come with Ward.
fn profiles() -> Outcome<Vec<String>> {
    let directory = root().join("apps/api/profiles");
    let entries = fs::read_dir(&directory).map_err(|error| format!("`{}`: {error}", directory.display()))?;
    let tables =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("toml".as_ref()));
    let mut names: Vec<_> = tables.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

fn text_files(directory: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension() == Some("txt".as_ref())).collect()
}
