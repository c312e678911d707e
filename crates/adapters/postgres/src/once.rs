//! Answers given before, sealed, in the same transaction as their effects.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::Row as _;
use uuid::Uuid;
use ward::kernel::{Entity, Place, StoreError};
use ward::{Answers, Earlier, Once};

use crate::error::failed;
use crate::unit::PgUnit;

/// Another unit with the same key holds the lock until it ends, so a busy lock means: in flight.
const CLAIM: &str = "SELECT c.free, c.digest, c.answer FROM ward.claim($1, $2, $3) c";
const KEEP: &str = "
    INSERT INTO ward.idempotency (tenant, actor, key, digest, answer, created_at) VALUES ($1, $2, $3, $4, $5, now())
    ON CONFLICT (tenant, actor, key) DO UPDATE
    SET digest = EXCLUDED.digest, answer = EXCLUDED.answer, created_at = EXCLUDED.created_at
    WHERE idempotency.created_at < now() - interval '24 hours'
    RETURNING 1 AS kept";
const FORGET: &str = "
    DELETE FROM ward.idempotency WHERE tenant = $1 AND (actor, key) IN (
        SELECT actor, key FROM ward.idempotency
        WHERE tenant = $1 AND created_at < now() - interval '24 hours' ORDER BY created_at LIMIT $2)
    RETURNING 1 AS gone";

/// A unit that was dropped lets go of its claim a moment later, with its rollback: that is no request in flight.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

impl PgUnit {
    fn actor(&self) -> Uuid {
        self.writer.who.actor().id().unwrap_or_default()
    }

    /// Claims the key under every digest that may be stored of it.
    async fn try_claim(&self, once: &Once) -> Result<Earlier, StoreError> {
        for key in self.keys.request().digests(&once.key) {
            match self.try_claim_as(key, once).await? {
                Earlier::None => {}
                earlier => return Ok(earlier),
            }
        }
        Ok(Earlier::None)
    }

    /// What is stored of the client's key and of its request are digests: nobody without the tenant's key can check a guess.
    async fn try_claim_as(&self, key: [u8; 32], once: &Once) -> Result<Earlier, StoreError> {
        let claim = self.scoped(CLAIM).bind(self.actor()).bind(key.to_vec());
        let rows = claim.within(&self.conn).await?;
        let row = rows.first().ok_or(StoreError::Corrupt { table: "idempotency", column: "key" })?;
        let digest: Option<Vec<u8>> = row.try_get("digest").map_err(failed)?;
        let free: bool = row.try_get("free").map_err(failed)?;
        match digest {
            Some(digest) if !self.keys.request().is_of(&once.request, &digest) => Ok(Earlier::Different),
            Some(_) => {
                let sealed: Vec<u8> = row.try_get("answer").map_err(failed)?;
                let opened = self.keys.idempotency().open(self.answer_place(&column(once)), &sealed);
                let opened = opened.map_err(|error| StoreError::Failed(Box::new(error)))?;
                Ok(Earlier::Answered(opened.as_bytes().to_vec()))
            }
            None if free => Ok(Earlier::None),
            None => Ok(Earlier::InFlight),
        }
    }

    /// Bound to the actor and to the whole of the client's key: the answer opens for no other of either.
    fn answer_place<'a>(&self, column: &'a str) -> Place<'a> {
        Place { tenant: self.writer.tenant(), row: Entity::new("idempotency", self.actor()), column }
    }
}

fn column(once: &Once) -> String {
    format!("answer {}", hex::encode(once.key))
}

#[async_trait]
impl Answers for PgUnit {
    async fn claim(&mut self, once: &Once) -> Result<Earlier, StoreError> {
        for _ in 1..TRIES {
            match self.try_claim(once).await? {
                Earlier::InFlight => tokio::time::sleep(PAUSE).await,
                earlier => return Ok(earlier),
            }
        }
        self.try_claim(once).await
    }

    async fn keep(&mut self, once: &Once, answer: &[u8]) -> Result<(), StoreError> {
        let sealed = self.keys.idempotency().seal(self.answer_place(&column(once)), answer);
        let sealed = sealed.map_err(|error| StoreError::Failed(Box::new(error)))?;
        let digest = |of: &[u8; 32]| self.keys.request().digest(of).to_vec();
        let keep = self.scoped(KEEP).bind(self.actor()).bind(digest(&once.key));
        let kept = keep.bind(digest(&once.request)).bind(sealed).within(&self.conn).await?;
        // A unit that goes on although its claim was refused.
        kept.first().map(drop).ok_or_else(|| StoreError::Taken { constraint: "idempotency_pkey".into() })
    }

    async fn forget(&mut self, most: u32) -> Result<u64, StoreError> {
        let gone = self.scoped(FORGET).bind(i64::from(most)).within(&self.conn).await?;
        Ok(gone.len() as u64)
    }
}
