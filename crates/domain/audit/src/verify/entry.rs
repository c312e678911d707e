use chrono::{NaiveDate, NaiveDateTime};
use ward_kernel::Uuid;

use super::Reason;
use super::canonical::{Kind, walk};

/// What a verifier asks of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts<'e> {
    /// When it happened, in UTC.
    pub at: NaiveDateTime,
    /// The event's id.
    pub id: Uuid,
    /// Whose log it belongs to.
    pub tenant: &'e str,
    /// What happened; nothing, where it isn't said.
    pub action: &'e str,
}

impl<'e> Facts<'e> {
    /// Reads an entry: `{"at":"…","event":{…}}`, in canonical JSON.
    pub fn read(entry: &'e [u8]) -> Result<Self, Reason> {
        let text = std::str::from_utf8(entry).map_err(|_| Reason::NotCanonical)?;
        let (mut at, mut id, mut tenant, mut action, mut well) = (None, None, None, "", true);
        walk(text, &mut |depth, key, value| match (depth, key, value) {
            (1, "at", Kind::Text(text)) => at = time(text),
            (1, "event", Kind::Object) => {}
            (1, ..) => well = false,
            (2, "action", Kind::Text(text)) => action = text,
            (2, "id", Kind::Text(text)) => id = uuid(text),
            (2, "tenant", Kind::Text(text)) => tenant = uuid(text).map(|_| text),
            _ => {}
        })
        .ok_or(Reason::NotCanonical)?;
        match (at, id, tenant) {
            (Some(at), Some(id), Some(tenant)) if well => Ok(Self { at, id, tenant, action }),
            _ => Err(Reason::Malformed),
        }
    }
}

/// An id in the one way that entries write it.
pub(super) fn uuid(text: &str) -> Option<Uuid> {
    let is_written_so = text.len() == 36 && !text.contains(|letter: char| letter.is_ascii_uppercase());
    if is_written_so { Uuid::try_parse(text).ok() } else { None }
}

/// `2026-11-27T04:06:22.123456Z`, and no other way.
pub(super) fn time(text: &str) -> Option<NaiveDateTime> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    let mark = |at: usize| text.as_bytes().get(at).copied();
    let marks = [mark(4), mark(7), mark(10), mark(13), mark(16), mark(19), mark(26)];
    if marks != b"--T::.Z".map(Some) || text.len() != 27 {
        return None;
    }
    let year = i32::try_from(number(0, 4)?).ok().filter(|&year| year > 0)?;
    let date = NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?)?;
    date.and_hms_micro_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 26)?)
}

#[cfg(test)]
mod tests {
    use super::{Facts, Reason};

    const ENTRY: &str = r#"{"at":"2026-11-27T04:06:22.123456Z","event":{"entity":{"id":"x"},"id":"0190a000-0000-7000-8000-000000000001","tenant":"0190a000-0000-7000-8000-00000000000a"}}"#;

    fn read(entry: &str) -> Result<String, Reason> {
        Facts::read(entry.as_bytes()).map(|facts| format!("{} {} {}", facts.at, facts.id, facts.tenant))
    }

    #[test]
    fn an_entry_says_when_which_and_whose() {
        let said = "2026-11-27 04:06:22.123456 0190a000-0000-7000-8000-000000000001 0190a000-0000-7000-8000-00000000000a";
        assert_eq!(read(ENTRY).unwrap(), said);
    }

    #[test]
    fn what_an_entry_must_say_it_says_in_one_way() {
        for (from, to) in [
            ("2026-11-27", "2026-02-29"),
            ("2026-11-27", "0000-11-27"),
            ("04:06:22", "24:06:22"),
            ("04:06:22", "04:06:60"),
            (".123456Z", ".123Z"),
            (".123456Z", ".+23456Z"),
            ("T04", "t04"),
            ("\"at\"", "\"an\""),
            ("-00000000000a", "-00000000000A"),
            ("-00000000000a", "00000000000a"),
            ("\"id\":\"0190", "\"ie\":\"0190"),
            (r#""event":{"#, r#""avent":{"#),
            (r#""}}"#, r#""},"more":"x"}"#),
        ] {
            assert!(ENTRY.contains(from), "{from}");
            assert_eq!(read(&ENTRY.replacen(from, to, 1)), Err(Reason::Malformed), "{from} {to}");
        }
        assert_eq!(read(r#"{"at":"x","event":["y"]}"#), Err(Reason::Malformed));
        assert_eq!(read(&format!("{ENTRY}\n")), Err(Reason::NotCanonical));
        assert_eq!(Facts::read(b"{\"at\":\"\xff\"}"), Err(Reason::NotCanonical));
    }
}
