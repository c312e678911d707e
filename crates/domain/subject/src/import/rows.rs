use std::mem;

/// The longest row; a longer one is refused, and what follows it is read on.
const LONGEST: usize = 64 * 1024;

/// How rows are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Syntax {
    /// Comma-separated, with a header ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)).
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Cuts a stream of bytes into rows, however it is chopped up; holds one row at most.
#[derive(Debug)]
pub struct Rows {
    syntax: Syntax,
    row: Vec<u8>,
    quoted: bool,
    /// The row is too long: its rest is thrown away.
    skipping: bool,
    line: u64,
    starts: u64,
    begun: bool,
}

/// One row, and the line it starts on.
#[derive(Debug, Eq, PartialEq)]
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    /// The bytes, without the line break; or why there are none.
    pub bytes: Result<Vec<u8>, &'static str>,
}

impl Rows {
    /// Nothing read yet.
    pub fn new(syntax: Syntax) -> Self {
        let (row, quoted, skipping, line, starts, begun) = (Vec::new(), false, false, 1, 1, false);
        Self { syntax, row, quoted, skipping, line, starts, begun }
    }

    /// Takes the next bytes, and appends the rows that they complete.
    pub fn feed(&mut self, chunk: &[u8], rows: &mut Vec<Line>) {
        for &byte in chunk {
            match byte {
                b'\n' if !self.quoted || self.skipping => {
                    self.line += 1;
                    rows.extend(self.take());
                }
                _ => {
                    self.line += u64::from(byte == b'\n');
                    self.push(byte);
                }
            }
        }
    }

    /// Ends the stream: what has no line break yet is the last row.
    pub fn finish(&mut self, rows: &mut Vec<Line>) {
        if self.quoted && !self.skipping {
            self.row.clear();
            rows.push(Line { number: self.starts, bytes: Err("the file ends inside a quoted field") });
        } else {
            rows.extend(self.take());
        }
    }

    fn push(&mut self, byte: u8) {
        if self.skipping {
            return;
        }
        self.quoted ^= byte == b'"' && self.syntax == Syntax::Csv;
        self.row.push(byte);
        if self.row.len() > LONGEST {
            self.row.clear();
            self.skipping = true;
        }
    }

    fn take(&mut self) -> Option<Line> {
        let number = mem::replace(&mut self.starts, self.line);
        self.quoted = false;
        let mut bytes = mem::take(&mut self.row);
        if !mem::replace(&mut self.begun, true) && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        if mem::take(&mut self.skipping) {
            return Some(Line { number, bytes: Err("longer than 65536 bytes") });
        }
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
        let blank = bytes.iter().all(u8::is_ascii_whitespace);
        (!blank).then_some(Line { number, bytes: Ok(bytes) })
    }
}

/// The cells of one CSV record.
pub(crate) fn cells(record: &[u8]) -> Result<Vec<String>, &'static str> {
    let (mut reader, mut text, mut ends) =
        (csv_core::Reader::new(), vec![0; record.len() + 1], vec![0; record.len() + 2]);
    let (_, read, written, count) = reader.read_record(record, &mut text, &mut ends);
    let (_, _, more, last) = reader.read_record(
        record.get(read..).unwrap_or_default(),
        text.get_mut(written..).unwrap_or_default(),
        ends.get_mut(count..).unwrap_or_default(),
    );
    let (mut start, mut cells) = (0, Vec::with_capacity(count + last));
    for end in ends.iter().take(count + last).map(|end| (*end).min(written + more)) {
        let cell = text.get(start..end).unwrap_or_default();
        cells.push(std::str::from_utf8(cell).map_err(|_| "not UTF-8")?.to_owned());
        start = end;
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(syntax: Syntax, text: &[u8], size: usize) -> Vec<Line> {
        let (mut rows, mut lines) = (Rows::new(syntax), Vec::new());
        text.chunks(size).for_each(|chunk| rows.feed(chunk, &mut lines));
        rows.finish(&mut lines);
        lines
    }

    #[test]
    fn any_chopping_gives_the_same_rows() {
        let text = "\u{feff}a,b\r\n1,\"x\ny\"\r\n\r\n\"q\"\"q\",ü\n3,4".as_bytes();
        let whole = cut(Syntax::Csv, text, text.len());
        assert_eq!(whole.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 5, 6]);
        for size in 1..text.len() {
            assert_eq!(cut(Syntax::Csv, text, size), whole, "{size}");
        }
        let parsed: Vec<_> = whole.into_iter().map(|line| cells(&line.bytes.unwrap()).unwrap()).collect();
        assert_eq!(parsed, [vec!["a", "b"], vec!["1", "x\ny"], vec!["q\"q", "ü"], vec!["3", "4"]]);
    }

    #[test]
    fn empty_cells_are_cells() {
        assert_eq!(cells(b"a,,c,").unwrap(), ["a", "", "c", ""]);
        assert_eq!(cells(b",").unwrap(), ["", ""]);
        assert_eq!(cells(b"\"\"").unwrap(), [""]);
        assert!(cells(b"\xff").is_err());
    }

    #[test]
    fn a_row_too_long_is_refused_and_the_next_is_read() {
        let text = [b"a\n".as_slice(), &[b'x'; LONGEST + 5], b"\nb\n"].concat();
        let lines = cut(Syntax::Csv, &text, 1000);
        assert_eq!(lines.iter().map(|line| line.bytes.is_ok()).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(lines[2].number, 3);
    }

    #[test]
    fn a_file_that_ends_inside_quotes_is_refused_there() {
        let lines = cut(Syntax::Csv, b"a\n\"b\nc", 2);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].bytes.is_err());
        assert_eq!(cut(Syntax::Ndjson, b"{\"a\":\"\\\"\"}\n{}", 3).len(), 2);
    }
}
