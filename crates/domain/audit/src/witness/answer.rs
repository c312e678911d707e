use crate::note::{InvalidNote, Note, Signature, VerifierKey};

/// What a witness with these `keys` says of `checkpoint` by its answer to `add-checkpoint`: a cosignature at least, each with its
/// time. Those of other keys are passed over.
pub fn cosignatures(
    checkpoint: &Note,
    answer: &str,
    keys: &[VerifierKey],
) -> Result<Vec<Signature>, InvalidNote> {
    let lines = answer.strip_suffix('\n').ok_or(InvalidNote::Malformed)?;
    let lines = lines.split('\n').map(Signature::parse).collect::<Option<Vec<_>>>();
    let mut said = checkpoint.signed_by(&[]);
    for line in lines.ok_or(InvalidNote::Malformed)? {
        if keys.iter().any(|key| line.is_of(key)) {
            said.add(line);
        }
    }
    let timed = said.verify(keys)?.iter().all(|signed| signed.time.is_some_and(|time| time > 0));
    if timed { Ok(said.signatures().to_vec()) } else { Err(InvalidNote::Unsigned) }
}
