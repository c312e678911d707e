//! A client that tells of somebody in everything it sends, and is understood.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::client::{Answer, Client};
use crate::needles::Needles;
use crate::ward::{Tenant, Ward};

pub(crate) const OWNER: &str = "ottoline.quarrington@planted.example";
const REFERER: &str = "https://planted.example/?patient=Quillfeather";
pub(crate) const AGENT: &str = "Quillfeather-Browser/7 (Persephone Quillfeather)";

/// One client, and what it told.
pub(crate) struct Visit<'a> {
    ward: &'a Ward,
    pub(crate) client: Client,
    pub(crate) needles: Needles,
    /// Every answer that may not hold any of it.
    pub(crate) told: Vec<String>,
}

impl<'a> Visit<'a> {
    pub(crate) fn of(ward: &'a Ward, tenant: &Tenant) -> Self {
        let mut needles = Needles::default();
        for value in [OWNER, AGENT, REFERER, &tenant.key] {
            needles.add(value);
        }
        Self { ward, client: ward.client(&tenant.key), needles, told: Vec::new() }
    }

    pub(crate) fn plant(&mut self, value: &str) -> String {
        self.needles.add(value)
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
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

    pub(crate) fn subject(&mut self) -> String {
        let made = self.taken("POST", "/v1/subjects", &json!({ "kind": "patient", "fields": {} }));
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn rename(&mut self, name: &str) {
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

    pub(crate) fn people(&mut self) {
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

    pub(crate) fn records(&mut self) {
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

    /// Somebody of whom a record is held, and whose fields were changed.
    pub(crate) fn person_with_a_record(&mut self) -> String {
        let (id, fields) = (self.subject(), self.person(4));
        self.taken("PATCH", &format!("/v1/subjects/{id}"), &json!({ "fields": fields }));
        let text = self.plant("Persephone is about to be erased");
        let note = json!({ "category": "clinical_note", "fields": { "text": text } });
        self.taken("POST", &format!("/v1/subjects/{id}/records"), &note);
        id
    }

    pub(crate) fn erase(&mut self, id: &str) {
        let path = format!("/v1/subjects/{id}/erasure");
        let why = self.plant("since Persephone asked");
        self.refused(422, "POST", &path, &json!({ "reason": why }).to_string());
        let answer = self.send("POST", &path, &[], r#"{"reason":"requested"}"#);
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.told.push(answer.text);
    }

    pub(crate) fn imports(&mut self) {
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

    pub(crate) fn keys(&mut self) {
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
}
