use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use ward_identity::{Format, InvalidSecret, Mode};
use ward_kernel::Entropy;

use crate::support::{Os, code, format};

const CHECKED: &str = "wd_live_0123456789ABCDEFGHIJKL0o29GM";
const PAGE_STYLE: &str = "cq_live_0123456789ABCDEFGHIJKL";

fn page_style() -> Format {
    Format::new("cq", false).unwrap()
}

#[test]
fn published_keys_are_read_and_digested() {
    let cases = [
        (format(), CHECKED, "559b1bde731fe96921a09206d9e7ef5848c65c645d6dc8b82358b0f9b44918c8"),
        (page_style(), PAGE_STYLE, "11ff05c3e11fb69f28deac9c9c9963f41677c276a9f7f075f235b4ab0dda9bc6"),
    ];
    for (format, text, sha256) in cases {
        let key = format.parse(text).unwrap();
        assert_eq!((key.expose(), key.mode()), (text, Mode::Live));
        let digest = key.digest(|text| Sha256::digest(text).into());
        assert_eq!(hex::encode(digest.0), sha256);
    }
}

#[test]
fn what_is_no_key_is_told_by_its_form() {
    let refused = |text: &str| format().parse(text).unwrap_err();
    for text in [
        "",
        "wd",
        "wd_",
        "wd_live",
        "wd_live_",
        "wd_prod_0123456789ABCDEFGHIJKL0o29GM",
        "wd_LIVE_0123456789ABCDEFGHIJKL0o29GM",
        "wd_live_0123456789ABCDEFGHIJKL",
        "wd_live_0123456789ABCDEFGHIJKL0o29G",
        "wd_live_0123456789ABCDEFGHIJKL0o29GM0",
        "wd_live_0123456789ABCDEFGHIJ-L0o29GM",
        "wd_live_0123456789ABCDEFGHI_KL0o29GM",
        "wd_live_0123456789ABCDEFGHIéL0o29GM",
        "wd_live_0123456789ABCDEFGHIJKL0o29GM\n",
        "wd_live__123456789ABCDEFGHIJKL0o29GM",
    ] {
        assert_eq!(refused(text), InvalidSecret::Form, "{text}");
    }
    for text in
        ["__", " wd_live_0123456789ABCDEFGHIJKL0o29GM", "WD_live_0123456789ABCDEFGHIJKL0o29GM", PAGE_STYLE]
    {
        assert_eq!(refused(text), InvalidSecret::Prefix, "{text}");
    }
    assert_eq!(page_style().parse(CHECKED).unwrap_err(), InvalidSecret::Prefix);
    assert_eq!(page_style().parse(&format!("{PAGE_STYLE}0o29GM")).unwrap_err(), InvalidSecret::Form);
}

#[test]
fn no_single_character_can_be_mistyped() {
    let start = "wd_live_".len();
    for at in start..CHECKED.len() {
        for other in ('0'..='9').chain('A'..='Z').chain('a'..='z') {
            let typed: String =
                CHECKED.chars().enumerate().map(|(n, letter)| if n == at { other } else { letter }).collect();
            let read = format().parse(&typed);
            assert_eq!(read.is_ok(), typed == CHECKED, "{typed}");
            assert!(typed == CHECKED || read.unwrap_err() == InvalidSecret::Checksum);
        }
    }
}

#[test]
fn a_prefix_is_two_to_eight_lower_case_letters() {
    for good in ["wd", "cq", "ward", "abcdefgh"] {
        assert!(Format::new(good, true).is_ok());
    }
    for bad in ["", "w", "abcdefghi", "Wd", "w1", "w_", "wé"] {
        assert!(Format::new(bad, true).is_err(), "{bad}");
    }
}

#[test]
fn new_keys_are_read_back_and_never_alike() {
    let mut seen = HashSet::new();
    for (format, length) in [(format(), 36), (page_style(), 30)] {
        for mode in [Mode::Live, Mode::Test] {
            for _ in 0..500 {
                let key = format.random(mode, &Os);
                assert_eq!(key.expose().len(), length);
                assert!(key.expose().starts_with(&format.start(mode)));
                assert_eq!(format.parse(key.expose()).unwrap().mode(), mode);
                assert!(seen.insert(key.expose().to_owned()));
            }
        }
    }
}

/// One byte, and zeros after it.
struct First(u8);

impl Entropy for First {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        bytes[0] = self.0;
    }
}

#[test]
fn no_character_is_drawn_more_often_than_another() {
    let mut drawn = HashMap::new();
    for byte in 0..=255 {
        let key = page_style().random(Mode::Live, &First(byte));
        *drawn.entry(key.expose().as_bytes()["cq_live_".len()]).or_insert(0) += 1;
    }
    // The eight bytes that would be one too many are passed over for the zero behind them.
    assert_eq!(drawn.remove(&b'0'), Some(4 + 8));
    assert_eq!(drawn.len(), 61);
    assert!(drawn.values().all(|times| *times == 4), "{drawn:?}");
}

#[test]
fn a_key_prints_nothing_and_hints_at_four_characters() {
    let key = format().parse(CHECKED).unwrap();
    assert_eq!(format!("{key:?} {:?}", key.digest(code)), "ApiKeySecret(..) SecretDigest(..)");
    assert_eq!(key.hint(), "wd_live_…29GM");
    assert_eq!(page_style().parse(PAGE_STYLE).unwrap().hint(), "cq_live_…IJKL");
}

#[test]
fn digests_are_equal_where_keys_and_codes_are() {
    let key = format().parse(CHECKED).unwrap();
    assert_eq!(key.digest(code), key.digest(code));
    assert_ne!(key.digest(code), format().random(Mode::Live, &Os).digest(code));
    assert_ne!(key.digest(code), key.digest(|text| Sha256::digest(text).into()));
}
