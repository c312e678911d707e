use chrono::NaiveDate;
use ward_kernel::{Text, is_luhn};

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Format {
    /// A line of at most so many characters.
    Line(usize),
    /// Lines of at most so many characters in all.
    Prose(usize),
    /// A mail address ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321), the part in use).
    Email,
    /// A telephone number in E.164 form.
    Phone,
    /// A calendar date, `2001-12-31`.
    Date,
    /// A whole number without sign.
    Amount,
    /// What a national scheme issued; wrong check digits are refused.
    Issued(fn(&str) -> bool),
}

impl Format {
    /// The text as it is stored, or what is wrong with it; the text itself is never in the answer.
    pub fn parse(self, text: &str) -> Result<String, String> {
        let line = |max| Text::parse(text, max).map(String::from).map_err(|error| error.to_string());
        match self {
            Self::Line(max) => line(max),
            Self::Prose(max) => prose(text, max),
            Self::Email => checked(line(254)?, is_email, "must be a mail address"),
            Self::Phone => phone(text),
            Self::Date => checked(line(10)?, is_date, "must be a date like 2001-12-31"),
            Self::Amount => checked(line(15)?, is_amount, "must be a whole number"),
            Self::Issued(check) => {
                checked(line(40)?, check, "must be a number of its scheme, with the right check digits")
            }
        }
    }
}

fn checked(text: String, check: impl Fn(&str) -> bool, otherwise: &str) -> Result<String, String> {
    if check(&text) { Ok(text) } else { Err(otherwise.to_owned()) }
}

/// Thirteen digits behind a plus are somebody's telephone: the cards of that length are long gone, while a mobile
/// number in Germany has as many, starts with the same 4, and fits the check digit one time in ten.
fn phone(text: &str) -> Result<String, String> {
    let text = checked(text.trim().to_owned(), is_phone, "must be a number like +12025550123")?;
    if text.len() > "+4915112345678".len() && ward_kernel::holds_card_number(&text) {
        return Err("must not hold a card number".into());
    }
    Ok(text)
}

fn prose(text: &str, max: usize) -> Result<String, String> {
    let text = text.trim();
    let broken = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if text.is_empty() {
        Err("must not be empty".into())
    } else if text.chars().count() > max {
        Err(format!("must have at most {max} characters"))
    } else if text.chars().any(broken) {
        Err("must not hold control characters".into())
    } else if ward_kernel::holds_card_number(text) {
        Err("must not hold a card number".into())
    } else {
        Ok(text.to_owned())
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte) || byte >= 0x80;
    let local = (1..=64).contains(&local.len())
        && local.bytes().all(atom)
        && local.split('.').all(|part| !part.is_empty());
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80)
    };
    local && domain.contains('.') && domain.split('.').all(label)
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

