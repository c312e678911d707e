use ward_kernel::SubjectId;

use crate::material::Material;
use crate::sealed::Header;
use crate::subject::Committing;
use crate::wrapped::{unwrap, wrap};
use crate::{KeyError, KeyId, KeyPurpose, SubjectKey, Suite, TenantKeys, Turn, WrappedKey};

impl TenantKeys {
    /// Makes a person's key under an `id` never used in this tenant, from [`KeyId::FIRST_SUBJECT`] on.
    pub fn make_subject_key(
        &self,
        id: KeyId,
        subject: SubjectId,
    ) -> Result<(SubjectKey, WrappedKey), KeyError> {
        let (key, wrapped) = self.make_person(self.wrapper().header.suite, id, subject)?;
        Ok((self.subject(id, &key, Vec::new()), wrapped))
    }

    /// Makes the key that follows a person's `old` one, under an `id` never used in this tenant: answers what seals values
    /// anew, the new key as it is to be stored, and what is to be stored in place of the old one.
    ///
    /// All that is under the old key is to be sealed anew in the transaction that stores the two.
    pub fn follow(&self, old: &WrappedKey, id: KeyId) -> Result<(Turn, [WrappedKey; 2]), KeyError> {
        let (subject, from) = (self.person(old)?, unwrap(&self.wrappers, old)?);
        let committing = Material::new(from.suite, from.derive(Committing::LABEL))?;
        let left = wrap(self.wrapper(), old.id, KeyPurpose::Commitment, Some(subject), &committing)?;
        let (new, wrapped) = self.make_person(from.suite, id, subject)?;
        let sealing =
            |id, key: &Material| SubjectKey::sealing(self.tenant(), id, key, self.wrapper().entropy.clone());
        Ok((Turn::new(sealing(old.id, &from), sealing(id, &new)), [wrapped, left]))
    }

    /// Unwraps a person's key; refuses any that was made for something else, or in another tenant. With what is `left` of those
    /// that it followed, it also confirms what they committed to.
    pub fn subject_key(&self, wrapped: &WrappedKey, left: &[WrappedKey]) -> Result<SubjectKey, KeyError> {
        let subject = self.person(wrapped)?;
        let followed = left.iter().map(|left| {
            let key = unwrap(&self.wrappers, left)?;
            if left.purpose != KeyPurpose::Commitment || left.subject != Some(subject) {
                return Err(KeyError::Broken(left.id));
            }
            Ok(Committing::new(Header { suite: key.suite, key: left.id }, key.octets()))
        });
        let followed = followed.collect::<Result<_, _>>()?;
        unwrap(&self.wrappers, wrapped).map(|key| self.subject(wrapped.id, &key, followed))
    }

    fn person(&self, wrapped: &WrappedKey) -> Result<SubjectId, KeyError> {
        let subject = wrapped.subject.filter(|_| wrapped.purpose == KeyPurpose::Subject);
        subject.ok_or(KeyError::Broken(wrapped.id))
    }

    fn make_person(
        &self,
        suite: Suite,
        id: KeyId,
        subject: SubjectId,
    ) -> Result<(Material, WrappedKey), KeyError> {
        if id < KeyId::FIRST_SUBJECT {
            return Err(KeyError::Reserved(id));
        }
        let key = Material::random(suite, &*self.wrapper().entropy)?;
        let wrapped = wrap(self.wrapper(), id, KeyPurpose::Subject, Some(subject), &key)?;
        Ok((key, wrapped))
    }

    fn subject(&self, id: KeyId, key: &Material, followed: Vec<Committing>) -> SubjectKey {
        SubjectKey::new(self.tenant(), id, key, followed, self.wrapper().entropy.clone())
    }
}
