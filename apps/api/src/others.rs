//! Wiring: settings to the adapters through which others take part in the log.

use std::ffi::OsString;
use std::sync::Arc;

use ward::audit::witness::Witness;
use ward::kernel::Ids;
use ward::{Cosigner, Logs, Sink};
use ward_blob::{BlobArchive, BlobLedger, Place};
use ward_sink::{Authorities, HttpBatches, SyslogTls, Unusable};
use ward_witness_client::HttpWitness;

use crate::archived::Archived;
use crate::audit_export::live::Format;
use crate::config::{Config, SinkAt, SinkKind, WitnessAt};
use crate::delivered::Delivered;
use crate::erasure::ledger::Erased;
use crate::heads::Failure;
use crate::logs;
use crate::witnessed::Witnessed;

/// Who cosigns the heads of logs.
pub(crate) fn witnessed(config: &Config, logs: Arc<dyn Logs>) -> Result<Vec<Witnessed>, Failure> {
    let witness = |at: &WitnessAt| {
        let named = HttpWitness::new(&at.url, vec![at.key.clone()]);
        let named = named.map_err(|error| format!("`WARD_WITNESSES`: {}", logs::causes(&error)))?;
        Ok(Box::new(named) as Box<dyn Witness>)
    };
    let witnesses = config.witnesses.iter().map(witness).collect::<Result<_, Failure>>()?;
    let named = Cosigner::all(logs, witnesses).into_iter().zip(&config.witnesses);
    Ok(named.map(|(cosigner, at)| Witnessed::new(at.key.name(), cosigner)).collect())
}

/// Where heads of logs are put for others to see.
pub(crate) fn archived(config: &Config) -> Result<Option<Archived>, Failure> {
    Ok(opened("WARD_CHECKPOINTS", config.checkpoints.as_ref())?.map(Archived::new))
}

/// Where it is written down who was erased.
pub(crate) fn erased(config: &Config) -> Result<Option<Erased>, Failure> {
    let archive = opened("WARD_ERASURE_LEDGER", config.erasure_ledger.as_ref())?;
    Ok(archive.map(|archive| Erased::new(BlobLedger::new(archive, &config.log_origin))))
}

fn opened(setting: &str, place: Option<&Place>) -> Result<Option<BlobArchive>, Failure> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let open = |place: &Place| {
        let archive = place.clone().open(std::env::vars_os().filter_map(text));
        archive.map_err(|error| format!("`{setting}`: {}", logs::causes(&error)).into())
    };
    place.map(open).transpose()
}

/// To whom logs are delivered.
pub(crate) fn delivered(config: &Config, ids: &dyn Ids) -> Result<Vec<Delivered>, Failure> {
    let holder = ids.next();
    let delivered = |at: &SinkAt| {
        let (format, sink) = sink(at)
            .map_err(|error| format!("`WARD_LOG_SINKS`: `{}`: {}", at.name(), logs::causes(&error)))?;
        Ok(Delivered::new(at.name(), (format, sink), at.begin, holder))
    };
    config.log_sinks.iter().map(delivered).collect()
}

fn sink(at: &SinkAt) -> Result<(Format, Box<dyn Sink>), Unusable> {
    let authorities = at.ca.clone().map_or(Authorities::Machine, Authorities::File);
    let http = |url: &str| HttpBatches::new(url, &authorities, at.authorization.clone());
    Ok(match &at.kind {
        SinkKind::Syslog { host, port } => {
            (Format::Cef, Box::new(SyslogTls::new(host, *port, &authorities)?))
        }
        SinkKind::Ndjson(url) => (Format::Ndjson, Box::new(http(url)?)),
        SinkKind::Ocsf(url) => (Format::Ocsf, Box::new(http(url)?)),
    })
}
