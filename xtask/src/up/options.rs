use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use crate::process::{Outcome, root};

pub(super) const HELP: &str = "\
Usage: cargo xtask up [OPTIONS]

  --listen ADDRESS        where the API listens (127.0.0.1:8080; port 0 takes any that is free)
  --admin-listen ADDRESS  where operators reach it (the port after that one)
  --data-dir DIRECTORY    where the database and the keys are kept (.ward/data)
  --profile NAME          which company's promises to keep (workforce)
  --own-keys              lets tenants bring keys: those that WARD_TENANT_KEYS allows, by way of
                          WARD_PKCS11_MODULE and WARD_PKCS11_PINS where they lie in hardware
  --empty                 imports nobody: the two demo tenants are empty
  --json                  prints one line of JSON when Ward is ready, and nothing else";

const OWN_KEYS: [&str; 3] = ["WARD_TENANT_KEYS", "WARD_PKCS11_MODULE", "WARD_PKCS11_PINS"];

/// What `up` was asked for.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: SocketAddr,
    pub(super) data_dir: PathBuf,
    pub(super) profile: String,
    pub(super) own_keys: bool,
    pub(super) empty: bool,
    pub(super) json: bool,
}

impl Options {
    /// `None` where help is asked for.
    pub(super) fn parse(arguments: &[String]) -> Outcome<Option<Self>> {
        let (mut listen, mut admin_listen) = (SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), None);
        let (mut data_dir, mut profile) = (root().join(".ward/data"), "workforce".to_owned());
        let (mut own_keys, mut empty, mut json) = (false, false, false);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, attached) =
                argument.split_once('=').map_or((&**argument, None), |(n, v)| (n, Some(v.to_owned())));
            let mut value =
                || attached.clone().or_else(|| rest.next().cloned()).ok_or(format!("`{name}` needs a value"));
            match name {
                "--listen" => listen = address(&value()?)?,
                "--admin-listen" => admin_listen = Some(address(&value()?)?),
                "--data-dir" => data_dir = std::path::absolute(value()?)?,
                "--profile" => profile = value()?,
                "--own-keys" => own_keys = true,
                "--empty" => empty = true,
                "--json" => json = true,
                "-h" | "--help" => return Ok(None),
                _ => return Err(format!("`{argument}` is not an option\n\n{HELP}").into()),
            }
        }
        let listen = with_port(listen)?;
        let admin_listen = admin_listen.map_or_else(|| beside(listen), with_port)?;
        Ok(Some(Self { listen, admin_listen, data_dir, profile, own_keys, empty, json }))
    }

    /// Found out before the build, which may take minutes.
    pub(super) fn may_listen(&self) -> Outcome {
        for (option, address) in [("--listen", self.listen), ("--admin-listen", self.admin_listen)] {
            TcpListener::bind(address)
                .map_err(|error| format!("can't listen on {address}: {error}; `{option}` chooses another"))?;
        }
        Ok(())
    }

    /// Found out as early: without it no tenant may bring any key, and nothing would say why.
    pub(super) fn may_bring(&self) -> Outcome {
        if self.own_keys && std::env::var_os("WARD_TENANT_KEYS").is_none() {
            return Err("`--own-keys` lets tenants bring the keys that WARD_TENANT_KEYS names, and it isn't set: docs/guides/own-key.md".into());
        }
        Ok(())
    }

    /// Variables of the reader's own environment that Ward is started with: where PostgreSQL is and, if asked for, which keys tenants may bring.
    pub(super) fn kept(&self) -> impl Iterator<Item = &'static str> {
        let own_keys = OWN_KEYS.into_iter().filter(|_| self.own_keys);
        std::iter::once("WARD_PG_BINDIR").chain(own_keys)
    }

    /// The URL of the API as this machine reaches it.
    pub(super) fn url(&self) -> String {
        let ip = match self.listen.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.listen.port()))
    }
}

fn address(text: &str) -> Outcome<SocketAddr> {
    text.parse().map_err(|_| format!("`{text}` is not an address and a port, such as 127.0.0.1:8080").into())
}

/// The same address with a port that is free where none was given.
fn with_port(address: SocketAddr) -> Outcome<SocketAddr> {
    if address.port() != 0 { Ok(address) } else { Ok(TcpListener::bind(address)?.local_addr()?) }
}

/// The next port if it is free, else any; on this machine alone.
fn beside(listen: SocketAddr) -> Outcome<SocketAddr> {
    let next = SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port().saturating_add(1)));
    match TcpListener::bind(next) {
        Ok(_) => Ok(next),
        Err(_) => with_port(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Options;

    fn parse(line: &str) -> Result<Option<Options>, String> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        let options =
            parse("--listen 0.0.0.0:9001 --data-dir=/d --profile outreach --json").unwrap().unwrap();
        assert_eq!((options.url(), options.profile.as_str()), ("http://127.0.0.1:9001".into(), "outreach"));
        assert_eq!(options.data_dir, Path::new("/d"));
        assert!(options.json && !options.empty);
        assert!(options.admin_listen.ip().is_loopback());
        assert_ne!(options.admin_listen, options.listen);
    }

    #[test]
    fn keys_that_tenants_bring_are_those_of_the_environment_where_that_is_asked_for() {
        let kept = |line: &str| parse(line).unwrap().unwrap().kept().collect::<Vec<_>>();
        assert_eq!(kept("--listen 127.0.0.1:0"), ["WARD_PG_BINDIR"]);
        let own = ["WARD_PG_BINDIR", "WARD_TENANT_KEYS", "WARD_PKCS11_MODULE", "WARD_PKCS11_PINS"];
        assert_eq!(kept("--listen 127.0.0.1:0 --own-keys"), own);
    }

    #[test]
    fn a_free_port_is_found() {
        let options = parse("--listen 127.0.0.1:0").unwrap().unwrap();
        assert_ne!(options.listen.port(), 0);
        assert_ne!(options.listen.port(), options.admin_listen.port());
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parse("--listen here").unwrap_err().contains("`here`"));
        assert!(parse("--profile").unwrap_err().contains("`--profile`"));
        assert!(parse("--quick").unwrap_err().contains("`--quick`"));
        assert_eq!(parse("--help"), Ok(None));
    }
}
