/// The digit zero of every script; the other nine follow it ([Unicode](https://www.unicode.org/versions/Unicode18.0.0/) 18, `Nd`).
const ZEROS: [u32; 77] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40,
    0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da,
    0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50, 0x11d50, 0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60,
    0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0,
    0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// What a character is worth as a decimal digit, whatever its script.
pub(super) fn decimal(character: char) -> Option<u8> {
    if character.is_ascii() {
        return Some(character as u8).filter(u8::is_ascii_digit).map(|digit| digit - b'0');
    }
    let zeros = ZEROS.partition_point(|zero| *zero <= u32::from(character));
    let zero = ZEROS.get(zeros.checked_sub(1)?)?;
    u8::try_from(u32::from(character) - zero).ok().filter(|digit| *digit < 10)
}

#[cfg(test)]
mod tests {
    use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

    use super::decimal;

    #[test]
    fn a_digit_of_any_script_is_one_and_nothing_else_is() {
        for character in '\0'..=char::MAX {
            let is_digit = character.general_category() == GeneralCategory::DecimalNumber;
            assert_eq!(decimal(character).is_some(), is_digit, "{character:?}");
        }
        for (text, digits) in [("0189", [0, 1, 8, 9]), ("٠١٨٩", [0, 1, 8, 9]), ("𝟎𝟏𝟖𝟗", [0, 1, 8, 9])]
        {
            assert_eq!(text.chars().map_while(decimal).collect::<Vec<_>>(), digits);
        }
    }
}
