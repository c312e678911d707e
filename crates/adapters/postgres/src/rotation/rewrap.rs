//! Keys, wrapped anew under the newest of the tenant's own.

use sqlx::postgres::PgRow;
use uuid::Uuid;
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
        AND k.id > $3
    ORDER BY k.id LIMIT $4 FOR UPDATE";
const PUT: &str = "
    UPDATE ward.wrapped_key k SET bytes = v.bytes FROM unnest($2::bigint[], $3::bytea[]) v (id, bytes)
    WHERE k.tenant = $1 AND k.id = v.id";

impl PgUnit {
    /// Goes on behind the key that was wrapped last, so that no batch looks at those before; and looks at all again in the end.
    pub(super) async fn rewrap(&self, after: Option<Uuid>, most: u32) -> Result<Moved, StoreError> {
        let mut picked = self.pick(after.map_or(0, number), most).await?;
        if picked.is_empty() && after.is_some() {
            picked = self.pick(0, most).await?;
        }
        let (mut ids, mut bytes) = (Vec::new(), Vec::new());
        for row in picked {
            let wrapped = keys::wrapped(&row)?;
            if let Some(anew) = self.keys.rewrap(&wrapped).map_err(keys::unavailable)? {
                ids.push(i64::from(u32::from(anew.id)));
                bytes.push(anew.bytes);
            }
        }
        let (rows, last) = (ids.len() as u64, ids.last().map(|id| place(*id)));
        if rows > 0 {
            self.scoped(PUT).bind(ids).bind(bytes).within(&self.conn).await?;
        }
        Ok(Moved { rows, values: rows, last })
    }

    async fn pick(&self, after: i64, most: u32) -> Result<Vec<PgRow>, StoreError> {
        let pick = self.scoped(PICK).bind(octets(self.keys.own())).bind(after);
        pick.bind(i64::from(most)).within(&self.conn).await
    }
}

/// A key's id where a rotation notes how far it is.
fn place(id: i64) -> Uuid {
    Uuid::from_u128(id.cast_unsigned().into())
}

fn number(place: Uuid) -> i64 {
    let (_, low) = place.as_u64_pair();
    low.cast_signed()
}
