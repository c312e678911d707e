mod digit;
mod scheme;

use digit::decimal;
use scheme::is_issued;
use uuid::fmt::{Hyphenated, Simple};
use uuid::{Uuid, Variant};

/// The fewest digits of any scheme.
const SHORTEST: usize = 13;
/// The most.
const LONGEST: usize = 19;
/// How far apart the groups of a number may stand, in characters.
const GAP: usize = 3;
/// The fewest digits of a group, but for the last: what is shorter is a telephone number, a date, or a list of values.
const GROUP: usize = 4;

/// Whether `text` holds what can be a payment card's number (PAN): digits of any script, in groups of four or more at
/// most three separators apart, whose issuer prefix allows their count and whose check digit is right
/// ([ISO/IEC 7812-1](https://www.iso.org/standard/70484.html)). The digits of a UUID are not looked at: of those without
/// hyphens one in some four thousand would be refused.
///
/// ```
/// assert!(ward_kernel::holds_card_number("paid with 4111 1111 1111 1111"));
/// assert!(!ward_kernel::holds_card_number("+5511995819700"));
/// ```
pub fn holds_card_number(text: &str) -> bool {
    if text.len() < SHORTEST || text.chars().filter_map(decimal).count() < SHORTEST {
        return false;
    }
    let (mut groups, mut apart): (Vec<Vec<u8>>, _) = (Vec::new(), GAP);
    for character in but_uuids(text) {
        match (decimal(character), groups.last_mut()) {
            (Some(digit), Some(group)) if apart == 0 => group.push(digit),
            (Some(digit), _) => {
                groups.push(vec![digit]);
                apart = 0;
            }
            (None, _) if apart < GAP && is_separator(character) => apart += 1,
            (None, _) => {
                if any_card_number(&groups) {
                    return true;
                }
                groups.clear();
                apart = GAP;
            }
        }
    }
    any_card_number(&groups)
}

/// The characters of `text`, with one letter in the place of each [UUID](https://www.rfc-editor.org/rfc/rfc9562).
fn but_uuids(text: &str) -> impl Iterator<Item = char> {
    let (mut rest, mut within_word) = (text, false);
    std::iter::from_fn(move || {
        let past = if within_word { None } else { past_uuid(rest) };
        let character = if past.is_some() { 'x' } else { rest.chars().next()? };
        rest = past.or_else(|| rest.get(character.len_utf8()..))?;
        within_word = character.is_alphanumeric();
        Some(character)
    })
}

/// What follows a UUID, with or without hyphens, that `text` begins with.
fn past_uuid(text: &str) -> Option<&str> {
    [Hyphenated::LENGTH, Simple::LENGTH].into_iter().find_map(|length| {
        let (id, rest) = text.split_at_checked(length)?;
        let id = Uuid::try_parse(id).ok()?;
        let sound = id.get_variant() == Variant::RFC4122 && (1..=8).contains(&id.get_version_num());
        (sound && !rest.starts_with(char::is_alphanumeric)).then_some(rest)
    })
}

/// Spaces, hyphens and dashes, seen or not, and what else parts the digits of one number. A comma parts numbers.
fn is_separator(character: char) -> bool {
    match character {
        '-'
        | '\u{ad}'
        | '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2212}'
        | '\u{2e3a}'
        | '\u{2e3b}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}' => true,
        '.' | '/' | '\\' | '_' | '|' | '+' | '*' | '~' | '\u{b7}' | '\u{2022}' | '\u{2027}' | '\u{2219}'
        | '\u{22c5}' | '\u{30fb}' | '\u{ff65}' => true,
        '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' => true,
        '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e01ef}' => true,
        other => other.is_whitespace(),
    }
}

/// Groups of digits may stand beside others ("suite 12 4111 1111 …"), so every run of whole groups is tried.
fn any_card_number(groups: &[Vec<u8>]) -> bool {
    (0..groups.len()).any(|start| {
        let mut digits = Vec::with_capacity(LONGEST);
        for group in groups.iter().skip(start) {
            digits.extend_from_slice(group);
            if is_issued(&digits) && is_luhn(digits.iter().copied().map(u32::from)) {
                return true;
            }
            if group.len() < GROUP || digits.len() >= LONGEST {
                return false;
            }
        }
        false
    })
}

