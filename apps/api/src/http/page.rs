//! Paging by cursor: an opaque word that says after which row to go on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::Uri;
use uuid::Uuid;

use crate::http::problem::Refused;

const DEFAULT: u32 = 50;
const MOST: u32 = 200;

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) after: Option<Uuid>,
    pub(crate) limit: u32,
}

impl Page {
    pub(crate) fn parse(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, Refused> {
        let limit = limit.unwrap_or(DEFAULT);
        if !(1..=MOST).contains(&limit) {
            return Err(Refused::at("?limit", format!("must be 1 to {MOST}")));
        }
        let parse = |text| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok();
            let id = bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok());
            id.ok_or_else(|| Refused::at("?cursor", "must be the `next_cursor` of an earlier page"))
        };
        Ok(Self { after: cursor.map(parse).transpose()?, limit })
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
        rows.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(id(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_row_after() {
        let page = Page::parse(Some(2), None).unwrap();
        let mut rows: Vec<_> = (1..=3).map(Uuid::from_u128).collect();
        let cursor = page.cut(&mut rows, |id| *id).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(Page::parse(None, Some(&cursor)).unwrap().after, Some(Uuid::from_u128(2)));
        assert_eq!(page.cut(&mut rows, |id| *id), None);
    }

    #[test]
    fn limits_and_cursors_are_checked() {
        assert!(Page::parse(Some(0), None).is_err());
        assert!(Page::parse(Some(201), None).is_err());
        assert!(Page::parse(None, Some("%%%")).is_err());
    }
}
