use subtle::ConstantTimeEq as _;

use crate::material::{Hmac256, Material, redacted};
use crate::versions::Versions;

/// The deployment's key for what it keeps outside of its database and believes when it reads it again: HMAC-SHA256 under the first
/// version of a key that is never retired. So a backup of any age can be held against what was written since.
pub struct LedgerKey(Versions<Hmac256>);

impl LedgerKey {
    pub(crate) fn new(versions: Versions<Hmac256>) -> Self {
        Self(versions)
    }

    pub(crate) fn version(key: &Material) -> Hmac256 {
        Hmac256::new(&key.derive(b"ward v1 erasure ledger"))
    }

    /// The text, of whole lines, with a line more: its code.
    pub fn sign(&self, text: &str) -> String {
        format!("{text}{}\n", self.code(text))
    }

    /// The text that was signed; nothing, where it is another or was never signed.
    pub fn open<'t>(&self, signed: &'t str) -> Option<&'t str> {
        let end = signed.strip_suffix('\n')?.rfind('\n')? + 1;
        let (text, code) = signed.split_at_checked(end)?;
        let code = code.strip_suffix('\n')?;
        bool::from(self.code(text).as_bytes().ct_eq(code.as_bytes())).then_some(text)
    }

    fn code(&self, text: &str) -> String {
        hex::encode(self.0.oldest().of(&[text.as_bytes()]))
    }
}

redacted!(LedgerKey);
