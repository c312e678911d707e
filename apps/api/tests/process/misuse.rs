//! A client that tells of somebody in what is refused: in searches, in paths, in wrong bodies and broken requests.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use crate::needles::percent;
use crate::visit::Visit;

impl Visit<'_> {
    pub(crate) fn searches(&mut self) {
        let id = self.subject();
        let paths =
            ["/v1/subjects", "/v1/audit/events", "/v1/audit/export", "/trust", "/v1/api-keys", "/v1/claims"]
                .map(str::to_owned);
        let paths = paths.into_iter().chain([format!("/v1/subjects/{id}/records")]);
        for (n, path) in paths.enumerate() {
            for name in [
                "email",
                "phone",
                "external_ref",
                "kind",
                "cursor",
                "limit",
                "action",
                "actor",
                "from",
                "format",
                "q",
            ] {
                let value = self.plant(&format!("sought {name}{n} of quill@planted.example"));
                self.send("GET", &format!("{path}?{name}={}", percent(&value, "%20")), &[], "");
            }
        }
        let value = self.plant("MRN-QUILL-SOUGHT");
        self.send("GET", &format!("/v1/subjects?kind=patient&external_ref={value}"), &[], "");
        for path in ["/v1/subjects/", "/v1/records/", "/v1/claims/", "/v1/", "/", "/docs/"] {
            let value = self.plant(&format!("person{}@path.planted.example", path.len()));
            self.send("GET", &format!("{path}{value}"), &[], "");
            self.send("POST", &format!("{path}{value}/check"), &[], "{}");
            self.send("DELETE", &format!("{path}{value}"), &[], "");
        }
    }

    pub(crate) fn bad_bodies(&mut self) {
        for (n, body) in [
            r#"{"kind": "patient", "fields": {"given_name": "PLANT""#,
            r#"{"kind": "patient", "fields": {"given_name": 4.5}} PLANT"#,
            r#"{"kind": "PLANT", "fields": {}}"#,
            r#"{"kind": "patient", "fields": "PLANT"}"#,
            r#"{"kind": "patient", "fields": ["PLANT"]}"#,
            r#"{"kind": "patient", "fields": {"given_name": ["PLANT"]}}"#,
            r#"{"kind": "patient", "fields": {"given_name": {"street": "PLANT"}}}"#,
            r#"{"kind": "patient", "fields": {"postal_address": "PLANT"}}"#,
            r#"{"kind": "patient", "fields": {"given_name": "PLANT", "given_name": "PLANT"}}"#,
            r#"{"kind": "patient", "fields": {"given_name": "PLANT\u0000"}}"#,
            r#"{"kind": "patient", "fields": {"email": "PLANT"}}"#,
            r#"{"kind": "patient", "fields": {"phone": "PLANT"}}"#,
            r#"{"kind": "patient", "fields": {"date_of_birth": "PLANT"}}"#,
            r#"{"kind": "patient", "fields": {}, "time_zone": "PLANT"}"#,
            r#"{"kind": "patient", "fields": {}, "jurisdiction": "PLANT"}"#,
            r#"{"kind": "patient", "fields": {}, "external_ref": ["PLANT"]}"#,
            r#"{"kind": "patient", "fields": {}, "unknown": "PLANT"}"#,
            r#"{"name": "PLANT", "mode": "PLANT", "permissions": "PLANT", "expires_at": "PLANT", "monthly_quota": "PLANT"}"#,
            r#"{"settings": {"allowed_email_domains": ["PLANT"], "mfa_required": "PLANT"}}"#,
            r#"{"category": "credentials", "occurred_on": "PLANT", "fields": {"npi": "PLANT", "profession": "PLANT"}}"#,
            r#"{"overlap_seconds": "PLANT"}"#,
            "PLANT",
        ]
        .iter()
        .enumerate()
        {
            let value = self.plant(&format!("Badbody Persephone {n} ltd"));
            let body = body.replace("PLANT", &value);
            let id = self.subject();
            for (method, path) in [
                ("POST", "/v1/subjects".to_owned()),
                ("PATCH", format!("/v1/subjects/{id}")),
                ("POST", format!("/v1/subjects/{id}/records")),
                ("PATCH", format!("/v1/records/{id}")),
                ("POST", "/v1/api-keys".to_owned()),
                ("POST", format!("/v1/api-keys/{id}/rotate")),
                ("PATCH", "/v1/tenant".to_owned()),
                ("POST", "/v1/claims/isolation/check".to_owned()),
            ] {
                self.send(method, &path, &[], &body);
            }
        }
    }

    pub(crate) fn bad_requests(&mut self) {
        for (n, name) in [
            "x-api-key",
            "authorization",
            "cookie",
            "content-type",
            "accept",
            "traceparent",
            "x-request-id",
            "host",
        ]
        .into_iter()
        .enumerate()
        {
            let value = self.plant(&format!("header {n} of quill@planted.example"));
            self.send("POST", "/v1/subjects", &[(name, &value)], "{}");
        }
        for method in ["PUT", "HEAD", "OPTIONS", "TRACE"] {
            let value = self.plant(&format!("{method}.of.quill@planted.example"));
            self.send(method, &format!("/v1/subjects?email={value}"), &[], "");
        }
        // No client sends these, and somebody will.
        for (n, start) in [
            "GET /v1/subjects?q=PLANT",
            "PLANT",
            "GET / HTTP/1.1\r\nPLANT",
            "POST / HTTP/1.1\r\ncontent-length: PLANT",
        ]
        .into_iter()
        .enumerate()
        {
            let value = self.plant(&format!("raw{n}.quill@planted.example"));
            let mut stream = TcpStream::connect(self.client.url.trim_start_matches("http://")).unwrap();
            stream.write_all(format!("{}\r\n\r\n", start.replace("PLANT", &value)).as_bytes()).unwrap();
            let _answered_already = stream.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let _reset = stream.read_to_end(&mut answer); // as long as nothing is answered with it
            self.told.push(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}
