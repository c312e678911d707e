//! What is sound raises no alarm.

use ward_audit::tree::TileKind;

use crate::forge::{Files, Key, bundle, entries, place, proof, signed, state};
use crate::judges::{Case, judge};

/// Around the widths of tiles.
pub(crate) const SIZES: [usize; 8] = [1, 2, 5, 255, 256, 257, 300, 520];

#[test]
fn sound_logs_are_verified_whatever_was_seen_of_them() {
    let mut cases = vec![Case::of("empty", Files::of(&[]), &[])];
    for size in SIZES {
        let entries = entries(size);
        cases.push(Case::of(format!("{size}"), Files::of(&entries), &[]));
        for known in [0, 1, size / 2, size - 1, size] {
            let seen = state(&signed(&entries[..known], &Key::log()));
            cases.push(
                Case::of(format!("{size} after {known}"), Files::of(&entries), &[]).with("state", seen),
            );
        }
        // A full tile may have taken a part's place.
        let mut files = Files::of(&crate::forge::entries(size.next_multiple_of(256)));
        files.0.extend(Files::of(&entries).0);
        for kind in [TileKind::Hashes(0), TileKind::Entries].into_iter().filter(|_| size % 256 > 0) {
            files.0.remove(&place(kind, size / 256, size)).unwrap();
        }
        cases.push(Case::of(format!("{size} out of full tiles"), files, &[]));
    }
    judge(&cases);
}

#[test]
fn sound_proofs_are_verified_in_both_forms() {
    let mut cases = Vec::new();
    for size in SIZES {
        let entries = entries(size);
        for index in [0, size / 3, size - 1] {
            let name = format!("{index} of {size}");
            cases.push(Case::proof(&name, proof(&entries, index).to_string().into_bytes(), &[]));
            let mut bundle = bundle(&entries, index);
            cases.push(Case::proof(&name, bundle.to_string().into_bytes(), &[]));
            bundle.extra = Some(b"anything".to_vec());
            let case = Case::proof(&name, bundle.to_string().into_bytes(), &[]);
            cases.push(case.with("entry", entries[index].clone()));
        }
    }
    judge(&cases);
}

#[test]
fn a_log_that_is_cosigned_and_signed_with_two_keys_is_verified() {
    let entries = entries(3);
    let mut note = signed(&entries, &Key::log());
    note.sign(&Key::foreign()).unwrap();
    note.cosign(&Key::witness(), 1_795_000_100).unwrap();
    let mut files = Files::of(&entries);
    files.vouch(&note);
    let mut case = Case::of("cosigned", files, &[]);
    case.options.extend(["--witness".into(), Key::witness().1.to_string(), "--quorum=1".into()]);
    judge(&[case]);
}
