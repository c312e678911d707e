//! Who wraps tenants' keys.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::crypto::WrappedKey;
use ward::identity::Creator;
use ward::kernel::{Place, StoreError, TenantId};
use ward::{Bringing, Custodian, Custody, CustodyView, Entrusted, KeyState, KeyWatch, Watched};

use crate::error::failed;
use crate::gated::Gated;
use crate::keys::{self, OF_TENANT};
use crate::lookup;
use crate::reading::PgReading;
use crate::scoped::Scoped;
use crate::store::Postgres;
use crate::unit::PgUnit;

/// Whoever moves a tenant's keys, or makes others, has this lock: not even the first to bring one finds a row to hold.
const HOLD: &str = "SELECT pg_advisory_xact_lock(hashtextextended('ward.keys ' || $1::uuid::text, 0))";

const REWRAP: &str = "
    UPDATE ward.wrapped_key k SET bytes = n.bytes FROM unnest($2::bigint[], $3::bytea[]) n (id, bytes)
    WHERE k.tenant = $1 AND k.id = n.id AND k.purpose = 'tenant' RETURNING k.id";

const BRING: &str = "
    INSERT INTO ward.external_key (tenant, address, since, maker_kind, maker, owner) SELECT $1, $2, $3, $4, $5, $6
    ON CONFLICT (tenant) DO UPDATE SET address = EXCLUDED.address, since = EXCLUDED.since, maker_kind = EXCLUDED.maker_kind,
        maker = EXCLUDED.maker, owner = EXCLUDED.owner, noted = NULL";

const GIVE_BACK: &str = "DELETE FROM ward.external_key WHERE tenant = $1";

const OWNER: &str = "SELECT owner FROM ward.tenant WHERE tenant = $1";

const TELL: &str = "
    UPDATE ward.external_key SET noted = $2 WHERE tenant = $1 AND noted IS DISTINCT FROM $2 RETURNING noted";

const BROUGHT: &str = "SELECT since, owner, noted FROM ward.external_key WHERE tenant = $1";

/// More tenants than this aren't told apart from others.
const DARK: i32 = 100_000;

#[async_trait]
impl Custodian for PgUnit {
    async fn hold_keys(&mut self) -> Result<Custody, StoreError> {
        self.scoped(HOLD).within(&self.conn).await?;
        custody(&self.scoped(OF_TENANT).within(&self.conn).await?)
    }

    async fn entrust(
        &mut self,
        keys: &[WrappedKey],
        to: Option<&Bringing>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let rewrap =
            self.scoped(REWRAP).bind(keys.iter().map(|key| i64::from(u32::from(key.id))).collect::<Vec<_>>());
        let rewrap = rewrap.bind(keys.iter().map(|key| key.bytes.clone()).collect::<Vec<_>>());
        if rewrap.within(&self.conn).await?.len() != keys.len() {
            return Err(StoreError::Corrupt { table: "wrapped_key", column: "purpose" });
        }
        let entrust = match to {
            Some(to) => {
                let (kind, maker) = maker(to.by);
                let bring = self.scoped(BRING).bind(to.address.clone()).bind(at).bind(kind);
                bring.bind(maker).bind(to.owner.clone())
            }
            None => self.scoped(GIVE_BACK),
        };
        entrust.within(&self.conn).await?;
        let watch = sqlx::query("SELECT ward.watch_key($1)");
        lookup::call(self, watch.bind(to.map(|_| at))).await
    }

    async fn owner(&mut self) -> Result<Option<String>, StoreError> {
        let rows = self.scoped(OWNER).within(&self.conn).await?;
        let sealed: Option<Vec<u8>> =
            rows.first().map_or(Ok(None), |row| row.try_get("owner")).map_err(failed)?;
        let tenant = self.writer.tenant();
        let place = Place { tenant, row: tenant.into(), column: "owner" };
        let open = |sealed: Vec<u8>| {
            let clear = self.keys.audit().open(place, &sealed);
            let clear = clear.map_err(|error| StoreError::Failed(Box::new(error)))?;
            String::from_utf8(clear.as_bytes().to_vec())
                .map_err(|_| StoreError::Corrupt { table: "tenant", column: "owner" })
        };
        sealed.map(open).transpose()
    }

