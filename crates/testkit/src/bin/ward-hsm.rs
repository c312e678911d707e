//! Does to a token what its owner may: `ward-hsm LIBRARY init TOKEN PIN`, `create TOKEN PIN LABEL KIND`, `destroy TOKEN PIN LABEL`, or
//! `pin TOKEN FROM TO`.

use std::env;
use std::error::Error;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const OFFICER: &str = "the-officer-s-pin";

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [library, rest @ ..] = &*arguments else { return Err("which library?".into()) };
    let library = Pkcs11::new(library)?;
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let rest: Vec<&str> = rest.iter().map(|argument| &**argument).collect();
    match *rest {
        ["init", token, user] => init(&library, token, user),
        ["create", token, user, label, kind] => {
            on_each(&library, token, user, |session| create(session, label, kind))
        }
        ["destroy", token, user, label] => on_each(&library, token, user, |session| destroy(session, label)),
        ["pin", token, from, to] => {
            on_each(&library, token, from, |session| Ok(session.set_pin(&pin(from), &pin(to))?))
        }
        _ => Err("what is to be done?".into()),
    }
}

fn init(library: &Pkcs11, label: &str, user: &str) -> Outcome {
    let free = library.get_slots_with_token()?.into_iter().find(|slot| is_free(library, *slot));
    let slot = free.ok_or("no slot is free")?;
    library.init_token(slot, &pin(OFFICER), label)?;
    let session = library.open_rw_session(slot)?;
    session.login(UserType::So, Some(&pin(OFFICER)))?;
    Ok(session.init_pin(&pin(user))?)
}

fn is_free(library: &Pkcs11, slot: Slot) -> bool {
    library.get_token_info(slot).is_ok_and(|token| !token.token_initialized())
}

/// On every token with that label.
fn on_each(library: &Pkcs11, label: &str, user: &str, work: impl Fn(&Session) -> Outcome) -> Outcome {
    let mut slots = library.get_slots_with_token()?;
    slots.retain(|slot| library.get_token_info(*slot).is_ok_and(|token| token.label() == label));
    if slots.is_empty() {
        return Err("no such token".into());
    }
    for slot in slots {
        let session = library.open_rw_session(slot)?;
        session.login(UserType::User, Some(&pin(user)))?;
        work(&session)?;
    }
    Ok(())
}

fn create(session: &Session, label: &str, kind: &str) -> Outcome {
    let mechanism = if kind == "generic" { Mechanism::GenericSecretKeyGen } else { Mechanism::AesKeyGen };
    let length: u64 = if kind == "short" { 16 } else { 32 };
    session.generate_key(
        &mechanism,
        &[
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Label(label.into()),
            Attribute::Id(label.into()),
            Attribute::ValueLen(length.into()),
            Attribute::Sensitive(kind != "readable"),
            Attribute::Extractable(kind == "extractable"),
            Attribute::Encrypt(kind != "never-encrypts"),
            Attribute::Decrypt(kind != "never-decrypts"),
        ],
    )?;
    Ok(())
}

fn destroy(session: &Session, label: &str) -> Outcome {
    for key in session.find_objects(&[Attribute::Label(label.into())])? {
        session.destroy_object(key)?;
    }
    Ok(())
}

fn pin(text: &str) -> AuthPin {
    AuthPin::from(text.to_owned())
}
