//! Rotations as they are stored, and the work that they stand for.

mod follow;
mod reindex;
mod reseal;
mod rewrap;
mod under_way;
mod versions;

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::crypto::{KeyId, KeyPurpose, Keyring};
use ward::kernel::{RotationId, StoreError};
use ward::{KeyUpkeep, KeyVersion, Moved, NextOwn, Rotation, RotationState, Rotations, RotationsView};

use crate::error::failed;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::unit::PgUnit;

const BEGIN: &str = "
    INSERT INTO ward.rotation (tenant, id, purpose, state, begun_at) VALUES ($1, $2, $3, 'running', clock_timestamp())
    ON CONFLICT DO NOTHING RETURNING *";
const UNDER_WAY: &str = "SELECT * FROM ward.rotation WHERE tenant = $1 AND purpose = $2 AND state <> 'ended'";
const HOLD: &str = "SELECT * FROM ward.rotation WHERE tenant = $1 AND id = $2 FOR UPDATE";
const REPLACE: &str = "
    UPDATE ward.rotation SET state = $3, total = $4, done = $5, after = $6, moved_at = clock_timestamp(),
        ended_at = CASE WHEN $3 = 'ended' THEN clock_timestamp() END
    WHERE tenant = $1 AND id = $2";
const SHOW: &str = "SELECT * FROM ward.rotation WHERE tenant = $1 AND id = $2";
const LIST: &str = "
    SELECT * FROM ward.rotation WHERE tenant = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3";
/// Since when the keys for a purpose are what they are: since the last rotation, or else since there are any. What sealed all that it may is due
/// at any age.
const DUE: &str = "
    SELECT p.purpose FROM unnest($2::text[]) p (purpose)
    WHERE NOT EXISTS (SELECT FROM ward.rotation r WHERE r.tenant = $1 AND r.purpose = p.purpose AND r.state <> 'ended')
        AND (p.purpose IN (SELECT ward.worn_keys($4))
            OR coalesce((SELECT max(r.begun_at) FROM ward.rotation r WHERE r.tenant = $1 AND r.purpose = p.purpose),
                (SELECT min(k.created_at) FROM ward.wrapped_key k WHERE k.tenant = $1 AND k.subject IS NULL))
                < now() - make_interval(days => $3))";
const WORN: &str = "
    SELECT * FROM ward.rotation r WHERE r.tenant = $1 AND r.state <> 'ended' AND r.purpose IN (SELECT ward.worn_keys($2)) ORDER BY r.id";

pub use under_way::UnderWay;

#[async_trait]
impl Rotations for PgUnit {
    async fn begin_rotation(&mut self, id: RotationId, purpose: KeyPurpose) -> Result<Rotation, StoreError> {
        let begin = self.scoped(BEGIN).bind(Uuid::from(id)).bind(purpose.as_str());
        if let Some(begun) = begin.within(&self.conn).await?.first() {
            return rotation(begun);
        }
        let under_way = self.scoped(UNDER_WAY).bind(purpose.as_str()).within(&self.conn).await?;
        let ended = || StoreError::Raced("the rotation that was under way has just ended".into());
        rotation(under_way.first().ok_or_else(ended)?)
    }

    async fn hold_rotation(&mut self, id: RotationId) -> Result<Option<Rotation>, StoreError> {
        let held = self.scoped(HOLD).bind(Uuid::from(id)).within(&self.conn).await?;
        held.first().map(rotation).transpose()
    }

    async fn replace_rotation(&mut self, rotation: &Rotation) -> Result<(), StoreError> {
        let replace = self
            .scoped(REPLACE)
            .bind(Uuid::from(rotation.id))
            .bind(rotation.state.as_str())
            .bind(rotation.total.map(u64::cast_signed))
            .bind(rotation.done.cast_signed())
            .bind(rotation.after);
        replace.within(&self.conn).await.map(drop)
    }

    async fn due_rotations(&mut self, days: Option<u32>) -> Result<Vec<KeyPurpose>, StoreError> {
        let purposes: Vec<_> = ward::ROTATED.iter().map(|purpose| purpose.as_str()).collect();
        let days = days.map(|days| i32::try_from(days).unwrap_or(i32::MAX));
        let due = self.scoped(DUE).bind(purposes).bind(days).bind(Keyring::MOST_MESSAGES.cast_signed());
        due.within(&self.conn).await?.iter().map(purpose).collect()
    }

