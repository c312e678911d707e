//! Keys, wrapped anew under the newest of the tenant's own.

use sqlx::postgres::PgRow;
use uuid::Uuid;
use ward::Moved;
use ward::crypto::KeyId;
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
        let (mut after, mut again) = (after.map_or(0, number), after.is_some());
        loop {
            let picked = self.pick(after, most).await?;
            let Some(last) = picked.last().map(keys::id_of).transpose()? else {
                if !again {
                    return Ok(Moved::default());
                }
                (after, again) = (0, false);
                continue;
            };
            after = i64::from(u32::from(last));
            let (mut ids, mut bytes) = (Vec::new(), Vec::new());
            for row in &picked {
                if let Some((id, anew)) = self.anew(row)? {
                    ids.push(i64::from(u32::from(id)));
                    bytes.push(anew);
                }
            }
            let rows = ids.len() as u64;
            if rows > 0 {
                self.scoped(PUT).bind(ids).bind(bytes).within(&self.conn).await?;
                return Ok(Moved { rows, values: rows, last: Some(place(after)) });
            }
        }
    }

    /// A key as it is wrapped anew. One for a purpose of tomorrow that can't be is passed by, and what wraps it stays.
    fn anew(&self, row: &PgRow) -> Result<Option<(KeyId, Vec<u8>)>, StoreError> {
        let Some(later) = keys::later(row)? else {
            let anew = self.keys.rewrap(&keys::wrapped(row)?).map_err(keys::unavailable)?;
            return Ok(anew.map(|anew| (anew.id, anew.bytes)));
        };
        let anew = self.keys.rewrap_later(&later).unwrap_or_else(|error| {
            let (tenant, key, purpose) = (Uuid::from(self.writer.tenant()), later.id, &later.purpose);
            tracing::warn!(%tenant, %key, purpose, %error, "a key for a purpose that isn't known here stays under the key that wraps it");
            None
        });
        Ok(anew.map(|anew| (anew.id, anew.bytes)))
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