    async fn note_state(
        &mut self,
        seen: &Watched,
        state: KeyState,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let note = sqlx::query("SELECT ward.note_key($1, $2, $3, $4, $5) AS noted");
        let note = note.bind(Uuid::from(seen.tenant)).bind(seen.state.as_str()).bind(seen.since);
        let rows = self.conn.fetch(note.bind(state.as_str()).bind(at)).await.map_err(failed)?;
        rows.first().map_or(Ok(false), |row| row.try_get("noted")).map_err(failed)
    }

    async fn note_told(&mut self, since: DateTime<Utc>) -> Result<bool, StoreError> {
        Ok(!self.scoped(TELL).bind(since).within(&self.conn).await?.is_empty())
    }
}

#[async_trait]
impl CustodyView for PgReading {
    async fn custody(&mut self) -> Result<Custody, StoreError> {
        custody(&self.scoped(OF_TENANT).through(&self.gate).await?)
    }
}

#[async_trait]
impl KeyWatch for Postgres {
    async fn to_look_at(
        &self,
        now: DateTime<Utc>,
        pause: TimeDelta,
        most: u32,
    ) -> Result<Vec<Watched>, StoreError> {
        let take = sqlx::query("SELECT tenant, state, since, missed FROM ward.keys_to_look_at($1, $2, $3)");
        let rows = take.bind(now).bind(pause).bind(most.cast_signed()).fetch_all(&self.pool).await;
        rows.map_err(failed)?.iter().map(watched).collect()
    }

    async fn brought(&self, tenant: TenantId) -> Result<Option<Entrusted>, StoreError> {
        let gate = Gated::new(self.shared.clone(), tenant.into());
        let keys = Scoped::new(tenant.into(), OF_TENANT).through(&gate).await?;
        let rows = Scoped::new(tenant.into(), BROUGHT).through(&gate).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Entrusted {
            stored: keys::stored(&keys)?,
            since: row.try_get("since").map_err(failed)?,
            owner: row.try_get("owner").map_err(failed)?,
            told: row.try_get("noted").map_err(failed)?,
        }))
    }

    async fn note_missed(&self, tenant: TenantId, since: Option<DateTime<Utc>>) -> Result<(), StoreError> {
        let miss = sqlx::query("SELECT ward.miss_key($1, $2)").bind(Uuid::from(tenant)).bind(since);
        miss.execute(&self.pool).await.map_err(failed).map(drop)
    }

    async fn dark(&self) -> Result<Vec<TenantId>, StoreError> {
        let query = sqlx::query_scalar("SELECT ward.dark_tenants($1)").bind(DARK);
        let tenants: Vec<Uuid> = query.fetch_all(&self.pool).await.map_err(failed)?;
        Ok(tenants.into_iter().map(Into::into).collect())
    }
}

fn custody(rows: &[PgRow]) -> Result<Custody, StoreError> {
    let made = rows.iter().map(|row| Ok((keys::id_of(row)?, row.try_get("created_at").map_err(failed)?)));
    let since = rows.first().map_or(Ok(None), |row| row.try_get("since")).map_err(failed)?;
    Ok(Custody { stored: keys::stored(rows)?, made: made.collect::<Result<_, StoreError>>()?, since })
}

fn watched(row: &PgRow) -> Result<Watched, StoreError> {
    let word: &str = row.try_get("state").map_err(failed)?;
    let state = KeyState::ALL.into_iter().find(|state| state.as_str() == word);
    Ok(Watched {
        tenant: row.try_get::<Uuid, _>("tenant").map_err(failed)?.into(),
        state: state.ok_or(StoreError::Corrupt { table: "key_watch", column: "state" })?,
        since: row.try_get("since").map_err(failed)?,
        missed: row.try_get("missed").map_err(failed)?,
    })
}

fn maker(by: Creator) -> (&'static str, Option<Uuid>) {
    match by {
        Creator::User(id) => ("user", Some(id.into())),
        Creator::ApiKey(id) => ("api_key", Some(id.into())),
        Creator::System => ("system", None),
    }
}
