use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// A collector of logs: `syslog+tls://HOST:PORT#ca=FILE`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SinkAt {
    /// Where it is.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// The PEM file of those who say which certificate is its own, if they aren't the machine's.
    pub ca: Option<PathBuf>,
}

/// It names no collector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidSink;

/// That of syslog over TLS.
const PORT: u16 = 6514;

impl FromStr for SinkAt {
    type Err = InvalidSink;

    fn from_str(text: &str) -> Result<Self, InvalidSink> {
        let url = Url::parse(text).map_err(|_| InvalidSink)?;
        let plain = url.username().is_empty() && url.password().or(url.query()).is_none();
        if !plain || url.scheme() != "syslog+tls" || !matches!(url.path(), "" | "/") {
            return Err(InvalidSink);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidSink)?;
        let ca = url.fragment().map(|fragment| fragment.strip_prefix("ca=").ok_or(InvalidSink));
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            ca: ca.transpose()?.map(PathBuf::from),
        })
    }
}

impl SinkAt {
    /// By which it is remembered what was delivered to it.
    pub fn name(&self) -> String {
        format!("syslog+tls://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidSink, SinkAt};

    #[test]
    fn a_sink_has_an_address_and_nothing_that_is_not_understood() {
        let sink = |host: &str, port, ca: Option<&str>| {
            Ok(SinkAt { host: host.into(), port, ca: ca.map(Into::into) })
        };
        assert_eq!("syslog+tls://siem.example".parse(), sink("siem.example", 6514, None));
        assert_eq!(
            "syslog+tls://siem.example:1/#ca=/a/b.pem".parse(),
            sink("siem.example", 1, Some("/a/b.pem"))
        );
        assert_eq!("syslog+tls://[::1]:7".parse(), sink("::1", 7, None));
        let wrong =
            ["siem.example:6514", "syslog://siem.example", "syslog+tls://", "syslog+tls://siem.example/path"];
        for text in
            wrong.into_iter().chain(["syslog+tls://u:p@siem.example", "syslog+tls://siem.example#key=x"])
        {
            assert_eq!(text.parse::<SinkAt>(), Err(InvalidSink), "{text}");
        }
    }
}
