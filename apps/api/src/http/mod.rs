//! What every operation shares: strict bodies, problem documents, paging, and the OpenAPI document.

pub(crate) mod body;
pub(crate) mod docs;
pub(crate) mod exact;
pub(crate) mod given;
pub(crate) mod headers;
pub(crate) mod links;
pub(crate) mod objects;
pub(crate) mod one_or_many;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod reply;
pub(crate) mod time;
pub(crate) mod vocabulary;
