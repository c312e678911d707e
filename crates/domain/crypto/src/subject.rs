use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use ward_kernel::{Commitment, Entity, Entropy, Place, SealError, SealedBytes, Sealer, TenantId};
use zeroize::Zeroizing;

use crate::material::{Hmac256, Material};
use crate::sealed::{Sealed, Sealing};
use crate::suite::Cipher;
use crate::{KeyId, Suite};

/// One person's key. It seals; only a [`Vault`](crate::Vault) opens with it, against a receipt.
///
/// Everything about the person is under it, the commitments in the audit log included: when it is destroyed
/// nothing opens, and no guess at a value can be checked any more.
///
/// ```compile_fail
/// # fn f(key: &ward_crypto::SubjectKey, place: ward_kernel::Place<'_>, sealed: ward_crypto::Sealed<'_>) {
/// key.open(place, sealed);
/// # }
/// ```
pub struct SubjectKey {
    sealing: Sealing,
    committing: Hmac256,
}

impl SubjectKey {
    /// The id that its sealed values carry.
    pub fn id(&self) -> KeyId {
        self.sealing.id
    }

    /// The cipher that it is for.
    pub fn suite(&self) -> Suite {
        self.sealing.suite
    }

    pub(crate) fn new(tenant: TenantId, id: KeyId, key: &Material, entropy: Arc<dyn Entropy>) -> Self {
        let cipher = Cipher::new(key.suite, &key.derive(b"ward v1 seal"));
        let committing = Hmac256::new(&key.derive(b"ward v1 commit"));
        Self { sealing: Sealing { tenant, id, suite: key.suite, cipher, entropy }, committing }
    }

    fn seal_under(&self, nonce: &[u8], place: Place<'_>, text: &[u8]) -> Result<SealedBytes, SealError> {
        if place.tenant != self.sealing.tenant {
            return Err(SealError);
        }
        let bound = self.sealing.bound_to(place);
        let bytes = self.sealing.seal_under(nonce, &bound, text)?;
        let commitment = Commitment(self.committing.of(&[&bound, nonce, text]));
        Ok(SealedBytes { bytes, commitment })
    }

    pub(crate) fn open(&self, place: Place<'_>, sealed: Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
        self.sealing.open(&self.sealing.bound_to(place), sealed)
    }

    /// Whether `commitment` is to `text` as `sealed` at `place`, in constant time.
    pub(crate) fn confirms(
        &self,
        place: Place<'_>,
        sealed: Sealed<'_>,
        text: &[u8],
        commitment: Commitment,
    ) -> bool {
        let bound = self.sealing.bound_to(place);
        self.committing.of(&[&bound, sealed.nonce(), text]).ct_eq(&commitment.0).into()
    }
}

impl Sealer for SubjectKey {
    fn seal(&self, place: Place<'_>, text: &[u8]) -> Result<SealedBytes, SealError> {
        self.seal_under(&self.sealing.nonces(1), place, text)
    }

    fn seal_row(
        &self,
        tenant: TenantId,
        row: Entity,
        columns: &[(&str, &[u8])],
    ) -> Result<Vec<SealedBytes>, SealError> {
        let nonces = self.sealing.nonces(columns.len());
        let nonces = nonces.chunks_exact(self.suite().nonce());
        let seal = |(nonce, (column, text)): (&[u8], &(&str, &[u8]))| {
            self.seal_under(nonce, Place { tenant, row, column }, text)
        };
        nonces.zip(columns).map(seal).collect()
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectKey({})", self.id())
    }
}
