//! What the witness is told, by arguments and by the environment; arguments win.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::*;
use ward::audit::note::{InvalidKey, VerifierKey};

pub(crate) const HELP: &str = "\
ward-witness --name NAME --state DIR [--listen ADDRESS] [--log VKEY]... [--logs FILE]

  --name NAME       what it signs as: an address of its own without a scheme, as in `witness.example.com/w1`
  --state DIR       where its key and what it has seen lie; nobody else may use it, and no backup may be put back there
  --listen ADDRESS  where it is asked (127.0.0.1:8090)
  --log VKEY        a log that it looks at: the key, whose name is the log's origin; several for a log whose key is rotated
  --logs FILE       the same, one a line; read again whenever it changes

WARD_WITNESS_NAME, WARD_WITNESS_STATE, WARD_WITNESS_LISTEN and WARD_WITNESS_LOGS say the same; WARD_LOG, what is logged.";

const LISTEN: &str = "127.0.0.1:8090";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) state: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) given: Vec<VerifierKey>,
    pub(crate) logs: Option<PathBuf>,
    pub(crate) log: String,
}

/// What can't be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSettings {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error("`{0}` is required")]
    Missing(&'static str),
    #[error("`--log`: {0}")]
    Log(#[from] InvalidKey),
    #[error("`{0}` is no address to listen at")]
    Listen(String),
}

impl Settings {
    /// Nothing, where help is wanted.
    pub(crate) fn read(
        arguments: impl Iterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, InvalidSettings> {
        let [mut name, mut state, mut listen, mut logs] =
            ["NAME", "STATE", "LISTEN", "LOGS"].map(|name| variable(&format!("WARD_WITNESS_{name}")));
        let mut given = Vec::new();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("name") => name = Some(parser.value()?),
                Long("state") => state = Some(parser.value()?),
                Long("listen") => listen = Some(parser.value()?),
                Long("logs") => logs = Some(parser.value()?),
                Long("log") => given.push(parser.value()?.string()?.parse()?),
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        let listen = listen.unwrap_or_else(|| LISTEN.into()).string()?;
        Ok(Some(Self {
            name: name.ok_or(InvalidSettings::Missing("--name"))?.string()?,
            state: state.ok_or(InvalidSettings::Missing("--state"))?.into(),
            listen: listen.parse().map_err(|_| InvalidSettings::Listen(listen))?,
            given,
            logs: logs.map(PathBuf::from),
            log: variable("WARD_LOG").map_or(Ok("info".into()), |log| log.string())?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str, variables: &[(&str, &str)]) -> Result<Option<Settings>, InvalidSettings> {
        let variable =
            |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.into());
        Settings::read(arguments.split_whitespace().map(OsString::from), variable)
    }

    #[test]
    fn an_argument_wins_over_the_environment() {
        let environment =
            [("WARD_WITNESS_NAME", "w.example"), ("WARD_WITNESS_STATE", "/s"), ("WARD_WITNESS_LOGS", "/l")];
        let settings = read("--state /other --listen [::1]:1", &environment).unwrap().unwrap();
        assert_eq!((settings.name.as_str(), settings.state.to_str()), ("w.example", Some("/other")));
        assert_eq!((settings.listen, settings.logs), ("[::1]:1".parse().unwrap(), Some("/l".into())));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        for (arguments, told) in [
            ("--state /s", "`--name` is required"),
            ("--name w", "`--state` is required"),
            ("--name w --state /s --log w+1+2", "`--log`: not an Ed25519 verifier key"),
            ("--name w --state /s --listen here", "`here` is no address to listen at"),
            ("--name w --state /s --key k", "invalid option '--key'"),
        ] {
            assert_eq!(read(arguments, &[]).unwrap_err().to_string(), told);
        }
        assert!(read("--help", &[]).unwrap().is_none());
    }
}
