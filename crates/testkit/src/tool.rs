use std::path::{Path, PathBuf};

/// Where `cargo xtask test` puts what tests need from outside: programs in `bin`, JavaScript in
/// `node_modules`.
pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ward/tools")
}

/// A program that tests need: `schemathesis`, `export-readers`, `moto`, `chromium` or `node`.
pub fn tool(name: &'static str) -> Result<PathBuf, MissingTool> {
    let program = tools().join("bin").join(name);
    if program.exists() { Ok(program) } else { Err(MissingTool(name)) }
}

/// A program is not there.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is missing: `cargo xtask test` provides it")]
pub struct MissingTool(&'static str);

#[cfg(test)]
mod tests {
    use super::tool;

    #[test]
    fn a_missing_tool_is_named_with_the_remedy() {
        let missing = tool("slide rule").unwrap_err().to_string();
        assert!(missing.contains("`slide rule`") && missing.contains("`cargo xtask test`"));
    }
}
