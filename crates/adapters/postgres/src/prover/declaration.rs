use serde_json::{Value, json};

/// What the schema is proven against: everything in it that is not declared here must be a tenant table, a view over
/// tenant tables with its caller's rights, or a function with its caller's rights.
///
/// [`Declaration::ward`] is Ward's own part; a product team that keeps tables in schemas of its own adds to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Declaration {
    /// The role that serves.
    pub app: String,
    /// The role that owns `ward.tenant()`.
    pub owner: String,
    /// What `pg_get_expr` may print for a policy, compared by equality.
    pub policies: Vec<&'static str>,
    /// The body of `ward.tenant()`.
    pub tenant: &'static str,
    /// Relations without isolation.
    pub exempt: Vec<Exempt>,
    /// Functions that run with their owner's rights.
    pub definers: Vec<Definer>,
    /// Tables whose rows are never changed.
    pub append_only: Vec<AppendOnly>,
    /// Publications that may copy rows past the policies.
    pub publications: Vec<&'static str>,
    /// The migrations, in which the body of every definer function must stand between `$$` and `$$`.
    pub sources: Vec<&'static str>,
}

/// A relation that tenants share.
#[derive(Clone, Debug)]
pub struct Exempt {
    /// With its schema.
    pub relation: &'static str,
    /// What the serving role may do with it.
    pub allows: &'static [&'static str],
    /// Why it holds nothing that one tenant may hide from another.
    pub reason: &'static str,
}

/// A function that runs with its owner's rights.
#[derive(Clone, Debug)]
pub struct Definer {
    /// With its schema and the types of its arguments.
    pub function: &'static str,
    /// Whether it answers, or changes, what belongs to other tenants; an attack then leaves it out.
    pub crosses: bool,
    /// Why its caller's rights won't do.
    pub reason: &'static str,
}

/// A table whose rows are never changed.
#[derive(Clone, Debug)]
pub struct AppendOnly {
    /// With its schema.
    pub table: &'static str,
    /// A column that only the database writes.
    pub stamped: Option<&'static str>,
}

impl Declaration {
    /// The declaration as the rules read it.
    pub(crate) fn json(&self) -> Value {
        let exempt = self.exempt.iter().map(|e| json!({"relation": e.relation, "allows": e.allows}));
        let definers = self.definers.iter().map(|d| json!({"function": d.function, "crosses": d.crosses}));
        let append_only = self.append_only.iter().map(|a| json!({"table": a.table, "stamped": a.stamped}));
        json!({
            "app": self.app,
            "owner": self.owner,
            "policies": self.policies,
            "tenant": self.tenant,
            "exempt": exempt.collect::<Value>(),
            "definers": definers.collect::<Value>(),
            "append_only": append_only.collect::<Value>(),
            "publications": self.publications,
            "sources": self.sources,
        })
    }

    /// Makes the declaration readable to the statements that follow in the same message or transaction.
    pub(crate) fn set_local(&self) -> String {
        format!("SET LOCAL ward.declared = '{}'", self.json().to_string().replace('\'', "''"))
    }
}
