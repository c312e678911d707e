/// The fewest digits of any scheme.
const SHORTEST: usize = 13;

/// Whether `text` holds what can be a payment card's number (PAN): digits, singly spaced or hyphenated at most,
/// whose issuer prefix allows their count and whose Luhn check digit is right ([ISO/IEC 7812-1](https://www.iso.org/standard/70484.html)).
///
/// ```
/// assert!(ward_kernel::holds_card_number("paid with 4111 1111 1111 1111"));
/// assert!(!ward_kernel::holds_card_number("+5511995819700"));
/// ```
pub fn holds_card_number(text: &str) -> bool {
    if text.bytes().filter(u8::is_ascii_digit).count() < SHORTEST {
        return false;
    }
    let mut groups: Vec<Vec<u8>> = vec![Vec::new()];
    let mut apart = 0; // separators since the last digit
    for character in text.chars().chain(['\n']) {
        match character.to_digit(10) {
            Some(digit) => {
                if apart > 0 {
                    groups.push(Vec::new());
                }
                apart = 0;
                groups.last_mut().map(|group| group.push(digit as u8)).unwrap_or_default();
            }
            None if apart == 0 && matches!(character, ' ' | '-' | '.' | '\u{a0}') => apart = 1,
            None => {
                if any_card_number(&groups) {
                    return true;
                }
                groups = vec![Vec::new()];
                apart = 0;
            }
        }
    }
    false
}

/// Groups of digits may stand beside others ("suite 12 4111 1111 …"), so every run of whole groups is tried.
fn any_card_number(groups: &[Vec<u8>]) -> bool {
    (0..groups.len()).any(|start| {
        let mut digits = Vec::new();
        groups.iter().skip(start).take(19).any(|group| {
            digits.extend_from_slice(group);
            is_card_number(&digits)
        })
    })
}

fn is_card_number(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0, |value, digit| value * 10 + u32::from(*digit));
    let length = digits.len();
    let issued = match (prefix(1), prefix(2), prefix(3), prefix(4)) {
        (4, ..) => matches!(length, 13 | 16 | 19),            // Visa
        (_, 51..=55, ..) | (.., 2221..=2720) => length == 16, // Mastercard
        (_, 34 | 37, ..) => length == 15,                     // American Express
        (_, 65, ..) | (_, _, 644..=649, _) | (.., 6011) => matches!(length, 16..=19), // Discover
        (.., 3528..=3589) => matches!(length, 16..=19),       // JCB
        (_, _, 300..=305, _) | (_, 36 | 38, ..) => matches!(length, 14 | 16 | 19), // Diners Club
        _ => false,
    };
    issued && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, digit)| u32::from(if n % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::holds_card_number;

    #[test]
    fn every_scheme_is_known() {
        for pan in [
            "4111111111111111",
            "5555555555554444",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "2223003122003222",
            "4222222222222",
            "4111-1111-1111-1111",
            "x4111 1111 1111 1111.",
            "suite 12 4111 1111 1111 1111 99",
        ] {
            assert!(holds_card_number(pan), "{pan}");
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for other in [
            "4111111111111112",
            "+5511995819700",
            "26068 14467",
            "2026-11-22 123456",
            "41111111111111110",
            "",
        ] {
            assert!(!holds_card_number(other), "{other}");
        }
    }
}
