//! What a verifier costs, beside the hashing that nobody can do without and beside reading the same entries from the database.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use ward::audit::log::{self, Which};
use ward::audit::note::Checkpoint;
use ward::audit::tree::{Frontier, Hash, Tile, TileKind, verify_inclusion};
use ward::audit::verify::{Source, split, verify_log};
use ward::{Reading, Sequencer, Store as _};

use crate::Outcome;
use crate::growth::fill;
use crate::rounds::{Computation, Contender, Effort, compete, compute};
use crate::table::{Table, figure};
use crate::unit::READ;
use crate::world::{Tenants, bare};

pub(crate) async fn measure(effort: Effort) -> Outcome<Vec<Table>> {
    Ok(vec![proof(effort), whole(effort).await?])
}

/// That of an entry among 16 million.
const LEVELS: u32 = 24;
const INDEX: u64 = 9_999_999;

/// An inclusion proof, from the hash of its entry to the root.
fn proof(effort: Effort) -> Table {
    let hashes: Vec<_> = (0..LEVELS).map(|level| Hash::leaf(&level.to_be_bytes())).collect();
    let leaf = Hash::leaf(b"entry");
    let root = climb(leaf, &hashes);
    let mut contenders: [Computation<'_>; 2] = [
        (
            "as many hashes",
            2_000,
            Box::new(|| {
                black_box(climb(black_box(leaf), &hashes));
            }),
        ),
        (
            "verify_inclusion",
            2_000,
            Box::new(|| {
                let verified = verify_inclusion(black_box(leaf), (INDEX, 1 << LEVELS), &hashes, root);
                assert!(verified.is_ok());
            }),
        ),
    ];
    let mut table = Table::new("A proof of an entry among 16 million, verified", ["", "ns", "× hashing"]);
    for (n, score) in compute(effort, &mut contenders).iter().enumerate() {
        let ratio = if n == 0 { "1".to_owned() } else { score.cost.ratio() };
        table.row([score.name.to_owned(), figure(score.cost.median()), ratio]);
    }
    table
}

/// With no more than the hashing.
fn climb(leaf: Hash, hashes: &[Hash]) -> Hash {
    hashes.iter().enumerate().fold(leaf, |found, (level, beside)| {
        let (left, right) = if INDEX >> level & 1 == 1 { (*beside, found) } else { (found, *beside) };
        let mut both = [1; 65];
        let (_, halves) = both.split_at_mut(1);
        let (first, second) = halves.split_at_mut(32);
        first.copy_from_slice(&left.0);
        second.copy_from_slice(&right.0);
        Hash(Sha256::digest(both).into())
    })
}

/// A whole log, in memory and on one core, beside `COPY TO` of it.
async fn whole(effort: Effort) -> Outcome<Table> {
    let entries = if effort == Effort::FULL { 131_072 } else { 8_192 };
    let log = Arc::new(Stored::create(entries).await?);
    let contender = |name, act: fn(&Stored) -> Outcome| {
        let log = log.clone();
        Contender::new(name, move |_| {
            let log = log.clone();
            async move { act(&log) }
        })
    };
    let copied = log.clone();
    let copy = Contender::new("COPY TO of the entries' texts", move |_| {
        let log = copied.clone();
        async move { log.copy().await }
    });
    let contenders =
        [copy, contender("their tree, hashed", Stored::hash), contender("verify_log", Stored::verify)];
    let mut table = Table::new("A whole log, verified on one core", ["", "entries a second", "of COPY TO"]);
    for (n, score) in compete(effort, 1, &contenders).await?.iter().enumerate() {
        let ratio = if n == 0 { "1".to_owned() } else { score.rate.ratio() };
        table.row([score.name.to_owned(), figure(score.rate.median() * entries as f64), ratio]);
    }
    Ok(table)
}

/// A log, in the database and as a verifier reads it.
struct Stored {
    pool: PgPool,
    head: Checkpoint,
    tiles: HashMap<String, Vec<u8>>,
    _tenants: Tenants,
}

impl Stored {
    async fn create(entries: usize) -> Outcome<Self> {
        let tenants = Tenants::create("", &[&READ], 1).await?;
        let sequencer = Sequencer::new(Arc::new(tenants.store.clone()), "bench", tenants.machine.clone());
        let tenant = tenants.id(0).ok_or("no tenant")?;
        for _ in 0..entries.div_ceil(crate::growth::FILL) {
            fill(&tenants).await?;
        }
        while sequencer.step(tenant, true).await?.is_some() {}
        let mut reading = tenants.store.read(tenants.permit(0, &READ)?).await?;
        let head = log::head(&mut *reading, Which::Latest).await?.checkpoint;
        let tiles = tiles(&mut *reading, head.size).await?;
        drop(reading);
        Ok(Self { pool: bare(&tenants.db).await?, head, tiles, _tenants: tenants })
    }

    async fn copy(&self) -> Outcome {
        let mut connection = self.pool.acquire().await?;
        sqlx::query("SELECT set_config('ward.tenant', $1, false)")
            .bind(self.tenant()?)
            .execute(&mut *connection)
            .await?;
        let mut copied =
            connection.copy_out_raw("COPY (SELECT l.body FROM ward.audit_leaf l) TO STDOUT").await?;
        let mut bytes = 0;
        while let Some(part) = copied.try_next().await? {
            bytes += part.len();
        }
        drop(copied);
        if bytes > 0 { Ok(()) } else { Err("nothing was copied".into()) }
    }

    fn tenant(&self) -> Outcome<&str> {
        Ok(self.head.origin.rsplit_once('/').ok_or("an origin without a tenant")?.1)
    }

    /// With no more than the hashing.
    fn hash(&self) -> Outcome {
        let mut tree = Frontier::default();
        let bundles = (0..).map_while(|index| Tile::within(TileKind::Entries, index, self.head.size));
        for tile in bundles {
            let bundle = self.tiles.get(&format!("tile/{tile}")).ok_or("a bundle is missing")?;
            tree.extend(split(bundle).ok_or("no bundle")?.into_iter().map(Hash::leaf));
        }
        if tree.root() == self.head.root { Ok(()) } else { Err("another tree".into()) }
    }

    fn verify(&self) -> Outcome {
        let verified = verify_log(&mut Memory(&self.tiles), &self.head, None, true)?;
        if verified.entries == (0..self.head.size) { Ok(()) } else { Err("not all entries".into()) }
    }
}

/// All tiles of a log, by their paths.
async fn tiles(log: &mut dyn Reading, size: u64) -> Outcome<HashMap<String, Vec<u8>>> {
    let mut tiles = HashMap::new();
    let levels = (0..8).map(TileKind::Hashes);
    for kind in levels.chain([TileKind::Entries]) {
        for tile in (0..).map_while(|index| Tile::within(kind, index, size)) {
            tiles.insert(format!("tile/{tile}"), log::tile(log, tile).await?);
        }
    }
    Ok(tiles)
}

struct Memory<'a>(&'a HashMap<String, Vec<u8>>);

impl Source for Memory<'_> {
    type Error = Infallible;

    fn read(&mut self, path: &str, _most: usize) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(path).cloned())
    }
}
