use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use ureq::http::{StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};
use ward_audit::verify::Source;

use crate::command::Stop;
use crate::directory;
use crate::options::Options;

/// A log that a running Ward serves.
pub(crate) struct Served {
    agent: Agent,
    prefix: String,
    api_key: String,
}

/// How often what is told to wait comes back.
const PATIENCE: u32 = 10;

impl Served {
    pub(crate) fn of(options: &Options, from_environment: Option<String>) -> Result<Self, Stop> {
        let url = options.url.as_deref().ok_or(Stop::Usage("`--url` is needed".into()))?;
        if !keeps_secrets(url) {
            return Err(Stop::Usage(
                "`--url` must begin with `https://`, unless it is this machine's".into(),
            ));
        }
        let api_key = match &options.api_key_file {
            Some(path) => String::from_utf8(directory::file(Path::new(path))?).unwrap_or_default(),
            None => from_environment.unwrap_or_default(),
        };
        let api_key = api_key.trim().to_owned();
        if api_key.is_empty() || !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Stop::Usage("an API key is needed: in `--api-key-file`, or in WARD_API_KEY".into()));
        }
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .tls_config(tls)
            // Over TLS a proxy sees nothing; without, it would see the key.
            .proxy(if url.starts_with("https:") { Proxy::try_from_env() } else { None })
            .build();
        let prefix = format!("{}/v1/audit", url.trim_end_matches('/'));
        Ok(Self { agent: config.into(), prefix, api_key })
    }

    fn ask(&self, url: &str) -> Result<ureq::http::Response<ureq::Body>, Stop> {
        for _ in 0..PATIENCE {
            let asked = self.agent.get(url).header("X-API-Key", &self.api_key).call();
            let answer = asked.map_err(|error| Stop::unread(url, error))?;
            let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.parse().ok());
            match (answer.status(), wait) {
                (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(wait @ 0..=60)) => {
                    rest(Duration::from_secs(wait));
                }
                _ => return Ok(answer),
            }
        }
        Err(Stop::unread(url, "told to wait too often"))
    }
}

impl Source for Served {
    type Error = Stop;

    fn read(&mut self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Stop> {
        let url = format!("{}/{path}", self.prefix);
        let answer = self.ask(&url)?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(Stop::unread(url, format!("answered {status}"))),
        }
        let mut bytes = Vec::new();
        let read = answer.into_body().into_reader().take(most as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| Stop::unread(url, error))?;
        Ok(Some(bytes))
    }
}

/// Whether nobody between here and there sees the API key.
fn keeps_secrets(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    }
}

#[expect(clippy::disallowed_methods, reason = "there is one thread, and no task")]
fn rest(time: Duration) {
    std::thread::sleep(time);
}
