use serde_json::Value;

use super::{Ask, Case, Client, Outcome, Payload};

/// An operation as the OpenAPI document describes it.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    /// With its parameters in braces.
    pub(crate) path: String,
    pub(crate) permission: Option<String>,
    pub(crate) audit: Vec<String>,
    pub(crate) discloses: bool,
    pub(crate) public: bool,
    pub(crate) idempotent: bool,
    /// Name and place of each.
    parameters: Vec<(String, String, Value)>,
}

/// Everything that the service says it does.
pub(crate) async fn operations(client: &Client) -> Outcome<Vec<Operation>> {
    let document = client.get("/openapi.json").await?.expect(200)?;
    let paths = document["paths"].as_object().ok_or("no paths")?;
    let methods = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |(method, described)| (path, method, described))
    });
    let all: Vec<_> = methods.map(|(path, method, of)| Operation::of(path, method, of)).collect();
    if all.len() < 20 { Err("the document is not whole".into()) } else { Ok(all) }
}

impl Operation {
    fn of(path: &str, method: &str, described: &Value) -> Self {
        let promise = &described["x-ward"];
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let words = |value: &Value| value.as_array().into_iter().flatten().map(word).collect();
        let flag = |name: &str| promise[name].as_bool().expect("x-ward is whole");
        let parameters = described["parameters"].as_array().into_iter().flatten();
        let parameter = |it: &Value| (word(&it["name"]), word(&it["in"]), it["schema"].clone());
        Self {
            id: word(&described["operationId"]),
            method: method.to_owned(),
            path: path.to_owned(),
            permission: promise["permission"].as_str().map(str::to_owned),
            audit: words(&promise["audit"]),
            discloses: flag("discloses"),
            public: flag("public"),
            idempotent: flag("idempotent"),
            parameters: parameters.map(parameter).collect(),
        }
    }

    /// Whether it needs a key.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.public
    }

    /// Whether it changes something: only GET doesn't.
    pub(crate) fn changes(&self) -> bool {
        self.method != "get"
    }

    /// The parameters of its path that name a row.
    pub(crate) fn path_ids(&self) -> impl Iterator<Item = &str> {
        self.parameters
            .iter()
            .filter(|(name, place, _)| place == "path" && name == "id")
            .map(|(name, ..)| name.as_str())
    }

    /// Parameters of its query that hold an id: those of that format, and cursors, which are ids in disguise but for the log's,
    /// which is a place.
    pub(crate) fn query_ids(&self) -> impl Iterator<Item = &str> {
        let by_place = self.id == "listAuditEvents";
        let holds = move |name: &str, schema: &Value| {
            name == "cursor" && !by_place || schema.to_string().contains("\"uuid\"")
        };
        let ids = self
            .parameters
            .iter()
            .filter(move |(name, place, schema)| place == "query" && holds(name, schema));
        ids.map(|(name, ..)| name.as_str())
    }

    /// The request that `case` describes.
    pub(crate) fn ask(&self, case: &Case) -> Ask {
        let mut path = self.path.clone();
        for (name, value) in &case.ids {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "`{}` has an id without a value", self.id);
        if !case.query.is_empty() {
            path = format!("{path}?{}", case.query);
        }
        let ask = Ask::new(&self.method, path);
        match &case.payload {
            Payload::None => ask,
            Payload::Json(body) => ask.json(body),
            Payload::Csv(body) => ask.typed("text/csv", body.as_bytes()),
        }
    }

    /// The same operation with everything wrong that a request can have wrong.
    pub(crate) fn nonsense(&self) -> Ask {
        let mut path = self.path.clone();
        for name in self.path_ids() {
            path = path.replace(&format!("{{{name}}}"), "no-id-at-all");
        }
        let ask = Ask::new(&self.method, format!("{path}?limit=x&cursor=%25&kind=x&format=x"));
        let ask = ask.header("idempotency-key", "\"\"");
        if self.changes() { ask.typed("text/nonsense", "{") } else { ask }
    }
}
