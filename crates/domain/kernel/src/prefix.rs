/// The length of `part` in eight octets, the highest first: what stands before it in whatever a code or a cipher covers.
pub fn length_prefix(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

/// The parts end to end, each with its length before it, so that no two lists have one encoding.
pub fn length_prefixed<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let mut all = Vec::with_capacity(parts.clone().map(|part| 8 + part.len()).sum());
    for part in parts {
        all.extend_from_slice(&length_prefix(part));
        all.extend_from_slice(part);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::length_prefixed;

    fn prefixed(parts: &[&[u8]]) -> Vec<u8> {
        length_prefixed(parts.iter().copied())
    }

    #[test]
    fn no_two_lists_have_one_encoding() {
        assert_eq!(prefixed(&[]), b"");
        assert_eq!(prefixed(&[b"", b"ab"]), b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02ab");
        assert_ne!(prefixed(&[b"a", b"bc"]), prefixed(&[b"ab", b"c"]));
        assert_ne!(prefixed(&[b"a"]), prefixed(&[b"a", b""]));
    }
}
