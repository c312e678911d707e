use std::collections::BTreeMap;

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
    /// The role that owns `ward.tenant()` and `ward.reader`.
    pub owner: String,
    /// What `pg_get_expr` may print for a policy, compared by equality.
    pub policies: Vec<&'static str>,
    /// What `pg_get_function_sqlbody` prints for `ward.tenant()`.
    pub tenant: &'static str,
    /// What `pg_get_constraintdef` prints for the check of `ward.reader`.
    pub reader: &'static str,
    /// Relations without isolation.
    pub exempt: Vec<Exempt>,
    /// Functions that run with their owner's rights.
    pub definers: Vec<Definer>,
    /// Tables whose rows are never changed.
    pub append_only: Vec<AppendOnly>,
    /// Triggers, beside those that keep tables append-only.
    pub triggers: Vec<Trigger>,
    /// Publications that may copy rows past the policies.
    pub publications: Vec<&'static str>,
    /// The migrations, in order: a definer function has the body that it was last given there, between `$$` and `$$`. Of two
    /// functions of one name only the later can be a definer.
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
    /// A column that may be made null, the one change there is.
    pub erased: Option<&'static str>,
    /// What `pg_get_constraintdef` prints for the check that binds a row's place to that column; valid for older rows or not.
    pub check: Option<&'static str>,
}

/// A trigger.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// With its schema.
    pub table: &'static str,
    /// What `pg_get_triggerdef` prints for it.
    pub definition: &'static str,
    /// What it is there for.
    pub reason: &'static str,
}

impl Declaration {
    /// The declaration as the rules read it.
    pub(crate) fn json(&self) -> Value {
        let exempt = self.exempt.iter().map(|e| json!({"relation": e.relation, "allows": e.allows}));
        let definers = self.definers.iter().map(|d| json!({"function": d.function, "crosses": d.crosses}));
        let append_only = self
            .append_only
            .iter()
            .map(|a| json!({"table": a.table, "stamped": a.stamped, "erased": a.erased, "check": a.check}));
        let triggers = self.triggers.iter().map(|t| json!({"table": t.table, "definition": t.definition}));
        json!({
            "app": self.app,
            "owner": self.owner,
            "policies": self.policies,
            "tenant": self.tenant,
            "reader": self.reader,
            "exempt": exempt.collect::<Value>(),
            "definers": definers.collect::<Value>(),
            "append_only": append_only.collect::<Value>(),
            "triggers": triggers.collect::<Value>(),
            "publications": self.publications,
            "bodies": bodies(&self.sources),
        })
    }

    /// Makes the declaration readable to the statements that follow in the same message or transaction.
    pub(crate) fn set_local(&self) -> String {
        format!("SET LOCAL ward.declared = '{}'", self.json().to_string().replace('\'', "''"))
    }
}

/// The last body of each function, by its name with its schema.
fn bodies<'s>(sources: &[&'s str]) -> BTreeMap<&'s str, &'s str> {
    sources.iter().flat_map(|source| made(source)).collect()
}

/// The functions that `source` makes, in order. What stands between `$$` and `$$` is every other piece of it.
fn made(source: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut pieces = source.split("$$");
    std::iter::from_fn(move || Some((pieces.next()?, pieces.next()?)))
        .filter_map(|(before, body)| Some((name(before)?, body)))
}

/// The name of the function whose body is about to begin.
fn name(before: &str) -> Option<&str> {
    let (before, head) = before.rsplit_once("FUNCTION ")?;
    let makes = before.ends_with("CREATE ") || before.ends_with("CREATE OR REPLACE ");
    head.split_once('(').filter(|_| makes && !head.contains(';')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::bodies;

    #[test]
    fn a_function_has_the_body_that_it_was_given_last_and_nothing_elses() {
        let spine = "
            CREATE FUNCTION ward.a(x uuid) RETURNS void AS $$ one $$;
            CREATE FUNCTION ward.b() RETURNS uuid RETURN NULL;
            CREATE FUNCTION ward.c() RETURNS void AS $$ EXECUTE FUNCTION ward.d() $$;
            CREATE TRIGGER t EXECUTE FUNCTION ward.b(); DO $$ two $$;";
        let later = "GRANT EXECUTE ON FUNCTION ward.b() TO x; CREATE OR REPLACE FUNCTION ward.a(x uuid) AS $$ three $$";
        let found: Vec<_> = bodies(&[spine, later]).into_iter().collect();
        assert_eq!(found, [("ward.a", " three "), ("ward.c", " EXECUTE FUNCTION ward.d() ")]);
    }
}
