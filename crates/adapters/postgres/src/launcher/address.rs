use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::LaunchError;
use super::place::Place;
use super::postmaster::Postmaster;
use super::run::until;

/// Where a private cluster listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    socket: PathBuf,
}

impl Address {
    /// The cluster whose socket lies in this directory.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// The directory of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How `role` reaches `database`.
    pub fn url(&self, role: &str, database: &str) -> String {
        let socket = self.socket.to_string_lossy();
        format!("postgres://{}@localhost/{}?host={}", encode(role), encode(database), encode(&socket))
    }
}

/// The cluster of `data_dir` while another process runs it; `None` when nobody does. One that is just
/// starting is waited for.
pub fn attach(data_dir: &Path) -> Result<Option<Address>, LaunchError> {
    if !data_dir.exists() {
        return Ok(None);
    }
    let place = Place::open(data_dir)?;
    let found = until(Duration::from_secs(30), || {
        let server = Postmaster::of(&place.cluster())?.filter(|server| server.ready);
        match server.and_then(|server| server.socket) {
            _ if !place.is_locked()? => Ok(Some(None)),
            Some(socket) => Ok(Some(Some(Address::new(socket)))),
            None => Ok(None),
        }
    })?;
    Ok(found.flatten())
}

/// Percent-encodes all but what needs none anywhere in a URL, and `/`, which needs none in a query.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    let each = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(each).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Address;

    #[test]
    fn a_url_holds_any_directory() {
        let address = Address::new(PathBuf::from("/tmp/a b&c"));
        assert_eq!(address.url("ward_app", "ward"), "postgres://ward_app@localhost/ward?host=/tmp/a%20b%26c");
    }
}
