//! People's keys, followed by others: whoever reads finds row and key together, whoever writes holds the person first, so nobody
//! meets one half of it.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::crypto::{Turn, WrappedKey};
use ward::kernel::{Entity, Place, RecordId, StoreError, SubjectId};
use ward::subject::{SealedFields, StoredSubject, Subjects as _};
use ward::{Moved, Rotation};

use crate::error::failed;
use crate::keys;
use crate::sealed_fields::{decode, encode};
use crate::unit::PgUnit;

pub(super) const COUNT: &str = "
    SELECT count(*) AS count FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose = 'subject' AND k.bytes IS NOT NULL AND NOT k.lent AND k.created_at < $2";
const PICK: &str = "
    SELECT k.subject FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose = 'subject' AND k.bytes IS NOT NULL AND NOT k.lent AND k.created_at < $2 AND ($3::uuid IS NULL OR k.subject > $3)
    ORDER BY k.subject LIMIT $4";
/// Whoever lends a key holds it so.
const KEYS: &str = "
    SELECT k.id, k.purpose, k.subject, k.bytes, k.commitment FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.subject = ANY ($2) AND k.purpose = 'subject' AND k.bytes IS NOT NULL AND NOT k.lent ORDER BY k.id FOR UPDATE";
const RECORDS: &str = "
    SELECT r.id, r.subject, r.fields FROM ward.record r WHERE r.tenant = $1 AND r.subject = ANY ($2) ORDER BY r.id FOR NO KEY UPDATE";
const VALUES: &str = "
    SELECT v.subject, v.commitment, v.record, v.field, v.sealed FROM ward.audit_value v WHERE v.tenant = $1 AND v.subject = ANY ($2)
    ORDER BY v.subject, v.commitment FOR UPDATE";
const PUT_SUBJECTS: &str = "
    UPDATE ward.subject s SET external_ref = v.external_ref, fields = v.fields
    FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) v (id, external_ref, fields) WHERE s.tenant = $1 AND s.id = v.id";
const PUT_RECORDS: &str = "
    UPDATE ward.record r SET fields = v.fields FROM unnest($2::uuid[], $3::bytea[]) v (id, fields) WHERE r.tenant = $1 AND r.id = v.id";
const PUT_VALUES: &str = "
    UPDATE ward.audit_value a SET sealed = v.sealed FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) v (subject, commitment, sealed)
    WHERE a.tenant = $1 AND a.subject = v.subject AND a.commitment = v.commitment";
/// What is left of the keys that others follow.
const LEAVE: &str = "
    UPDATE ward.wrapped_key k SET purpose = 'commitment', bytes = v.bytes, commitment = v.commitment
    FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) v (id, bytes, commitment) WHERE k.tenant = $1 AND k.id = v.id";

/// One person's turn, and how many values it moved.
struct Turning {
    turn: Turn,
    values: u64,
}

type Turns = HashMap<SubjectId, Turning>;

impl PgUnit {
    pub(super) async fn follow(&mut self, rotation: &Rotation, most: u32) -> Result<Moved, StoreError> {
        let pick = self.scoped(PICK).bind(rotation.begun_at).bind(rotation.after).bind(i64::from(most));
        let people = pick.within(&self.conn).await?;
        let people: Vec<SubjectId> = people
            .iter()
            .map(|row| row.try_get::<Uuid, _>("subject").map(Into::into).map_err(failed))
            .collect::<Result<_, _>>()?;
        let held = self.hold(&people).await?;
        let mut turns = self.turn(&people).await?;
        self.turn_subjects(&mut turns, held).await?;
        self.turn_records(&mut turns, &people).await?;
        self.turn_values(&mut turns, &people).await?;
        let values = turns.values().map(|turning| turning.values).sum();
        Ok(Moved { rows: people.len() as u64, values, last: people.last().map(|id| Uuid::from(*id)) })
    }

    /// Has another key follow that of each of `people`, whom this unit holds.
    async fn turn(&mut self, people: &[SubjectId]) -> Result<Turns, StoreError> {
        let rows = keys::of_subjects(self.scoped(KEYS), people).within(&self.conn).await?;
        let (mut turns, mut new, mut left) = (Turns::new(), Vec::new(), Vec::new());
        for ((subject, key), id) in keys::by_subject(&rows)?.into_iter().zip(self.key_ids()) {
            let (turn, [follows, leaves]) = self.keys.follow(&key, id).map_err(keys::unavailable)?;
            turns.insert(subject, Turning { turn, values: 0 });
            new.push(follows);
            left.push(leaves);
        }
        self.leave(&left).await?;
        if keys::keep(self, &new).await?.len() != new.len() {
            return Err(StoreError::Raced("an id was given to another key at the same time".into()));
        }
        Ok(turns)
    }

