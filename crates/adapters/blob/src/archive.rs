use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::aws::AmazonS3;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode};
use ward::audit::archive::{Archive, ArchiveError};

/// What is longer isn't read: a checkpoint with a hundred signatures is shorter.
const MOST: u64 = 64 << 10;

/// An archive in a directory or a bucket.
#[derive(Debug)]
pub struct BlobArchive(Store);

#[derive(Debug)]
enum Store {
    Directory(PathBuf),
    Bucket(Arc<AmazonS3>, Path),
}

/// What lies there is none of ours.
#[derive(Debug, thiserror::Error)]
#[error("what lies there is no short text")]
struct Strange;

impl BlobArchive {
    pub(crate) fn directory(path: PathBuf) -> Self {
        Self(Store::Directory(path))
    }

    pub(crate) fn bucket(bucket: AmazonS3, prefix: &str) -> Self {
        Self(Store::Bucket(Arc::new(bucket), Path::from(prefix)))
    }

    /// Where a name lies. A directory must be there at that moment, and keeps what was put into it when its machine fails.
    pub(crate) fn at(&self, name: &str) -> Result<(Arc<dyn ObjectStore>, Path), ArchiveError> {
        match &self.0 {
            Store::Directory(path) => {
                let directory = LocalFileSystem::new_with_prefix(path).map_err(failed)?;
                Ok((Arc::new(directory.with_fsync(true)), Path::from(name)))
            }
            Store::Bucket(bucket, prefix) => {
                Ok((bucket.clone(), prefix.parts().chain(Path::from(name).parts()).collect()))
            }
        }
    }
}

#[async_trait]
impl Archive for BlobArchive {
    async fn text(&self, name: &str) -> Result<Option<String>, ArchiveError> {
        let (store, path) = self.at(name)?;
        let found = match store.get(&path).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(failed)?,
        };
        if found.meta.size > MOST {
            return Err(failed(Strange));
        }
        let bytes = found.bytes().await.map_err(failed)?;
        String::from_utf8(bytes.into()).map(Some).map_err(|_| failed(Strange))
    }

    async fn replace(&self, name: &str, text: &str) -> Result<(), ArchiveError> {
        let (store, path) = self.at(name)?;
        store.put(&path, text.to_owned().into()).await.map(drop).map_err(failed)
    }

    async fn add(&self, name: &str, text: &str) -> Result<bool, ArchiveError> {
        let (store, path) = self.at(name)?;
        match store.put_opts(&path, text.to_owned().into(), PutMode::Create.into()).await {
            Err(Error::AlreadyExists { .. }) => Ok(false),
            put => put.map(|_| true).map_err(failed),
        }
    }
}

pub(crate) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ArchiveError {
    ArchiveError(Box::new(error))
}
