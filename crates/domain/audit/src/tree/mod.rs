//! The Merkle tree of [RFC 6962](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) over SHA-256: heads, proofs, and the tiles
//! in which [tlog-tiles](https://c2sp.org/tlog-tiles) serves it.

mod frontier;
mod hash;
mod path;
mod proof;
mod stored;
mod tile;

pub use frontier::Frontier;
pub use hash::Hash;
pub use path::{Node, Path};
pub use proof::{Disproved, verify_consistency, verify_inclusion};
pub use stored::{Run, StoredTree, edge, follow, follow_all};
pub use tile::{InvalidTile, Tile, TileKind};
