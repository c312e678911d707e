//! The statements of an attack.

use uuid::Uuid;

use super::sample::Sample;
use super::target::{Function, Table, View};

/// With which tenant set a statement runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Context {
    /// Never set on this connection, if it is a new one.
    Unset,
    Attacker,
    /// As a setting reads once its transaction has ended.
    Empty,
    Garbage,
}

/// What a statement must not get.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Oracle {
    /// The number that it answers counts other tenants' rows: 0.
    CountsNone,
    /// The rows that it touches are other tenants': none.
    TouchesNone,
    /// It would put a row, or the table, into other hands: refused.
    Refused,
    /// Whatever it answers: no value of the victim's.
    Silent,
}

/// Whose row there must be for the answer to tell anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Needs {
    Nothing,
    Victim,
    Attacker,
}

#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) object: String,
    pub(crate) name: &'static str,
    pub(crate) sql: String,
    pub(crate) oracle: Oracle,
    pub(crate) needs: Needs,
}

/// Both tenants' rows in one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'r> {
    pub(crate) attacker: &'r Sample,
    pub(crate) victim: &'r Sample,
}

type Template = (&'static str, Oracle, Needs, &'static str);

use Needs::{Attacker, Nothing, Victim};
use Oracle::{CountsNone, Refused, Silent, TouchesNone};

/// `{t}` is the table, `{a}` the attacker, `{b}` the victim, `{own}` the tenant that is set, `{c}` a column that may be updated.
const OF_TABLES: &[Template] = &[
    ("SELECT", CountsNone, Victim, "SELECT count(*) FILTER (WHERE tenant IS DISTINCT FROM {own}) FROM {t}"),
    ("SELECT by tenant", CountsNone, Victim, "SELECT count(*) FROM {t} WHERE tenant = {b}"),
    (
        "join",
        CountsNone,
        Victim,
        "SELECT count(*) FROM (VALUES ({b})) v (tenant) JOIN {t} t ON t.tenant = v.tenant",
    ),
    (
        "lateral join",
        CountsNone,
        Victim,
        "SELECT count(l.*) FROM (VALUES ({b})) v (tenant), LATERAL (SELECT 1 FROM {t} t WHERE t.tenant = v.tenant OFFSET 0) l",
    ),
    (
        "CTE",
        CountsNone,
        Victim,
        "WITH c AS MATERIALIZED (SELECT tenant FROM {t}) SELECT count(*) FROM c WHERE tenant = {b}",
    ),
    (
        "EXISTS",
        CountsNone,
        Victim,
        "SELECT count(*) FROM (VALUES (1)) v WHERE EXISTS (SELECT FROM {t} WHERE tenant = {b})",
    ),
    ("sub-select", CountsNone, Victim, "SELECT (SELECT count(*) FROM {t} WHERE tenant = {b})"),
    (
        "aggregate",
        CountsNone,
        Victim,
        "SELECT count(*) FROM (SELECT tenant FROM {t} GROUP BY tenant HAVING tenant IS DISTINCT FROM {own}) g",
    ),
    (
        "error",
        CountsNone,
        Victim,
        "SELECT count(*) FROM {t} WHERE CASE WHEN tenant = {b} THEN ('seen:' || tenant)::integer = 0 END",
    ),
    (
        "FOR UPDATE",
        CountsNone,
        Victim,
        "SELECT count(*) FROM (SELECT tenant FROM {t} WHERE tenant = {b} FOR UPDATE NOWAIT) l",
    ),
    (
        "FOR KEY SHARE",
        CountsNone,
        Victim,
        "SELECT count(*) FROM (SELECT tenant FROM {t} WHERE tenant = {b} FOR KEY SHARE NOWAIT) l",
    ),
    ("COPY TO", Silent, Victim, "COPY {t} TO STDOUT"),
    ("COPY query TO", Silent, Victim, "COPY (SELECT tenant FROM {t}) TO STDOUT"),
    ("UPDATE", TouchesNone, Victim, "UPDATE {t} SET {c} = {c} WHERE tenant = {b}"),
    (
        "UPDATE FROM",
        TouchesNone,
        Victim,
        "UPDATE {t} t SET {c} = t.{c} FROM (VALUES ({b})) v (tenant) WHERE t.tenant = v.tenant",
    ),
    (
        "UPDATE RETURNING",
        CountsNone,
        Victim,
        "WITH u AS (UPDATE {t} SET {c} = {c} WHERE tenant = {b} RETURNING 1) SELECT count(*) FROM u",
    ),
    ("UPDATE to own", TouchesNone, Victim, "UPDATE {t} SET tenant = {a} WHERE tenant = {b}"),
    // A WHERE would have the new row asked for by the policy for reading too.
    ("UPDATE to other", TouchesNone, Attacker, "UPDATE {t} SET tenant = {b}"),
    ("DELETE", TouchesNone, Victim, "DELETE FROM {t} WHERE tenant = {b}"),
    (
        "DELETE USING",
        TouchesNone,
        Victim,
        "DELETE FROM {t} t USING (VALUES ({b})) v (tenant) WHERE t.tenant = v.tenant",
    ),
    (
        "DELETE RETURNING",
        CountsNone,
        Victim,
        "WITH d AS (DELETE FROM {t} WHERE tenant = {b} RETURNING 1) SELECT count(*) FROM d",
    ),
    (
        "MERGE UPDATE",
        TouchesNone,
        Victim,
        "MERGE INTO {t} t USING (VALUES ({b})) v (tenant) ON t.tenant = v.tenant WHEN MATCHED THEN UPDATE SET {c} = t.{c}",
    ),
    (
        "MERGE DELETE",
        TouchesNone,
        Victim,
        "MERGE INTO {t} t USING (VALUES ({b})) v (tenant) ON t.tenant = v.tenant WHEN MATCHED THEN DELETE",
    ),
    ("TRUNCATE", Refused, Nothing, "TRUNCATE {t}"),
];