/// Whether the last of `digits` is the check digit of those before it
/// ([ISO/IEC 7812-1](https://www.iso.org/standard/70484.html), annex B).
pub fn is_luhn(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 =
        digits.rev().enumerate().map(|(n, digit)| if n % 2 == 1 { doubled(digit) } else { digit }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::holds_card_number;
    use super::scheme::samples;

    #[test]
    fn every_scheme_is_known_at_every_length_behind_every_separator() {
        let gaps = ["", " ", "  ", " - ", "-", ".", "/", "_", "|", "+", "\t", "\n", "\r\n"];
        let unseen = "\u{a0}\u{ad}\u{b7}\u{34f}\u{61c}\u{180e}\u{2009}\u{200b}\u{2011}\u{2013}\u{2014}\u{2022}\u{202a}\u{2061}\u{2212}\
                      \u{3000}\u{30fb}\u{3164}\u{fe0f}\u{fe63}\u{feff}\u{ff0d}\u{ff65}\u{e0020}";
        let gaps: Vec<_> =
            gaps.map(str::to_owned).into_iter().chain(unseen.chars().map(String::from)).collect();
        for (pan, gap) in samples().flat_map(|pan| gaps.iter().map(move |gap| (pan.clone(), gap))) {
            let grouped = |first: usize, then: usize| {
                let (start, rest) = pan.as_bytes().split_at(first);
                let groups: Vec<_> =
                    std::iter::once(start).chain(rest.chunks(then)).map(String::from_utf8_lossy).collect();
                groups.join(gap)
            };
            for written in [grouped(4, 4), grouped(4, 6), grouped(6, 13)] {
                assert!(holds_card_number(&format!("see {written}.")), "{written:?}");
            }
        }
    }

    #[test]
    fn a_wrong_check_digit_makes_another_number() {
        for pan in samples() {
            let (start, check) = pan.split_at(pan.len() - 1);
            let wrong = format!("{start}{}", (check.parse::<u8>().unwrap() + 1) % 10);
            assert!(!holds_card_number(&wrong), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_found_beside_others_and_in_any_script() {
        for pan in [
            "x4111 1111 1111 1111.",
            "suite 12 4111 1111 1111 1111 99",
            "4222 2222 2222 2",
            "3782 822463 10005",
            "４１１１－１１１１－１１１１－１１１１",
            "٤١١١ ١١١١ ١١١١ ١١١١",
            "४१११ ११११ ११११ ११११",
            "৪১১১ 1111 1111 1111",
            "6011111111111117",
            "6212345678000001",
            "6759000000000000",
            "2200000000000004",
            "8100000000000002",
            "30569309025904",
        ] {
            assert!(holds_card_number(pan), "{pan}");
        }
    }

    #[test]
    fn no_uuid_is_a_card_and_a_card_beside_one_is() {
        for uuid in ["ab501800-0004-4000-8000-00000aaaaaaa", "ab501800000440008000aaaaaaaaaaaa"] {
            assert!(!holds_card_number(uuid) && !holds_card_number(&format!("see {uuid}, {uuid}.")));
            for held in [format!("{uuid} 4111111111111111"), format!("1{uuid}"), format!("{uuid}1")] {
                assert!(holds_card_number(&held), "{held}");
            }
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for other in [
            "",
            "4111111111111112",
            "41111111111111110",
            "+5511995819700",
            "26068 14467",
            "4111, 1111, 1111, 1111",
            "4111    1111    1111    1111",
        ] {
            assert!(!holds_card_number(other), "{other}");
        }
    }

    #[test]
    fn no_list_of_what_a_clinic_measures_is_a_card() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut dice = |from: u64, to: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            from + (state >> 33) % (to - from)
        };
        for n in 0..24_000 {
            let mut value = || match n % 6 {
                0 => format!("{}.{}", dice(3, 6), dice(0, 10)),
                1 => format!("{}.{}", dice(35, 42), dice(0, 10)),
                2 => format!("{}/{}", dice(90, 200), dice(50, 120)),
                3 => dice(40, 400).to_string(),
                4 => format!("20{}-{:02}-{:02}", dice(20, 30), dice(1, 13), dice(1, 29)),
                _ => format!("{} 555 {:04}", dice(200, 700), dice(0, 10_000)),
            };
            let list = (0..12).map(|_| value()).collect::<Vec<_>>().join([" ", "\n", " - ", " / "][n % 4]);
            assert!(!holds_card_number(&list), "{list}");
        }
    }
}
