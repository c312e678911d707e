//! A token does what it was signed for, for as long as it was signed, and no other text does anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ward_crypto::{
    InvalidToken, KeyId, PresentedToken, Suite, TenantKeys, TokenKey, TokenPurpose, Unsignable,
};
use ward_kernel::{Clock as _, Entropy as _, Uuid};

use crate::support::{HandClock, Os, created, local, one_key, tenant};

const PURPOSES: [TokenPurpose; 4] =
    [TokenPurpose::Invitation, TokenPurpose::Confirmation, TokenPurpose::Unsubscribe, TokenPurpose::Reset];
const PAYLOAD: &[u8] = b"invitation 7";

fn keys() -> TenantKeys {
    one_key(Suite::default()).0
}

fn now() -> DateTime<Utc> {
    HandClock::new().now()
}

fn verify(
    key: &TokenKey,
    purpose: TokenPurpose,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Vec<u8>, InvalidToken> {
    key.verify(purpose, &PresentedToken::parse(text)?, now).map(<[u8]>::to_vec)
}

fn invitation(key: &TokenKey, expiry: Option<DateTime<Utc>>) -> String {
    key.sign(TokenPurpose::Invitation, PAYLOAD, expiry).unwrap().as_str().to_owned()
}

#[test]
fn a_token_gives_its_payload_back_for_its_own_purpose_only() {
    let (keys, expiry) = (keys(), now() + TimeDelta::days(3));
    for purpose in PURPOSES {
        for payload in [&b""[..], b"x", PAYLOAD, &[0xff; TokenKey::LONGEST_PAYLOAD]] {
            for expiry in [None, Some(expiry)] {
                let token = keys.token().sign(purpose, payload, expiry).unwrap();
                for other in PURPOSES {
                    let verified = verify(keys.token(), other, token.as_str(), now());
                    let expected = if other == purpose { Ok(payload.to_vec()) } else { Err(InvalidToken) };
                    assert_eq!(verified, expected, "{purpose:?} as {other:?}");
                }
            }
        }
    }
    let words: Vec<_> = PURPOSES.iter().map(|purpose| purpose.as_str()).collect();
    assert_eq!(words, ["invitation", "confirmation", "unsubscribe", "reset"]);
}

#[test]
fn a_token_says_whose_it_is_and_which_key_signed_it() {
    let keys = keys();
    let text = invitation(keys.token(), None);
    let presented = PresentedToken::parse(&text).unwrap();
    assert_eq!((presented.tenant(), presented.key()), (tenant(1), keys.token().id()));
    assert_eq!(keys.token().id(), KeyId::from(10));
    let url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    assert!(text.bytes().all(url), "nothing in it is escaped in a link");
}

#[test]
fn a_token_ends_on_the_second() {
    let (keys, ends) = (keys(), now() + TimeDelta::milliseconds(10_900));
    let text = invitation(keys.token(), Some(ends));
    let at =
        |after| verify(keys.token(), TokenPurpose::Invitation, &text, now() + TimeDelta::milliseconds(after));
    assert!(at(0).is_ok() && at(9_999).is_ok());
    assert_eq!(at(10_000), Err(InvalidToken), "a part of a second is dropped, not added");
    assert_eq!(at(1_000_000_000), Err(InvalidToken));
    assert!(verify(keys.token(), TokenPurpose::Invitation, &text, DateTime::UNIX_EPOCH).is_ok());
    let before = DateTime::UNIX_EPOCH - TimeDelta::seconds(1);
    assert_eq!(
        verify(keys.token(), TokenPurpose::Invitation, &text, before),
        Err(InvalidToken),
        "no such clock"
    );

    let lasting = invitation(keys.token(), None);
    for at in [DateTime::UNIX_EPOCH, now(), DateTime::<Utc>::MAX_UTC] {
        assert!(verify(keys.token(), TokenPurpose::Invitation, &lasting, at).is_ok());
    }
}

#[test]
fn a_token_is_of_its_tenant_and_its_key() {
    let service = local();
    let [one, other, again] = [1, 2, 1].map(|n| created(n, &service, Suite::default()).0);
    let text = invitation(one.token(), None);
    let by = |keys: &TenantKeys| verify(keys.token(), TokenPurpose::Invitation, &text, now());
    assert!(by(&one).is_ok());
    assert_eq!(by(&other), Err(InvalidToken));
    assert_eq!(by(&again), Err(InvalidToken));
}

/// Every octet, so every field: version, key, tenant, expiry, payload, code.
#[test]
fn no_bit_and_no_byte_of_a_token_can_change() {
    let keys = keys();
    for expiry in [None, Some(now() + TimeDelta::days(1))] {
        let text = invitation(keys.token(), expiry);
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        let refused = |bytes: &[u8], what: &str| {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            assert_eq!(
                verify(keys.token(), TokenPurpose::Invitation, &text, now()),
                Err(InvalidToken),
                "{what}"
            );
        };
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused(&flipped, &format!("bit {bit}"));
        }
        for length in 0..bytes.len() {
            refused(&bytes[..length], &format!("cut to {length}"));
            refused(&bytes[length + 1..], &format!("cut after {length}"));
        }
        refused(&[&bytes[..], &[0]].concat(), "longer");
        let (head, rest) = bytes.split_at(29);
        let (payload, code) = rest.split_at(PAYLOAD.len());
        for (what, fields) in [
            ("one payload byte gone", [head, &payload[1..], code]),
            ("payload and code changed places", [head, code, payload]),
            ("no code", [head, payload, &[0; 32]]),
        ] {
            refused(&fields.concat(), what);
        }
    }
}

