//! A profile: what a deployment is, as data. Its roles, the form of its keys, its cipher, and what it claims.

mod claim;
mod fields;
#[cfg(test)]
mod tests;

use toml::Table;
use ward::assurance::Claim;
use ward::crypto::Suite;
use ward::identity::Format;
use ward::kernel::Requires;
use ward::rbac::Role;

use crate::operations;
pub(crate) use claim::ALSO_KEPT;
use fields::Fields;

/// The profiles that come with Ward, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("workforce", include_str!("../../profiles/workforce.toml")),
    ("quality", include_str!("../../profiles/quality.toml")),
    ("helpdesk", include_str!("../../profiles/helpdesk.toml")),
    ("practice", include_str!("../../profiles/practice.toml")),
    ("solo", include_str!("../../profiles/solo.toml")),
];

/// What a deployment is.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// Its name, which tenants keep.
    pub(crate) name: String,
    /// The title of its trust page.
    pub(crate) title: String,
    /// The cipher of new values.
    pub(crate) suite: Suite,
    /// How its API keys look.
    pub(crate) api_key: Format,
    /// After how many days other keys follow a tenant's; when somebody says so, if absent.
    pub(crate) rotate_days: Option<u32>,
    /// The roles that its users may hold.
    pub(crate) roles: Vec<Role>,
    /// What it claims, in the order of its trust page.
    pub(crate) claims: Vec<Claim>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ProfileError {
    /// Neither a name nor a file that can be read.
    #[error(
        "profile `{0}` is neither `workforce`, `quality`, `helpdesk`, `practice` or `solo` nor a readable file"
    )]
    Unreadable(String, #[source] std::io::Error),
    /// All that is wrong with it.
    #[error("profile `{name}` doesn't hold together:\n{}", faults.join("\n"))]
    Invalid {
        /// Which.
        name: String,
        /// One a line.
        faults: Vec<String>,
    },
}

impl Profile {
    /// The built-in profile of that name, or the one in the file at that path.
    pub(crate) fn load(name_or_path: &str) -> Result<Self, ProfileError> {
        let name = || name_or_path.to_owned();
        let parsed = match BUILT_IN.iter().find(|(known, _)| *known == name_or_path) {
            Some((_, text)) => Self::parse(text),
            None => match std::fs::read_to_string(name_or_path) {
                Ok(text) => Self::parse(&text),
                Err(error) => return Err(ProfileError::Unreadable(name(), error)),
            },
        };
        parsed.map_err(|faults| ProfileError::Invalid { name: name(), faults })
    }

    /// Reads a profile, or names everything that is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<String>> {
        let table: Table = toml::from_str(text).map_err(|error| vec![error.to_string()])?;
        let mut faults = Vec::new();
        let mut fields = Fields::new("", table, &mut faults);
        let (name, title) = (fields.id("name"), fields.text("title"));
        let (suite, api_key) = (suite(&mut fields), api_key(&mut fields));
        let rotate_days = rotate_days(&mut fields);
        let (roles, claims) = (roles(&mut fields), claim::all(&mut fields));
        fields.end();
        match (name, title, suite, api_key) {
            (Some(name), Some(title), Some(suite), Some(api_key)) if faults.is_empty() => {
                Ok(Self { name, title, suite, api_key, rotate_days, roles, claims })
            }
            _ => Err(faults),
        }
    }
}

fn suite(fields: &mut Fields<'_>) -> Option<Suite> {
    let suite = Suite::named(&fields.need::<String>("suite")?);
    if suite.is_none() {
        fields.fault("`suite` must be `xchacha20-poly1305` or `aes-256-gcm`");
    }
    suite
}

fn rotate_days(fields: &mut Fields<'_>) -> Option<u32> {
    let days = fields.want::<u32>("rotate_keys_after_days");
    if days.is_some_and(|days| !(1..=3650).contains(&days)) {
        fields.fault("`rotate_keys_after_days` must be 1 to 3650");
    }
    days
}

fn api_key(fields: &mut Fields<'_>) -> Option<Format> {
    if !fields.holds("api_key") {
        fields.fault("`api_key` is missing");
    }
    let mut fields = fields.inner("api_key")?;
    let (prefix, checksum) = (fields.need::<String>("prefix"), fields.need("checksum"));
    let format = prefix.map(|prefix| Format::new(&prefix, checksum.unwrap_or_default()));
    if let Some(Err(error)) = &format {
        fields.fault(error);
    }
    fields.end();
    checksum.and(format?.ok())
}

/// Where only keys call there are none.
fn roles(fields: &mut Fields<'_>) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    for (at, row) in fields.rows("role", "name") {
        let mut fields = Fields::new(&at, row, fields.faults());
        let (name, permissions) = (fields.id("name"), fields.need("permissions"));
        if roles.iter().any(|known| Some(&known.name) == name.as_ref()) {
            fields.fault("the name is taken");
        }
        let permissions: Vec<String> = permissions.unwrap_or_default();
        for unknown in permissions.iter().filter(|permission| !is_known(permission)) {
            fields.fault(format_args!("no operation requires `{unknown}`"));
        }
        fields.end();
        roles.extend(name.map(|name| Role { name, permissions }));
    }
    roles
}

fn is_known(permission: &str) -> bool {
    let requires = |wanted: Requires| matches!(wanted, Requires::Permission(known) if known == permission);
    permission == "*" || operations::TABLE.iter().any(|operation| requires(operation.requires))
}
