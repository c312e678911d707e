use std::fmt::Display;

use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use toml::value::Datetime;
use toml::{Table, Value};

/// A table that is read to its end, whatever is wrong with it: serde alone would stop at the first fault.
pub(super) struct Fields<'a> {
    at: String,
    table: Table,
    faults: &'a mut Vec<String>,
}

impl<'a> Fields<'a> {
    /// Reads `table`, which faults are told to be `at`.
    pub(super) fn new(at: &str, table: Table, faults: &'a mut Vec<String>) -> Self {
        Self { at: at.to_owned(), table, faults }
    }

    /// Says what is wrong here.
    pub(super) fn fault(&mut self, told: impl Display) {
        let fault = if self.at.is_empty() { told.to_string() } else { format!("{}: {told}", self.at) };
        self.faults.push(fault);
    }

    /// Whether a field is given that was not read yet.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// A field that may be missing.
    pub(super) fn want<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.table.remove(name)?.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(format_args!("`{name}`: {}", error.message()));
                None
            }
        }
    }

    /// A field that must be there.
    pub(super) fn need<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        if !self.holds(name) {
            self.fault(format_args!("`{name}` is missing"));
        }
        self.want(name)
    }

    /// A text that says something.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let text: String = self.need(name)?;
        if text.trim().is_empty() {
            self.fault(format_args!("`{name}` is empty"));
        }
        Some(text)
    }

    /// A name by which others refer to this.
    pub(super) fn id(&mut self, name: &str) -> Option<String> {
        let id: String = self.need(name)?;
        let rest =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        if !id.starts_with(|first: char| first.is_ascii_lowercase()) || !id.bytes().all(rest) {
            self.fault(format_args!(
                "`{name}` must be a lower-case letter, then lower-case letters, digits, `_` and `-`"
            ));
        }
        Some(id)
    }

    /// A day that may be missing, written as TOML writes days.
    pub(super) fn day(&mut self, name: &str) -> Option<NaiveDate> {
        let read = |value: &Value| day(value.as_datetime()?);
        let day = read(&self.table.remove(name)?);
        if day.is_none() {
            self.fault(format_args!("`{name}` must be a date such as 2027-06-30, without quotes"));
        }
        day
    }

    /// The table of that name, if there is one.
    pub(super) fn inner(&mut self, name: &str) -> Option<Fields<'_>> {
        // Taken as it is: a conversion by serde would turn its dates into tables.
        let Value::Table(table) = self.table.remove(name)? else {
            self.fault(format_args!("`{name}` must be a table"));
            return None;
        };
        let at = if self.at.is_empty() { format!("`{name}`") } else { format!("{}: `{name}`", self.at) };
        Some(Fields { at, table, faults: self.faults })
    }

    /// The tables of an array, each called `name` with its `key`, or with its place where it has none.
    pub(super) fn rows(&mut self, name: &str, key: &str) -> Vec<(String, Table)> {
        let rows = match self.table.remove(name) {
            Some(Value::Array(rows)) => rows,
            Some(_) => {
                self.fault(format_args!("`{name}` must be an array of tables"));
                Vec::new()
            }
            None => Vec::new(),
        };
        let mut read = Vec::with_capacity(rows.len());
        for (n, row) in rows.into_iter().enumerate() {
            let known = row.get(key).and_then(Value::as_str);
            let at = known.map_or_else(|| format!("{name} {}", n + 1), |known| format!("{name} `{known}`"));
            match row {
                Value::Table(row) => read.push((at, row)),
                _ => self.fault(format_args!("{at} must be a table")),
            }
        }
        read
    }

    /// The same list of faults, for what was read of this table.
    pub(super) fn faults(&mut self) -> &mut Vec<String> {
        self.faults
    }

    /// Says which fields nobody asked for.
    pub(super) fn end(mut self) {
        for name in std::mem::take(&mut self.table).keys() {
            self.fault(format_args!("`{name}` is not a field"));
        }
    }
}

fn day(written: &Datetime) -> Option<NaiveDate> {
    let date = written.date.filter(|_| written.time.is_none() && written.offset.is_none())?;
    NaiveDate::from_ymd_opt(i32::from(date.year), u32::from(date.month), u32::from(date.day))
}
