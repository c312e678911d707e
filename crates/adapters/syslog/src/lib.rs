//! A [sink](ward::Sink) that speaks syslog over TLS ([RFC 5425](https://www.rfc-editor.org/rfc/rfc5425)):
//!
//! ```
//! use ward::{Batch, Sink as _, Untaken};
//! use ward_syslog::{Authorities, SyslogTls};
//!
//! async fn send(line: String) -> Result<(), Box<dyn std::error::Error>> {
//!     let sink = SyslogTls::new("siem.example", 6514, Authorities::Machine)?;
//!     Ok(sink.take(&Batch { id: "one".into(), lines: vec![line] }).await?)
//! }
//! ```

mod tls;

pub use tls::{Authorities, SyslogTls, Unusable};
