use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq as _;
use ward_kernel::{TenantId, Uuid};
use zeroize::Zeroizing;

use crate::KeyId;
use crate::material::{Hmac256, Material, redacted};
use crate::versions::Versions;

const VERSION: u8 = 1;
const CODE: usize = 32;
const NEVER: u64 = 0;
/// Version, key, tenant and expiry.
const HEAD: usize = 1 + 4 + 16 + 8;
const SHORTEST: usize = digits(HEAD + CODE);
const LONGEST: usize = digits(HEAD + TokenKey::LONGEST_PAYLOAD + CODE);

/// How many digits so many octets have in base64.
const fn digits(octets: usize) -> usize {
    (octets * 4).div_ceil(3)
}

/// What a token lets its bearer do; one for a purpose serves no other.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TokenPurpose {
    /// Join a tenant.
    Invitation,
    /// Show that a mail address is one's own.
    Confirmation,
    /// Receive no more of some mail. RFC 8058 links must work for as long as the mail is kept, so give them no expiry.
    Unsubscribe,
    /// Choose a new password.
    Reset,
}

impl TokenPurpose {
    /// The word that the code covers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Confirmation => "confirmation",
            Self::Unsubscribe => "unsubscribe",
            Self::Reset => "reset",
        }
    }
}

/// A tenant's key for tokens, which travel in links and let whoever bears one do one thing.
///
/// In the notation of [`Sealed`](crate::Sealed):
///
/// ```text
/// token   = base64url(version ‖ key ‖ tenant ‖ expiry ‖ payload ‖ code)     without padding, RFC 4648 §5
/// version = 0x01
/// key     = I2OSP(key id, 4)
/// expiry  = I2OSP(seconds since 1970, 8), or 0 for none
/// code    = HMAC-SHA256(K, lp(version) ‖ lp(key) ‖ lp(tenant) ‖ lp(purpose) ‖ lp(expiry) ‖ lp(payload))
/// K       = HKDF-Expand(token key, "ward v1 token", 32)
/// ```
///
/// Signed, not sealed: its bearer can read the payload, which so holds ids and never a name or an address. A token tells
/// nothing of how often it was used: what may happen once, such as an invitation, is for the caller to mark as done.
///
/// ```compile_fail
/// # fn f(key: &ward_crypto::TokenKey, presented: &ward_crypto::PresentedToken, now: chrono::DateTime<chrono::Utc>) {
/// key.verify(presented, now); // for no purpose
/// # }
/// ```
pub struct TokenKey {
    tenant: TenantId,
    versions: Versions<Hmac256>,
}

impl TokenKey {
    /// The most bytes that a payload has, so that a link stays one that mail programs leave whole.
    pub const LONGEST_PAYLOAD: usize = 256;

    /// The version that new tokens carry.
    pub fn id(&self) -> KeyId {
        self.versions.current_id()
    }

    /// Signs `payload` for one purpose, until `expiry`: parts of a second are dropped, so no token lasts longer than said.
    pub fn sign(
        &self,
        purpose: TokenPurpose,
        payload: &[u8],
        expiry: Option<DateTime<Utc>>,
    ) -> Result<Token, Unsignable> {
        if payload.len() > Self::LONGEST_PAYLOAD {
            return Err(Unsignable::Payload);
        }
        let seconds = |at: DateTime<Utc>| u64::try_from(at.timestamp()).ok().filter(|at| *at != NEVER);
        let expiry = expiry.map_or(Some(NEVER), seconds).ok_or(Unsignable::Expiry)?;
        let claims = Claims { tenant: self.tenant, key: self.id(), expiry, payload: payload.to_vec() };
        let code = code_of(self.versions.current(), purpose, &claims);
        let bytes = Zeroizing::new([&claims.head(), payload, &code].concat());
        Ok(Token(Zeroizing::new(URL_SAFE_NO_PAD.encode(&*bytes))))
    }