/// `{cols}` and `{vals}` make a row of the victim's, `{key}` is the primary key.
const OF_ROWS: &[Template] = &[
    ("INSERT", Refused, Nothing, "INSERT INTO {t} ({cols}) VALUES ({vals})"),
    (
        "INSERT RETURNING",
        Refused,
        Nothing,
        "WITH i AS (INSERT INTO {t} ({cols}) VALUES ({vals}) RETURNING 1) SELECT count(*) FROM i",
    ),
    (
        "ON CONFLICT DO NOTHING",
        Refused,
        Nothing,
        "INSERT INTO {t} ({cols}) VALUES ({vals}) ON CONFLICT DO NOTHING",
    ),
    (
        "ON CONFLICT DO UPDATE",
        Refused,
        Nothing,
        "INSERT INTO {t} ({cols}) VALUES ({vals}) ON CONFLICT ({key}) DO UPDATE SET {c} = excluded.{c}",
    ),
    (
        "MERGE INSERT",
        Refused,
        Nothing,
        "MERGE INTO {t} USING (VALUES (1)) v ON false WHEN NOT MATCHED THEN INSERT ({cols}) VALUES ({vals})",
    ),
];

/// `{id}` picks a row of the victim's by its key.
const BY_ID: &[Template] = &[
    (
        "SELECT by id",
        CountsNone,
        Victim,
        "SELECT count(*) FROM {t} WHERE {id} AND tenant IS DISTINCT FROM {own}",
    ),
    (
        "UPDATE by id",
        TouchesNone,
        Victim,
        "UPDATE {t} SET {c} = {c} WHERE {id} AND tenant IS DISTINCT FROM {own}",
    ),
    ("DELETE by id", TouchesNone, Victim, "DELETE FROM {t} WHERE {id} AND tenant IS DISTINCT FROM {own}"),
];

impl Context {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unset => "no tenant",
            Self::Attacker => "another tenant",
            Self::Empty => "an empty tenant",
            Self::Garbage => "garbage for a tenant",
        }
    }

    /// How to get there, within a transaction.
    pub(crate) fn enter(self, attacker: Uuid) -> String {
        match self {
            Self::Unset => String::new(),
            Self::Attacker => format!("; SET LOCAL ward.tenant = '{attacker}'"),
            Self::Empty => "; SET LOCAL ward.tenant = ''".into(),
            Self::Garbage => "; SET LOCAL ward.tenant = 'x'' OR true --'".into(),
        }
    }

    fn own(self, attacker: Uuid) -> String {
        if self == Self::Attacker { uuid(attacker) } else { "NULL::uuid".into() }
    }
}

