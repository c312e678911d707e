use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDate, Utc};
use poem_openapi::registry::MetaSchema;
use uuid::Uuid;
use ward::audit::Search;
use ward::subject::{Format, Jurisdiction, TimeZone};

use super::Form;
use crate::http::time::Time;
use crate::http::vocabulary::{PHONE, line};

/// How many items a page has.
pub(crate) enum Limit {}

/// Where a page begins: the id of the row before it, in disguise.
pub(crate) enum Cursor {}

/// A calendar date: the full-date of [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6).
pub(crate) enum Day {}

/// An instant: the date-time of [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6), in any offset.
pub(crate) enum Instant {}

/// Where somebody's day begins.
pub(crate) enum Zone {}

/// Whose law protects somebody.
pub(crate) enum Law {}

/// What follows the `@` of a mail address.
pub(crate) enum MailDomain {}

/// A mail address, to look for.
pub(crate) enum MailAddress {}

/// A telephone number, to look for.
pub(crate) enum Phone {}

/// Words to look for.
pub(crate) enum Words {}

/// A line of at most `MOST` characters: not blank, and without control characters.
pub(crate) enum Line<const MOST: usize> {}

impl Limit {
    pub(crate) const DEFAULT: u32 = 50;
    const MOST: u32 = 200;
}

impl Form for Limit {
    type Value = u32;

    fn parse(text: &str) -> Result<u32, &'static str> {
        let limit = text.parse().ok().filter(|limit: &u32| limit.to_string() == text);
        limit.filter(|limit| (1..=Self::MOST).contains(limit)).ok_or("must be a whole number from 1 to 200")
    }

    fn write(limit: &u32) -> String {
        limit.to_string()
    }

    fn schema() -> MetaSchema {
        MetaSchema {
            minimum: Some(1.0),
            maximum: Some(Self::MOST.into()),
            default: Some(Self::DEFAULT.into()),
            ..MetaSchema::new("integer")
        }
    }
}

impl Form for MailAddress {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        Format::Email.parse(text).map_err(|_| "must be a mail address")
    }

    fn write(address: &String) -> String {
        address.clone()
    }

    fn schema() -> MetaSchema {
        MetaSchema { format: Some("idn-email"), max_length: Some(254), ..MetaSchema::new("string") }
    }
}

impl Form for Phone {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        Format::Phone.parse(text).map_err(|_| "must be a number like +12025550123")
    }

    fn write(number: &String) -> String {
        number.clone()
    }

    fn schema() -> MetaSchema {
        MetaSchema { pattern: Some(PHONE.into()), ..MetaSchema::new("string") }
    }
}

impl Words {
    const MOST: usize = 200;
}

impl Form for Words {
    type Value = Vec<String>;

    fn parse(text: &str) -> Result<Vec<String>, &'static str> {
        let words = Search::words_of(text);
        let sound = text.chars().count() <= Self::MOST && !words.is_empty();
        sound.then_some(words).ok_or("must hold a word, and at most 200 characters")
    }

    fn write(words: &Vec<String>) -> String {
        words.join(" ")
    }

    fn schema() -> MetaSchema {
        let pattern = Some("[A-Za-z0-9-]".into());
        MetaSchema { pattern, max_length: Some(Self::MOST), ..MetaSchema::new("string") }
    }
}

impl Form for Cursor {
    type Value = Uuid;

    fn parse(text: &str) -> Result<Uuid, &'static str> {
        let id = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
        id.ok_or("must be the `next_cursor` of an earlier page")
    }

    fn write(id: &Uuid) -> String {
        URL_SAFE_NO_PAD.encode(id)
    }

    /// 16 bytes in 22 characters, the last of which has 4 bits to spare.
    fn schema() -> MetaSchema {
        MetaSchema { pattern: Some("^[A-Za-z0-9_-]{21}[AQgw]$".into()), ..MetaSchema::new("string") }
    }
}

impl Form for Day {
    type Value = NaiveDate;

