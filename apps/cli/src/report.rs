use std::fmt;

use chrono::{DateTime, NaiveDateTime};
use serde_json::{Value, json};
use ward_audit::note::Checkpoint;
use ward_audit::verify::{Contents, Exported, Refuted, Shown, Vouched};

/// How times are written.
pub(crate) const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// What was verified.
pub(crate) enum Report {
    /// One entry.
    Entry(Shown),
    /// One entry, and its proof as a `.tlog-proof`.
    Proven { shown: Shown, bundle: String },
    /// A log.
    Log { vouched: Vouched, contents: Contents, continues: Option<u64> },
    /// Nothing: it was copied.
    Copied { size: u64, files: u64 },
    /// An export, with or without its file.
    Export { exported: Exported, has_file: bool },
}

const OF_AN_ENTRY: &str = "\
This does not show what else the log holds, that this is its newest state, or that what the entry says is true.";

const OF_AN_EXPORT: &str = "\
It has every entry up to that size that the log keeps. This does not show that what they say is true, nor what happened without an entry.";

const OF_A_PART: &str = "\
All of them are of the time asked for; that they are all of that time is the log's word, which was signed with their number.";

const OF_A_LOG: &str = "\
This does not show that what the entries say is true, nor what happened without an entry, nor what was removed before the
checkpoint that counts it was signed: that takes a second.";

const NO_WITNESS: &str = "\
Nothing shows that everybody is shown the same log: no witness that was named has cosigned it.";

const NO_MEMORY: &str = "\
Nothing earlier was remembered: a log that was written anew before today, by whoever holds its key, looks the same.";

pub(crate) fn refuted(refuted: &Refuted) -> String {
    let place = refuted.place.map(|place| format!(", at {place}")).unwrap_or_default();
    format!("REFUTED: {}{place}\n  {refuted}\n", refuted.reason.word())
}

pub(crate) fn refuted_json(refuted: &Refuted) -> String {
    let place = refuted.place.map(|place| place.to_string());
    line(
        json!({ "verdict": "refuted", "reason": refuted.reason.word(), "place": place, "text": refuted.to_string() }),
    )
}

