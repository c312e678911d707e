use std::collections::HashMap;

use uuid::Uuid;
use ward::Reading;
use ward::kernel::StoreError;
use ward::subject::Kind;

use super::format::Line;

/// Who of the tenant's subjects is a patient, as far as was asked: the log names subjects by their ids alone.
#[derive(Default)]
pub(super) struct Patients(HashMap<Uuid, bool>);

/// How many are remembered.
const MOST: usize = 10_000;

impl Patients {
    /// Adds to a line the patients that it tells of. Nobody knows what somebody was who is no longer there.
    pub(super) async fn find(
        &mut self,
        reading: &mut dyn Reading,
        line: &mut Line,
    ) -> Result<(), StoreError> {
        let subjects: Vec<_> = line.subjects().collect();
        for subject in subjects {
            if self.is_patient(reading, subject).await? && !line.patients.contains(&subject) {
                line.patients.push(subject);
            }
        }
        Ok(())
    }

    async fn is_patient(&mut self, reading: &mut dyn Reading, id: Uuid) -> Result<bool, StoreError> {
        if let Some(known) = self.0.get(&id) {
            return Ok(*known);
        }
        let subject = reading.subject(id.into()).await?;
        let is_patient = subject.is_some_and(|subject| subject.kind == Kind::Patient);
        if self.0.len() == MOST {
            self.0.clear();
        }
        self.0.insert(id, is_patient);
        Ok(is_patient)
    }
}
