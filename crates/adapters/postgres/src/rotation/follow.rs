//! People's keys, followed by others: whoever reads finds row and key together, whoever writes holds the person first, so nobody
//! meets one half of it.

use std::collections::HashMap;

use futures::future::join;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::crypto::{Turn, WrappedKey};
use ward::kernel::{Entity, Place, RecordId, StoreError, SubjectId};
use ward::{Moved, Rotation};

use crate::error::failed;
use crate::keys;
use crate::scoped::Scoped;
use crate::sealed_fields::{decode, encode};
use crate::unit::PgUnit;

pub(super) const COUNT: &str = "
    SELECT count(*) AS count FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose = 'subject' AND k.bytes IS NOT NULL AND NOT k.lent AND k.created_at < $2";
/// Behind nobody's id all are found.
const PICK: &str = "
    SELECT k.subject FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose = 'subject' AND k.bytes IS NOT NULL AND NOT k.lent AND k.created_at < $2 AND k.subject > $3
    ORDER BY k.subject LIMIT $4";
const SUBJECTS: &str = "
    SELECT s.id, s.external_ref, s.fields FROM ward.subject s WHERE s.tenant = $1 AND s.id = ANY ($2) ORDER BY s.id FOR NO KEY UPDATE";
/// Whoever lends a key holds it so.
const KEYS: &str = "
    SELECT k.id, k.purpose, k.subject, k.bytes, k.commitment FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.subject = ANY ($2) AND k.purpose = 'subject' AND k.bytes IS NOT NULL AND NOT k.lent ORDER BY k.id FOR UPDATE";
const RECORDS: &str = "
    SELECT r.id, r.subject, r.fields FROM ward.record r WHERE r.tenant = $1 AND r.subject = ANY ($2) ORDER BY r.id FOR NO KEY UPDATE";
const VALUES: &str = "
    SELECT v.subject, v.commitment, v.record, v.field, v.sealed FROM ward.audit_value v WHERE v.tenant = $1 AND v.subject = ANY ($2)
    ORDER BY v.subject, v.commitment FOR UPDATE";
/// Of a key that another follows stays what checks commitments. An id begins at random in four bytes: should another key have it, all fails,
/// and is tried again.
const TURN: &str = "
    WITH followed AS (UPDATE ward.wrapped_key k SET purpose = 'commitment', bytes = v.left_bytes, commitment = v.left_commitment
        FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bytea[])
            v (old, left_commitment, left_bytes, id, commitment, bytes)
        WHERE k.tenant = $1 AND k.id = v.old RETURNING v.id, k.subject, v.bytes, v.commitment)
    INSERT INTO ward.wrapped_key (tenant, id, purpose, subject, bytes, commitment)
    SELECT $1, f.id, 'subject', f.subject, f.bytes, f.commitment FROM followed f";
const PUT_SUBJECTS: &str = "
    UPDATE ward.subject s SET external_ref = v.external_ref, fields = v.fields
    FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) v (id, external_ref, fields) WHERE s.tenant = $1 AND s.id = v.id";
const PUT_RECORDS: &str = "
    UPDATE ward.record r SET fields = v.fields FROM unnest($2::uuid[], $3::bytea[]) v (id, fields) WHERE r.tenant = $1 AND r.id = v.id";
const PUT_VALUES: &str = "
    UPDATE ward.audit_value a SET sealed = v.sealed FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) v (subject, commitment, sealed)
    WHERE a.tenant = $1 AND a.subject = v.subject AND a.commitment = v.commitment";

/// One person's turn, and how many values it moved.
struct Turning {
    turn: Turn,
    values: u64,
}

type Turns = HashMap<SubjectId, Turning>;

impl PgUnit {
    pub(super) async fn follow(&mut self, rotation: &Rotation, most: u32) -> Result<Moved, StoreError> {
        let after = rotation.after.unwrap_or(Uuid::nil());
        let pick = self.scoped(PICK).bind(rotation.begun_at).bind(after).bind(i64::from(most));
        let people = pick.within(&self.conn).await?;
        let people: Vec<SubjectId> = people.iter().map(whose).collect::<Result<_, _>>()?;
        let of = |sql| keys::of_subjects(self.scoped(sql), &people).within(&self.conn);
        let (held, keys) = (of(SUBJECTS).await?, of(KEYS).await?);
        // While the database reads, keys are made; while it stores these, what is under them is sealed anew.
        let read = async { Ok::<_, StoreError>((of(RECORDS).await?, of(VALUES).await?)) };
        let (read, turns) = join(read, async { self.turns(&keys) }).await;
        let ((records, values), (mut turns, keys)) = (read?, turns?);
        let reseal = async { self.reseal(&mut turns, (&held, &records, &values)) };
        let (stored, puts) = join(self.turn(keys), reseal).await;
        stored?;
        for put in puts? {
            put.within(&self.conn).await?;
        }
        let values = turns.values().map(|turning| turning.values).sum();
        Ok(Moved { rows: people.len() as u64, values, last: people.last().map(|id| Uuid::from(*id)) })
    }

