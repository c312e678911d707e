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

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
    /// A payment card's number, which is never stored (PCI DSS).
    #[error("must not hold a card number")]
    Card,
}
