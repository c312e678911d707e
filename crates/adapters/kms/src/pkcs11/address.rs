use std::fmt;
use std::str::FromStr;

const LONGEST: usize = 2048;
/// What fits into a token's label.
const LONGEST_TOKEN: usize = 32;

/// Where a key lies: on which token, under which label or id, as a URI of [RFC 7512](https://www.rfc-editor.org/rfc/rfc7512) says it:
///
/// ```
/// use ward_kms::pkcs11::{Address, InvalidAddress};
///
/// # fn main() -> Result<(), InvalidAddress> {
/// let address: Address = "pkcs11:token=Clinic%20HSM;object=ward".parse()?;
/// assert_eq!(address.token(), "Clinic HSM");
/// assert_eq!("pkcs11:token=Clinic;object=ward;pin-value=1234".parse::<Address>(), Err(InvalidAddress::Pin));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Address {
    token: String,
    object: Option<String>,
    id: Option<Vec<u8>>,
}

/// Why a text is no address of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// Another scheme, or none.
    #[error("it must begin with `pkcs11:`")]
    Scheme,
    /// Nobody needs so much.
    #[error("it must not be longer than 2048 bytes")]
    Length,
    /// It holds a PIN, or says where one lies, and addresses are stored and shown.
    #[error("it must not hold a PIN")]
    Pin,
    /// Something else than `token`, `object` and `id`.
    #[error("it must hold nothing but `token`, `object` and `id`")]
    Attribute,
    /// Which one counts?
    #[error("it must hold nothing twice")]
    Twice,
    /// Letters that must be escaped, or are escaped to what is no text.
    #[error("its letters must be escaped as URIs are")]
    Escape,
    /// No token's label, or one that no token can have.
    #[error("it must name a token, in 1 to 32 bytes")]
    Token,
    /// Any key of the token would do.
    #[error("it must name a key by `object` or `id`")]
    Object,
}

impl Address {
    /// The token's label.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The key's label, if it is known by one.
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// The key's id, if it is known by one.
    pub fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.len() > LONGEST {
            return Err(InvalidAddress::Length);
        }
        let (scheme, path) = text.split_once(':').ok_or(InvalidAddress::Scheme)?;
        if !scheme.eq_ignore_ascii_case("pkcs11") {
            return Err(InvalidAddress::Scheme);
        }
        if path.split([';', '?', '&']).any(is_pin) {
            return Err(InvalidAddress::Pin);
        }
        let [token, object, id] = attributes(path)?;
        let token = token.map(text_of).transpose()?.unwrap_or_default();
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(InvalidAddress::Token);
        }
        if let (None, None) | (Some([]), _) | (_, Some([])) = (object.as_deref(), id.as_deref()) {
            return Err(InvalidAddress::Object);
        }
        Ok(Self { token, object: object.map(text_of).transpose()?, id })
    }
}

/// The values of `token`, `object` and `id`.
fn attributes(path: &str) -> Result<[Option<Vec<u8>>; 3], InvalidAddress> {
    let (mut token, mut object, mut id) = (None, None, None);
    for attribute in path.split(';').filter(|_| !path.is_empty()) {
        let (name, value) = attribute.split_once('=').ok_or(InvalidAddress::Attribute)?;
        let held = match name {
            "token" => &mut token,
            "object" => &mut object,
            "id" => &mut id,
            _ => return Err(InvalidAddress::Attribute),
        };
        if held.replace(unescaped(value)?).is_some() {
            return Err(InvalidAddress::Twice);
        }
    }
    Ok([token, object, id])
}

fn is_pin(attribute: &str) -> bool {
    let name = attribute.split_once('=').map_or(attribute, |(name, _)| name);
    ["pin-value", "pin-source"].iter().any(|pin| name.eq_ignore_ascii_case(pin))
}

fn text_of(octets: Vec<u8>) -> Result<String, InvalidAddress> {
    String::from_utf8(octets).map_err(|_| InvalidAddress::Escape)
}

fn unescaped(value: &str) -> Result<Vec<u8>, InvalidAddress> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => escaped(rest.next(), rest.next()).ok_or(InvalidAddress::Escape)?,
            octet if is_plain(octet) => octet,
            _ => return Err(InvalidAddress::Escape),
        });
    }
    Ok(octets)
}

