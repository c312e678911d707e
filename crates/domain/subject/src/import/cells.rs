use std::mem;

/// Where in a CSV record one is. A quote opens at the start of a field only; anywhere else it is a character.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Within {
    /// Before a field.
    Start,
    /// In a field without quotes.
    Field,
    /// Between quotes, where line breaks and commas are text.
    Quotes,
    /// After a quote between quotes: the end, or half of a doubled one.
    Closing,
}

impl Within {
    pub(super) fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Start | Self::Closing, b'"') => Self::Quotes,
            (Self::Quotes, b'"') => Self::Closing,
            (Self::Quotes, _) => Self::Quotes,
            (_, b',') => Self::Start,
            _ => Self::Field,
        }
    }
}

/// The cells of one CSV record.
pub(super) fn cells(record: &[u8]) -> Result<Vec<String>, &'static str> {
    let text = std::str::from_utf8(record).map_err(|_| "is not UTF-8")?;
    if !text.contains('"') {
        return Ok(text.split(',').map(str::to_owned).collect());
    }
    let (mut cells, mut cell, mut within) = (Vec::new(), String::new(), Within::Start);
    for character in text.chars() {
        let after = within.after(u8::try_from(character).unwrap_or(b' '));
        match (within, after) {
            (Within::Closing, Within::Field) => return Err("a field goes on after its closing quote"),
            (Within::Start, Within::Quotes) | (Within::Quotes, Within::Closing) => {}
            (_, Within::Start) => cells.push(mem::take(&mut cell)),
            _ => cell.push(character),
        }
        within = after;
    }
    cells.push(cell);
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_cells_are_cells() {
        assert_eq!(cells(b"a,,c,").unwrap(), ["a", "", "c", ""]);
        assert_eq!(cells(b",").unwrap(), ["", ""]);
        assert_eq!(cells(b"\"\"").unwrap(), [""]);
        assert!(cells(b"a,\xff").is_err());
    }
}
