//! Operational secrets, sealed anew under the newest version of their key.

use sqlx::Row as _;
use uuid::Uuid;
use ward::Moved;
use ward::crypto::SecretError;
use ward::kernel::{JobId, StoreError};

use super::octets;
use crate::error::failed;
use crate::unit::PgUnit;

pub(super) const COUNT_JOBS: &str = "SELECT count(*) AS count FROM ward.job j WHERE j.tenant = $1 AND substring(j.payload FROM 3 FOR 4) <> $2";
const JOBS: &str = "
    SELECT j.id, j.payload FROM ward.job j WHERE j.tenant = $1 AND substring(j.payload FROM 3 FOR 4) <> $2
    ORDER BY j.id LIMIT $3 FOR NO KEY UPDATE";
const PUT_JOBS: &str = "
    UPDATE ward.job j SET payload = v.payload FROM unnest($2::uuid[], $3::bytea[]) v (id, payload) WHERE j.tenant = $1 AND j.id = v.id";
pub(super) const COUNT_OWNERS: &str = "
    SELECT count(*) AS count FROM ward.tenant t WHERE t.tenant = $1 AND substring(t.owner FROM 3 FOR 4) <> $2";
const OWNER: &str = "
    SELECT t.owner FROM ward.tenant t WHERE t.tenant = $1 AND substring(t.owner FROM 3 FOR 4) <> $2 FOR NO KEY UPDATE";
const PUT_OWNER: &str = "UPDATE ward.tenant SET owner = $2 WHERE tenant = $1";

impl PgUnit {
    pub(super) async fn reseal_jobs(&self, most: u32) -> Result<Moved, StoreError> {
        let jobs = self.scoped(JOBS).bind(octets(self.keys.queue().id())).bind(i64::from(most));
        let (mut ids, mut payloads) = (Vec::new(), Vec::new());
        for row in jobs.within(&self.conn).await? {
            let id: Uuid = row.try_get("id").map_err(failed)?;
            let sealed: Vec<u8> = row.try_get("payload").map_err(failed)?;
            let place = self.place(JobId::from(id).into(), "payload");
            let anew = self.keys.queue().reseal(place, &sealed).map_err(corrupt("job", "payload"))?;
            ids.extend(anew.is_some().then_some(id));
            payloads.extend(anew);
        }
        let rows = ids.len() as u64;
        if rows > 0 {
            self.scoped(PUT_JOBS).bind(ids).bind(payloads).within(&self.conn).await?;
        }
        Ok(Moved { rows, values: rows, last: None })
    }

    /// Who is in charge of the tenant. Where requests came from stays under the version that it names: entries of the log change in nothing.
    pub(super) async fn reseal_owner(&self) -> Result<Moved, StoreError> {
        let owner = self.scoped(OWNER).bind(octets(self.keys.audit().id())).within(&self.conn).await?;
        let Some(row) = owner.first() else { return Ok(Moved::default()) };
        let sealed: Vec<u8> = row.try_get("owner").map_err(failed)?;
        let place = self.place(self.writer.tenant().into(), "owner");
        let anew = self.keys.audit().reseal(place, &sealed).map_err(corrupt("tenant", "owner"))?;
        let Some(anew) = anew else { return Ok(Moved::default()) };
        self.scoped(PUT_OWNER).bind(anew).within(&self.conn).await?;
        Ok(Moved { rows: 1, values: 1, last: None })
    }
}

fn corrupt(table: &'static str, column: &'static str) -> impl FnOnce(SecretError) -> StoreError {
    move |_| StoreError::Corrupt { table, column }
}
