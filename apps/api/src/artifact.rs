//! What is committed and compared: the OpenAPI document, and which role may do what.

use std::fmt::Write as _;

use ward::kernel::{Operation, Requires};
use ward::rbac::Policy;

use crate::config::Config;
use crate::profile::Profile;
use crate::{endpoint, operations, serve};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The OpenAPI document, as it is served.
pub(crate) fn openapi() -> Result<String, Failure> {
    let settings = [("WARD_MODE".to_owned(), "development".to_owned())];
    let app = serve::unconnected(&Config::from_settings(settings.into())?)?;
    let document = endpoint::document(&app)?;
    Ok(serde_json::to_string_pretty(&document)?)
}

/// Role by operation, for an auditor to read.
pub(crate) fn permissions(profile: &str) -> Result<String, Failure> {
    let profile = Profile::load(profile)?;
    let policy = Policy::compile(operations::TABLE, &profile.roles)?;
    let roles: Vec<&str> = policy.roles().collect();
    let mut text = format!("{:<20} {:<22}", "operation", "permission");
    for role in &roles {
        let _ = write!(text, " {role}");
    }
    text.push('\n');
    for operation in operations::TABLE {
        if let Some(needs) = needs(operation) {
            let _ = write!(text, "{:<20} {needs:<22}", operation.id);
            for role in &roles {
                let held = match operation.requires {
                    Requires::Permission(name) => {
                        policy.names(policy.grants_of_roles([*role])).contains(&name)
                    }
                    _ => true,
                };
                let _ = write!(text, " {:<width$}", if held { "yes" } else { "-" }, width = role.len());
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    Ok(text)
}

fn needs(operation: &Operation) -> Option<&'static str> {
    match operation.requires {
        Requires::Permission(name) => Some(name),
        Requires::Credential => Some("(any credential)"),
        Requires::Nothing => Some("(public)"),
        Requires::Job(_) => None,
    }
}