    /// The payload of what any version of this key signed for `purpose`, if it has not expired by `now`.
    pub fn verify<'a>(
        &self,
        purpose: TokenPurpose,
        presented: &'a PresentedToken,
        now: DateTime<Utc>,
    ) -> Result<&'a [u8], InvalidToken> {
        let claims = &presented.claims;
        let key = self.versions.of(claims.key).ok_or(InvalidToken)?;
        let genuine: bool = code_of(key, purpose, claims).ct_eq(&presented.code).into();
        let alive =
            claims.expiry == NEVER || u64::try_from(now.timestamp()).is_ok_and(|now| now < claims.expiry);
        if genuine && alive { Ok(&claims.payload) } else { Err(InvalidToken) }
    }

    pub(crate) fn new(tenant: TenantId, versions: Versions<Hmac256>) -> Self {
        Self { tenant, versions }
    }

    pub(crate) fn version(key: &Material) -> Hmac256 {
        Hmac256::new(&key.derive(b"ward v1 token"))
    }
}

/// Covers what the token says of itself, each part with its length before it.
fn code_of(key: &Hmac256, purpose: TokenPurpose, claims: &Claims) -> [u8; CODE] {
    let (id, tenant) = (u32::from(claims.key).to_be_bytes(), Uuid::from(claims.tenant));
    let expiry = claims.expiry.to_be_bytes();
    key.of_prefixed([
        &[VERSION],
        &id,
        tenant.as_bytes(),
        purpose.as_str().as_bytes(),
        &expiry,
        &claims.payload,
    ])
}

/// A signed token, as it goes into a link: whoever has it may do what it is for, so it prints nothing.
///
/// ```compile_fail
/// # fn f(token: &ward_crypto::Token) -> String {
/// token.to_string()
/// # }
/// ```
pub struct Token(Zeroizing<String>);

impl Token {
    /// **Danger.** The token itself, for the link and for nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A token as somebody presents it, taken apart. Nothing of it is believed before [`TokenKey::verify`].
pub struct PresentedToken {
    claims: Claims,
    code: [u8; CODE],
}

impl PresentedToken {
    /// Takes `text` apart if it has the form that [`TokenKey::sign`] gives, to the bit: there is one text for each token.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        if !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(InvalidToken);
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidToken)?);
        Self::read(&bytes).ok_or(InvalidToken)
    }

    /// Whose token it says it is: to load that tenant's keys, and for nothing else.
    pub fn tenant(&self) -> TenantId {
        self.claims.tenant
    }

    /// Which of the tenant's keys it says signed it.
    pub fn key(&self) -> KeyId {
        self.claims.key
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let ([VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (key, rest) = rest.split_first_chunk()?;
        let (tenant, rest) = rest.split_first_chunk()?;
        let (expiry, rest) = rest.split_first_chunk()?;
        let (payload, code) = rest.split_last_chunk()?;
        let (key, tenant) = (u32::from_be_bytes(*key).into(), Uuid::from_bytes(*tenant).into());
        let claims = Claims { tenant, key, expiry: u64::from_be_bytes(*expiry), payload: payload.to_vec() };
        Some(Self { claims, code: *code })
    }
}

struct Claims {
    tenant: TenantId,
    key: KeyId,
    expiry: u64,
    payload: Vec<u8>,
}

impl Claims {
    fn head(&self) -> Vec<u8> {
        let (key, tenant) = (u32::from(self.key).to_be_bytes(), Uuid::from(self.tenant));
        [&[VERSION][..], &key, tenant.as_bytes(), &self.expiry.to_be_bytes()].concat()
    }
}

redacted!(TokenKey, Token, PresentedToken);

/// The token is refused. That it was forged, for something else, of another tenant or too old is all the same to its bearer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a valid token")]
pub struct InvalidToken;

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsignable {
    /// The payload is longer than [`TokenKey::LONGEST_PAYLOAD`].
    #[error("a token's payload has {} bytes at most", TokenKey::LONGEST_PAYLOAD)]
    Payload,
    /// It is no time after 1970 began.
    #[error("a token can't expire before 1970 begins")]
    Expiry,
}
