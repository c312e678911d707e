use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use ward_kernel::{Commitment, Entity, Entropy, Place, SealError, SealedBytes, Sealer, TenantId};
use zeroize::Zeroizing;

use crate::material::{Hmac256, Material, Octets};
use crate::sealed::{Header, Sealed, Sealing};
use crate::{KeyId, Suite};

/// One person's key. It seals; only a [`Vault`](crate::Vault) opens with it, against a receipt.
///
/// Everything about the person is under it, the commitments in the audit log included: when it is destroyed
/// nothing opens, and no guess at a value can be checked any more. When another key [follows](crate::Turn) it, what it
/// committed to stays true.
///
/// ```compile_fail
/// # fn f(key: &ward_crypto::SubjectKey, place: ward_kernel::Place<'_>, sealed: ward_crypto::Sealed<'_>) {
/// key.open(place, sealed);
/// # }
/// ```
pub struct SubjectKey {
    pub(crate) sealing: Sealing,
    committing: Committing,
    followed: Vec<Committing>,
}

/// What checks commitments made under a key.
pub(crate) struct Committing {
    header: Header,
    key: Hmac256,
}

impl Committing {
    pub(crate) const LABEL: &[u8] = b"ward v1 commit";

    /// `committing` is derived from the key that seals.
    pub(crate) fn new(header: Header, committing: &Octets) -> Self {
        Self { header, key: Hmac256::new(committing) }
    }

    fn to(&self, place: Place<'_>, nonce: &[u8], text: &[u8]) -> [u8; 32] {
        self.key.of(&[&self.header.at(place), nonce, text])
    }
}

impl SubjectKey {
    /// The id that its sealed values carry.
    pub fn id(&self) -> KeyId {
        self.sealing.header.key
    }

    /// The cipher that it is for.
    pub fn suite(&self) -> Suite {
        self.sealing.header.suite
    }

    pub(crate) fn new(
        tenant: TenantId,
        id: KeyId,
        key: &Material,
        followed: Vec<Committing>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let sealing = Self::sealing(tenant, id, key, entropy);
        let committing = Committing::new(sealing.header, &key.derive(Committing::LABEL));
        Self { sealing, committing, followed }
    }

    /// What seals and opens alone, and commits to nothing.
    pub(crate) fn sealing(tenant: TenantId, id: KeyId, key: &Material, entropy: Arc<dyn Entropy>) -> Sealing {
        Sealing::new(tenant, id, (key, b"ward v1 seal"), entropy)
    }

    fn seal_under(&self, nonce: &[u8], place: Place<'_>, text: &[u8]) -> Result<SealedBytes, SealError> {
        if place.tenant != self.sealing.tenant {
            return Err(SealError);
        }
        let bound = self.sealing.header.at(place);
        let bytes = self.sealing.seal_under(nonce, &bound, text)?;
        let commitment = Commitment(self.committing.key.of(&[&bound, nonce, text]));
        Ok(SealedBytes { bytes, commitment })
    }

    pub(crate) fn open(&self, place: Place<'_>, sealed: Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
        self.sealing.open(&self.sealing.header.at(place), sealed)
    }

    /// Whether `commitment` is to `text` as `sealed` at `place`, under this key or one that it followed, in constant time.
    pub(crate) fn confirms(
        &self,
        place: Place<'_>,
        sealed: Sealed<'_>,
        text: &[u8],
        commitment: Commitment,
    ) -> bool {
        let is = |by: &Committing| bool::from(by.to(place, sealed.nonce(), text).ct_eq(&commitment.0));
        self.followed.iter().fold(is(&self.committing), |any, by| any | is(by))
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
