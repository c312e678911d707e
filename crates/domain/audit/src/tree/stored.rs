use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use ward_kernel::StoreError;

use super::{Frontier, Hash, Node, Path, Tile};

/// Hashes that stand beside each other: `count` from the `first` on, of subtrees with 256^`level` leaves.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Run {
    /// How high the tile is in which they stand.
    pub level: u8,
    /// The first of them, counted from the left edge of the tree.
    pub first: u64,
    /// How many, all in one tile.
    pub count: u16,
}

/// Port: a tenant's tree, as it is stored.
#[async_trait]
pub trait StoredTree: Send {
    /// The hashes of each of `runs`, in their order; fewer, where they aren't stored.
    async fn hashes(&mut self, runs: &[Run]) -> Result<Vec<Vec<Hash>>, StoreError>;
}

impl Run {
    /// What a subtree consists of.
    pub fn of(node: Node) -> Self {
        let (level, height) = (node.level / 8, node.level % 8);
        Self { level, first: node.index << height, count: 1 << height }
    }

    /// What a tile of hashes holds.
    pub fn tile(level: u8, index: u64, width: u16) -> Self {
        Self { level, first: index * u64::from(Tile::WIDTH), count: width }
    }

    /// In which tile it stands, by level and index, and where in it it ends.
    fn within(self) -> ((u8, u64), u16) {
        let width = u64::from(Tile::WIDTH);
        ((self.level, self.first / width), (self.first % width) as u16 + self.count)
    }

    fn root(self, hashes: &[Hash]) -> Option<Hash> {
        let mut subtree = Frontier::default();
        subtree.extend(hashes.iter().copied());
        (hashes.len() == usize::from(self.count)).then(|| subtree.root())
    }
}

/// The hashes of a path through the stored tree; nothing, if one isn't stored.
pub async fn follow(
    tree: &mut (impl StoredTree + ?Sized),
    path: &Path,
) -> Result<Option<Vec<Hash>>, StoreError> {
    Ok(follow_all(tree, std::slice::from_ref(path)).await?.pop().flatten())
}

/// The same of several paths at once. What they have in common is read once.
pub async fn follow_all(
    tree: &mut (impl StoredTree + ?Sized),
    paths: &[Path],
) -> Result<Vec<Option<Vec<Hash>>>, StoreError> {
    let known = roots(tree, paths.iter().flat_map(Path::nodes)).await?;
    Ok(paths.iter().map(|path| path.hashes(|node| known.get(&node).copied())).collect())
}

/// The right edge of the stored tree, where it has `size` leaves; nothing, if it is not stored whole.
pub async fn edge(tree: &mut (impl StoredTree + ?Sized), size: u64) -> Result<Option<Frontier>, StoreError> {
    let known = roots(tree, Path::peaks(size)).await?;
    Ok(Frontier::of(size, |node| known.get(&node).copied()))
}

/// The roots of subtrees. They are read by the tile, since many stand in the same.
async fn roots(
    tree: &mut (impl StoredTree + ?Sized),
    nodes: impl Iterator<Item = Node>,
) -> Result<HashMap<Node, Hash>, StoreError> {
    let nodes: Vec<_> = nodes.map(|node| (node, Run::of(node))).collect();
    let mut widths = BTreeMap::new();
    for (_, run) in &nodes {
        let (tile, after) = run.within();
        let width = widths.entry(tile).or_insert(0);
        *width = after.max(*width);
    }
    let runs: Vec<_> =
        widths.into_iter().map(|((level, index), width)| Run::tile(level, index, width)).collect();
    let found = if runs.is_empty() { Vec::new() } else { tree.hashes(&runs).await? };
    let tiles: HashMap<_, _> = runs.iter().map(|run| run.within().0).zip(found).collect();
    let root = |run: Run| {
        let (tile, after) = run.within();
        run.root(tiles.get(&tile)?.get(usize::from(after - run.count)..usize::from(after))?)
    };
    Ok(nodes.into_iter().filter_map(|(node, run)| Some((node, root(run)?))).collect())
}
