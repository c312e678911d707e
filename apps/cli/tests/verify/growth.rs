//! A whole log's verification, held against trees that are built the simple way, from every remembered size.

use ward_audit::verify::{Contents, Failure, Reason, Remembered, verify_log};

use crate::forge::{Dice, Files, entries, entry, head};

fn verify(files: &Files, size: &[Vec<u8>], known: &[Vec<u8>], from_start: bool) -> Result<Contents, Reason> {
    let remembered = Remembered { head: head(known), latest: None };
    verify_log(&mut &*files, &head(size), Some(&remembered), from_start).map_err(|failure| match failure {
        Failure::Refuted(refuted) => refuted.reason,
        Failure::Source(never) => match never {},
    })
}

#[test]
fn what_is_new_is_verified_from_whatever_was_seen_and_nothing_else_is_read() {
    for size in [1, 255, 256, 257, 600, 1030] {
        let entries = entries(size);
        let whole = Files::of(&entries);
        let mut dice = Dice(size as u64);
        for known in (0..12).map(|_| dice.below(size + 1)).chain([0, size]) {
            let contents = verify(&whole, &entries, &entries[..known], false).unwrap();
            let start = known as u64 / 256 * 256;
            assert_eq!(contents.entries, start..size as u64, "{known} of {size}");
            let mut read = whole.clone();
            (0..known / 256).for_each(|index| {
                let tile = ward_audit::tree::TileKind::Entries;
                read.0.remove(&crate::forge::place(tile, index, size)).unwrap();
            });
            assert!(verify(&read, &entries, &entries[..known], false).is_ok());
            assert_eq!(verify(&whole, &entries, &entries[..known], true).unwrap().entries, 0..size as u64);
        }
    }
}

#[test]
fn a_past_that_was_written_anew_is_found_without_reading_it() {
    let sound = entries(1030);
    for (at, known) in [(0, 300), (299, 300), (100, 1030), (511, 512), (3, 769)] {
        let mut other = sound.clone();
        other[at] = entry(2000, at as i64 * 2);
        let files = Files::of(&other);
        assert_eq!(verify(&files, &other, &sound[..known], false), Err(Reason::Forked), "{at} {known}");
        // Their tiles, our checkpoint.
        let refused = verify(&files, &sound, &sound[..known], false).unwrap_err();
        assert!(matches!(refused, Reason::Altered | Reason::Edited), "{refused:?}");
    }
}

#[test]
fn a_log_with_three_levels_of_tiles_is_verified() {
    let entries = entries(66_000);
    let files = Files::of(&entries);
    for known in [0, 65_536, 65_999] {
        assert!(verify(&files, &entries, &entries[..known], false).is_ok(), "{known}");
    }
    for path in ["tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"] {
        let mut turned = files.clone();
        turned.0.get_mut(path).unwrap()[9] ^= 1;
        assert_eq!(verify(&turned, &entries, &[], false), Err(Reason::WrongTile), "{path}");
        turned.0.remove(path);
        assert_eq!(verify(&turned, &entries, &[], false), Err(Reason::Gap), "{path}");
    }
}

#[test]
fn an_entry_is_not_back_dated_by_those_behind_it_that_were_seen_before() {
    let known: Vec<_> = (0..300).map(|n| entry(n, n as i64 * 60)).collect();
    let grow = |seconds| [known.clone(), vec![entry(300, seconds)]].concat();
    let remembered = |latest: i64| Remembered {
        head: head(&known),
        latest: chrono::DateTime::from_timestamp(1_795_000_000 + latest, 123_456_000)
            .map(|at| at.naive_utc()),
    };
    let verify = |entries: &[Vec<u8>], latest| {
        verify_log(&mut &Files::of(entries), &head(entries), Some(&remembered(latest)), false)
    };
    let latest = 299 * 60;
    assert!(verify(&grow(latest - 600), latest).is_ok());
    assert!(verify(&grow(latest - 601), latest).is_err());
    // An entry that isn't read again was later than all that are.
    assert!(verify(&grow(latest - 500), latest + 100).is_ok());
    assert!(verify(&grow(latest - 501), latest + 100).is_err());
}
