//! The vectors of [transparency-dev/merkle](https://github.com/transparency-dev/merkle) (revision 417fb0c, `testdata`), made
//! anew from how they were made; their digest shows that they are the published ones.

use sha2::{Digest as _, Sha256};
use ward_audit::tree::{Frontier, Hash, Path, verify_consistency, verify_inclusion};

const ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// The root of RFC 6962, word for word.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().div_ceil(2).next_power_of_two());
            Hash::node(root(left), root(right))
        }
    }
}

pub(crate) fn proof(leaves: &[Hash], path: &Path) -> Vec<Hash> {
    let complete = |node: ward_audit::tree::Node| {
        let (first, many) = ((node.index << node.level) as usize, 1 << node.level);
        leaves.get(first..first + many).map(root)
    };
    path.hashes(complete).unwrap()
}

#[test]
fn every_proof_in_trees_of_up_to_130_leaves_is_right_and_short() {
    let leaves: Vec<_> = (0..130_u8).map(|n| Hash::leaf(&[n])).collect();
    let mut grown = Frontier::default();
    for size in 0..=130_u64 {
        let tree = &leaves[..size as usize];
        assert_eq!(grown.root(), root(tree));
        for index in 0..size {
            let path = proof(tree, &Path::inclusion(index, size).unwrap());
            let leaf = tree[index as usize];
            assert_eq!(verify_inclusion(leaf, (index, size), &path, root(tree)), Ok(()));
        }
        for from in 0..=size {
            let path = proof(tree, &Path::consistency(from, size).unwrap());
            let (old, new) = ((from, root(&tree[..from as usize])), (size, root(tree)));
            assert_eq!(verify_consistency(old, new, &path), Ok(()), "{from} {size}");
        }
        assert_eq!(Path::inclusion(size, size), None);
        assert_eq!(Path::consistency(size + 1, size), None);
        grown.extend(leaves.get(size as usize).copied());
    }
}

#[test]
fn the_published_vectors_are_accepted_and_refused_as_they_say() {
    let cases: Vec<_> = inclusions().into_iter().chain(consistencies()).collect();
    let mut lines: Vec<_> = cases.iter().map(Case::line).collect();
    lines.sort();
    let digest = hex::encode(Sha256::digest(lines.join("\n")));
    assert_eq!(digest, "2145ec11c7c1489e2ef6f1aebedfe38076046ffb6445134d53d6a5cafe15d649");
    for case in &cases {
        assert_eq!(case.holds(), !case.wrong, "{}", case.line());
    }
    let refused = cases.iter().filter(|case| case.wrong).count();
    println!("{} vectors of transparency-dev/merkle pass, {refused} of them refused", cases.len());
    assert_eq!((cases.len(), refused), (196, 184));
}

#[derive(Clone)]
struct Case {
    /// Index and size of an inclusion, or both sizes of a consistency.
    at: (u64, u64),
    /// Leaf and root, or both roots.
    of: (Vec<u8>, Vec<u8>),
    proof: Vec<Vec<u8>>,
    wrong: bool,
    inclusion: bool,
}

const RANDOM: [u8; 32] =
    *b"\xab\xac\xab\xa0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x60\x06\x1e\0\x12\x34\x56";

impl Case {
    fn line(&self) -> String {
        let (first, second) = self.at;
        let (one, other) = (hex::encode(&self.of.0), hex::encode(&self.of.1));
        let proof = self.proof.iter().map(hex::encode).collect::<Vec<_>>().join(",");
        let wrong = if self.wrong { "True" } else { "False" };
        if self.inclusion {
            format!("inclusion {first} {second} {one} [{proof}] {other} {wrong}")
        } else {
            format!("consistency {first} {second} {one} {other} [{proof}] {wrong}")
        }
    }

    /// What is no hash proves nothing; but of the same tree nothing need be proven, and its vector gives no hash.
    fn holds(&self) -> bool {
        let hash = |bytes: &Vec<u8>| Some(Hash(bytes.clone().try_into().ok()?));
        let Some(proof) = self.proof.iter().map(hash).collect::<Option<Vec<_>>>() else { return false };
        let same = !self.inclusion && self.of.0 == self.of.1;
        let hash = |bytes: &Vec<u8>| hash(bytes).or(same.then_some(Hash([7; 32])));
        let (Some(one), Some(other)) = (hash(&self.of.0), hash(&self.of.1)) else { return false };
        if self.inclusion {
            verify_inclusion(one, self.at, &proof, other).is_ok()
        } else {
            verify_consistency((self.at.0, one), (self.at.1, other), &proof).is_ok()
        }
    }

    fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        changed.wrong = true;
        change(&mut changed);
        changed
    }

    fn beside(&self, at: usize, hash: impl AsRef<[u8]>) -> Self {
        self.but(|case| case.proof.insert(at, hash.as_ref().to_vec()))
    }

    /// Each hash of the proof with one bit turned, and the proof with something before it and behind it.
    fn spoilt(&self, bit: u8) -> Vec<Self> {
        let turned = |n: usize| self.but(|case| case.proof[n][0] ^= 1 << bit);
        let mut all: Vec<_> = (0..self.proof.len()).map(turned).collect();
        let end = self.proof.len();
        all.extend([self.beside(0, []), self.beside(end, [])]);
        all
    }
}

