use ward_audit::tree::{InvalidTile, Node, Run, Tile, TileKind};

#[test]
fn a_tile_is_written_as_its_path_and_read_from_no_other() {
    for (tile, path) in [
        (Tile { kind: TileKind::Hashes(0), index: 0, width: 256 }, "0/000"),
        (Tile { kind: TileKind::Hashes(7), index: 999, width: 1 }, "7/999.p/1"),
        (Tile { kind: TileKind::Entries, index: 1_000, width: 255 }, "entries/x001/000.p/255"),
        (Tile { kind: TileKind::Hashes(1), index: 1_234_067, width: 256 }, "1/x001/x234/067"),
    ] {
        assert_eq!((tile.to_string().as_str(), path.parse()), (path, Ok(tile)));
    }
    for path in [
        "",
        "0",
        "0/",
        "0/1",
        "0/0000",
        "0/x000/001",
        "00/000",
        "8/000",
        "-1/000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/x001",
        "0/001/000",
        "0/xx01/000",
        "entries",
        "data/000",
        "0/000/",
        "0/x18/x446/x744/x073/x709/x551/616",
        "0/+00",
        "0/000.p/",
        "0/00a",
    ] {
        assert_eq!(path.parse::<Tile>(), Err(InvalidTile), "{path}");
    }
}

/// The example of the tlog-tiles specification.
#[test]
fn a_tree_of_70_000_has_the_tiles_that_the_specification_says() {
    let width = |level, index| Tile::within(TileKind::Hashes(level), index, 70_000).map(|tile| tile.width);
    assert_eq!((width(0, 272), width(0, 273), width(0, 274)), (Some(256), Some(112), None));
    assert_eq!((width(1, 0), width(1, 1), width(1, 2)), (Some(256), Some(17), None));
    assert_eq!((width(2, 0), width(2, 1), width(3, 0)), (Some(1), None, None));
    assert_eq!(Tile::within(TileKind::Hashes(1), 0, 256).map(|tile| tile.width), Some(1));
    assert_eq!(Tile::within(TileKind::Entries, 273, 70_000).map(|tile| tile.width), Some(112));
    assert_eq!(Tile::within(TileKind::Hashes(0), 0, 0), None);
    assert_eq!(Tile::within(TileKind::Hashes(0), u64::MAX, u64::MAX), None);
}

#[test]
fn a_subtree_is_shown_by_the_hashes_below_it() {
    assert_eq!(Run::of(Node { level: 0, index: 257 }), Run { level: 0, first: 257, count: 1 });
    assert_eq!(Run::of(Node { level: 3, index: 33 }), Run { level: 0, first: 264, count: 8 });
    assert_eq!(Run::of(Node { level: 8, index: 3 }), Run { level: 1, first: 3, count: 1 });
    assert_eq!(Run::of(Node { level: 15, index: 1 }), Run { level: 1, first: 128, count: 128 });
}
