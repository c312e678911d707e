//! Keys, wrapped anew under the newest of the tenant's own.

use ward::Moved;
use ward::kernel::StoreError;

use super::octets;
use crate::keys;
use crate::unit::PgUnit;

/// The wrapping key's id is the third of what a wrapped key begins with.
pub(super) const COUNT: &str = "
    SELECT count(*) AS count FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose <> 'tenant' AND k.bytes IS NOT NULL AND substring(k.bytes FROM 3 FOR 4) <> $2";
const PICK: &str = "
    SELECT k.id, k.purpose, k.subject, k.bytes, k.commitment FROM ward.wrapped_key k
    WHERE k.tenant = $1 AND k.purpose <> 'tenant' AND k.bytes IS NOT NULL AND substring(k.bytes FROM 3 FOR 4) <> $2
    ORDER BY k.id LIMIT $3 FOR UPDATE";
const PUT: &str = "
    UPDATE ward.wrapped_key k SET bytes = v.bytes FROM unnest($2::bigint[], $3::bytea[]) v (id, bytes)
    WHERE k.tenant = $1 AND k.id = v.id";

impl PgUnit {
    pub(super) async fn rewrap(&self, most: u32) -> Result<Moved, StoreError> {
        let pick = self.scoped(PICK).bind(octets(self.keys.own())).bind(i64::from(most));
        let (mut ids, mut bytes) = (Vec::new(), Vec::new());
        for row in pick.within(&self.conn).await? {
            let wrapped = keys::wrapped(&row)?;
            if let Some(anew) = self.keys.rewrap(&wrapped).map_err(keys::unavailable)? {
                ids.push(i64::from(u32::from(anew.id)));
                bytes.push(anew.bytes);
            }
        }
        let rows = ids.len() as u64;
        if rows > 0 {
            self.scoped(PUT).bind(ids).bind(bytes).within(&self.conn).await?;
        }
        Ok(Moved { rows, values: rows, last: None })
    }
}
