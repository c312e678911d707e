//! Paging by cursor: an opaque word that says after which row to go on.

use poem::http::Uri;
use uuid::Uuid;

use crate::http::given::{Cursor, Form as _, Given, Limit};

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) after: Option<Uuid>,
    pub(crate) limit: u32,
}

impl Page {
    pub(crate) fn new(limit: Option<Given<Limit>>, cursor: Option<Given<Cursor>>) -> Self {
        Self { after: cursor.map(|id| id.0), limit: limit.map_or(Limit::DEFAULT, |limit| limit.0) }
    }

    /// The path and query of the page after `cursor`.
    pub(crate) fn next(&self, uri: &Uri, cursor: &str) -> String {
        let kept = uri.query().unwrap_or_default().split('&');
        let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query: Vec<_> = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect();
        format!("{}?{}", uri.path(), query.join("&"))
    }

    /// How many rows to fetch: one more than shown tells whether there is a next page.
    pub(crate) fn fetch(&self) -> u32 {
        self.limit + 1
    }

    /// Cuts `rows` to the page, and gives the cursor of the next.
    pub(crate) fn cut<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> Uuid) -> Option<String> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        rows.last().filter(|_| more).map(|last| Cursor::write(&id(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_row_after() {
        let page = Page::new(Some(Given(2)), None);
        let mut rows: Vec<_> = (1..=3).map(Uuid::from_u128).collect();
        let cursor = page.cut(&mut rows, |id| *id).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(Cursor::parse(&cursor), Ok(Uuid::from_u128(2)));
        assert_eq!(page.cut(&mut rows, |id| *id), None);
    }
}
