/// The fewest digits of any scheme.
const SHORTEST: usize = 13;
/// The most.
const LONGEST: usize = 19;
/// How far apart the groups of a number may stand, in characters.
const GAP: usize = 3;
/// The fewest digits of a group, but for the last: what is shorter is a telephone number, a date, or a list of values.
const GROUP: usize = 4;

/// Who issues which numbers: the first and the last prefix, and how many digits they have, as the schemes publish it
/// (read in November 2026). Maestro's shorter numbers are left out, since one other number in ten would be taken for one.
const ISSUED: [(u32, u32, &[usize]); 22] = [
    (4, 4, &[13, 16, 19]),                   // Visa
    (51, 55, &[16]),                         // Mastercard
    (2221, 2720, &[16]),                     // Mastercard
    (34, 34, &[15]),                         // American Express
    (37, 37, &[15]),                         // American Express
    (300, 305, &[14, 15, 16, 17, 18, 19]),   // Diners Club
    (3095, 3095, &[14, 15, 16, 17, 18, 19]), // Diners Club
    (36, 36, &[14, 15, 16, 17, 18, 19]),     // Diners Club
    (38, 39, &[14, 15, 16, 17, 18, 19]),     // Diners Club
    (3528, 3589, &[16, 17, 18, 19]),         // JCB, RuPay
    (6011, 6011, &[16, 17, 18, 19]),         // Discover
    (644, 649, &[16, 17, 18, 19]),           // Discover
    (65, 65, &[16, 17, 18, 19]),             // Discover, RuPay
    (62, 62, &[16, 17, 18, 19]),             // UnionPay
    (81, 82, &[16, 17, 18, 19]),             // UnionPay, RuPay
    (2200, 2204, &[16, 17, 18, 19]),         // Mir
    (50, 50, &[16, 17, 18, 19]),             // Maestro, RuPay
    (56, 58, &[16, 17, 18, 19]),             // Maestro
    (60, 61, &[16, 17, 18, 19]),             // Maestro, RuPay
    (63, 64, &[16, 17, 18, 19]),             // Maestro
    (66, 69, &[16, 17, 18, 19]),             // Maestro
    (9792, 9792, &[16]),                     // Troy
];

/// The digit zero of each script that a number may be typed in; the other nine follow it.
const ZEROS: [char; 5] = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{ff10}'];

/// Whether `text` holds what can be a payment card's number (PAN): digits, in groups of four or more at most three
/// separators apart, whose issuer prefix allows their count and whose check digit is right
/// ([ISO/IEC 7812-1](https://www.iso.org/standard/70484.html)).
///
/// ```
/// assert!(ward_kernel::holds_card_number("paid with 4111 1111 1111 1111"));
/// assert!(!ward_kernel::holds_card_number("+5511995819700"));
/// ```
pub fn holds_card_number(text: &str) -> bool {
    if text.chars().filter_map(decimal).count() < SHORTEST {
        return false;
    }
    let (mut groups, mut apart): (Vec<Vec<u8>>, _) = (Vec::new(), GAP);
    for character in text.chars() {
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

fn decimal(character: char) -> Option<u8> {
    let from = |zero: char| u32::from(character).checked_sub(u32::from(zero)).filter(|digit| *digit < 10);
    ZEROS.into_iter().find_map(from)?.try_into().ok()
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '.' | '/' | '_' | '\u{2010}'..='\u{2015}')
}

/// Groups of digits may stand beside others ("suite 12 4111 1111 …"), so every run of whole groups is tried.
fn any_card_number(groups: &[Vec<u8>]) -> bool {
    (0..groups.len()).any(|start| {
        let mut digits = Vec::with_capacity(LONGEST);
        for group in groups.iter().skip(start) {
            digits.extend_from_slice(group);
            if is_card_number(&digits) {
                return true;
            }
            if group.len() < GROUP || digits.len() >= LONGEST {
                return false;
            }
        }
        false
    })
}

fn is_card_number(digits: &[u8]) -> bool {
    let issued = |&(first, last, lengths): &(u32, u32, &[usize])| {
        let prefix =
            digits.iter().take(first.ilog10() as usize + 1).fold(0, |n, digit| n * 10 + u32::from(*digit));
        (first..=last).contains(&prefix) && lengths.contains(&digits.len())
    };
    ISSUED.iter().any(issued) && is_luhn(digits.iter().copied().map(u32::from))
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
    use super::{ISSUED, holds_card_number, is_luhn};

    #[test]
    fn every_scheme_is_known_at_every_length() {
        for (first, last, lengths) in ISSUED {
            for (prefix, length) in
                [first, last].into_iter().flat_map(|prefix| lengths.iter().map(move |n| (prefix, n)))
            {
                let pan = numbered(prefix, *length);
                assert!(holds_card_number(&pan), "{pan}");
                let (start, end) = pan.split_at(length - 1);
                let wrong = (end.parse::<u8>().unwrap() + 1) % 10;
                assert!(!holds_card_number(&format!("{start}{wrong}")), "{start}{wrong}");
            }
        }
    }

    fn numbered(prefix: u32, length: usize) -> String {
        let body = format!("{prefix:0<width$}", width = length - 1);
        let whole = (0..10).map(|check| format!("{body}{check}"));
        whole.into_iter().find(|text| is_luhn(text.chars().filter_map(|digit| digit.to_digit(10)))).unwrap()
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for pan in [
            "5555555555554444",
            "378282246310005",
            "30569309025904",
            "4222222222222",
            "4222 2222 2222 2",
            "3782 822463 10005",
            "x4111 1111 1111 1111.",
            "suite 12 4111 1111 1111 1111 99",
            "4111-1111-1111-1111",
            "4111 - 1111 - 1111 - 1111",
            "4111\u{2013}1111\u{2013}1111\u{2013}1111",
            "4111  1111\t1111\r\n1111",
            "4111/1111/1111/1111",
            "4111_1111.1111\u{2009}1111",
            "\u{ff14}\u{ff11}\u{ff11}\u{ff11} 1111 1111 1111",
            "\u{664}111 1111 1111 1111",
        ] {
            assert!(holds_card_number(pan), "{pan}");
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
            "2026-11-22 2026-11-23 2026-11-24 2026-11-25",
            "potassium 5.0 4.1 4.4 4.6 4.3 3.9 4.7 4.5",
            "36.6 37.1 38.2 36.9 37.4 37.7 36.5 36.8",
            "4111, 1111, 1111, 1111",
            "415 555 0132 / 415 555 0199",
        ] {
            assert!(!holds_card_number(other), "{other}");
        }
    }

    #[test]
    fn no_list_of_small_numbers_is_a_card() {
        for n in 0..20_000_u32 {
            let tenth = |of: u32| 3.0 + f64::from(n.wrapping_mul(2_654_435_761).rotate_left(of) % 30) / 10.0;
            let list = (0..12).map(|of| format!("{:.1}", tenth(of * 2))).collect::<Vec<_>>().join(" ");
            assert!(!holds_card_number(&list), "{list}");
        }
    }
}
