use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path;
use object_store::{BackoffConfig, RetryConfig};
use url::Url;

use crate::archive::BlobArchive;
use crate::connector::Connector;

/// Where an archive lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// A directory of this machine, which must be there: one that isn't mounted is not made.
    Directory(PathBuf),
    /// A bucket of an S3-compatible store, and what names in it begin with.
    Bucket {
        /// The bucket.
        name: String,
        /// The prefix, without a slash at its end.
        prefix: String,
    },
}

/// It names no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an archive is `file:///DIRECTORY` or `s3://BUCKET/PREFIX`")]
pub struct InvalidPlace;

/// The settings of a bucket contradict each other, or the machine's root certificates can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the bucket can't be used as the settings have it")]
pub struct Unopened(#[from] object_store::Error);

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let url = Url::parse(text).map_err(|_| InvalidPlace)?;
        let more = url.query().or(url.fragment()).or(url.password()).is_some() || url.port().is_some();
        if more || !url.username().is_empty() {
            return Err(InvalidPlace);
        }
        match (url.scheme(), url.host_str()) {
            ("file", None) => url.to_file_path().map(Self::Directory).map_err(|()| InvalidPlace),
            ("s3", Some(name)) => {
                let prefix = Path::from_url_path(url.path()).map_err(|_| InvalidPlace)?;
                Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.to_string() })
            }
            _ => Err(InvalidPlace),
        }
    }
}

impl Place {
    /// The archive there. Of `settings`, those count that begin with `AWS_`, for a bucket: credentials, region, endpoint.
    pub fn open(self, settings: impl IntoIterator<Item = (String, String)>) -> Result<BlobArchive, Unopened> {
        match self {
            Self::Directory(path) => Ok(BlobArchive::directory(path)),
            Self::Bucket { name, prefix } => Ok(BlobArchive::bucket(bucket(&name, settings)?, &prefix)),
        }
    }
}

fn bucket(
    name: &str,
    settings: impl IntoIterator<Item = (String, String)>,
) -> Result<AmazonS3, object_store::Error> {
    let known = settings.into_iter().filter(|(name, _)| name.starts_with("AWS_"));
    let known = known.filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)));
    known
        .fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value))
        .with_bucket_name(name)
        .with_checksum_algorithm(Checksum::SHA256) // a bucket with object lock asks for one
        .with_http_connector(Connector)
        .with_retry(RetryConfig {
            // Whoever archives comes again by themselves.
            backoff: BackoffConfig::default(),
            max_retries: 1,
            retry_timeout: Duration::from_secs(5),
        })
        .build()
}

#[cfg(test)]
mod tests {
    use super::{InvalidPlace, Place};

    fn bucket(name: &str, prefix: &str) -> Result<Place, InvalidPlace> {
        Ok(Place::Bucket { name: name.into(), prefix: prefix.into() })
    }

    #[test]
    fn a_place_is_a_directory_or_a_bucket_and_nothing_else() {
        assert_eq!("file:///var/lib/a%20b/".parse(), Ok(Place::Directory("/var/lib/a b/".into())));
        assert_eq!("s3://bucket".parse(), bucket("bucket", ""));
        assert_eq!("s3://bucket/a/b/".parse(), bucket("bucket", "a/b"));
        let wrong =
            ["", "/var/lib", "file://host/var", "s3:///prefix", "https://bucket.example", "s3://b?x=y"];
        for text in wrong.into_iter().chain(["s3://k:s@b", "s3://b:9000", "s3://b/#x", "memory:///"]) {
            assert_eq!(text.parse::<Place>(), Err(InvalidPlace), "{text}");
        }
    }
}
