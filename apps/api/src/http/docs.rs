//! `/docs`: the reference, with every asset from the binary, under a policy that names their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A page and the only content security policy under which it works.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) html: Bytes,
    pub(crate) policy: String,
}

const OWN_STYLE: &str = "body{margin:0}.swagger-ui .opblock .renderedMarkdown li{font-size:14px;line-height:2}\
    .swagger-ui .opblock .opblock-summary-operation-id{flex:none;word-break:normal}";

/// The reference of `document`, drawn by the script and the style that `swagger` carries.
pub(crate) fn reference(swagger: &str, document: &Value) -> Document {
    let script = between(swagger, "<script charset=\"UTF-8\">", "</script>");
    let style = format!("{}{OWN_STYLE}", between(swagger, "<style charset=\"UTF-8\">", "</style>"));
    // A `<` in the document must not end the script.
    let spec = document.to_string().replace('<', "\\u003c");
    let start = format!(
        "SwaggerUIBundle({{dom_id:'#ui',deepLinking:true,displayOperationId:true,validatorUrl:null,defaultModelsExpandDepth:0,spec:{spec}}})"
    );
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Ward: API reference</title><link rel=\"icon\" href=\"data:,\"><style>{style}</style></head>\
         <body><main id=\"ui\"></main><script>{script}</script><script>{start}</script></body></html>"
    );
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src {}; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(script),
        hash(&start),
        hash(&style),
    );
    Document { html: html.into(), policy }
}

/// A source expression of [CSP 3](https://www.w3.org/TR/CSP3/#grammardef-hash-source).
pub(crate) fn hash(text: &str) -> String {
    // The HTML parser reads CR LF as LF before anybody hashes.
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.replace("\r\n", "\n"))))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).map_or("", |(_, rest)| rest);
    rest.split_once(end).map_or("", |(inner, _)| inner)
}
