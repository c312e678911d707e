use std::ops::RangeInclusive;

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::Value;

use super::entry::time;
use super::{EntryProof, Place, Reason, Refuted, Trust, Vouched};
use crate::keeping::{PRUNED, Pruned};
use crate::note::Checkpoint;
use crate::tree::{Hash, verify_consistency};
use crate::view::EXPORT_COMPLETED;

/// The proof of an export, as it is read line by line: what was exported, then each entry from the newest to the oldest, then the entry in
/// which the log says so.
#[derive(Debug)]
pub struct ExportProof<'t> {
    trust: &'t Trust,
    asked: Asked,
    vouched: Vouched,
    /// The first entry that the log still has.
    start: u64,
    /// The place of the last entry that was read.
    last: Option<u64>,
    newest: Option<u64>,
    count: u64,
    times: Option<RangeInclusive<NaiveDateTime>>,
    told: Option<Told>,
}

/// What a verified proof shows of an export.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exported {
    /// The log's word for the entries.
    pub vouched: Vouched,
    /// The format it was written in.
    pub format: String,
    /// How many of the log's entries were looked at.
    pub size: u64,
    /// Whether those of some time alone were asked for.
    pub is_part: bool,
    /// How many entries at its beginning the log says that it let go of.
    pub pruned: u64,
    /// How many entries it holds.
    pub count: u64,
    /// Their places.
    pub places: Option<RangeInclusive<u64>>,
    /// Their times.
    pub times: Option<RangeInclusive<NaiveDateTime>>,
    /// The SHA-256 of what was exported, in hexadecimal.
    pub sha256: String,
    /// Where the log says all that.
    pub told_at: u64,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
struct Asked {
    format: String,
    #[serde(default)]
    raw: bool,
    from: Option<String>,
    to: Option<String>,
    size: u64,
}

/// What the log says of the export.
#[derive(Clone, Debug)]
struct Told {
    index: u64,
    count: u64,
    sha256: String,
}

impl<'t> ExportProof<'t> {
    /// Reads the first line; nothing, if it isn't that of an export's proof.
    pub fn open(line: &[u8], trust: &'t Trust) -> Option<Result<Self, Refuted>> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let asked = line.get("export")?;
        Some(Self::of(
            asked,
            line.get("checkpoint"),
            line.get("pruned").filter(|said| !said.is_null()),
            trust,
        ))
    }

    fn of(
        asked: &Value,
        checkpoint: Option<&Value>,
        pruned: Option<&Value>,
        trust: &'t Trust,
    ) -> Result<Self, Refuted> {
        // A list would do for its members in their order.
        let asked = Some(asked).filter(|asked| asked.is_object()).ok_or(Reason::Malformed)?;
        let asked = Asked::deserialize(asked).map_err(|_| Reason::Malformed)?;
        let checkpoint = checkpoint.and_then(Value::as_str).ok_or(Reason::Malformed)?;
        let vouched = trust.vouch(checkpoint.as_bytes())?;
        let are_times = [&asked.from, &asked.to].into_iter().flatten().all(|text| time(text).is_some());
        if asked.size > vouched.checkpoint.size || !are_times {
            return Err(Reason::Malformed.into());
        }
        let start = pruned.map_or(Ok(0), |proof| start(proof, &vouched.checkpoint))?;
        Ok(Self { trust, asked, vouched, start, last: None, newest: None, count: 0, times: None, told: None })
    }

    /// What all its entries are in.
    pub fn head(&self) -> &Checkpoint {
        &self.vouched.checkpoint
    }

