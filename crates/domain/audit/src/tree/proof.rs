use super::Hash;

/// A proof that doesn't prove it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Disproved {
    /// There is no such leaf, or no such older tree.
    #[error("the tree is too small")]
    Size,
    /// It has too few hashes, or too many.
    #[error("the proof has not the length that the sizes ask for")]
    Length,
    /// It leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Shows that `leaf` stands at `index` in the tree of `size` leaves and this `root`
/// ([RFC 9162, 2.1.3.2](https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2)).
pub fn verify_inclusion(
    leaf: Hash,
    (index, size): (u64, u64),
    proof: &[Hash],
    root: Hash,
) -> Result<(), Disproved> {
    if index >= size {
        return Err(Disproved::Size);
    }
    let mut at = Climb { leaf: index, last: size - 1 };
    let mut found = leaf;
    for &beside in proof {
        found = match at.step()? {
            Side::Left => Hash::node(beside, found),
            Side::Right => Hash::node(found, beside),
        };
    }
    at.arrived()?;
    if found == root { Ok(()) } else { Err(Disproved::Root) }
}

/// Shows that the tree of the first size and root is the beginning of that of the second
/// ([RFC 9162, 2.1.4.2](https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4.2)).
pub fn verify_consistency(
    (from, older): (u64, Hash),
    (to, newer): (u64, Hash),
    proof: &[Hash],
) -> Result<(), Disproved> {
    if from > to {
        return Err(Disproved::Size);
    }
    if from == 0 || from == to {
        let same = (from > 0 || older == Hash::empty()) && (from < to || older == newer);
        return match proof {
            [] if same => Ok(()),
            [] => Err(Disproved::Root),
            _ => Err(Disproved::Length),
        };
    }
    let mut at = Climb { leaf: from - 1, last: to - 1 };
    at.rise(at.leaf.trailing_ones());
    let (first, rest) = match proof {
        proof if at.leaf == 0 => (older, proof),
        [first, rest @ ..] => (*first, rest),
        [] => return Err(Disproved::Length),
    };
    let (mut old, mut new) = (first, first);
    for &beside in rest {
        match at.step()? {
            Side::Left => (old, new) = (Hash::node(beside, old), Hash::node(beside, new)),
            Side::Right => new = Hash::node(new, beside),
        }
    }
    at.arrived()?;
    if old == older && new == newer { Ok(()) } else { Err(Disproved::Root) }
}

/// The way up from a leaf, beside that from the last one.
struct Climb {
    leaf: u64,
    last: u64,
}

/// Where the hash that a proof brings stands.
enum Side {
    Left,
    Right,
}

impl Climb {
    fn step(&mut self) -> Result<Side, Disproved> {
        if self.last == 0 {
            return Err(Disproved::Length);
        }
        if self.leaf % 2 == 1 || self.leaf == self.last {
            // A subtree at the right edge has nothing beside it until it is a right one.
            self.rise(self.leaf.trailing_zeros());
            self.rise(1);
            Ok(Side::Left)
        } else {
            self.rise(1);
            Ok(Side::Right)
        }
    }

    fn rise(&mut self, levels: u32) {
        self.leaf = self.leaf.checked_shr(levels).unwrap_or_default();
        self.last = self.last.checked_shr(levels).unwrap_or_default();
    }

    fn arrived(&self) -> Result<(), Disproved> {
        if self.last == 0 { Ok(()) } else { Err(Disproved::Length) }
    }
}
