use std::path::Path;

use ward_audit::note::{Checkpoint, Note};
use ward_audit::tree::{Tile, TileKind};
use ward_audit::verify::{Reason, Refuted, Remembered, Source as _};

use crate::command::Stop;
use crate::directory::{self, Directory, MOST};
use crate::online::checkpoint;
use crate::options::Options;
use crate::report::Report;
use crate::served::Served;

/// `ward audit mirror`. The checkpoint is written last: it counts nothing that isn't there.
pub(crate) fn copy(options: &Options, api_key: Option<String>) -> Result<Report, Stop> {
    let mut log = Served::of(options, api_key)?;
    let directory = Path::new(options.operand());
    let note = checkpoint(&mut log, false)?;
    let head = head(&note).ok_or(Refuted::from(Reason::Malformed))?;
    follows(directory, &head)?;
    let size = head.size;
    let (mut files, mut has_entries) = (0, false);
    for tile in tiles(size) {
        let name = format!("tile/{tile}");
        let path = directory.join(&name);
        if !path.exists() {
            // A log that let go of its oldest entries says so itself; whoever verifies the copy reads that.
            let may_lack = tile.kind == TileKind::Entries && tile.is_full() && !has_entries;
            let bytes = match log.read(&name, MOST_OF_A_TILE)? {
                None if may_lack => continue,
                bytes => bytes.ok_or_else(|| Stop::unread(&name, "not served"))?,
            };
            directory::replace(&path, &bytes)?;
            files += 1;
        }
        has_entries |= tile.kind == TileKind::Entries;
    }
    directory::replace(&directory.join("checkpoint"), &note)?;
    Ok(Report::Copied { size, files })
}

const MOST_OF_A_TILE: usize = Tile::WIDTH as usize * (2 + u16::MAX as usize);

fn head(note: &[u8]) -> Option<Checkpoint> {
    let note = Note::parse(std::str::from_utf8(note.get(..MOST.min(note.len()))?).ok()?).ok()?;
    Checkpoint::parse(&note).ok()
}

/// A copy is evidence: it isn't replaced by an older log, nor by another one.
fn follows(directory: &Path, head: &Checkpoint) -> Result<(), Stop> {
    let Some(kept) = Directory(directory.to_owned()).read("checkpoint", MOST)? else { return Ok(()) };
    let kept = self::head(&kept).ok_or(Refuted::from(Reason::Malformed))?;
    if kept.origin != head.origin {
        return Err(Stop::Usage(format!("the directory holds another log, `{}`", kept.origin)));
    }
    Ok(Remembered { head: kept, latest: None }.allows(head)?)
}

/// All tiles of a log.
fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    let kinds = (0..8).map(TileKind::Hashes).chain([TileKind::Entries]);
    kinds.flat_map(move |kind| (0..).map_while(move |index| Tile::within(kind, index, size)))
}
