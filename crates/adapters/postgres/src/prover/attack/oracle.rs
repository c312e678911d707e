//! Whether a row of the attacker's own can tell what the victim has: by a unique index, by a foreign key.

use super::probe::{Context, Rows};
use super::sample::Sample;
use super::target::{Key, Reference, Table};
use super::trial::{Answer, Field, Outcome, Refusal};

/// Puts the victim's values of one unique index into a row of the attacker's: they must not count as taken.
pub(crate) async fn key(
    field: &mut Field<'_>,
    table: &Table,
    rows: Rows<'_>,
    key: &Key,
) -> Result<Outcome, sqlx::Error> {
    let Some(values) = rows.victim.literals(&key.columns) else { return Ok(Outcome::Vacuous) };
    let Some(insert) = insert(field, table, rows.attacker, &key.columns, &values) else {
        return Ok(Outcome::Vacuous);
    };
    Ok(match field.ask(Context::Attacker, &insert, None).await?.0 {
        Answer::Done { .. } => Outcome::Empty,
        Answer::Refused(refusal) if refusal.by_wall() => Outcome::Refused,
        Answer::Refused(refusal) if refusal.by_key(&key.index) => {
            match own_rows(field, table, &key.columns, &values).await? {
                0 => Outcome::Breach("a value of the victim's counts as taken".into()),
                _ => Outcome::Vacuous,
            }
        }
        // References are looked at after indexes.
        Answer::Refused(Refusal { code, .. }) if code == "23503" => Outcome::Empty,
        Answer::Refused(_) => Outcome::Vacuous,
    })
}

/// Refers to a row of the victim's, and to none: both must be refused alike.
pub(crate) async fn reference(
    field: &mut Field<'_>,
    table: &Table,
    own: &Sample,
    reference: &Reference,
    theirs: &Sample,
) -> Result<Outcome, sqlx::Error> {
    let Some(known) = theirs.literals(&reference.referred) else { return Ok(Outcome::Vacuous) };
    let unknown = reference.referred.iter().map(|column| theirs.fresh(column)).collect::<Option<Vec<_>>>();
    let Some(unknown) = unknown else { return Ok(Outcome::Vacuous) };
    let statements = [known, unknown].map(|values| insert(field, table, own, &reference.columns, &values));
    let [Some(known), Some(unknown)] = statements else { return Ok(Outcome::Vacuous) };
    let known = field.ask(Context::Attacker, &known, None).await?.0;
    let unknown = field.ask(Context::Attacker, &unknown, None).await?.0;
    Ok(match (known, unknown) {
        (Answer::Done { .. }, Answer::Refused(_)) => {
            Outcome::Breach("refers to a row of the victim's".into())
        }
        (Answer::Refused(a), Answer::Refused(b)) if a.code != b.code => {
            Outcome::Breach(format!("an existing row answers {}, a missing one {}", a.code, b.code))
        }
        (Answer::Refused(a), Answer::Refused(_)) if a.code == "23503" || a.by_wall() => Outcome::Refused,
        _ => Outcome::Vacuous,
    })
}

/// A copy of the attacker's row in which `columns` are `values` and every other key is new.
fn insert(
    field: &Field<'_>,
    table: &Table,
    own: &Sample,
    columns: &[String],
    values: &[String],
) -> Option<String> {
    if own.is_empty() {
        return None;
    }
    let given = |column: &String| {
        columns.iter().zip(values).find(|(name, _)| *name == column).map(|(_, value)| value.clone())
    };
    let value = |column: &String| {
        if column == "tenant" {
            return Some(format!("'{}'::uuid", field.attacker));
        }
        let keyed = table.keys.iter().any(|key| key.columns.contains(column));
        let fresh = || if keyed { own.fresh(column) } else { None };
        given(column).or_else(fresh).or_else(|| own.literal(column))
    };
    let row = table.insertable.iter().map(value).collect::<Option<Vec<_>>>()?;
    let (names, row) = (table.insertable.join(", "), row.join(", "));
    Some(format!("INSERT INTO {} ({names}) VALUES ({row})", table.name))
}

async fn own_rows(
    field: &mut Field<'_>,
    table: &Table,
    key: &[String],
    values: &[String],
) -> Result<i64, sqlx::Error> {
    let same: Vec<_> = key.iter().zip(values).map(|(column, value)| format!("{column} = {value}")).collect();
    let (name, own) = (&table.name, field.attacker);
    let sql = format!("SELECT count(*) FROM {name} WHERE tenant = '{own}' AND {}", same.join(" AND "));
    Ok(match field.ask(Context::Attacker, &sql, None).await?.0 {
        Answer::Done { count, .. } => count,
        Answer::Refused(_) => 0,
    })
}