    async fn leave(&self, left: &[WrappedKey]) -> Result<(), StoreError> {
        let leave = self
            .scoped(LEAVE)
            .bind(left.iter().map(|key| i64::from(u32::from(key.id))).collect::<Vec<_>>())
            .bind(left.iter().map(|key| key.bytes.clone()).collect::<Vec<_>>())
            .bind(left.iter().map(|key| key.commitment.to_vec()).collect::<Vec<_>>());
        leave.within(&self.conn).await.map(drop)
    }

    async fn turn_subjects(&self, turns: &mut Turns, held: Vec<StoredSubject>) -> Result<(), StoreError> {
        let (mut ids, mut names, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for subject in held {
            let Some(turning) = turns.get_mut(&subject.id) else { continue };
            let place = self.place(subject.id.into(), "external_ref");
            let name = subject.external_ref.map(|(sealed, _)| turning.reseal(place, sealed, "subject"));
            ids.push(Uuid::from(subject.id));
            names.push(name.transpose()?);
            fields.push(encode(&turning.fields(place, subject.fields, "subject")?));
        }
        let put = self.scoped(PUT_SUBJECTS).bind(ids).bind(names).bind(fields);
        put.within(&self.conn).await.map(drop)
    }

    async fn turn_records(&self, turns: &mut Turns, people: &[SubjectId]) -> Result<(), StoreError> {
        let (mut ids, mut fields) = (Vec::new(), Vec::new());
        for row in keys::of_subjects(self.scoped(RECORDS), people).within(&self.conn).await? {
            let Some(turning) = turns.get_mut(&whose(&row)?) else { continue };
            let id: Uuid = row.try_get("id").map_err(failed)?;
            let held = decode(row.try_get("fields").map_err(failed)?).ok_or(corrupt("record"))?;
            let place = self.place(RecordId::from(id).into(), "");
            ids.push(id);
            fields.push(encode(&turning.fields(place, held, "record")?));
        }
        self.scoped(PUT_RECORDS).bind(ids).bind(fields).within(&self.conn).await.map(drop)
    }

    /// What changes replaced, beside the log: it holds commitments to these values, which stay true.
    async fn turn_values(&self, turns: &mut Turns, people: &[SubjectId]) -> Result<(), StoreError> {
        let (mut whose_are, mut commitments, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
        for row in keys::of_subjects(self.scoped(VALUES), people).within(&self.conn).await? {
            let subject = whose(&row)?;
            let Some(turning) = turns.get_mut(&subject) else { continue };
            let record: Option<Uuid> = row.try_get("record").map_err(failed)?;
            let (field, held): (String, Vec<u8>) =
                (row.try_get("field").map_err(failed)?, row.try_get("sealed").map_err(failed)?);
            let holder = record.map_or_else(|| subject.into(), |record| RecordId::from(record).into());
            whose_are.push(Uuid::from(subject));
            commitments.push(row.try_get::<Vec<u8>, _>("commitment").map_err(failed)?);
            sealed.push(turning.reseal(self.place(holder, &field), held, "audit_value")?);
        }
        let put = self.scoped(PUT_VALUES).bind(whose_are).bind(commitments).bind(sealed);
        put.within(&self.conn).await.map(drop)
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

    fn fields(
        &mut self,
        row: Place<'_>,
        mut fields: SealedFields,
        table: &'static str,
    ) -> Result<SealedFields, StoreError> {
        for (name, sealed) in &mut fields.0 {
            let held = std::mem::take(&mut sealed.bytes);
            sealed.bytes = self.reseal(Place { column: name, ..row }, held, table)?;
        }
        Ok(fields)
    }
}

fn whose(row: &PgRow) -> Result<SubjectId, StoreError> {
    row.try_get::<Uuid, _>("subject").map(Into::into).map_err(failed)
}

fn corrupt(table: &'static str) -> StoreError {
    StoreError::Corrupt { table, column: "sealed" }
}
