//! The root key: a file that only its owner reads. No key, no start.

use std::fmt;
use std::path::{Path, PathBuf};

use ward::crypto::RootKey;
use ward::kernel::Entropy;
use ward_kms::key_file::{self, KeyFileError};

use crate::config::{Config, Mode};
use crate::logs;

/// Why there is no root key. The path isn't told: it is the key itself where somebody mistook one for the other.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootKeyError {
    /// There is none where it should be.
    #[error("{0} {why}", why = logs::causes(.1))]
    Absent(Source, KeyFileError),
    /// Whoever knows the other secret knows the key.
    #[error("{0} also stands in `{1}`: a key is for one use")]
    Reused(Source, &'static str),
}

/// Where the key is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Setting,
    Beside,
    DataDirectory,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "the root key that `WARD_ROOT_KEY_FILE` names",
            Self::Beside => "the root key that `WARD_ROOT_KEY_BESIDE` names",
            Self::DataDirectory => "the root key, `root.key` in `WARD_DATA_DIR`,",
        })
    }
}

/// Reads the key; in development makes one where there is none, and says so loudly.
pub(crate) fn load(config: &Config, entropy: &dyn Entropy) -> Result<RootKey, RootKeyError> {
    let (source, file) = whereabouts(config);
    if is_to_be_made(config, source, &file) {
        key_file::make(&file, entropy).map_err(|error| RootKeyError::Absent(source, error))?;
        tracing::warn!(file = %file.display(), "made a DEVELOPMENT root key: whoever has this file reads everything");
    }
    for_one_use(config, source, read(source, &file)?)
}

/// Reads the key beside the root.
pub(crate) fn beside(config: &Config, file: &Path) -> Result<RootKey, RootKeyError> {
    for_one_use(config, Source::Beside, read(Source::Beside, file)?)
}

fn for_one_use(config: &Config, source: Source, key: RootKey) -> Result<RootKey, RootKeyError> {
    let hex = key.to_hex();
    match config.database_urls().find(|(_, url)| url.to_ascii_lowercase().contains(hex.as_str())) {
        Some((setting, _)) => Err(RootKeyError::Reused(source, setting)),
        None => Ok(key),
    }
}

/// Whether [`load`] would succeed; makes nothing.
pub(crate) fn check(config: &Config, entropy: &dyn Entropy) -> Result<(), RootKeyError> {
    let (source, file) = whereabouts(config);
    if is_to_be_made(config, source, &file) { Ok(()) } else { load(config, entropy).map(drop) }
}

fn whereabouts(config: &Config) -> (Source, PathBuf) {
    match &config.root_key_file {
        Some(file) => (Source::Setting, file.clone()),
        None => (Source::DataDirectory, config.data_dir.join("root.key")),
    }
}

fn is_to_be_made(config: &Config, source: Source, file: &Path) -> bool {
    config.mode == Mode::Development && source == Source::DataDirectory && !file.exists()
}

fn read(source: Source, file: &Path) -> Result<RootKey, RootKeyError> {
    key_file::read(file).map_err(|error| RootKeyError::Absent(source, error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use ward_system::System;

    const HEX: &str = "07f1a2b3c4d5e60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e80";

    /// A directory of one test's own, and settings that name a file in it.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            let name = format!("ward-key-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn put(&self, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
            let file = self.0.join("key");
            let _none_yet = fs::remove_file(&file);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            file
        }

        fn config(&self, settings: &[(&str, &str)]) -> Config {
            let data = ("WARD_DATA_DIR".to_owned(), self.0.join("data").display().to_string());
            let given = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Config::from_settings(given.chain([data]).collect::<BTreeMap<_, _>>()).unwrap()
        }

        fn load(&self, file: &Path) -> Result<RootKey, RootKeyError> {
            load(&self.config(&[("WARD_ROOT_KEY_FILE", file.to_str().unwrap())]), &System)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _left = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_key_that_is_another_secret_too_is_refused() {
        let place = Place::new();
        let file = place.put(HEX, 0o600);
        let url = format!("postgres://ward_app:{}@localhost/ward", HEX.to_uppercase());
        let (file, database) = (("WARD_ROOT_KEY_FILE", file.to_str().unwrap()), ("WARD_DATABASE_URL", &*url));
        let refused = load(&place.config(&[file, database]), &System).unwrap_err();
        assert!(matches!(refused, RootKeyError::Reused(_, "WARD_DATABASE_URL")), "{refused}");
        assert!(
            load(&place.config(&[file, ("WARD_DATABASE_URL", "postgres://localhost/ward")]), &System).is_ok()
        );
    }

    #[test]
    fn no_refusal_tells_what_stands_where_the_file_should() {
        let place = Place::new();
        for file in [place.0.join(HEX), place.put(HEX, 0o644), place.put(format!("{HEX}!"), 0o600)] {
            let refused = place.load(&file).unwrap_err();
            assert!(refused.to_string().contains("`WARD_ROOT_KEY_FILE`"), "{refused}");
            let told = format!("{refused} {:?}", std::error::Error::source(&refused));
            assert!(!told.contains(HEX) && !told.contains(file.to_str().unwrap()), "{told}");
        }
    }

    #[test]
    fn only_development_makes_a_key_and_only_where_none_is_named() {
        let place = Place::new();
        let development = ("WARD_MODE", "development");
        let config = place.config(&[development]);
        check(&config, &System).unwrap();
        assert!(!config.data_dir.exists(), "a check made something");
        let made = load(&config, &System).unwrap();
        assert_eq!(*load(&config, &System).unwrap().to_hex(), *made.to_hex());
        assert_eq!(fs::metadata(config.data_dir.join("root.key")).unwrap().mode() & 0o777, 0o600);

        let absent = place.0.join("absent");
        let named = ("WARD_ROOT_KEY_FILE", absent.to_str().unwrap());
        for settings in [&[named][..], &[named, development]] {
            let config = place.config(settings);
            assert!(load(&config, &System).is_err() && check(&config, &System).is_err());
        }
        assert!(!absent.exists());
    }
}
