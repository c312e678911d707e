use ward_kernel::Text;

/// What somebody is to the tenant.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// A licensed professional.
    Clinician,
    /// Somebody who is treated.
    Patient,
    /// Somebody who works there.
    Employee,
    /// Anybody else with rights.
    Consumer,
}

impl Kind {
    /// The word that the API and the database use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::Patient => "patient",
            Self::Employee => "employee",
            Self::Consumer => "consumer",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Clinician, Self::Patient, Self::Employee, Self::Consumer]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// The customer's own name for a subject.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ExternalRef(String);

impl ExternalRef {
    /// How many characters it has at most.
    pub const LENGTH: usize = 200;

    /// Accepts what is a line.
    pub fn parse(text: &str) -> Result<Self, ward_kernel::InvalidText> {
        Text::parse(text, Self::LENGTH).map(|text| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An IANA time zone, such as `America/New_York`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimeZone(chrono_tz::Tz);

impl TimeZone {
    /// The zone of that name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }
}

/// A country or a part of one, as [ISO 3166](https://www.iso.org/iso-3166-country-codes.html) writes it: `US`, `US-CA`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jurisdiction(String);

impl Jurisdiction {
    /// Accepts two capital letters, and one to three letters or digits after a hyphen.
    pub fn parse(text: &str) -> Option<Self> {
        let (country, part) = text.split_once('-').unwrap_or((text, "A"));
        let capitals = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        let part = (1..=3).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        (capitals && part).then(|| Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
