//! Which operation a request is for: known from its route, before anything of its body is read.

use std::collections::HashMap;

use poem::http::Method;
use poem::{PathPattern, Request};
use serde_json::Value;
use ward::kernel::Operation;

/// Method and path pattern of every operation served.
#[derive(Debug, Default)]
pub(crate) struct Routes(HashMap<(Method, String), &'static Operation>);

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
                if let (Some(row), Ok(method)) = (row, method.to_uppercase().parse()) {
                    routes.insert((method, pattern.clone()), *row);
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

    /// The operation that `request` is for.
    pub(crate) fn operation(&self, request: &Request) -> Option<&'static Operation> {
        let pattern = request.data::<PathPattern>()?;
        self.0.get(&(request.method().clone(), shape(&pattern.0))).copied()
    }
}

/// A path without the names of its parameters: OpenAPI writes `{id}` where the router writes `:param0`.
fn shape(path: &str) -> String {
    let segment =
        |segment: &str| if segment.starts_with([':', '{']) { "*".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn the_same_route_has_one_shape_however_it_is_written() {
        assert_eq!(shape("/v1/subjects/{id}/records"), shape("/v1/subjects/:param0/records"));
        assert_ne!(shape("/v1/subjects/{id}"), shape("/v1/subjects"));
    }
}