impl Report {
    pub(crate) fn json(&self) -> String {
        line(match self {
            Self::Entry(shown) => entry(shown, None),
            Self::Proven { shown, bundle } => entry(shown, Some(bundle)),
            Self::Log { vouched, contents, continues } => json!({
                "verdict": "verified", "what": "log", "from": contents.entries.start, "to": contents.entries.end,
                "pruned": contents.pruned, "first": contents.first.map(time), "latest": contents.latest.map(time), "continues": continues,
                "checkpoint": head(vouched),
            }),
            Self::Export { exported, has_file } => json!({
                "verdict": "verified", "what": "export", "format": exported.format, "size": exported.size,
                "count": exported.count, "pruned": exported.pruned, "complete": !exported.is_part, "sha256": exported.sha256, "file": has_file,
                "oldest": exported.places.as_ref().map(|places| places.start()),
                "newest": exported.places.as_ref().map(|places| places.end()),
                "first": exported.times.as_ref().map(|times| time(*times.start())),
                "latest": exported.times.as_ref().map(|times| time(*times.end())),
                "told_at": exported.told_at, "checkpoint": head(&exported.vouched),
            }),
            Self::Copied { size, files } => json!({ "verdict": "copied", "size": size, "files": files }),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(shown) => {
                writeln!(f, "VERIFIED: entry {} of {}", shown.index, shown.vouched.checkpoint.origin)?;
                writeln!(f, "  event        {} at {}", shown.id, time(shown.at))?;
                signatures(f, &shown.vouched)?;
                writeln!(f, "{OF_AN_ENTRY}")
            }
            Self::Proven { bundle, .. } => f.write_str(bundle),
            Self::Log { vouched, contents, continues } => log(f, vouched, contents, *continues),
            Self::Export { exported, has_file } => export(f, exported, *has_file),
            Self::Copied { size, files } => {
                writeln!(f, "COPIED, not verified: {size} entries; {files} files were new")
            }
        }
    }
}

fn entry(shown: &Shown, proof: Option<&str>) -> Value {
    let mut said = json!({
        "verdict": "verified", "what": "entry", "index": shown.index, "id": shown.id.to_string(),
        "at": time(shown.at), "checkpoint": head(&shown.vouched),
    });
    if let (Some(said), Some(proof)) = (said.as_object_mut(), proof) {
        said.insert("proof".into(), proof.into());
    }
    said
}

fn log(
    f: &mut fmt::Formatter<'_>,
    vouched: &Vouched,
    contents: &Contents,
    continues: Option<u64>,
) -> fmt::Result {
    let (from, to) = (contents.entries.start, contents.entries.end);
    writeln!(f, "VERIFIED: the log {}", vouched.checkpoint.origin)?;
    writeln!(
        f,
        "  hashed anew  {} entries, from {from} up to {to}; their form, tenant, ids and times are in order",
        to - from
    )?;
    pruned(f, contents.pruned)?;
    if let (Some(first), Some(latest)) = (contents.first, contents.latest) {
        writeln!(f, "  times        {} to {}", time(first), time(latest))?;
    }
    signatures(f, vouched)?;
    match continues {
        Some(size) => writeln!(f, "  continues    the {size} entries that were seen before")?,
        None => writeln!(f, "{NO_MEMORY}")?,
    }
    if vouched.cosigned_by.is_empty() {
        writeln!(f, "{NO_WITNESS}")?;
    }
    if from > contents.pruned {
        writeln!(f, "Ids were compared among the entries that were read; `--full` reads all.")?;
    }
    writeln!(f, "{OF_A_LOG}")
}

fn export(f: &mut fmt::Formatter<'_>, exported: &Exported, has_file: bool) -> fmt::Result {
    let Exported { vouched, format, size, count, sha256, told_at, .. } = exported;
    writeln!(f, "VERIFIED: an export of the log {}", vouched.checkpoint.origin)?;
    writeln!(f, "  exported     {count} of the first {size} entries, as {format}")?;
    pruned(f, exported.pruned)?;
    if let (Some(places), Some(times)) = (&exported.places, &exported.times) {
        writeln!(f, "  places       {} to {}", places.start(), places.end())?;
        writeln!(f, "  times        {} to {}", time(*times.start()), time(*times.end()))?;
    }
    writeln!(f, "  SHA-256      {sha256}: entry {told_at} says so")?;
    signatures(f, vouched)?;
    if !has_file {
        writeln!(f, "The file itself was not looked at: `--export FILE`.")?;
    }
    writeln!(f, "{}", if exported.is_part { OF_A_PART } else { OF_AN_EXPORT })
}

fn pruned(f: &mut fmt::Formatter<'_>, entries: u64) -> fmt::Result {
    if entries == 0 {
        return Ok(());
    }
    writeln!(
        f,
        "  pruned       the log says that it no longer keeps the entries before {entries}; their hashes are there"
    )
}

fn signatures(f: &mut fmt::Formatter<'_>, vouched: &Vouched) -> fmt::Result {
    let Checkpoint { size, root, .. } = &vouched.checkpoint;
    writeln!(f, "  tree         {size} entries, root {root}")?;
    for key in &vouched.signed_by {
        writeln!(f, "  signed by    {key}")?;
    }
    for (key, seconds) in &vouched.cosigned_by {
        writeln!(f, "  cosigned by  {} at {}", key.name(), instant(*seconds))?;
    }
    Ok(())
}

fn head(vouched: &Vouched) -> Value {
    let Checkpoint { origin, size, root } = &vouched.checkpoint;
    let signed_by: Vec<_> = vouched.signed_by.iter().map(ToString::to_string).collect();
    let cosigned = vouched.cosigned_by.iter();
    let cosigned_by: Vec<_> =
        cosigned.map(|(key, seconds)| json!({ "key": key.to_string(), "time": instant(*seconds) })).collect();
    json!({
        "origin": origin, "size": size, "root": root.to_string(), "signed_by": signed_by, "cosigned_by": cosigned_by,
    })
}

fn time(time: NaiveDateTime) -> String {
    time.format(TIME).to_string()
}

/// A witness may name a time that no calendar has.
fn instant(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| seconds.to_string(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn line(value: Value) -> String {
    format!("{value}\n")
}
