//! The Ward API: wires adapters to ports and serves them behind a generated OpenAPI document.

mod api_key;
mod app;
mod artifact;
mod audit_event;
mod audit_export;
mod auth;
mod claim;
pub mod command;
pub mod config;
mod endpoint;
mod fields;
mod gate;
mod health;
mod http;
mod import;
mod logs;
mod machine;
mod me;
mod operations;
mod operator;
mod private;
mod probe;
mod profile;
mod record;
mod refusals;
mod root_key;
mod routes;
mod serve;
mod subject;
mod tag;
mod tasks;
mod tenant;
mod trust;
mod usage;

pub use operator::Founded;
pub use serve::Server;
