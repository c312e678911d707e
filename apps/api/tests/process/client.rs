use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};

/// Whoever calls the API, on a connection of its own each time.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    pub(crate) url: String,
    pub(crate) key: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Client {
    pub(crate) fn new(url: String, key: &str) -> Self {
        // Nothing is sent twice by itself, which an old connection would have it do.
        let config = Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
        let agent = Agent::new_with_config(config.timeout_global(Some(Duration::from_secs(60))).build());
        Self { agent, url, key: key.to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, ureq::Error> {
        self.send(Method::GET, path, &[], "")
    }

    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !self.key.is_empty() {
            request = request.header("x-api-key", &self.key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body.to_owned())?)?;
        let headers = format!("{:?}", response.headers());
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok(Answer { status: response.status().as_u16(), headers, text })
    }
}
