use cryptoki::error::Error;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::address::Address;
use super::failure::Failure;

/// Whether an attribute is as it must be.
type Rule = fn(&Attribute) -> bool;

/// The one key at `address`, if it is fit to wrap others and can't leave the token.
pub(super) fn find(session: &Session, address: &Address) -> Result<ObjectHandle, Failure> {
    let mut wanted = vec![Attribute::Token(true), Attribute::Class(ObjectClass::SECRET_KEY)];
    wanted.extend(address.object().map(|label| Attribute::Label(label.as_bytes().to_vec())));
    wanted.extend(address.id().map(|id| Attribute::Id(id.to_vec())));
    let mut found = session.iter_objects(&wanted)?;
    let key = found.next().ok_or(Failure::Refused("there is no such key"))??;
    if found.next().transpose()?.is_some() {
        return Err(Failure::Refused("two keys have that label or id"));
    }
    drop(found);
    match fault(session, key)? {
        Some(fault) => Err(Failure::Refused(fault)),
        None => Ok(key),
    }
}

/// What makes the key unfit. What the token doesn't say of it counts as the worse.
fn fault(session: &Session, key: ObjectHandle) -> Result<Option<&'static str>, Error> {
    let rules: [(AttributeType, &str, Rule); 6] = [
        (
            AttributeType::KeyType,
            "the key is none for AES",
            |said| matches!(said, Attribute::KeyType(kind) if *kind == KeyType::AES),
        ),
        (
            AttributeType::ValueLen,
            "the key is not 32 bytes long",
            |said| matches!(said, Attribute::ValueLen(length) if **length == 32),
        ),
        (AttributeType::Sensitive, "the key is not sensitive", |said| {
            matches!(said, Attribute::Sensitive(true))
        }),
        (AttributeType::Extractable, "the key can be extracted", |said| {
            matches!(said, Attribute::Extractable(false))
        }),
        (AttributeType::Encrypt, "the key doesn't encrypt", |said| matches!(said, Attribute::Encrypt(true))),
        (AttributeType::Decrypt, "the key doesn't decrypt", |said| matches!(said, Attribute::Decrypt(true))),
    ];
    let said = session.get_attributes(key, &rules.map(|(asked, ..)| asked))?;
    let broken = rules.iter().find(|(.., holds)| !said.iter().any(holds));
    Ok(broken.map(|(_, fault, _)| *fault))
}
