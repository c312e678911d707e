//! Paging by cursor: an opaque word that says after which row to go on.

use poem::Request;
use uuid::Uuid;

use crate::http::given::{Cursor, Form, Given, Limit};

/// Which page is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<A = Uuid> {
    pub(crate) after: Option<A>,
    pub(crate) limit: u32,
}

impl<A> Page<A> {
    pub(crate) fn new<F: Form<Value = A>>(limit: Option<Given<Limit>>, cursor: Option<Given<F>>) -> Self {
        Self { after: cursor.map(|after| after.0), limit: limit.map_or(Limit::DEFAULT, |limit| limit.0) }
    }

    /// The path and query of the page after `cursor`.
    pub(crate) fn next(&self, request: &Request, cursor: &str) -> String {
        let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let names = request.params::<Vec<(String, String)>>().unwrap_or_default().into_iter();
        let others = pairs.zip(names).filter(|(_, (name, _))| name != "cursor");
        let query: Vec<_> =
            others.map(|(pair, _)| pair.to_owned()).chain([format!("cursor={cursor}")]).collect();
        format!("{}?{}", request.original_uri().path(), query.join("&"))
    }
}

impl Page {
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
    fn the_next_page_is_asked_for_as_this_one_was() {
        let asked = |query: &str| Request::builder().uri_str(format!("/v1/subjects?{query}")).finish();
        for (query, next) in [
            ("", "cursor=N"),
            ("limit=2&&email=a%40b+c&x", "limit=2&email=a%40b+c&x&cursor=N"),
            ("cursor=A&limit=2", "limit=2&cursor=N"),
            ("%63ursor=A&limit=2&kind=patient", "limit=2&kind=patient&cursor=N"),
        ] {
            let told = Page::new::<Cursor>(None, None).next(&asked(query), "N");
            assert_eq!(told.split_once('?').map(|(_, query)| query), Some(next));
        }
    }

    #[test]
    fn a_cursor_leads_to_the_row_after() {
        let page = Page::new::<Cursor>(Some(Given(2)), None);
        let mut rows: Vec<_> = (1..=3).map(Uuid::from_u128).collect();
        let cursor = page.cut(&mut rows, |id| *id).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(Cursor::parse(&cursor), Ok(Uuid::from_u128(2)));
        assert_eq!(page.cut(&mut rows, |id| *id), None);
    }
}
