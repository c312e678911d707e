//! The statements of an attack, with blanks: `{t}` is the table, `{a}` the attacker, `{b}` the victim, `{own}` the tenant that is set,
//! `{c}` a column that may be updated.

use super::probe::Needs::{self, Attacker, Nothing, Victim};
use super::probe::Oracle::{self, CountsNone, Refused, Silent, TouchesNone};

pub(crate) type Template = (&'static str, Oracle, Needs, &'static str);

/// For any table.
pub(crate) const OF_TABLES: &[Template] = &[
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
    // The tenant alone: the attacker's own rows come too, and its log names the ids it was refused.
    ("COPY TO", Silent, Victim, "COPY {t} (tenant) TO STDOUT"),
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

/// For a row to put there: `{cols}` and `{vals}` make a row of the victim's, `{key}` is the primary key.
pub(crate) const OF_ROWS: &[Template] = &[
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

/// For a row to find there: `{id}` picks a row of the victim's by its key.
pub(crate) const BY_ID: &[Template] = &[
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
