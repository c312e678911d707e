use ward::kernel::{TenantId, Uuid, length_prefixed};

/// No other key service's, whose formats begin with other octets.
const VERSION: u8 = 0x11;
pub(super) const IV: usize = 12;
pub(super) const TAG: usize = 16;
/// A tenant's key in clear: its suite and 32 octets.
const CLEAR: usize = 33;

/// A tenant's key as a token wrapped it.
///
/// ```text
/// wrapped = 0x11 ‖ iv ‖ AES-256-GCM(K, iv, ad, suite of the key ‖ key)     the output ends in the tag, of 16 octets
/// iv      = 12 random octets
/// ad      = lp(0x11) ‖ lp(tenant) ‖ lp("ward v1 tenant key")
/// lp(x)   = I2OSP(len(x), 8) ‖ x
/// K         never leaves the token
/// ```
#[derive(Clone, Copy)]
pub(super) struct Wrapped {
    pub(super) iv: [u8; IV],
    pub(super) body: [u8; CLEAR + TAG],
}

impl Wrapped {
    pub(super) fn new(iv: [u8; IV], body: &[u8]) -> Option<Self> {
        Some(Self { iv, body: body.try_into().ok()? })
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        let (iv, body) = rest.split_first_chunk()?;
        Self::new(*iv, body)
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        [&[VERSION], &self.iv[..], &self.body[..]].concat()
    }
}

/// What a key wrapped for `tenant` is bound to.
pub(super) fn bound_to(tenant: TenantId) -> Vec<u8> {
    let tenant = Uuid::from(tenant);
    let parts: [&[u8]; 3] = [&[VERSION], tenant.as_bytes(), b"ward v1 tenant key"];
    length_prefixed(parts.into_iter())
}

#[cfg(test)]
mod tests {
    use ward::kernel::{TenantId, Uuid};

    use super::{Wrapped, bound_to};

    #[test]
    fn a_wrapped_key_has_one_form() {
        let bytes: Vec<u8> = std::iter::once(0x11).chain(1..62).collect();
        let wrapped = Wrapped::parse(&bytes).unwrap();
        assert_eq!((wrapped.iv[0], wrapped.body[0]), (1, 13));
        assert_eq!(wrapped.to_bytes(), bytes);
        for length in 0..bytes.len() {
            assert!(Wrapped::parse(&bytes[..length]).is_none());
        }
        assert!(Wrapped::parse(&[&bytes[..], &[0]].concat()).is_none());
        for version in (0..=255).filter(|version| *version != 0x11) {
            assert!(Wrapped::parse(&[&[version], &bytes[1..]].concat()).is_none());
        }
    }

    #[test]
    fn it_is_bound_to_its_tenant_and_its_use() {
        let ad = bound_to(TenantId::from(Uuid::from_u128(0x0102)));
        let parts: [&[u8]; 6] = [
            &[0, 0, 0, 0, 0, 0, 0, 1, 0x11],
            &[0, 0, 0, 0, 0, 0, 0, 16],
            &[0; 14],
            &[1, 2],
            &[0, 0, 0, 0, 0, 0, 0, 18],
            b"ward v1 tenant key",
        ];
        assert_eq!(ad, parts.concat());
    }
}
