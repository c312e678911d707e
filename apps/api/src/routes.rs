//! Which operation a request is for: known from its route, before anything of its body is read.

use std::collections::HashMap;

use poem::http::Method;
use poem::{PathPattern, Request};
use serde_json::Value;
use ward::kernel::Operation;

use crate::http::problem::{Fault, Refused};

/// Every operation served, by method and path pattern.
#[derive(Debug, Default)]
pub(crate) struct Routes(HashMap<(Method, String), Route>);

/// An operation, and the parameters of its query.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) operation: &'static Operation,
    query: Vec<String>,
}

/// Whether an operation refuses parameters that it doesn't have. Not where others than its callers add some: load
/// balancers to what they look at, mail programs and networks to the links that people follow.
pub(crate) fn heeds_query(of: &Operation) -> bool {
    !matches!(of.id, "health" | "ready" | "trustPage")
}

impl Route {
    /// Refuses a query with a parameter that there isn't, since a filter with a slip in its name would find everything;
    /// or with one named twice, since nobody can say which of the two is meant.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Refused> {
        let faults = self.faults(request);
        if faults.is_empty() { Ok(()) } else { Err(Refused::invalid(faults)) }
    }

    fn faults(&self, request: &Request) -> Vec<Fault> {
        let given = request.params::<Vec<(String, String)>>().unwrap_or_default();
        let fault = |(n, (name, _)): (usize, &(String, String))| {
            let detail = if !self.query.contains(name) {
                "no such parameter here"
            } else if given.iter().take(n).any(|(before, _)| before == name) {
                "named twice"
            } else {
                return None;
            };
            Some(Fault::new(format!("?{}", name.chars().take(100).collect::<String>()), detail))
        };
        given.iter().enumerate().filter_map(fault).take(20).collect()
    }
}

impl Routes {
    /// Reads them from the OpenAPI document.
    pub(crate) fn of(document: &Value, table: &[&'static Operation]) -> Self {
        let mut routes = HashMap::new();
        let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
        for (path, methods) in paths {
            let pattern = shape(path);
            for (method, served) in methods.as_object().into_iter().flatten() {
                let id = served.get("operationId").and_then(Value::as_str);
                let row = table.iter().find(|row| Some(row.id) == id);
                if let (Some(operation), Ok(method)) = (row, method.to_uppercase().parse()) {
                    let route = Route { operation, query: parameters(served) };
                    routes.insert((method, pattern.clone()), route);
                }
            }
        }
        Self(routes)
    }

    /// The methods of a path, as `Allow` lists them.
    pub(crate) fn methods(&self, pattern: &str) -> String {
        let pattern = shape(pattern);
        let methods = self.0.keys().filter(|(_, known)| *known == pattern).map(|(method, _)| method.as_str());
        let mut methods: Vec<_> = methods.collect();
        methods.sort_unstable();
        methods.join(", ")
    }

    /// What `request` is for.
    pub(crate) fn find(&self, request: &Request) -> Option<&Route> {
        let pattern = request.data::<PathPattern>()?;
        self.0.get(&(request.method().clone(), shape(&pattern.0)))
    }
}

fn parameters(served: &Value) -> Vec<String> {
    let all = served.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let of_query = all.filter(|parameter| parameter.get("in").and_then(Value::as_str) == Some("query"));
    of_query.filter_map(|parameter| parameter.get("name")?.as_str()).map(str::to_owned).collect()
}

/// A path without the names of its parameters: OpenAPI writes `{id}` where the router writes `:param0`.
fn shape(path: &str) -> String {
    let segment = |segment: &str| {
        if segment.starts_with([':', '{', '*']) { "*".to_owned() } else { segment.to_owned() }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn the_same_route_has_one_shape_however_it_is_written() {
        assert_eq!(shape("/v1/subjects/{id}/records"), shape("/v1/subjects/:param0/records"));
        assert_eq!(shape("/v1/audit/tile/{tile}"), shape("/v1/audit/tile/*tile"));
        assert_ne!(shape("/v1/subjects/{id}"), shape("/v1/subjects"));
    }
}
