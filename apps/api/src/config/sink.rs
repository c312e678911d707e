use std::path::PathBuf;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use url::{Url, form_urlencoded};

/// A collector of logs: `syslog+tls://HOST:PORT`, `https://HOST/PATH` for NDJSON or `ocsf+https://HOST/PATH`; each may have
/// `#ca=FILE&authorization=FILE&begin=TIME` behind it, which is told to nobody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SinkAt {
    /// What it speaks, and where.
    pub kind: SinkKind,
    /// The PEM file of those who say which certificate is its own, if they aren't the machine's.
    pub ca: Option<PathBuf>,
    /// The file with its `Authorization`.
    pub authorization: Option<PathBuf>,
    /// When what it is sent begins, if not with each log.
    pub begin: Option<DateTime<Utc>>,
}

/// What a collector speaks, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SinkKind {
    /// Syslog over TLS, with events in CEF.
    Syslog {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// HTTP, with entries as the API shows them, at this URL.
    Ndjson(String),
    /// HTTP, with events of OCSF, at this URL.
    Ocsf(String),
}

/// It names no collector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidSink;

/// That of syslog over TLS.
const PORT: u16 = 6514;
const SYSLOG: &str = "syslog+tls";
const OCSF: &str = "ocsf+";

impl FromStr for SinkAt {
    type Err = InvalidSink;

    fn from_str(text: &str) -> Result<Self, InvalidSink> {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let kind: SinkKind = text.parse()?;
        let mut sink = Self { kind, ca: None, authorization: None, begin: None };
        let is_syslog = matches!(sink.kind, SinkKind::Syslog { .. });
        for (name, value) in form_urlencoded::parse(fragment.as_bytes()) {
            let file = Some(&*value).filter(|file| !file.is_empty()).map(PathBuf::from);
            let before = match &*name {
                "ca" => sink.ca.replace(file.ok_or(InvalidSink)?).is_some(),
                "authorization" if !is_syslog => {
                    sink.authorization.replace(file.ok_or(InvalidSink)?).is_some()
                }
                "begin" => sink.begin.replace(value.parse().map_err(|_| InvalidSink)?).is_some(),
                _ => return Err(InvalidSink),
            };
            if before {
                return Err(InvalidSink);
            }
        }
        Ok(sink)
    }
}

impl FromStr for SinkKind {
    type Err = InvalidSink;

    fn from_str(text: &str) -> Result<Self, InvalidSink> {
        let (text, is_ocsf) = text.strip_prefix(OCSF).map_or((text, false), |text| (text, true));
        let url = Url::parse(text).map_err(|_| InvalidSink)?;
        let plain = url.username().is_empty() && url.password().or(url.query()).is_none();
        let host = url.host_str().filter(|host| plain && !host.is_empty()).ok_or(InvalidSink)?;
        match url.scheme() {
            SYSLOG if matches!(url.path(), "" | "/") && !is_ocsf => Ok(Self::Syslog {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: url.port().unwrap_or(PORT),
            }),
            "https" | "http" if is_ocsf => Ok(Self::Ocsf(url.into())),
            "https" | "http" => Ok(Self::Ndjson(url.into())),
            _ => Err(InvalidSink),
        }
    }
}

impl SinkAt {
    /// By which it is remembered what was delivered to it.
    pub fn name(&self) -> String {
        match &self.kind {
            SinkKind::Syslog { host, port } => format!("{SYSLOG}://{host}:{port}"),
            SinkKind::Ndjson(url) => url.clone(),
            SinkKind::Ocsf(url) => format!("{OCSF}{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidSink, SinkAt, SinkKind};

    fn sink(kind: SinkKind, ca: Option<&str>, authorization: Option<&str>) -> Result<SinkAt, InvalidSink> {
        let (ca, authorization) = (ca.map(Into::into), authorization.map(Into::into));
        Ok(SinkAt { kind, ca, authorization, begin: None })
    }

    fn syslog(host: &str, port: u16) -> SinkKind {
        SinkKind::Syslog { host: host.into(), port }
    }

    #[test]
    fn a_sink_has_an_address_and_files_of_its_own() {
        let read = |text: &str| text.parse::<SinkAt>();
        assert_eq!(read("syslog+tls://siem.example"), sink(syslog("siem.example", 6514), None, None));
        assert_eq!(
            read("syslog+tls://siem.example:1/#ca=/a/b%20c.pem"),
            sink(syslog("siem.example", 1), Some("/a/b c.pem"), None)
        );
        assert_eq!(read("syslog+tls://[::1]:7"), sink(syslog("::1", 7), None, None));
        let url = "https://siem.example/a".to_owned();
        assert_eq!(
            read("https://siem.example/a#authorization=/key&ca=/ca.pem"),
            sink(SinkKind::Ndjson(url.clone()), Some("/ca.pem"), Some("/key"))
        );
        assert_eq!(read("ocsf+https://siem.example/a"), sink(SinkKind::Ocsf(url), None, None));
        let later = read("syslog+tls://siem.example#begin=2026-11-27T10:00:00Z").map(|sink| sink.begin);
        assert_eq!(later, Ok("2026-11-27T10:00:00Z".parse().ok()));
        for name in ["syslog+tls://siem.example:6514", "ocsf+https://siem.example/a"] {
            assert_eq!(read(&format!("{name}#ca=/ca.pem")).map(|sink| sink.name()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn nothing_is_passed_over_that_is_not_understood() {
        for text in [
            "siem.example:6514",
            "syslog://siem.example",
            "syslog+tls://",
            "syslog+tls://siem.example/path",
            "syslog+tls://user:word@siem.example",
            "syslog+tls://siem.example#authorization=/key",
            "ocsf+syslog+tls://siem.example",
            "https://siem.example/?key=secret",
            "https://siem.example/#key=/a",
            "https://siem.example/#ca=/a&ca=/b",
            "https://siem.example/#ca=",
            "https://siem.example/#begin=",
            "https://siem.example/#begin=newest",
            "https://siem.example/#begin=2026-11-27",
        ] {
            assert_eq!(text.parse::<SinkAt>(), Err(InvalidSink), "{text}");
        }
    }
}
