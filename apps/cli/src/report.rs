use std::fmt;

use chrono::{DateTime, NaiveDateTime};
use serde_json::{Value, json};
use ward_audit::note::Checkpoint;
use ward_audit::verify::{Contents, Refuted, Shown, Vouched};

/// How times are written.
pub(crate) const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// What was verified.
pub(crate) enum Report {
    /// One entry.
    Entry(Shown),
    /// A log.
    Log { vouched: Vouched, contents: Contents, continues: Option<u64> },
    /// Nothing: it was copied.
    Copied { size: u64, files: u64 },
}

const OF_AN_ENTRY: &str = "\
This does not show what else the log holds, that this is its newest state, or that what the entry says is true.";

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
            Self::Entry(shown) => json!({
                "verdict": "verified", "what": "entry", "index": shown.index, "id": shown.id.to_string(),
                "at": time(shown.at), "checkpoint": head(&shown.vouched),
            }),
            Self::Log { vouched, contents, continues } => json!({
                "verdict": "verified", "what": "log", "from": contents.entries.start, "to": contents.entries.end,
                "first": contents.first.map(time), "latest": contents.latest.map(time), "continues": continues,
                "checkpoint": head(vouched),
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
            Self::Log { vouched, contents, continues } => log(f, vouched, contents, *continues),
            Self::Copied { size, files } => {
                writeln!(f, "COPIED, not verified: {size} entries; {files} files were new")
            }
        }
    }
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
    if from > 0 {
        writeln!(f, "Ids were compared among the entries that were read; `--full` reads all.")?;
    }
    writeln!(f, "{OF_A_LOG}")
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