/// Everything to try on one table from one context; less where no rows of it are known.
pub(crate) fn on_table(table: &Table, rows: Rows<'_>, context: Context, a: Uuid, b: Uuid) -> Vec<Probe> {
    let (columns, values) = victims_row(table, rows, b);
    let key = table.keys.first().map_or(&[][..], |key| &key.columns);
    let id = rows.victim.literals(key).filter(|values| !values.is_empty()).map(|values| {
        let pairs = key.iter().zip(values).map(|(column, value)| format!("{column} = {value}"));
        pairs.collect::<Vec<_>>().join(" AND ")
    });
    let fill = |text: &str| {
        let conflict = [&["tenant".to_owned()][..], key].concat().join(", ");
        let text =
            text.replace("{t}", &table.name).replace("{c}", &table.updatable).replace("{key}", &conflict);
        let text = text.replace("{a}", &uuid(a)).replace("{b}", &uuid(b)).replace("{own}", &context.own(a));
        let text = text.replace("{cols}", &columns).replace("{id}", id.as_deref().unwrap_or("false"));
        text.replace("{vals}", &values)
    };
    let by_id = if id.is_some() { BY_ID } else { &[] };
    let probe = |&(name, oracle, needs, sql): &Template| Probe {
        object: table.name.clone(),
        name,
        sql: fill(sql),
        oracle,
        needs,
    };
    OF_TABLES.iter().chain(OF_ROWS).chain(by_id).map(probe).collect()
}

pub(crate) fn on_view(view: &View, context: Context, attacker: Uuid) -> Vec<Probe> {
    let probe = |name, oracle, sql| Probe { object: view.name.clone(), name, sql, oracle, needs: Victim };
    let read = format!("SELECT v::text FROM {} v LIMIT 10000", view.name);
    let own = context.own(attacker);
    let count = format!("SELECT count(*) FILTER (WHERE tenant IS DISTINCT FROM {own}) FROM {}", view.name);
    let mut probes = vec![probe("SELECT", Silent, read)];
    probes.extend(view.tenant.then(|| probe("count", CountsNone, count)));
    probes
}

/// Calls it with every id of the victim's that is known.
pub(crate) fn on_function(function: &Function, ids: &[String]) -> Vec<Probe> {
    let takes_ids = function.arguments.iter().any(|argument| argument.starts_with("uuid"));
    let calls = ids.iter().take(if takes_ids { ids.len() } else { 1 }).map(|id| {
        let arguments: Vec<_> = function.arguments.iter().map(|argument| made_up(argument, id)).collect();
        let sql = format!("SELECT f::text FROM {}({}) f LIMIT 10000", function.name, arguments.join(", "));
        Probe { object: function.name.clone(), name: "call", sql, oracle: Silent, needs: Victim }
    });
    calls.collect()
}

/// The victim's row once more, or the attacker's in the victim's name; where neither is known the tenant alone, since a policy is
/// asked before any other constraint.
fn victims_row(table: &Table, rows: Rows<'_>, victim: Uuid) -> (String, String) {
    if rows.attacker.is_empty() && rows.victim.is_empty()
        || !table.insertable.iter().any(|column| column == "tenant")
    {
        return ("tenant".into(), uuid(victim));
    }
    let value = |column: &String| {
        if column == "tenant" {
            return uuid(victim);
        }
        rows.victim
            .literal(column)
            .or_else(|| rows.attacker.literal(column))
            .unwrap_or_else(|| "DEFAULT".into())
    };
    (table.insertable.join(", "), table.insertable.iter().map(value).collect::<Vec<_>>().join(", "))
}

fn made_up(argument: &str, id: &str) -> String {
    let text = match argument {
        "uuid" => id,
        "uuid[]" => &format!("{{{id}}}"),
        "text" | "character varying" => "unlikely",
        "text[]" | "character varying[]" => "{unlikely}",
        "bytea" => "\\x00",
        "json" | "jsonb" => "{}",
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => "1",
        "timestamp with time zone" | "timestamp without time zone" | "date" => "2000-01-01",
        _ => return format!("NULL::{argument}"),
    };
    format!("'{text}'::{argument}")
}

fn uuid(id: Uuid) -> String {
    // Hex and hyphens only: nothing to escape.
    format!("'{id}'::uuid")
}