#[test]
fn there_is_one_text_for_each_token() {
    let keys = keys();
    let mut trailing = 0;
    for length in 0..6 {
        let token = keys.token().sign(TokenPurpose::Reset, &PAYLOAD[..length], None).unwrap();
        let text = token.as_str();
        let (rest, last) = text.split_at(text.len() - 1);
        let digits = (0..64).map(|n| URL_SAFE_NO_PAD.encode([n << 2])[..1].to_owned());
        for digit in digits.filter(|digit| digit != last) {
            let other = format!("{rest}{digit}");
            trailing += usize::from(PresentedToken::parse(&other).is_err());
            assert_eq!(verify(keys.token(), TokenPurpose::Reset, &other, now()), Err(InvalidToken));
        }
        let standard = text.replace('-', "+").replace('_', "/");
        let spaced = [format!(" {text}"), format!("{text}\n"), format!("{text}="), format!("{text}==")];
        for other in spaced.into_iter().chain((standard != text).then_some(standard)) {
            assert_eq!(verify(keys.token(), TokenPurpose::Reset, &other, now()), Err(InvalidToken));
        }
    }
    assert!(trailing > 100, "texts whose last bits are not zero must not even be read");
}

#[test]
fn a_token_has_bounds() {
    let (keys, payload) = (keys(), vec![7; TokenKey::LONGEST_PAYLOAD + 1]);
    let sign = |length, expiry| keys.token().sign(TokenPurpose::Reset, &payload[..length], expiry);
    let length = |payload| sign(payload, None).unwrap().as_str().len();
    assert_eq!((length(0), length(TokenKey::LONGEST_PAYLOAD)), (82, 423));
    assert_eq!(sign(payload.len(), None).unwrap_err(), Unsignable::Payload);
    for early in [DateTime::UNIX_EPOCH, DateTime::<Utc>::MIN_UTC] {
        assert_eq!(sign(0, Some(early)).unwrap_err(), Unsignable::Expiry);
    }
    assert!(sign(0, Some(DateTime::<Utc>::MAX_UTC)).is_ok());
    for length in [0, 1, 81, 424, 425, 10_000_000] {
        assert_eq!(PresentedToken::parse(&"A".repeat(length)).err(), Some(InvalidToken), "{length}");
    }
    // One octet more of payload than may be signed, with the right version.
    let longer = URL_SAFE_NO_PAD.encode([&[1][..], &[0; 60], &payload].concat());
    assert_eq!(PresentedToken::parse(&longer).err(), Some(InvalidToken));
}

#[test]
fn an_id_is_never_a_token() {
    let mut octets = [0; 16];
    for _ in 0..1_000 {
        Os.fill(&mut octets);
        let id = Uuid::from_bytes(octets);
        let forms = [
            id.simple().to_string(),
            id.hyphenated().to_string(),
            id.urn().to_string(),
            id.braced().to_string(),
        ];
        for form in forms.into_iter().chain([URL_SAFE_NO_PAD.encode(octets)]) {
            assert_eq!(PresentedToken::parse(&form).err(), Some(InvalidToken), "{form}");
        }
    }
}

/// Ten thousand texts each: of any characters, of base64, and of a token with a piece put into it.
#[test]
fn no_text_panics_and_none_but_the_token_verifies() {
    let keys = keys();
    let token = invitation(keys.token(), None);
    let draw = |length: usize| {
        let mut octets = vec![0; length];
        Os.fill(&mut octets);
        octets
    };
    let number = |below: usize| usize::from(u16::from_be_bytes(draw(2).try_into().unwrap())) % below;
    for _ in 0..10_000 {
        let any = String::from_utf8_lossy(&draw(number(600))).into_owned();
        let digits = URL_SAFE_NO_PAD.encode([&[1], &draw(number(330))[..]].concat());
        let mut spliced = token.clone();
        let at = number(token.len());
        let till = at + number(token.len() - at);
        spliced.replace_range(at..till, &URL_SAFE_NO_PAD.encode(draw(number(9))));
        for text in [any, digits, spliced] {
            let verified = verify(keys.token(), TokenPurpose::Invitation, &text, now());
            assert_eq!(verified.is_ok(), text == token, "{text}");
        }
    }
}
