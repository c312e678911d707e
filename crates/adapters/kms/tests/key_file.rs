//! A key lies in a file that nobody else reads, or there is none.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use ward::crypto::InvalidKey;
use ward_kms::key_file::{KeyFileError, make, read};
use ward_kms::private_file::Unfit;
use ward_system::System;

const HEX: &str = "07f1a2b3c4d5e60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e80";

fn put(place: &TempDir, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    let file = place.path().join("key");
    let _none_yet = fs::remove_file(&file);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file
}

#[test]
fn a_file_that_only_its_owner_reads_holds_the_key() {
    let place = tempfile::tempdir().unwrap();
    for text in [HEX.to_owned(), format!("  {}\r\n\n", HEX.to_uppercase())] {
        for mode in [0o600, 0o400] {
            assert_eq!(*read(&put(&place, &text, mode)).unwrap().to_hex(), HEX);
        }
    }
    let link = place.path().join("link");
    symlink(put(&place, HEX, 0o600), &link).unwrap();
    assert!(read(&link).is_ok());
    put(&place, HEX, 0o644);
    assert!(matches!(read(&link), Err(KeyFileError::Unfit(Unfit::Exposed))), "the link was judged");
}

#[test]
fn a_file_that_others_may_touch_is_refused() {
    let place = tempfile::tempdir().unwrap();
    for mode in (0..9).map(|bit| 0o600 | 1 << bit).filter(|mode| mode & 0o077 != 0) {
        let refused = read(&put(&place, HEX, mode));
        assert!(matches!(refused, Err(KeyFileError::Unfit(Unfit::Exposed))), "{mode:o}");
    }
    // Of the files of others there is one everywhere; root gives away its own.
    let file = put(&place, HEX, 0o600);
    let foreign = if chown(&file, Some(65534), None).is_ok() { file } else { "/etc/passwd".into() };
    assert!(matches!(read(&foreign), Err(KeyFileError::Unfit(Unfit::Foreign))));
}

#[test]
fn what_is_no_key_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let long = |end: &str| format!("{HEX}{}{end}", " ".repeat(200));
    for text in ["", "\n", "00", &HEX[2..], &format!("{HEX}00"), &long("00"), &HEX.replace('f', "g")] {
        let refused = read(&put(&place, text, 0o600));
        assert!(matches!(refused, Err(KeyFileError::Invalid(InvalidKey::Length))), "{text}");
    }
    assert!(read(&put(&place, long("\n"), 0o600)).is_err(), "more than is read");
    for text in [&[0; 32][..], &[0; 64], "0".repeat(64).as_bytes(), "ab".repeat(32).as_bytes()] {
        assert!(matches!(read(&put(&place, text, 0o600)), Err(KeyFileError::Invalid(_))), "{text:?}");
    }
    for path in ["/dev/zero", "/dev/urandom", "/", place.path().to_str().unwrap()] {
        assert!(matches!(read(Path::new(path)), Err(KeyFileError::Unfit(Unfit::Irregular))), "{path}");
    }
    let absent = read(&place.path().join("absent"));
    assert!(matches!(absent, Err(KeyFileError::Unfit(Unfit::Unreadable(_)))));
}

#[test]
fn a_key_is_made_for_its_owner_and_never_in_the_place_of_another() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("data/root.key");
    make(&file, &System).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let made = read(&file).unwrap().to_hex();
    assert!(matches!(make(&file, &System), Err(KeyFileError::Unmade(_))));
    assert_eq!(*read(&file).unwrap().to_hex(), *made);
}
