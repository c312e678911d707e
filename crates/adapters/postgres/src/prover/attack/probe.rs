//! What is tried, and how one knows what came of it.

use uuid::Uuid;

use super::sample::Sample;
use super::statements::{BY_ID, OF_ROWS, OF_TABLES, Template};
use super::target::{Column, Function, Table, View};

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
    let probe =
        |name, oracle, sql| Probe { object: view.name.clone(), name, sql, oracle, needs: Needs::Victim };
    let read = format!("SELECT v::text FROM {} v LIMIT 10000", view.name);
    let own = context.own(attacker);
    let count = format!("SELECT count(*) FILTER (WHERE tenant IS DISTINCT FROM {own}) FROM {}", view.name);
    let mut probes = vec![probe("SELECT", Oracle::Silent, read)];
    probes.extend(view.tenant.then(|| probe("count", Oracle::CountsNone, count)));
    probes
}

/// Calls it with every id of the victim's that is known.
pub(crate) fn on_function(function: &Function, ids: &[String]) -> Vec<Probe> {
    let takes_ids = function.arguments.iter().any(|argument| argument.starts_with("uuid"));
    let calls = ids.iter().take(if takes_ids { ids.len() } else { 1 }).map(|id| {
        let arguments: Vec<_> = function.arguments.iter().map(|argument| made_up(argument, id)).collect();
        let sql = format!("SELECT f::text FROM {}({}) f LIMIT 10000", function.name, arguments.join(", "));
        Probe {
            object: function.name.clone(),
            name: "call",
            sql,
            oracle: Oracle::Silent,
            needs: Needs::Victim,
        }
    });
    calls.collect()
}

/// An id of now, for a table whose partition has to be found before its policy is asked.
const NEW_ID: &str = "overlay(gen_random_uuid()::text PLACING (SELECT substr(p, 1, 8) || '-' || substr(p, 9) FROM lpad(to_hex((1000 * \
     date_part('epoch', clock_timestamp()))::bigint), 12, '0') p) FROM 1)::uuid";

/// The victim's row once more, or the attacker's in the victim's name; where neither is known its tenant and a new id, since a policy
/// is asked before any other constraint.
fn victims_row(table: &Table, rows: Rows<'_>, victim: Uuid) -> (String, String) {
    let fills = |name: &str| table.insertable.iter().any(|column| column == name);
    if rows.attacker.is_empty() && rows.victim.is_empty() || !fills("tenant") {
        let is_id = |column: &Column| column.name == "id" && column.type_name == "uuid";
        return if fills("id") && table.columns.iter().any(is_id) {
            ("tenant, id".into(), format!("{}, {NEW_ID}", uuid(victim)))
        } else {
            ("tenant".into(), uuid(victim))
        };
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
