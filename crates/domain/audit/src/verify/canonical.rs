use std::borrow::Cow;
use std::cmp::Ordering;

/// A value, as far as anybody asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind<'a> {
    /// A text between its quotes, as it is written.
    Text(&'a str),
    List,
    Object,
}

/// Deeper than any entry goes.
const DEEPEST: usize = 16;

/// Walks through an object in the canonical form of [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) that has no other values than texts,
/// lists and objects, and shows each member and how deep it lies; nothing, if it is written otherwise.
pub(super) fn walk<'a>(text: &'a str, member: &mut impl FnMut(usize, &'a str, Kind<'a>)) -> Option<()> {
    let mut scanner = Scanner { text, at: 0, member };
    scanner.take(b'{')?;
    scanner.object(1)?;
    (scanner.at == text.len()).then_some(())
}

struct Scanner<'a, 'm, F> {
    text: &'a str,
    at: usize,
    member: &'m mut F,
}

impl<'a, F: FnMut(usize, &'a str, Kind<'a>)> Scanner<'a, '_, F> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.text.as_bytes().get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// Whether `wanted` comes next, which is then taken.
    fn takes(&mut self, wanted: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    /// The rest of an object that lies so deep.
    fn object(&mut self, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        if self.takes(b'}') {
            return Some(());
        }
        let mut last: Option<&str> = None;
        loop {
            self.take(b'"')?;
            let key = self.text()?;
            if last.is_some_and(|last| order(last, key) != Ordering::Less) {
                return None;
            }
            last = Some(key);
            self.take(b':')?;
            let value = self.value(depth)?;
            (self.member)(depth, key, value);
            match self.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Kind<'a>> {
        Some(match self.next()? {
            b'"' => Kind::Text(self.text()?),
            b'{' => {
                self.object(depth + 1)?;
                Kind::Object
            }
            b'[' => {
                self.list(depth + 1)?;
                Kind::List
            }
            _ => return None,
        })
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        if self.takes(b']') {
            return Some(());
        }
        loop {
            self.value(depth)?;
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// The rest of a text, without its quotes.
    fn text(&mut self) -> Option<&'a str> {
        let start = self.at;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
            match self.next()? {
                b'"' => return self.text.get(start..self.at - 1),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// What must be escaped, in the one way that is canonical.
    fn escape(&mut self) -> Option<()> {
        if self.next()? != b'u' {
            let escape = self.text.as_bytes().get(self.at - 1)?;
            return b"\"\\bfnrt".contains(escape).then_some(());
        }
        let code = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let letter = u8::from_str_radix(code, 16).ok()?;
        let short = matches!(letter, 8 | 9 | 10 | 12 | 13);
        (letter < 32 && !short && code == format!("{letter:04x}")).then_some(())
    }
}

/// Keys are sorted by their UTF-16 units.
fn order(left: &str, right: &str) -> Ordering {
    // Where the first difference is between letters of ASCII, their bytes tell.
    let differ = left.bytes().zip(right.bytes()).find(|(one, other)| one != other);
    if let Some((one, other)) = differ
        && one.is_ascii_alphanumeric()
        && other.is_ascii_alphanumeric()
        && !left.contains('\\')
    {
        return one.cmp(&other);
    }
    meant(left).encode_utf16().cmp(meant(right).encode_utf16())
}

/// A text without its escapes.
fn meant(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    // What is canonical is JSON.
    serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::walk;

    fn is_canonical(text: &str) -> bool {
        walk(text, &mut |_, _, _| {}).is_some()
    }

    #[test]
    fn there_is_one_way_to_write_it() {
        for text in [
            r#"{}"#,
            r#"{"a":"","b":[],"c":{"d":["e",{}]}}"#,
            r#"{"":"\b\t\n\f\r\"\\\u0000\u001f/é\u000b"}"#,
            "{\"\\r\":\"\",\"1\":\"\",\"\u{80}\":\"\",\"\u{f6}\":\"\",\"\u{20ac}\":\"\",\"\u{1f600}\":\"\",\"\u{fb33}\":\"\"}",
        ] {
            assert!(is_canonical(text), "{text}");
        }
    }

    #[test]
    fn every_other_way_is_refused() {
        for text in [
            "",
            "[]",
            r#""a""#,
            r#"{} "#,
            r#"{ }"#,
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":true}"#,
            r#"{"a":""#,
            r#"{"a":"",}"#,
            r#"{"a":[""],"a":""}"#,
            r#"{"b":"","a":""}"#,
            r#"{"a":["",]}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"a":"\u000a"}"#,
            r#"{"a":"\u001F"}"#,
            r#"{"a":"\u+01f"}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\n\"}",
            "{\"\u{fb33}\":\"\",\"\u{1f600}\":\"\"}",
            r#"{"\n":"","\b":""}"#,
        ] {
            assert!(!is_canonical(text), "{text}");
        }
        let nested = |depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_canonical(&nested(15)) && !is_canonical(&nested(16)) && !is_canonical(&nested(100_000)));
    }
}
