use async_trait::async_trait;
use futures::TryStreamExt as _;
use object_store::ObjectStore as _;
use ward::audit::archive::{Archive as _, ArchiveError};
use ward::{ErasureLedger, Unanswered};

use crate::archive::{BlobArchive, failed};

/// Digits of a number: so names are in the order of what they name, in a bucket as well.
const DIGITS: usize = 16;

/// An erasure ledger in a directory or a bucket: one small object an entry, all in one folder.
#[derive(Debug)]
pub struct BlobLedger {
    archive: BlobArchive,
    folder: String,
}

impl BlobLedger {
    /// In the folder `erasures` below `name`.
    pub fn new(archive: BlobArchive, name: &str) -> Self {
        Self { archive, folder: format!("{name}/erasures") }
    }

    fn name(&self, number: u64) -> String {
        format!("{}/{number:0DIGITS$}", self.folder)
    }
}

#[async_trait]
impl ErasureLedger for BlobLedger {
    async fn text(&self, number: u64) -> Result<Option<String>, Unanswered> {
        self.archive.text(&self.name(number)).await.map_err(unanswered)
    }

    async fn add(&self, number: u64, text: &str) -> Result<bool, Unanswered> {
        self.archive.add(&self.name(number), text).await.map_err(unanswered)
    }

    async fn numbers(&self, number: u64) -> Result<Vec<u64>, Unanswered> {
        let (store, folder) = self.archive.at(&self.folder).map_err(unanswered)?;
        let (_, after) = self.archive.at(&self.name(number)).map_err(unanswered)?;
        let found = store.list_with_offset(Some(&folder), &after).map_ok(|object| numbered(&object.location));
        let mut numbers: Vec<_> = found
            .try_filter_map(async |number| Ok(number))
            .try_collect()
            .await
            .map_err(|error| unanswered(failed(error)))?;
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The number that an object is named by; what somebody else put beside them has none.
fn numbered(location: &object_store::path::Path) -> Option<u64> {
    location.filename().filter(|name| name.len() == DIGITS)?.parse().ok()
}

fn unanswered(error: ArchiveError) -> Unanswered {
    Unanswered(error.0)
}