fn is_date(text: &str) -> bool {
    let shape =
        |(n, byte): (usize, u8)| if matches!(n, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10
        && text.bytes().enumerate().all(shape)
        && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

fn is_amount(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn digits(text: &str, length: usize) -> Option<Vec<u32>> {
    let digits: Vec<_> =
        text.chars().filter(|c| !matches!(c, '.' | '-' | ' ' | '/')).map(|c| c.to_digit(10)).collect();
    let digits: Option<Vec<_>> = digits.into_iter().collect();
    digits.filter(|digits| digits.len() == length)
}

/// A National Provider Identifier: the Luhn check covers the prefix 80840.
pub(crate) fn is_npi(text: &str) -> bool {
    digits(text, 10).is_some_and(|npi| {
        matches!(npi.first(), Some(1 | 2)) && is_luhn([8, 0, 8, 4, 0].into_iter().chain(npi))
    })
}

/// A registration with the US Drug Enforcement Administration.
pub(crate) fn is_dea(text: &str) -> bool {
    let (Some(letters), Some(number)) = (text.get(..2), text.get(2..)) else { return false };
    let letters = letters.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'9');
    match digits(number, 7).as_deref() {
        Some([a, b, c, d, e, f, check]) => letters && (a + c + e + 2 * (b + d + f)) % 10 == *check,
        _ => false,
    }
}

/// A UK National Insurance number; it has no check digit.
pub(crate) fn is_national_insurance(text: &str) -> bool {
    match text.as_bytes() {
        [a, b, number @ .., suffix] => {
            number.len() == 6
                && number.iter().all(u8::is_ascii_digit)
                && [a, b].iter().all(|letter| letter.is_ascii_uppercase())
                && matches!(suffix, b'A'..=b'D')
        }
        _ => false,
    }
}

/// A UK sort code.
pub(crate) fn is_sort_code(text: &str) -> bool {
    digits(text, 6).is_some()
}

/// A UK bank account's number.
pub(crate) fn is_account_number(text: &str) -> bool {
    (6..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A Brazilian taxpayer's number.
pub(crate) fn is_cpf(text: &str) -> bool {
    let check = |digits: &[u32]| {
        let weights = (2..=digits.len() as u32 + 1).rev();
        let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
        (11 - sum % 11) % 11 % 10
    };
    digits(text, 11).is_some_and(|cpf| match cpf.as_slice() {
        [first @ .., a, b] => {
            first.iter().any(|digit| Some(digit) != first.first())
                && check(first) == *a
                && check(&[first, &[*a]].concat()) == *b
        }
        _ => false,
    })
}

/// An English NHS number.
pub(crate) fn is_nhs(text: &str) -> bool {
    digits(text, 10).is_some_and(|nhs| match nhs.as_slice() {
        [first @ .., check] => {
            let sum: u32 = first.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
            first.iter().any(|digit| Some(digit) != first.first()) && (11 - sum % 11) % 11 == *check
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_pass_and_their_neighbours_do_not() {
        for (check, good, bad) in [
            (is_npi as fn(&str) -> bool, "1234567893", "1234567894"),
            (is_dea, "AB1234563", "AB1234564"),
            (is_cpf, "390.533.447-05", "390.533.447-06"),
            (is_cpf, "52998224725", "11111111111"),
            (is_nhs, "943 476 5919", "943 476 5918"),
            (is_nhs, "4505577104", "0000000000"),
            (is_national_insurance, "AB123456C", "AB123456E"),
        ] {
            assert!(check(good), "{good}");
            assert!(!check(bad), "{bad}");
        }
    }

    #[test]
    fn a_fault_never_holds_the_value() {
        for (format, text) in [
            (Format::Email, "s3cret at example.org"),
            (Format::Phone, "s3cret"),
            (Format::Date, "2001-02-30"),
            (Format::Issued(is_npi), "s3cret"),
            (Format::Line(3), "s3cret"),
        ] {
            let told = format.parse(text).unwrap_err();
            assert!(!told.contains(text), "{told}");
        }
    }

    #[test]
    fn a_telephone_is_no_card_and_a_card_no_telephone() {
        for phone in ["+12025550123", "+5511995819700", "+4915112345674", "+4222222222222"] {
            assert_eq!(Format::Phone.parse(phone).as_deref(), Ok(phone));
        }
        for other in
            ["+378282246310005", "+30569309025904", "12025550123", "+0123456789", "+1 202 555", "+123456"]
        {
            assert!(Format::Phone.parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_date_is_written_one_way() {
        assert!(is_date("2024-02-29"));
        for other in ["2023-02-29", "2024-2-029", "2024-02- 1", "2024-02-1 ", "24-02-2901", "+202-02-01"] {
            assert!(!is_date(other), "{other}");
        }
    }

    #[test]
    fn mail_addresses_are_told_apart() {
        for good in ["ada@example.org", "o'neil+x@mail.example.co.uk", "josé@exämple.org"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "ada", "@example.org", "ada@", "a..b@example.org", "ada@localhost", "a b@example.org"]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
