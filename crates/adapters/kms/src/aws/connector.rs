use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use url::{Host, Url};

/// Of an answer, no more is read: the longest that KMS gives has some six thousand bytes.
const MOST: usize = 64 << 10;

/// A client over TLS, where the machine's root certificates say who a server is. It follows no redirect and asks no proxy.
pub(super) fn client() -> SharedHttpClient {
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    Builder::new().tls_provider(ring).build_https()
}

/// The same client for requests that hold keys: they leave this machine over TLS or not at all, and answers are bounded.
pub(super) fn strict(client: SharedHttpClient) -> SharedHttpClient {
    http_client_fn(move |settings, components| {
        SharedHttpConnector::new(Strict(client.http_connector(settings, components)))
    })
}

/// Whether a request to `url` would be read by nobody on its way.
pub(super) fn is_private(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

#[derive(Debug)]
struct Strict(SharedHttpConnector);

/// A key would have left this machine in clear.
#[derive(Debug, thiserror::Error)]
#[error("keys are sent over TLS, or to this machine itself")]
struct InClear;

impl HttpConnector for Strict {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !is_private(request.uri()) {
            return HttpConnectorFuture::ready(Err(ConnectorError::user(InClear.into())));
        }
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            Ok(answer.await?.map(|body| SdkBody::from_body_1_x(Limited::new(body, MOST))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn in_clear_nothing_leaves_this_machine() {
        for url in ["https://kms.example", "https://10.0.0.1:8443/x", "http://127.0.0.1:1", "http://[::1]:1/"]
        {
            assert!(is_private(url), "{url}");
        }
        let open =
            ["http://kms.example", "http://10.0.0.1", "http://127.0.0.1.example", "http://localhost.example"];
        for url in open.into_iter().chain(["", "127.0.0.1", "ftp://127.0.0.1", "http://kms.example@10.0.0.1"])
        {
            assert!(!is_private(url), "{url}");
        }
    }
}