    /// The keys that follow those of `rows`, which this unit holds, and what is to be left of these.
    fn turns(&self, rows: &[PgRow]) -> Result<(Turns, Vec<[WrappedKey; 2]>), StoreError> {
        let (mut turns, mut keys) = (Turns::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for ((subject, key), id) in keys::by_subject(rows)?.into_iter().zip(self.key_ids()) {
            let (turn, follows_and_left) = self.keys.follow(&key, id).map_err(keys::unavailable)?;
            turns.insert(subject, Turning { turn, values: 0 });
            keys.push(follows_and_left);
        }
        Ok((turns, keys))
    }

    async fn turn(&self, keys: Vec<[WrappedKey; 2]>) -> Result<(), StoreError> {
        let (new, left): (Vec<_>, Vec<_>) = keys.into_iter().map(|[new, left]| (new, left)).unzip();
        [left, new].into_iter().fold(self.scoped(TURN), bind).within(&self.conn).await.map(drop)
    }

    /// What puts down all that was under the keys that others follow.
    fn reseal(
        &self,
        turns: &mut Turns,
        (subjects, records, values): (&[PgRow], &[PgRow], &[PgRow]),
    ) -> Result<Vec<Scoped>, StoreError> {
        let mut puts = vec![self.turn_subjects(turns, subjects)?];
        if !records.is_empty() {
            puts.push(self.turn_records(turns, records)?);
        }
        if !values.is_empty() {
            puts.push(self.turn_values(turns, values)?);
        }
        Ok(puts)
    }

    fn turn_subjects(&self, turns: &mut Turns, held: &[PgRow]) -> Result<Scoped, StoreError> {
        let (mut ids, mut names, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for row in held {
            let id: Uuid = row.try_get("id").map_err(failed)?;
            let Some(turning) = turns.get_mut(&id.into()) else { continue };
            let place = self.place(SubjectId::from(id).into(), "external_ref");
            let name: Option<Vec<u8>> = row.try_get("external_ref").map_err(failed)?;
            ids.push(id);
            names.push(name.map(|sealed| turning.reseal(place, sealed, "subject")).transpose()?);
            fields.push(turning.fields(place, row, "subject")?);
        }
        Ok(self.scoped(PUT_SUBJECTS).bind(ids).bind(names).bind(fields))
    }

    fn turn_records(&self, turns: &mut Turns, held: &[PgRow]) -> Result<Scoped, StoreError> {
        let (mut ids, mut fields) = (Vec::new(), Vec::new());
        for row in held {
            let Some(turning) = turns.get_mut(&whose(row)?) else { continue };
            let id: Uuid = row.try_get("id").map_err(failed)?;
            ids.push(id);
            fields.push(turning.fields(self.place(RecordId::from(id).into(), ""), row, "record")?);
        }
        Ok(self.scoped(PUT_RECORDS).bind(ids).bind(fields))
    }

    /// What changes replaced, beside the log: it holds commitments to these values, which stay true.
    fn turn_values(&self, turns: &mut Turns, held: &[PgRow]) -> Result<Scoped, StoreError> {
        let (mut whose_are, mut commitments, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
        for row in held {
            let subject = whose(row)?;
            let Some(turning) = turns.get_mut(&subject) else { continue };
            let record: Option<Uuid> = row.try_get("record").map_err(failed)?;
            let (field, held): (String, Vec<u8>) =
                (row.try_get("field").map_err(failed)?, row.try_get("sealed").map_err(failed)?);
            let holder = record.map_or_else(|| subject.into(), |record| RecordId::from(record).into());
            whose_are.push(Uuid::from(subject));
            commitments.push(row.try_get::<Vec<u8>, _>("commitment").map_err(failed)?);
            sealed.push(turning.reseal(self.place(holder, &field), held, "audit_value")?);
        }
        Ok(self.scoped(PUT_VALUES).bind(whose_are).bind(commitments).bind(sealed))
    }

    pub(super) fn place<'a>(&self, row: Entity, column: &'a str) -> Place<'a> {
        Place { tenant: self.writer.tenant(), row, column }
    }
}

impl Turning {
    fn reseal(
        &mut self,
        place: Place<'_>,
        sealed: Vec<u8>,
        table: &'static str,
    ) -> Result<Vec<u8>, StoreError> {
        self.values += 1;
        let anew = self.turn.reseal(place, &sealed).map_err(|_| corrupt(table))?;
        Ok(anew.unwrap_or(sealed))
    }

    /// The fields of a row, as they are stored.
    fn fields(&mut self, place: Place<'_>, row: &PgRow, table: &'static str) -> Result<Vec<u8>, StoreError> {
        let mut fields = decode(row.try_get("fields").map_err(failed)?).ok_or(corrupt(table))?;
        for (name, sealed) in &mut fields.0 {
            let held = std::mem::take(&mut sealed.bytes);
            sealed.bytes = self.reseal(Place { column: name, ..place }, held, table)?;
        }
        Ok(encode(&fields))
    }
}

fn bind(statement: Scoped, keys: Vec<WrappedKey>) -> Scoped {
    statement
        .bind(keys.iter().map(|key| i64::from(u32::from(key.id))).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.commitment.to_vec()).collect::<Vec<_>>())
        .bind(keys.into_iter().map(|key| key.bytes).collect::<Vec<_>>())
}

fn whose(row: &PgRow) -> Result<SubjectId, StoreError> {
    row.try_get::<Uuid, _>("subject").map(Into::into).map_err(failed)
}

fn corrupt(table: &'static str) -> StoreError {
    StoreError::Corrupt { table, column: "sealed" }
}
