//! Personal values through every operation that takes them, in good requests and in bad ones: none of them is anywhere afterwards.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use ureq::http::Method;

use crate::client::{Answer, Client};
use crate::needles::{Needles, percent};
use crate::ward::{Tenant, Ward};

const OWNER: &str = "ottoline.quarrington@planted.example";
const REFERER: &str = "https://planted.example/?patient=Quillfeather";
const AGENT: &str = "Quillfeather-Browser/7 (Persephone Quillfeather)";

#[test]
fn no_personal_value_is_stored_or_logged_or_told_to_whoever_is_refused() {
    let mut ward = Ward::start("trace");
    let (clear, control) = ("Clearwater Hospital of Control", "Ebbing Clinic of Control");
    let tenant = ward.found_for(clear, Some(OWNER));
    let mut visit = Visit::of(&ward, &tenant);
    visit.rename(control);
    visit.people();
    visit.records();
    visit.imports();
    visit.keys();
    visit.searches();
    visit.bad_bodies();
    visit.bad_requests();
    let (needles, told, log) = (visit.needles, visit.told, read_log(&ward, &tenant));

    let (search, nothing) = (needles.search(), Vec::<String>::new());
    for answer in &told {
        assert_eq!(search.of(answer.as_bytes()), [], "in an answer: {answer}");
    }
    // Where a request came from is opened for whoever may read the log; everything else is as it is stored.
    assert_eq!(search.of(log.replace(AGENT, "").as_bytes()), [], "in the audit log, as the API shows it");
    let postgres = ward.postgres();
    let dump = postgres.run("pg_dump", &["--no-owner"]);
    assert_eq!(search.of(dump.as_bytes()), [], "in a dump");
    postgres.ask("CHECKPOINT");
    assert_eq!(search.below(&ward.data()), nothing, "in the data directory of a server that runs");
    ward.stop();
    assert_eq!(search.below(&ward.data()), nothing, "in the data directory");
    assert_eq!(search.of(&ward.logs()), [], "in the logs");

    // What is stored in clear is found by the same means, and the logs are those of a server that tells everything.
    let mut controls = Needles::default();
    controls.add(clear);
    let search = controls.search();
    assert_ne!(search.of(&postgres_wal(&ward)), [], "the WAL was searched");
    assert_ne!(search.below(&ward.postgres().files().join("base")), nothing, "the tables were searched");
    assert!(dump.contains(control), "the dump is one of all tenants");
    assert!(
        String::from_utf8_lossy(&ward.logs()).contains(r#""level":"TRACE""#),
        "the log is at trace level"
    );
}

/// A client that tells of somebody in everything it sends.
struct Visit<'a> {
    ward: &'a Ward,
    client: Client,
    needles: Needles,
    /// Every answer that may not hold any of it.
    told: Vec<String>,
}

impl<'a> Visit<'a> {
    fn of(ward: &'a Ward, tenant: &Tenant) -> Self {
        let mut needles = Needles::default();
        for value in [OWNER, AGENT, REFERER, &tenant.key] {
            needles.add(value);
        }
        Self { ward, client: ward.client(&tenant.key), needles, told: Vec::new() }
    }

    fn plant(&mut self, value: &str) -> String {
        self.needles.add(value)
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![("user-agent", AGENT), ("referer", REFERER)];
        all.extend(headers);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/json"));
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = self.client.send(method, path, &all, body).unwrap();
        if answer.status >= 300 {
            self.told.push(format!("{} {}", answer.headers, answer.text));
        }
        assert!(answer.status < 500, "{path}: {}", answer.text);
        answer
    }

