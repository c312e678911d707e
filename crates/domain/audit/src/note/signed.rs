use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ward_kernel::SealError;

use super::key::is_name;
use super::{KeyKind, NoteSigner, VerifierKey};

/// A text and who signed it, none of which is verified yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// What one key says of a note's text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// A known key whose signature holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Signed<'k> {
    /// Whose.
    pub key: &'k VerifierKey,
    /// When a witness saw it, in seconds since 1970.
    pub time: Option<u64>,
}

/// Why a note says nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNote {
    /// It is not written as one.
    #[error("not a signed note")]
    Malformed,
    /// A known key's signature doesn't fit the text.
    #[error("a signature of a known key doesn't hold")]
    Forged,
    /// No known key signed it.
    #[error("no known key has signed it")]
    Unsigned,
}

impl Note {
    /// Signatures that are read; a note has a handful.
    const MOST: usize = 100;

    /// A text without signatures. It ends with a line feed.
    pub(super) fn unsigned(text: String) -> Self {
        Self { text, signatures: Vec::new() }
    }

    /// Reads a note, without believing it.
    pub fn parse(note: &str) -> Result<Self, InvalidNote> {
        if note.contains(|letter: char| letter < ' ' && letter != '\n') {
            return Err(InvalidNote::Malformed);
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(InvalidNote::Malformed)?;
        let signatures = signatures.strip_suffix('\n').ok_or(InvalidNote::Malformed)?;
        if signatures.lines().count() > Self::MOST {
            return Err(InvalidNote::Malformed);
        }
        let signatures = signatures.split('\n').map(Signature::parse).collect::<Option<_>>();
        Ok(Self { text: format!("{text}\n"), signatures: signatures.ok_or(InvalidNote::Malformed)? })
    }

    /// What was signed, with the line feed at its end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Who says to have signed it.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature of the text.
    pub fn sign(&mut self, signer: &dyn NoteSigner) -> Result<(), SealError> {
        let bytes = signer.sign(self.text.as_bytes())?.to_vec();
        self.add(Signature::of(signer.key(), bytes));
        Ok(())
    }

    /// Adds a witness's word for having seen it at `time`, in seconds since 1970.
    pub fn cosign(&mut self, witness: &dyn NoteSigner, time: u64) -> Result<(), SealError> {
        let bytes = witness.sign(cosigned(time, &self.text).as_bytes())?;
        self.add(Signature::of(witness.key(), [&time.to_be_bytes()[..], &bytes].concat()));
        Ok(())
    }

    /// Adds a signature that was made elsewhere, in the place of an older one of the same key.
    pub fn add(&mut self, signature: Signature) {
        self.signatures.retain(|old| (&old.name, old.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
    }

    /// Which of `known` have signed the text: one at least. One whose signature doesn't hold spoils the note.
    pub fn verify<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<Signed<'k>>, InvalidNote> {
        let mut signed = Vec::new();
        for signature in &self.signatures {
            if let Some(key) = known.iter().find(|key| signature.is_of(key)) {
                signed.push(signature.verify(key, &self.text).ok_or(InvalidNote::Forged)?);
            }
        }
        if signed.is_empty() { Err(InvalidNote::Unsigned) } else { Ok(signed) }
    }

    /// The same text with the signatures of `keys` alone, verified or not.
    pub(crate) fn signed_by(&self, keys: &[VerifierKey]) -> Self {
        let mut note = Self::unsigned(self.text.clone());
        let theirs = self.signatures.iter().filter(|signature| keys.iter().any(|key| signature.is_of(key)));
        theirs.for_each(|signature| note.add(signature.clone()));
        note
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    fn of(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self { name: key.name().to_owned(), id: key.id(), bytes }
    }

    /// Reads a signature's line.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(bytes).ok()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        (is_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            bytes: bytes.to_vec(),
        })
    }

    /// Whether it says to be this key's.
    pub(crate) fn is_of(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }

    fn verify<'k>(&self, key: &'k VerifierKey, text: &str) -> Option<Signed<'k>> {
        match key.kind() {
            KeyKind::Note => key.verifies(text.as_bytes(), &self.bytes).then_some(Signed { key, time: None }),
            KeyKind::Cosignature => {
                let (time, bytes) = self.bytes.split_first_chunk()?;
                let time = u64::from_be_bytes(*time);
                let holds =
                    i64::try_from(time).is_ok() && key.verifies(cosigned(time, text).as_bytes(), bytes);
                holds.then_some(Signed { key, time: Some(time) })
            }
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "— {} {}", self.name, STANDARD.encode([&self.id[..], &self.bytes].concat()))
    }
}

fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
