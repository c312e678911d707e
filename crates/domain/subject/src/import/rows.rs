use std::mem;

use super::cells::Within;

/// The longest row; a longer one is refused, and what follows its end is read on.
const LONGEST: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    within: Within,
    /// The row is too long: its rest is thrown away, and no quoted text of it is taken for a row.
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
        let (row, within) = (Vec::new(), Within::Start);
        Self { syntax, row, within, skipping: false, line: 1, starts: 1, begun: false }
    }

    /// Takes the next bytes, and appends the rows that they complete.
    pub fn feed(&mut self, chunk: &[u8], rows: &mut Vec<Line>) {
        for &byte in chunk {
            self.line += u64::from(byte == b'\n');
            if byte == b'\n' && self.within != Within::Quotes {
                rows.extend(self.take());
            } else {
                self.push(byte);
            }
        }
    }

    /// Ends the stream: what has no line break yet is the last row. Not for a stream that broke off, whose last row
    /// nobody can tell from a whole one.
    pub fn finish(&mut self, rows: &mut Vec<Line>) {
        if self.within == Within::Quotes {
            self.row.clear();
            rows.push(Line { number: self.starts, bytes: Err("the file ends inside a quoted field") });
        } else {
            rows.extend(self.take());
        }
    }

    fn push(&mut self, byte: u8) {
        if self.row.len() == LONGEST {
            self.row.clear();
            self.skipping = true;
        }
        if !self.skipping {
            self.row.push(byte);
        }
        if self.syntax == Syntax::Csv {
            self.within = if !self.begun && self.row == BYTE_ORDER_MARK {
                Within::Start
            } else {
                self.within.after(byte)
            };
        }
    }

    fn take(&mut self) -> Option<Line> {
        let number = mem::replace(&mut self.starts, self.line);
        self.within = Within::Start;
        let mut bytes = mem::take(&mut self.row);
        if !mem::replace(&mut self.begun, true) && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
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

#[cfg(test)]
mod tests {
    use super::super::cells::cells;
    use super::*;

    fn cut(syntax: Syntax, text: &[u8], size: usize) -> Vec<Line> {
        let (mut rows, mut lines) = (Rows::new(syntax), Vec::new());
        text.chunks(size).for_each(|chunk| rows.feed(chunk, &mut lines));
        rows.finish(&mut lines);
        lines
    }

    fn csv(text: &str) -> Vec<Line> {
        cut(Syntax::Csv, text.as_bytes(), text.len().max(1))
    }

    #[test]
    fn any_chopping_gives_the_same_rows() {
        let text = "\u{feff}\"a\",b\r\n1,\"x\ny\"\r\n\r\n\"q\"\"q\",ü\n3,4".as_bytes();
        let whole = cut(Syntax::Csv, text, text.len());
        assert_eq!(whole.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 5, 6]);
        for size in 1..text.len() {
            assert_eq!(cut(Syntax::Csv, text, size), whole, "{size}");
        }
        let parsed: Vec<_> = whole.into_iter().map(|line| cells(&line.bytes.unwrap()).unwrap()).collect();
        assert_eq!(parsed, [vec!["a", "b"], vec!["1", "x\ny"], vec!["q\"q", "ü"], vec!["3", "4"]]);
    }

    #[test]
    fn a_stray_quote_costs_no_other_row() {
        let lines = csv("a,b\n5\" pipe,2\n3,4\n");
        assert_eq!(lines.len(), 3);
        assert_eq!(cells(lines[1].bytes.as_ref().unwrap()).unwrap(), ["5\" pipe", "2"]);
        let lines = csv("a,b\n\"5\" pipe,2\n3,4\n");
        assert_eq!(lines.len(), 3);
        assert!(cells(lines[1].bytes.as_ref().unwrap()).is_err());
    }

    #[test]
    fn no_text_of_a_row_that_is_too_long_becomes_a_row() {
        let long = "x".repeat(LONGEST);
        let text = format!("a,b\nA,\"{long}\nB,planted\n\"\nC,1\n\"{long},\"\"\nD,planted\"\nE,2\n");
        let lines = csv(&text);
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 2, 5, 6, 8]);
        assert_eq!(
            lines.iter().map(|line| line.bytes.is_ok()).collect::<Vec<_>>(),
            [true, false, true, false, true]
        );
        let open = csv(&format!("a,b\nA,\"{long}\nB,planted\n"));
        assert_eq!(open[1].bytes, Err("the file ends inside a quoted field"));
        assert_eq!(open.len(), 2);
    }

    #[test]
    fn a_byte_order_mark_is_no_text_before_a_quote() {
        let lines = csv("\u{feff}\"a\nb\",c\n1,2\n");
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(cells(lines[0].bytes.as_ref().unwrap()).unwrap(), ["a\nb", "c"]);
    }

    #[test]
    fn a_lone_carriage_return_loses_nothing() {
        assert_eq!(cells(csv("1,2\r3,4\n")[0].bytes.as_ref().unwrap()).unwrap(), ["1", "2\r3", "4"]);
    }

    #[test]
    fn a_row_too_long_is_refused_and_the_next_is_read() {
        for long in
            [[b'x'; LONGEST + 5].as_slice(), &[b"\"".as_slice(), &[b'x'; LONGEST + 5], b"\""].concat()]
        {
            let text = [b"a\n".as_slice(), long, b"\nb\n"].concat();
            for size in [1, 1000, text.len()] {
                let lines = cut(Syntax::Csv, &text, size);
                assert_eq!(
                    lines.iter().map(|line| line.bytes.is_ok()).collect::<Vec<_>>(),
                    [true, false, true]
                );
                assert_eq!(lines[2], Line { number: 3, bytes: Ok(b"b".to_vec()) });
            }
        }
        let whole = [b'x'; LONGEST];
        assert!(cut(Syntax::Ndjson, &whole, 999)[0].bytes.is_ok());
    }

    #[test]
    fn no_more_than_one_row_is_held() {
        let (mut rows, mut lines) = (Rows::new(Syntax::Csv), Vec::new());
        for _ in 0..1_000 {
            rows.feed(&[b'"'; 1_000], &mut lines);
            assert!(rows.row.capacity() <= 2 * (LONGEST + 1));
        }
        assert!(lines.is_empty());
    }

    #[test]
    fn a_file_that_ends_inside_quotes_is_refused_there() {
        let lines = cut(Syntax::Csv, b"a\n\"b\nc", 2);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].bytes.is_err());
        assert_eq!(cut(Syntax::Ndjson, b"{\"a\":\"\\\"\"}\n{}", 3).len(), 2);
    }

    /// The same numbers on every run.
    fn dice() -> impl FnMut(u64) -> u64 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut dice = dice();
        for _ in 0..2_000 {
            let (columns, rows) = (1 + dice(4), 1 + dice(5));
            let mut cell = || -> String {
                (0..dice(6)).map(|_| ['a', 'é', '"', ',', '\n', '\r', ' '][dice(7) as usize]).collect()
            };
            let table: Vec<Vec<String>> =
                (0..rows).map(|_| (0..columns).map(|_| cell() + "x").collect()).collect();
            let quoted = |cell: &String| match cell.contains(['"', ',', '\n', '\r']) {
                true => format!("\"{}\"", cell.replace('"', "\"\"")),
                false => cell.clone(),
            };
            let text: Vec<String> =
                table.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",")).collect();
            let text = text.join("\r\n");
            let lines = cut(Syntax::Csv, text.as_bytes(), 1 + dice(9) as usize);
            let read: Vec<_> =
                lines.iter().map(|line| cells(line.bytes.as_ref().unwrap()).unwrap()).collect();
            assert_eq!(read, table, "{text}");
            let starts = lines.iter().map(|line| line.number).collect::<Vec<_>>();
            let breaks =
                |row: &Vec<String>| row.iter().flat_map(|cell| cell.chars()).filter(|&c| c == '\n').count();
            let counted = table.iter().scan(1, |line, row| {
                let start = *line;
                *line += 1 + breaks(row) as u64;
                Some(start)
            });
            assert_eq!(starts, counted.collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_bytes_whatever_are_read_differently_in_pieces() {
        let mut dice = dice();
        for _ in 0..5_000 {
            let bytes: Vec<u8> = (0..dice(40))
                .map(|_| [b'a', b'"', b'"', b',', b'\n', b'\r', 0xef, 0xbb, 0xbf, b' '][dice(10) as usize])
                .collect();
            let whole = cut(Syntax::Csv, &bytes, bytes.len().max(1));
            assert_eq!(cut(Syntax::Csv, &bytes, 1 + dice(7) as usize), whole, "{bytes:?}");
        }
    }
}
