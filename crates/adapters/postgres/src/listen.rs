//! The one connection that belongs to no tenant and runs no statement of anybody's: on it the database says whose keys changed.

use sqlx::postgres::PgListener;
use uuid::Uuid;
use ward::kernel::StoreError;

use crate::error::failed;
use crate::pool;
use crate::store::Postgres;

/// Where it is said, by triggers on what is stored of keys. Who speaks there can make keys be loaded anew, and no more.
const CHANNEL: &str = "ward_keys";

impl Postgres {
    /// Forgets tenants' keys as soon as the database says that they changed, until it says nothing any more: then call this again.
    /// Whatever was said while nobody listened is made up for by forgetting all.
    pub async fn forget_changed_keys(&self) -> Result<(), StoreError> {
        // A pool of its own: nobody waits for this connection, and it takes none of theirs.
        let options = pool::options().max_connections(1);
        let own = options.connect_lazy_with(self.pool.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&own).await.map_err(failed)?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(failed)?;
        self.keyring().forget_all();
        while let Some(said) = listener.try_recv().await.map_err(failed)? {
            match said.payload().parse::<Uuid>() {
                Ok(tenant) => self.keyring().forget(tenant.into()),
                Err(_) => self.keyring().forget_all(),
            }
        }
        Ok(())
    }
}