fn inclusion(at: (u64, u64), leaf: &[u8], root: &[u8], proof: Vec<Vec<u8>>) -> Case {
    Case { at, of: (leaf.to_vec(), root.to_vec()), proof, wrong: false, inclusion: true }
}

fn inclusions() -> Vec<Case> {
    let leaves = ENTRIES.map(Hash::leaf);
    let mut all = Vec::new();
    for (index, size) in [(0, 1), (0, 8), (5, 8), (2, 3), (1, 5)] {
        let tree = &leaves[..size as usize];
        let path = proof(tree, &Path::inclusion(index, size).unwrap());
        let path = path.iter().map(|hash| hash.0.to_vec()).collect();
        let good = inclusion((index, size), &leaves[index as usize].0, &root(tree).0, path);
        let end = good.proof.len();
        all.extend([
            good.but(|case| case.at.0 = index.wrapping_sub(1)),
            good.but(|case| case.at.0 = index + 1),
            good.but(|case| case.at.0 = index ^ 2),
            good.but(|case| case.at.1 = size / 2),
            good.but(|case| case.at.1 = size * 2),
            good.but(|case| case.of.0 = b"WrongLeaf".to_vec()),
            good.but(|case| case.of.1 = Hash::empty().0.to_vec()),
            good.but(|case| case.of.1 = RANDOM.to_vec()),
            good.beside(0, &good.of.1),
            good.beside(end, &good.of.1),
        ]);
        if end > 0 {
            all.push(good.but(|case| drop(case.proof.pop())));
        }
        if end > 1 {
            all.push(good.beside(1, RANDOM));
        }
        all.extend(good.spoilt(3));
        all.push(good);
    }
    let (empty, random): (&[u8], &[u8]) = (&[], &RANDOM);
    for at in [(0, 0), (0, 1), (1, 0), (2, 1)] {
        for (leaf, root) in [(empty, &Hash::empty().0[..]), (random, empty), (random, &Hash::empty().0[..])] {
            all.push(inclusion(at, leaf, root, vec![]).but(|_| ()));
        }
    }
    let data = Hash::leaf(b"data").0;
    let single = inclusion((0, 1), &data, &data, vec![]);
    all.extend([
        single.but(|case| case.of.0.clear()),
        single.but(|case| case.of.1.clear()),
        single.but(|case| case.of = (vec![], vec![])),
        single,
    ]);
    all
}

fn consistency(at: (u64, u64), older: &[u8], newer: &[u8], proof: Vec<Vec<u8>>) -> Case {
    Case { at, of: (older.to_vec(), newer.to_vec()), proof, wrong: false, inclusion: false }
}

fn consistencies() -> Vec<Case> {
    let leaves = ENTRIES.map(Hash::leaf);
    let mut all = Vec::new();
    for (from, to) in [(1, 1), (1, 8), (6, 8), (2, 5), (6, 7)] {
        let tree = &leaves[..to as usize];
        let path = proof(tree, &Path::consistency(from, to).unwrap());
        let path = path.iter().map(|hash| hash.0.to_vec()).collect();
        let older = root(&tree[..from as usize]);
        let good = consistency((from, to), &older.0, &root(tree).0, path);
        if from < to {
            let end = good.proof.len();
            all.extend([
                good.but(|case| case.at.0 = from - 1),
                good.but(|case| case.at.0 = from + 1),
                good.but(|case| case.at.0 = from ^ 2),
                good.but(|case| case.at.1 = to * 2),
                good.but(|case| case.at.1 = to / 2),
                good.but(|case| case.of.0 = b"WrongRoot".to_vec()),
                good.but(|case| case.of.1 = b"WrongRoot".to_vec()),
                good.but(|case| case.of = (case.of.1.clone(), case.of.0.clone())),
                good.but(|case| case.proof.clear()),
                good.beside(end, &good.of.0),
                good.beside(end, &good.of.1),
                good.beside(0, &good.of.0),
                good.beside(0, &good.of.1),
                good.beside(0, &good.proof[0]),
                good.but(|case| drop(case.proof.pop())),
            ]);
            all.extend(good.spoilt(4));
        }
        all.push(good);
    }
    let (one, two, empty): (&[u8], &[u8], _) = (b"don't care 1", b"don't care 2", Hash::empty().0);
    let of = |at, older: &[u8], newer: &[u8]| consistency(at, older, newer, vec![]).but(|_| ());
    all.extend([
        of((0, 0), &empty, two),
        of((1, 1), &empty, two),
        of((2, 1), one, two),
        of((1, 0), one, two),
        of((0, 1), one, two),
        of((0, 1), &empty, two),
        of((1, 1), one, two),
        of((0, 0), one, one),
        of((0, 0), one, two),
        of((1, 2), one, two),
        of((1, 1), two, two).but(|case| case.wrong = false),
    ]);
    all.extend([(0, 1), (1, 1), (0, 0)].map(|at| of(at, &empty, &empty).beside(0, empty)));
    all
}
