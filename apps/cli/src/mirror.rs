use std::path::Path;

use ward_audit::note::{Checkpoint, Note};
use ward_audit::tree::{Tile, TileKind};
use ward_audit::verify::{Reason, Refuted, Source as _};

use crate::command::Stop;
use crate::directory::{self, MOST};
use crate::online::checkpoint;
use crate::options::Options;
use crate::report::Report;
use crate::served::Served;

/// `ward audit mirror`. The checkpoint is written last: it counts nothing that isn't there.
pub(crate) fn copy(options: &Options, api_key: Option<String>) -> Result<Report, Stop> {
    let mut log = Served::of(options, api_key)?;
    let directory = Path::new(options.operand());
    let note = checkpoint(&mut log, false)?;
    let size = size(&note).ok_or(Refuted::from(Reason::Malformed))?;
    let mut files = 0;
    for tile in tiles(size) {
        let name = format!("tile/{tile}");
        let path = directory.join(&name);
        if path.exists() {
            continue;
        }
        let bytes = log.read(&name, MOST_OF_A_TILE)?.ok_or_else(|| Stop::unread(&name, "not served"))?;
        directory::replace(&path, &bytes)?;
        files += 1;
    }
    directory::replace(&directory.join("checkpoint"), &note)?;
    Ok(Report::Copied { size, files })
}

const MOST_OF_A_TILE: usize = Tile::WIDTH as usize * (2 + u16::MAX as usize);

fn size(note: &[u8]) -> Option<u64> {
    let note = Note::parse(std::str::from_utf8(note.get(..MOST.min(note.len()))?).ok()?).ok()?;
    Some(Checkpoint::parse(&note).ok()?.size)
}

/// All tiles of a log.
fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    let kinds = (0..8).map(TileKind::Hashes).chain([TileKind::Entries]);
    kinds.flat_map(move |kind| (0..).map_while(move |index| Tile::within(kind, index, size)))
}
