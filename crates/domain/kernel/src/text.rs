use crate::holds_card_number;

/// A line of text fit to store: trimmed, not empty, bounded, without control characters or card numbers.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Text(String);

impl Text {
    /// Accepts `text` of at most `max` characters.
    pub fn parse(text: &str, max: usize) -> Result<Self, InvalidText> {
        let text = text.trim();
        if text.is_empty() {
            Err(InvalidText::Empty)
        } else if text.chars().count() > max {
            Err(InvalidText::Long(max))
        } else if text.chars().any(char::is_control) {
            Err(InvalidText::Control)
        } else if holds_card_number(text) {
            Err(InvalidText::Card)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Accepts the same, if all of it shows and stands where it is read: for texts that others rely on and nobody can correct.
    pub fn parse_shown(text: &str, max: usize) -> Result<Self, InvalidText> {
        let text = Self::parse(text, max)?;
        if text.0.chars().any(is_unseen) { Err(InvalidText::Unseen) } else { Ok(text) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character changes how others are shown, or isn't shown: those that format ([Unicode](https://www.unicode.org/versions/Unicode18.0.0/)
/// `Cf`, `Zl`, `Zp`), but for the joiners that scripts need and for signs that are seen.
fn is_unseen(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// Why a text is not stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Too long.
    #[error("must have at most {0} characters")]
    Long(usize),
    /// A line break, or worse.
    #[error("must not hold control characters")]
    Control,
    /// What turns the order of others, breaks lines or takes no place.
    #[error("must not hold characters that can't be seen")]
    Unseen,
    /// A payment card's number, which is never stored (PCI DSS).
    #[error("must not hold a card number")]
    Card,
}

#[cfg(test)]
mod tests {
    use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};

    use super::{InvalidText, Text, is_unseen};

    /// They are of `Cf` and have a sign, before numbers and in Syriac.
    const SEEN: &str =
        "\u{600}\u{601}\u{602}\u{603}\u{604}\u{605}\u{6dd}\u{70f}\u{890}\u{891}\u{8e2}\u{110bd}\u{110cd}";

    #[test]
    fn what_formats_is_unseen_but_for_joiners_and_signs() {
        for character in '\0'..=char::MAX {
            let formats = [Category::Format, Category::LineSeparator, Category::ParagraphSeparator];
            if formats.contains(&character.general_category()) {
                let is_fine = "\u{200c}\u{200d}".contains(character) || SEEN.contains(character);
                assert_eq!(is_unseen(character), !is_fine, "{character:?}");
            } else {
                let may_come =
                    character.general_category() == Category::Unassigned || character >= '\u{e0000}';
                assert!(may_come || !is_unseen(character), "{character:?}");
            }
        }
    }

    #[test]
    fn a_text_that_others_rely_on_shows_all_that_it_holds() {
        for text in ["paid", "मृत्यु", "نامه\u{200c}ای", "👩\u{200d}⚕", "שלום"] {
            assert!(Text::parse_shown(text, 99).is_ok(), "{text}");
        }
        for unseen in "\u{200b}\u{2028}\u{202e}\u{2066}\u{feff}\u{e0041}".chars() {
            let text = format!("a{unseen}b");
            assert!(Text::parse(&text, 99).is_ok(), "other texts are as they were");
            assert_eq!(Text::parse_shown(&text, 99), Err(InvalidText::Unseen), "{unseen:?}");
        }
    }
}
