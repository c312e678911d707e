//! Sealed fields as one column: for each, name, commitment and sealed value, each with its length before it.

use ward::kernel::{Commitment, SealedBytes};
use ward::subject::SealedFields;

/// No name is longer than its length can say: [`ward::subject::FieldSpec::new`] sees to it.
pub(crate) fn encode(fields: &SealedFields) -> Vec<u8> {
    let mut bytes =
        Vec::with_capacity(fields.0.iter().map(|(name, of)| name.len() + of.bytes.len() + 37).sum());
    for (name, sealed) in &fields.0 {
        bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&sealed.commitment.0);
        bytes.extend_from_slice(&u32::try_from(sealed.bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&sealed.bytes);
    }
    bytes
}

pub(crate) fn decode(mut bytes: &[u8]) -> Option<SealedFields> {
    let mut fields = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (commitment, rest) = rest.split_first_chunk::<32>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (sealed, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        fields
            .push((name.into(), SealedBytes { bytes: sealed.to_vec(), commitment: Commitment(*commitment) }));
        bytes = rest;
    }
    Some(SealedFields(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_nothing_else_is() {
        let sealed = |n: u8| SealedBytes { bytes: vec![n; usize::from(n)], commitment: Commitment([n; 32]) };
        let fields = SealedFields(vec![("email".into(), sealed(60)), ("phone".into(), sealed(0))]);
        let bytes = encode(&fields);
        assert_eq!(decode(&bytes), Some(fields));
        assert_eq!(decode(&[]), Some(SealedFields::default()));
        for cut in 1..bytes.len() {
            let whole = decode(&bytes[..cut]).is_some_and(|fields| encode(&fields) == bytes[..cut]);
            assert!(decode(&bytes[..cut]).is_none() || whole, "{cut}");
        }
    }
}