    /// Reads and verifies another line.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Refuted> {
        let line: Value = serde_json::from_slice(line).map_err(|_| Reason::Malformed)?;
        match line.get("completed") {
            _ if self.told.is_some() => Err(Reason::Malformed.into()),
            Some(completed) => self.completed(completed, line.get("consistency")),
            None => self.entry(&line),
        }
    }

    fn entry(&mut self, line: &Value) -> Result<(), Refuted> {
        let head = &self.vouched.checkpoint;
        let proof = EntryProof::beneath(line, head).ok_or(Reason::Malformed)?;
        let (index, facts) = (proof.index(), proof.shows(head)?);
        let at = |reason| Refuted::at(reason, Place::Entry(index));
        let below = self.last.unwrap_or(self.asked.size);
        if index >= below {
            return Err(at(Reason::Reordered));
        }
        if !self.is_part() && index + 1 != below {
            return Err(Refuted::at(Reason::Deleted, Place::Entry(below - 1)));
        }
        let limit = |text: &Option<String>| text.as_deref().and_then(time);
        let is_early = limit(&self.asked.from).is_some_and(|from| facts.at < from);
        if is_early || limit(&self.asked.to).is_some_and(|to| facts.at >= to) {
            return Err(at(Reason::Malformed));
        }
        let times = self.times.take().unwrap_or(facts.at..=facts.at);
        self.times = Some(facts.at.min(*times.start())..=facts.at.max(*times.end()));
        self.newest.get_or_insert(index);
        (self.last, self.count) = (Some(index), self.count + 1);
        Ok(())
    }

    /// The log's own word, under a checkpoint that contains the first one.
    fn completed(&mut self, proof: &Value, consistency: Option<&Value>) -> Result<(), Refuted> {
        let proof = EntryProof::of_json(proof).ok_or(Reason::Malformed)?;
        let later = proof.verify(self.trust)?.vouched.checkpoint;
        let earlier = &self.vouched.checkpoint;
        let path: Option<Vec<_>> = consistency
            .and_then(Value::as_array)
            .and_then(|path| path.iter().map(|hash| Hash::parse(hash.as_str()?)).collect());
        let path = path.ok_or(Reason::Malformed)?;
        let heads = ((earlier.size, earlier.root), (later.size, later.root));
        if earlier.origin != later.origin || verify_consistency(heads.0, heads.1, &path).is_err() {
            return Err(Reason::Unproven.into());
        }
        let (asked, told) =
            told(&proof).ok_or(Refuted::at(Reason::Malformed, Place::Entry(proof.index())))?;
        if asked != self.asked {
            return Err(Refuted::at(Reason::Malformed, Place::Entry(proof.index())));
        }
        self.told = Some(told);
        Ok(())
    }

    fn is_part(&self) -> bool {
        self.asked.from.is_some() || self.asked.to.is_some()
    }

    /// What all of it shows, if nothing is missing.
    pub fn close(self) -> Result<Exported, Refuted> {
        let is_part = self.is_part();
        let Told { index, count, sha256 } = self.told.ok_or(Reason::Truncated)?;
        let reason = match self.count.cmp(&count) {
            std::cmp::Ordering::Less => Some(Reason::Deleted),
            std::cmp::Ordering::Greater => Some(Reason::Inserted),
            std::cmp::Ordering::Equal => None,
        };
        // Whoever asks for all gets all, whatever the log says of that.
        let is_short = !is_part && self.last.unwrap_or(self.asked.size) > self.start;
        if let Some(reason) = reason.or(is_short.then_some(Reason::Deleted)) {
            return Err(reason.into());
        }
        Ok(Exported {
            format: self.asked.format,
            size: self.asked.size,
            is_part,
            pruned: self.start,
            count,
            places: self.last.zip(self.newest).map(|(oldest, newest)| oldest..=newest),
            times: self.times,
            vouched: self.vouched,
            sha256,
            told_at: index,
        })
    }
}

/// Where the log begins, by the entry in which it says so.
fn start(proof: &Value, head: &Checkpoint) -> Result<u64, Refuted> {
    let proof = EntryProof::beneath(proof, head).ok_or(Reason::Malformed)?;
    let is_said = proof.shows(head)?.action == PRUNED.as_str();
    let said = Pruned::read(proof.entry()).filter(|said| is_said && said.first <= proof.index());
    Ok(said.ok_or(Refuted::at(Reason::Malformed, Place::Entry(proof.index())))?.first)
}

fn told(proof: &EntryProof) -> Option<(Asked, Told)> {
    let entry: Value = serde_json::from_slice(proof.entry()).ok()?;
    let event =
        entry.get("event").filter(|event| event.get("action") == Some(&EXPORT_COMPLETED.as_str().into()))?;
    let detail = |name: &str| event.get("details")?.get(name)?.as_str();
    let text = |name: &str| detail(name).map(str::to_owned);
    let number = |name: &str| detail(name)?.parse().ok();
    let asked = Asked {
        format: text("format")?,
        raw: detail("raw").is_some(),
        from: text("from"),
        to: text("to"),
        size: number("size")?,
    };
    Some((asked, Told { index: proof.index(), count: number("count")?, sha256: text("sha256")? }))
}
