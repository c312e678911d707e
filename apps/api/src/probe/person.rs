use serde_json::{Value, json};
use ward::kernel::{Operation, SubjectId, Uuid};
use ward::subject::subject::{Draft, create};
use ward::subject::{Fields, Kind, StoredSubject, SubjectError};
use ward_postgres::PgUnit;

use super::canary::A;
use super::{ProbeError, job};
use crate::app::App;

/// Tries in the attacking tenant what is taken back.
pub(crate) static TRY_KEYS: Operation = job("tryKeys", &[], true);

/// The name of the field by which a test person is told.
pub(super) const EMAIL: &str = "email";

/// Makes a person of this mail address in a unit of the attacking tenant.
pub(super) async fn person(
    app: &App,
    unit: &mut PgUnit,
    operation: &'static Operation,
    email: &str,
) -> Result<StoredSubject, ProbeError> {
    let (id, now) = (SubjectId::from(app.machine.next()), app.clock().now());
    let mail: Value = json!(email);
    let fields = Fields::parse(app.catalogue.subject(), [(EMAIL, &mail)]);
    let fields = fields.map_err(|_| ProbeError::Unexpected("the canary's address", 422))?;
    let draft =
        Draft { kind: Kind::Consumer, external_ref: None, time_zone: None, jurisdiction: None, fields };
    let made = create(unit, operation, A, (id, now), &draft).await;
    let (stored, _) = made.map_err(|error| match error {
        SubjectError::Store(error) => ProbeError::Store(error),
        _ => ProbeError::Unexpected("the canary", 422),
    })?;
    Ok(stored)
}

/// The sealed mail address of such a person.
pub(super) fn sealed_email(of: &StoredSubject) -> Result<&[u8], ProbeError> {
    let sealed = of.fields.find(EMAIL).ok_or(ProbeError::Unexpected("the canary's address", 404))?;
    Ok(&sealed.bytes)
}

/// A word that nothing else holds, without a digit that would make it look like a number of somebody's.
pub(super) fn word(id: Uuid) -> String {
    id.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(b'a' + half)).collect()
}
