//! [Sinks](ward::Sink): collectors of logs that speak syslog over TLS ([RFC 5425](https://www.rfc-editor.org/rfc/rfc5425)), or take batches
//! over HTTP:
//!
//! ```
//! use ward::{Batch, Sink as _};
//! use ward_sink::{Authorities, SyslogTls};
//!
//! async fn send(line: String) -> Result<(), Box<dyn std::error::Error>> {
//!     let sink = SyslogTls::new("siem.example", 6514, &Authorities::Machine)?;
//!     Ok(sink.take(&Batch { id: "one".into(), lines: vec![line] }).await?)
//! }
//! ```

mod authorities;
mod http;
mod syslog;

pub use authorities::{Authorities, Unusable};
pub use http::HttpBatches;
pub use syslog::SyslogTls;