    async fn worn_rotations(&mut self) -> Result<Vec<Rotation>, StoreError> {
        let worn = self.scoped(WORN).bind(Keyring::MOST_MESSAGES.cast_signed());
        worn.within(&self.conn).await?.iter().map(rotation).collect()
    }
}

#[async_trait]
impl RotationsView for PgReading {
    async fn rotation(&mut self, id: RotationId) -> Result<Option<Rotation>, StoreError> {
        let shown = self.scoped(SHOW).bind(Uuid::from(id)).through(&self.gate).await?;
        shown.first().map(rotation).transpose()
    }

    async fn rotations(
        &mut self,
        before: Option<RotationId>,
        most: u32,
    ) -> Result<Vec<Rotation>, StoreError> {
        let list = self.scoped(LIST).bind(before.map(Uuid::from)).bind(i64::from(most));
        list.through(&self.gate).await?.iter().map(rotation).collect()
    }
}

#[async_trait]
impl KeyUpkeep for PgUnit {
    async fn versions(&mut self, purpose: KeyPurpose) -> Result<Vec<KeyVersion>, StoreError> {
        self.versions_of(purpose).await
    }

    async fn add_version(&mut self, purpose: KeyPurpose) -> Result<KeyId, StoreError> {
        self.next_version(purpose).await
    }

    async fn add_own(&mut self, next: &NextOwn) -> Result<Option<KeyId>, StoreError> {
        self.next_own(next).await
    }

    async fn left_to_move(&mut self, rotation: &Rotation) -> Result<u64, StoreError> {
        let count = match rotation.purpose {
            KeyPurpose::Subject => self.scoped(follow::COUNT).bind(rotation.begun_at),
            KeyPurpose::Tenant => self.scoped(rewrap::COUNT).bind(octets(self.keys.own())),
            KeyPurpose::Index => self.scoped(reindex::COUNT),
            KeyPurpose::Queue => self.scoped(reseal::COUNT_JOBS).bind(octets(self.keys.queue().id())),
            KeyPurpose::Audit => self.scoped(reseal::COUNT_OWNERS).bind(octets(self.keys.audit().id())),
            _ => return Ok(0),
        };
        counted(count, self).await
    }

    async fn move_on(&mut self, rotation: &Rotation, most: u32) -> Result<Moved, StoreError> {
        match rotation.purpose {
            KeyPurpose::Subject => self.follow(rotation, most).await,
            KeyPurpose::Tenant => self.rewrap(rotation.after, most).await,
            KeyPurpose::Index => self.reindex(rotation.after, most).await,
            KeyPurpose::Queue => self.reseal_jobs(most).await,
            KeyPurpose::Audit => self.reseal_owner().await,
            // What they seal or digest goes by itself, or says nothing anew without its text.
            _ => Ok(Moved::default()),
        }
    }

    async fn retire(&mut self, purpose: KeyPurpose) -> Result<Vec<KeyId>, StoreError> {
        self.destroy_unused(purpose).await
    }
}

/// How a key's id stands in what is sealed under it.
fn octets(id: KeyId) -> Vec<u8> {
    u32::from(id).to_be_bytes().to_vec()
}

async fn counted(count: Scoped, unit: &PgUnit) -> Result<u64, StoreError> {
    let rows = count.within(&unit.conn).await?;
    let count = rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>("count")).map_err(failed)?;
    Ok(count.cast_unsigned())
}

fn purpose(row: &PgRow) -> Result<KeyPurpose, StoreError> {
    let word: &str = row.try_get("purpose").map_err(failed)?;
    KeyPurpose::parse(word).ok_or(StoreError::Corrupt { table: "rotation", column: "purpose" })
}

fn rotation(row: &PgRow) -> Result<Rotation, StoreError> {
    let state: &str = row.try_get("state").map_err(failed)?;
    let number = |column| row.try_get::<Option<i64>, _>(column).map_err(failed);
    Ok(Rotation {
        id: row.try_get::<Uuid, _>("id").map_err(failed)?.into(),
        purpose: purpose(row)?,
        state: RotationState::parse(state)
            .ok_or(StoreError::Corrupt { table: "rotation", column: "state" })?,
        begun_at: row.try_get("begun_at").map_err(failed)?,
        ended_at: row.try_get("ended_at").map_err(failed)?,
        total: number("total")?.map(i64::cast_unsigned),
        done: number("done")?.unwrap_or_default().cast_unsigned(),
        after: row.try_get("after").map_err(failed)?,
    })
}