    /// Sends what is taken; what is answered tells facts only, and is looked through too.
    fn taken(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, path, &[], &body.to_string());
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        self.told.push(answer.text.clone());
        answer.json()
    }

    fn refused(&mut self, status: u16, method: &str, path: &str, body: &str) {
        let answer = self.send(method, path, &[], body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
    }

    fn subject(&mut self) -> String {
        let made = self.taken("POST", "/v1/subjects", &json!({ "kind": "patient", "fields": {} }));
        made["id"].as_str().unwrap().to_owned()
    }

    fn rename(&mut self, name: &str) {
        let answer = self.send("PATCH", "/v1/tenant", &[], &json!({ "name": name }).to_string());
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    fn person(&mut self, n: usize) -> Value {
        json!({
            "given_name": self.plant(&format!("Persephone{n}")),
            "family_name": self.plant(&format!("Quillfeather {n} Žižková")),
            "preferred_name": self.plant(&format!("Persie{n}{n}{n}")),
            "email": self.plant(&format!("p.quill{n}@planted.example")),
            "phone": format!("+{}", self.plant(&format!("120655501{n:02}"))),
            "date_of_birth": self.plant(&format!("19{:02}-02-17", 13 + n)),
            "postal_address": {
                "street": self.plant(&format!("{n}7 Marrowbone Crescent")), "city": self.plant(&format!("Upper Wimblewick {n}")),
                "state": self.plant(&format!("Wessexshire{n}")), "postal_code": self.plant(&format!("ZQ{n}9 7XW")),
            },
            "gender": self.plant(&format!("demi-planted{n}")),
            "language": self.plant(&format!("quenya-{n}-planted")),
        })
    }

    fn people(&mut self) {
        let (name, fields) = (self.plant("MRN-QUILL-4711"), self.person(1));
        let new = json!({ "kind": "patient", "external_ref": name, "fields": fields }).to_string();
        // An unkeyed digest of the whole would let a guess at all of it be checked.
        self.plant(&new);
        let once = self.plant("visit of p.quill on her birthday");
        for status in [201, 201, 422] {
            let body = if status == 422 { new.replace("patient", "consumer") } else { new.clone() };
            let answer = self.send("POST", "/v1/subjects", &[("idempotency-key", &once)], &body);
            assert_eq!(answer.status, status, "{}", answer.text);
            self.told.push(answer.text);
        }
        self.refused(409, "POST", "/v1/subjects", &new);

        let (id, fields) = (self.subject(), self.person(2));
        let path = format!("/v1/subjects/{id}");
        self.taken("PATCH", &path, &json!({ "fields": fields }));
        let fields = self.person(3);
        self.taken("PATCH", &path, &json!({ "fields": fields }));
        // A name is no name of a field, not even of one to remove.
        let wrong = self.plant("remove.quill@planted.example");
        self.send("PATCH", &path, &[], &json!({ "fields": { wrong: null } }).to_string());
        self.told.pop(); // whoever names a field that there isn't is told its name
    }

    fn records(&mut self) {
        let path = format!("/v1/subjects/{}/records", self.subject());
        let categories = json!({
            "credentials": { "profession": "Sibylline dowser", "npi": "1234567893", "dea": "AB1234563", "license_state": "QQ-Wessex",
                "license_number": "LIC-QUILL-99", "license_expires": "2091-07-23" },
            "employment": { "role": "Keeper of the Quills", "started_on": "1951-01-29", "left_on": "1952-12-28" },
            "payroll": { "salary_gbp": "918273645", "national_insurance": "ZX918273C", "sort_code": "97-86-75", "account_number": "86423197" },
            "identifiers": { "cpf": "390.533.447-05", "nhs_number": "943 476 5919", "medical_record_number": "MRN-QUILL-4712" },
            "clinical_note": { "title": "On her quillitis", "text": "Feathers regrow.\nPersephone sleeps badly since Michaelmas." },
        });
        for (category, fields) in categories.as_object().unwrap() {
            for value in fields.as_object().unwrap().values() {
                self.plant(value.as_str().unwrap());
            }
            let made = self.taken("POST", &path, &json!({ "category": category, "fields": fields }));
            let record = format!("/v1/records/{}", made["id"].as_str().unwrap());
            self.taken("PATCH", &record, &json!({ "fields": fields }));
        }
        let (note, later) =
            (self.plant("a note that is no object"), self.plant("amended: no quillitis after all"));
        self.refused(422, "POST", &path, &json!({ "category": "clinical_note", "fields": note }).to_string());
        let made =
            self.taken("POST", &path, &json!({ "category": "clinical_note", "fields": { "text": later } }));
        let record = format!("/v1/records/{}", made["id"].as_str().unwrap());
        let never = self.plant("an amendment in the wrong type");
        self.refused(422, "PATCH", &record, &json!({ "fields": { "text": { "wrong": never } } }).to_string());
        let category = self.plant("psychiatry of P. Quillfeather");
        self.refused(422, "POST", &path, &json!({ "category": category, "fields": {} }).to_string());
    }

    fn imports(&mut self) {
        let header = "external_ref,given_name,email,date_of_birth,nhs_number";
        let rows = [
            ["IMP-QUILL-1", "Imported Persephone", "imp.quill@planted.example", "1909-03-14", "4505577104"],
            [
                "IMP-QUILL-2",
                "Refused Persephone",
                "no address of quill",
                "14 March 1908",
                "the wrong NHS number",
            ],
            [
                "IMP-QUILL-3",
                "Carded Persephone",
                "card.quill@planted.example",
                "1907-03-14",
                "4111 1111 1111 1111",
            ],
            [
                "IMP-QUILL-4",
                "\"Unfinished Persephone",
                "end.quill@planted.example",
                "1906-03-14",
                "an open quotation",
            ],
        ];
        let mut csv = header.to_owned();
        for row in rows {
            csv = format!("{csv}\n{}", row.join(","));
            row.iter().for_each(|value| drop(self.plant(value.trim_start_matches('"'))));
        }
        let lines = "{\"external_ref\":\"NDJ-QUILL-1\",\"given_name\":\"Streamed Persephone\"}\n\
                     {\"external_ref\":\"NDJ-QUILL-2\",\"email\":\"streamed, not mailed\"}\nno JSON about Persephone\n";
        for value in [
            "NDJ-QUILL-1",
            "Streamed Persephone",
            "NDJ-QUILL-2",
            "streamed, not mailed",
            "no JSON about Persephone",
        ] {
            self.plant(value);
        }
        // The second of these has no header, so that a person stands in its place.
        for (kind, body) in [
            ("text/csv", csv.as_str()),
            ("text/csv", &csv[header.len() + 1..]),
            ("application/x-ndjson", lines),
        ] {
            for accept in ["application/json", "application/x-ndjson"] {
                let headers = [("content-type", kind), ("accept", accept)];
                let answer = self.send("POST", "/v1/imports?kind=patient", &headers, body);
                self.told.push(answer.text);
            }
        }
    }

    fn keys(&mut self) {
        let made = self
            .send(
                "POST",
                "/v1/api-keys",
                &[("idempotency-key", "one key")],
                r#"{"name": "Reader", "mode": "live", "permissions": ["tenant.read"]}"#,
            )
            .json();
        let key = self.plant(made["key"].as_str().unwrap());
        assert_eq!(self.ward.client(&key).get("/v1/tenant").unwrap().status, 200);
        let path = format!("/v1/api-keys/{}/rotate", made["id"].as_str().unwrap());
        let rotated = self.send("POST", &path, &[], "{}").json();
        self.plant(rotated["key"].as_str().unwrap());
        let wrong = self.plant("permission to see p.quill");
        self.refused(
            422,
            "POST",
            "/v1/api-keys",
            &json!({ "name": "n", "mode": "live", "permissions": [wrong] }).to_string(),
        );
    }

    fn searches(&mut self) {
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

    fn bad_bodies(&mut self) {
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

    fn bad_requests(&mut self) {
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
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            let _reset = stream.read_to_end(&mut answer); // as long as nothing is answered with it
            self.told.push(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

/// The whole audit log as the API shows it: entry by entry, and as a file.
fn read_log(ward: &Ward, tenant: &Tenant) -> String {
    let client = ward.client(&tenant.key);
    let mut log = client.get("/v1/audit/export?format=csv").unwrap().text;
    let mut path = "/v1/audit/events?limit=200".to_owned();
    loop {
        let page = client.get(&path).unwrap();
        assert_eq!(page.status, 200, "{}", page.text);
        log.push_str(&page.text);
        let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { return log };
        path = format!("/v1/audit/events?limit=200&cursor={cursor}");
    }
}

fn postgres_wal(ward: &Ward) -> Vec<u8> {
    let files = std::fs::read_dir(ward.postgres().files().join("pg_wal")).unwrap();
    files.filter_map(|file| std::fs::read(file.unwrap().path()).ok()).flatten().collect()
}
