//! How much of an export is held at a time.

use ward::audit::tree::Tile;

/// Bytes of a page, unless a line alone has more.
const BYTES: usize = 1 << 19;

/// Lines that are sent together.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    lines: u32,
    is_full: bool,
}

/// How many entries to read for a page: what the last one had no room for was read for nothing.
#[derive(Debug)]
pub(super) struct Stride(u32);

impl Page {
    /// Adds a line, if there is room for it.
    #[must_use]
    pub(super) fn takes(&mut self, line: &str) -> bool {
        self.is_full |= self.lines > 0 && self.text.len() + line.len() > BYTES;
        if !self.is_full {
            self.text.push_str(line);
            self.lines += 1;
        }
        !self.is_full
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Stride {
    const MOST: u32 = Tile::WIDTH as u32;

    /// The first is short: nobody knows yet how large the entries are.
    pub(super) fn first() -> Self {
        Self(32)
    }

    pub(super) fn entries(&self) -> u32 {
        self.0
    }

    /// Learns from a page that was read.
    pub(super) fn follow(&mut self, page: &Page) {
        if page.is_full {
            self.0 = page.lines;
        } else if page.text.len() <= BYTES / 2 {
            self.0 = (2 * self.0).min(Self::MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages of so many lines of `bytes`, as they are read: how many lines each holds, and for how many it was read.
    fn pages(lines: u32, bytes: usize) -> Vec<(u32, u32)> {
        let (line, mut left, mut stride, mut pages) = ("x".repeat(bytes), lines, Stride::first(), Vec::new());
        while left > 0 {
            let (read, mut page) = (stride.entries().min(left), Page::default());
            let taken = (0..read).take_while(|_| page.takes(&line)).count();
            stride.follow(&page);
            assert_eq!((page.lines as usize, page.text.len()), (taken, taken * bytes));
            assert!(taken == 1 || page.text.len() <= BYTES, "{taken} lines of {bytes} bytes");
            left -= page.lines;
            pages.push((page.lines, read));
        }
        pages
    }

    #[test]
    fn a_page_is_bounded_in_bytes_and_in_entries() {
        assert_eq!(pages(1_000, 1), [32, 64, 128, 256, 256, 256, 8].map(|lines| (lines, lines)));
        assert_eq!(pages(4, BYTES), [(1, 4), (1, 1), (1, 1), (1, 1)]);
        assert_eq!(pages(3, 2 * BYTES), [(1, 3), (1, 1), (1, 1)], "a line is sent, however long");
    }

    #[test]
    fn what_has_no_room_is_hardly_ever_read() {
        for bytes in [1_000, 2_000, 3_000, 9_000, 20_000, 70_000, BYTES / 2, BYTES / 2 + 1] {
            let pages = pages(5_000, bytes);
            let read: u32 = pages.iter().map(|(_, read)| read).sum();
            assert!(read <= 5_400, "{read} for 5000 lines of {bytes} bytes");
        }
    }

    #[test]
    fn a_full_page_takes_nothing_more() {
        let mut page = Page::default();
        assert!(page.takes(&"x".repeat(BYTES - 1)));
        assert!(!page.takes("xy") && !page.takes("x"), "lines are sent in their order");
        assert_eq!(page.into_text().len(), BYTES - 1);
    }
}
