//! Request bodies, strictly: unknown fields, wrong types and duplicate keys are refused, and the place is named.

use std::ops::Deref;

use poem::http::{StatusCode, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{impl_apirequest_for_payload, payload::Json};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment, Track};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::http::given;
use crate::http::objects::Objects;
use crate::http::problem::Refused;

const MOST: usize = 1 << 20;

/// A JSON body as its schema says, and the digest of its bytes.
#[derive(Debug)]
pub(crate) struct Body<T> {
    pub(crate) value: T,
    /// What an idempotent request is recognised by.
    pub(crate) digest: [u8; 32],
}

impl<T> Body<T> {
    /// The same for a request about the row `id`.
    pub(crate) fn digest_with(&self, id: Uuid) -> [u8; 32] {
        Sha256::new_with_prefix(self.digest).chain_update(id.as_bytes()).finalize().into()
    }
}

impl<T> Deref for Body<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Type + Send> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + DeserializeOwned> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        refuse_coded(request)?;
        let bytes = body.take()?.into_bytes_limit(MOST).await?;
        Ok(Self { value: parse(&bytes)?, digest: Sha256::digest(&bytes).into() })
    }
}

impl_apirequest_for_payload!(Body<T>, T: Type + DeserializeOwned);

/// Refuses a body that is compressed or otherwise coded ([RFC 9110 §8.4](https://www.rfc-editor.org/rfc/rfc9110#section-8.4)).
pub(crate) fn refuse_coded(request: &Request) -> Result<()> {
    let codings = request.headers().get_all(header::CONTENT_ENCODING);
    let plain = codings.iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if plain { Ok(()) } else { Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into()) }
}

/// Parses JSON whose structs deny unknown fields.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = Track::new();
    let parsed = T::deserialize(Objects(serde_path_to_error::Deserializer::new(&mut json, &mut track)));
    let value = parsed.map_err(|error| refusal(&track.path(), &error, bytes))?;
    json.end().map_err(|_| Refused::malformed("the body goes on after its JSON value"))?;
    Ok(value)
}

fn refusal(path: &Path, error: &serde_json::Error, bytes: &[u8]) -> Refused {
    let pointer: String = path.iter().map(segment).collect();
    match error.classify() {
        Category::Data => Refused::at(&pointer, safe(&error.to_string())),
        // A number in the place of a word is a fault of syntax to serde.
        Category::Syntax if is_json(bytes) => Refused::at(&pointer, "of the wrong type"),
        _ => Refused::malformed(format!("not JSON at line {}, column {}", error.line(), error.column())),
    }
}

fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn segment(segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    }
}

/// The kind of fault without the value: serde echoes what it read.
fn safe(message: &str) -> &str {
    match message {
        m if m.starts_with("unknown field") => "no such field here",
        m if m.starts_with("missing field") => "a required field is missing",
        m if m.starts_with("duplicate field") || m.starts_with("duplicate key") => "named twice",
        m if m.starts_with("unknown variant") => "not one of the words allowed here",
        m if m.starts_with("invalid type") => "of the wrong type",
        m => given::fault(m).unwrap_or("not a value allowed here"),
    }
}

#[cfg(test)]
mod tests {
    use poem::IntoResponse as _;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[expect(dead_code, reason = "only its parsing matters")]
        name: String,
    }

    async fn refused(body: &str) -> (StatusCode, serde_json::Value) {
        let response = parse::<Vec<Item>>(body.as_bytes()).unwrap_err().into_response();
        let status = response.status();
        (status, serde_json::from_slice(&response.into_body().into_vec().await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_fault_is_named_by_its_place_and_never_echoed() {
        for (body, pointer) in [
            (r#"[{"name": 4111}]"#, "/0/name"),
            (r#"[["4111"]]"#, "/0"),
            (r#"[{"name": "a"}, {"name": "b", "secret": 1}]"#, "/1/secret"),
            (r#"[{"name": "a", "name": "b"}]"#, "/0"),
            (r#"[{}]"#, "/0"),
        ] {
            let (status, problem) = refused(body).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
            assert!(!problem.to_string().contains("4111"));
        }
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        assert_eq!(parse::<Vec<u32>>(b"[1.0, 2e1, 3]").unwrap(), [1, 20, 3]);
        for other in ["[1.5]", "[-1.0]", "[1e300]", "[4294967296.0]"] {
            assert!(parse::<Vec<u32>>(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[tokio::test]
    async fn what_is_not_json_is_malformed() {
        for body in ["", "[", "[] []", "[{\"name\": }]"] {
            assert_eq!(refused(body).await.0, StatusCode::BAD_REQUEST, "{body}");
        }
    }
}