fn escaped(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |octet: Option<u8>| char::from(octet?).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// What stands for itself in a path's attribute.
fn is_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~:[]@!$'()*+,=&".contains(&octet)
}

/// As a URI, without anything that a terminal or a log would take for more than text.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pkcs11:token=")?;
        write_escaped(f, self.token.as_bytes())?;
        if let Some(object) = &self.object {
            f.write_str(";object=")?;
            write_escaped(f, object.as_bytes())?;
        }
        if let Some(id) = &self.id {
            f.write_str(";id=")?;
            write_escaped(f, id)?;
        }
        Ok(())
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|octet| match is_plain(*octet) {
        true => write!(f, "{}", char::from(*octet)),
        false => write!(f, "%{octet:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{Address, InvalidAddress};

    fn parsed(text: &str) -> Result<Address, InvalidAddress> {
        text.parse()
    }

    #[test]
    fn a_key_is_found_by_label_by_id_or_by_both() {
        let both = parsed("PKCS11:id=%01%ff;token=A%20b;object=%C3%A4%3B=").unwrap();
        assert_eq!((both.token(), both.object()), ("A b", Some("ä;=")));
        assert_eq!(both.id(), Some(&[1, 0xff][..]));
        let label = parsed("pkcs11:token=t;object=k").unwrap();
        assert_eq!((label.object(), label.id()), (Some("k"), None));
        let id = parsed("pkcs11:token=t;id=k").unwrap();
        assert_eq!((id.object(), id.id()), (None, Some(&b"k"[..])));
    }

    #[test]
    fn an_address_is_written_as_it_is_read() {
        for text in [
            "pkcs11:token=A%20b;object=%C3%A4%3B=;id=%01%FF",
            "pkcs11:token=t;id=k",
            "pkcs11:token=t;object=%0A",
        ] {
            assert_eq!(parsed(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_pin_is_refused_wherever_it_stands() {
        for text in [
            "pkcs11:token=t;object=k?pin-value=1234",
            "pkcs11:token=t;object=k?pin-source=file:/etc/pin",
            "pkcs11:token=t;object=k?module-name=m&pin-value=1234",
            "pkcs11:token=t;object=k;pin-value=1234",
            "pkcs11:PIN-VALUE=1234",
            "pkcs11:pin-source",
        ] {
            assert_eq!(parsed(text), Err(InvalidAddress::Pin), "{text}");
        }
    }

    #[test]
    fn whatever_else_is_no_address_is_refused() {
        let long = format!("pkcs11:token=t;object={}", "k".repeat(2048));
        let wide = format!("pkcs11:token={};object=k", "t".repeat(33));
        for (text, why) in [
            (&*long, InvalidAddress::Length),
            ("", InvalidAddress::Scheme),
            ("token=t;object=k", InvalidAddress::Scheme),
            ("aws-kms:token=t;object=k", InvalidAddress::Scheme),
            ("pkcs11:", InvalidAddress::Token),
            ("pkcs11:object=k", InvalidAddress::Token),
            ("pkcs11:token=;object=k", InvalidAddress::Token),
            (&*wide, InvalidAddress::Token),
            ("pkcs11:token=t", InvalidAddress::Object),
            ("pkcs11:token=t;object=", InvalidAddress::Object),
            ("pkcs11:token=t;object=k;id=", InvalidAddress::Object),
            ("pkcs11:token=t;object=k;object=l", InvalidAddress::Twice),
            ("pkcs11:token=t;object=k;serial=1", InvalidAddress::Attribute),
            ("pkcs11:token=t;object=k;", InvalidAddress::Attribute),
            ("pkcs11:token=t;object", InvalidAddress::Attribute),
            ("pkcs11:token=t;object=k?module-path=/m.so", InvalidAddress::Escape),
            ("pkcs11:token=t;object=%", InvalidAddress::Escape),
            ("pkcs11:token=t;object=%4", InvalidAddress::Escape),
            ("pkcs11:token=t;object=%+1", InvalidAddress::Escape),
            ("pkcs11:token=t;object=%g0", InvalidAddress::Escape),
            ("pkcs11:token=t;object=a b", InvalidAddress::Escape),
            ("pkcs11:token=t;object=ä", InvalidAddress::Escape),
            ("pkcs11:token=t;object=%ff", InvalidAddress::Escape),
        ] {
            assert_eq!(parsed(text), Err(why), "{text}");
        }
    }
}