    fn parse(text: &str) -> Result<NaiveDate, &'static str> {
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let day = day.filter(|day| text.len() == 10 && day.to_string() == text);
        day.ok_or("must be a date, such as 2001-12-31")
    }

    fn write(day: &NaiveDate) -> String {
        day.to_string()
    }

    fn schema() -> MetaSchema {
        MetaSchema::new_with_format("string", "date")
    }
}

impl Form for Instant {
    type Value = DateTime<Utc>;

    fn parse(text: &str) -> Result<DateTime<Utc>, &'static str> {
        let at =
            DateTime::parse_from_rfc3339(text).map_err(|_| "must be a time, such as 2001-12-31T23:59:59Z");
        Ok(at?.to_utc())
    }

    fn write(at: &DateTime<Utc>) -> String {
        Time::from(*at).to_string()
    }

    fn schema() -> MetaSchema {
        MetaSchema::new_with_format("string", "date-time")
    }
}

impl Form for Zone {
    type Value = TimeZone;

    fn parse(text: &str) -> Result<TimeZone, &'static str> {
        TimeZone::parse(text).ok_or("must be an IANA time zone, such as `America/New_York`")
    }

    fn write(zone: &TimeZone) -> String {
        zone.as_str().to_owned()
    }

    fn schema() -> MetaSchema {
        MetaSchema::new_with_format("string", "time-zone")
    }
}

impl Form for Law {
    type Value = Jurisdiction;

    fn parse(text: &str) -> Result<Jurisdiction, &'static str> {
        Jurisdiction::parse(text).ok_or("must be an ISO 3166 code, such as `US-CA`")
    }

    fn write(law: &Jurisdiction) -> String {
        law.as_str().to_owned()
    }

    fn schema() -> MetaSchema {
        MetaSchema { pattern: Some("^[A-Z]{2}(-[A-Z0-9]{1,3})?$".into()), ..MetaSchema::new("string") }
    }
}

impl Form for MailDomain {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        Ok(text.to_owned()) // the tenant's settings say what is wrong with it
    }

    fn write(domain: &String) -> String {
        domain.clone()
    }

    fn schema() -> MetaSchema {
        let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
        let pattern = Some(format!(r"^({label}\.)+{label}$"));
        MetaSchema { max_length: Some(253), pattern, ..MetaSchema::new("string") }
    }
}

impl<const MOST: usize> Form for Line<MOST> {
    type Value = String;

    fn parse(text: &str) -> Result<String, &'static str> {
        Ok(text.to_owned()) // whoever takes it says what is wrong with it
    }

    fn write(line: &String) -> String {
        line.clone()
    }

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(MOST),
            pattern: Some(line()),
            ..MetaSchema::new("string")
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::http::given) fn assert_one_way<F: Form>(good: &[&str], bad: &[&str]) {
        good.iter().for_each(|text| assert!(F::parse(text).is_ok(), "{text}"));
        bad.iter().for_each(|text| assert!(F::parse(text).is_err(), "{text}"));
    }

    #[test]
    fn what_is_given_is_written_one_way() {
        assert_one_way::<Limit>(&["1", "200"], &["", "0", "201", "+1", "01", "1.0", " 1", "١"]);
        let cursor = Cursor::write(&Uuid::from_u128(u128::MAX));
        assert_one_way::<Cursor>(&[&cursor], &["", "%%%", "_____________________x", &format!("{cursor}==")]);
        assert_one_way::<Day>(
            &["0001-01-01", "2024-02-29", "9999-12-31"],
            &[
                "2023-02-29",
                "2024-2-9",
                " 2024-02-09",
                "+2024-02-09",
                "-0001-01-01",
                "-500-01-01",
                "20240-2-09",
                "",
            ],
        );
        assert_one_way::<Instant>(
            &["2001-12-31T23:59:59Z", "0001-01-01T00:00:00.123456789+23:59"],
            &["2001-12-31", "2001-12-31T23:59:59", "+12001-12-31T23:59:59Z", "-5000-01-01T00:00:00Z", "now"],
        );
    }
}
