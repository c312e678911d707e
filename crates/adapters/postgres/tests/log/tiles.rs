//! What is served of a log: tiles, and proofs from them.

use ward::audit::Search;
use ward::audit::log::{self, NoProof, Which};
use ward::audit::tree::{Hash, Tile, TileKind, verify_consistency, verify_inclusion};

use crate::logs::{Log, Stored, naive};

/// The hashes of each level of tiles, the simple way.
fn levels(entries: &[Stored]) -> Vec<Vec<Hash>> {
    let mut levels = vec![entries.iter().map(|entry| Hash::leaf(entry.text.as_bytes())).collect::<Vec<_>>()];
    while let Some(below) = levels.last().filter(|below| below.len() >= 256) {
        levels.push(below.as_chunks::<256>().0.iter().map(|full| naive(full)).collect());
    }
    levels
}

/// Every tile is served as it has to be, and none that isn't there.
async fn is_served(log: &Log, entries: &[Stored]) {
    let mut reading = log.reading().await;
    for (level, hashes) in (0..).zip(levels(entries)) {
        for (index, expected) in (0..).zip(hashes.chunks(256)) {
            let width = expected.len() as u16;
            for width in [width, 1, width / 2 + 1] {
                let tile = Tile { kind: TileKind::Hashes(level), index, width };
                let served = log::tile(&mut *reading, tile).await.unwrap();
                let expected = expected.iter().take(usize::from(width)).flat_map(|hash| hash.0);
                assert!(served.into_iter().eq(expected), "{tile}");
            }
        }
        let beyond = Tile { kind: TileKind::Hashes(level), index: hashes.len() as u64 / 256, width: 256 };
        assert!(matches!(log::tile(&mut *reading, beyond).await, Err(NoProof::Beyond)));
    }
    for (index, expected) in (0..).zip(entries.chunks(256)) {
        let tile = Tile { kind: TileKind::Entries, index, width: expected.len() as u16 };
        let served = log::tile(&mut *reading, tile).await.unwrap();
        let expected = expected.iter().flat_map(|entry| bundled(&entry.text));
        assert!(served.into_iter().eq(expected), "{tile}");
    }
}

fn bundled(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

/// Proofs of some entries, and of some older sizes.
async fn is_proven(log: &Log, entries: &[Stored]) {
    let mut reading = log.reading().await;
    let (root, hashes) = (crate::logs::root_of(entries), levels(entries).swap_remove(0));
    let size = entries.len() as u64;
    for place in [0, 1, 77, 254, 255, 256, entries.len() - 2, entries.len() - 1] {
        let (entry, hash) = entries.iter().zip(&hashes).nth(place).unwrap();
        let proof = log::prove_entry(&mut *reading, entry.id, Which::Latest).await.unwrap();
        assert_eq!((proof.index, &proof.entry), (place as u64, &entry.text));
        verify_inclusion(*hash, (proof.index, size), &proof.path, root).unwrap();
    }
    for from in [1, 2, 255, 256, 257, size - 1, size] {
        let path = log::prove_consistency(&mut *reading, from, size).await.unwrap();
        let older = naive(hashes.get(..from as usize).unwrap());
        verify_consistency((from, older), (size, root), &path).unwrap();
    }
    let beyond = log::prove_consistency(&mut *reading, 1, size + 1).await;
    assert!(matches!(beyond, Err(NoProof::Beyond)));
}

#[tokio::test]
async fn a_log_is_served_as_its_entries_want_it_at_every_size() {
    let log = Log::new().await;
    for events in [1, 250, 3, 1, 1, 1, 250, 5, 200, 70, 1_000, 1, 1_256] {
        log.write(events).await;
        log.step().await.unwrap().unwrap();
        let entries = log.verified().await;
        is_served(&log, &entries).await;
        if entries.len() > 257 {
            is_proven(&log, &entries).await;
        }
    }
}

#[tokio::test]
async fn a_log_of_more_than_three_levels_of_tiles_is_served_as_its_entries_want_it() {
    let log = Log::new().await;
    for n in 1..=132 {
        log.write(500).await;
        if n % 20 == 0 {
            log.catch_up().await;
        }
    }
    log.catch_up().await;
    let entries = log.verified().await;
    assert_eq!(entries.len(), 66_001);
    // The first of all is found, however many tiles lie between.
    let search = Search { action: Some("tenant.founded".into()), ..Search::default() };
    let found = log.reading().await.entries(&search, None, 5).await.unwrap();
    let places: Vec<_> = found.entries.iter().map(|entry| entry.index).collect();
    assert_eq!((&places[..], found.reached), (&[0][..], None));
    is_served(&log, &entries).await;
    is_proven(&log, &entries).await;
}
