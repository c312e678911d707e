//! What the targets share: logs as the tests of the verifiers forge them, and changes to their bytes.

use arbitrary::Arbitrary;
use ward_audit::verify::Trust;

#[expect(dead_code, reason = "written for the tests of `ward-cli`, which use all of it")]
#[path = "../../../apps/cli/tests/verify/forge.rs"]
pub(crate) mod forge;

/// Who is trusted: the log's own key.
pub(crate) fn trust() -> Trust {
    Trust::new(vec![forge::Key::log().1], Vec::new(), None).unwrap()
}

/// One change to some bytes.
#[derive(Arbitrary, Debug)]
pub(crate) enum Change {
    /// One is another.
    Set(u16, u8),
    /// One is gone.
    Remove(u16),
    /// One is new.
    Insert(u16, u8),
    /// Those behind are gone.
    Cut(u16),
}

impl Change {
    /// The bytes after all changes.
    pub(crate) fn all(changes: &[Self], mut bytes: Vec<u8>) -> Vec<u8> {
        for change in changes {
            let end = bytes.len();
            let within = |at: u16| usize::from(at) % (end + 1);
            match *change {
                Self::Set(at, byte) => bytes.iter_mut().skip(within(at)).take(1).for_each(|old| *old = byte),
                Self::Remove(at) if within(at) < end => drop(bytes.remove(within(at))),
                Self::Insert(at, byte) => bytes.insert(within(at), byte),
                Self::Cut(at) => bytes.truncate(within(at)),
                Self::Remove(_) => {}
            }
        }
        bytes
    }
}
