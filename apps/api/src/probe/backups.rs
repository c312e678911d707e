use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ward::{Answers as _, Earlier, Job, Once, Queue as _};

use super::canary::A;
use super::person::{TRY_KEYS, person, word};
use super::{ProbeError, Seen};
use crate::app::App;

/// Rows of each table that are looked at, the newest first.
const MOST: u32 = 200;

/// C6: what a dump holds of what is sealed is sealed, in rows, in queued work and in kept answers.
pub(super) async fn backups(app: &App) -> Result<Seen, ProbeError> {
    let [secret, text, bytes] = [(); 3].map(|()| word(app.machine.next()));
    let mut unit = app.store.unit(app.prober(A, &TRY_KEYS)?).await?;
    person(app, &mut unit, &TRY_KEYS, &format!("{secret}@example.org")).await?;
    let (job, now) = (app.machine.next().into(), app.clock().now());
    let payload = format!("{{\"to\":\"{secret}\"}}").into_bytes();
    unit.enqueue(&Job { id: job, kind: "canary", payload, run_at: now }).await?;
    let mut once = Once { key: [0; 32], request: [0; 32] };
    app.machine.fill(&mut once.key);
    if !matches!(unit.claim(&once).await?, Earlier::None) {
        return Err(ProbeError::Unexpected("the canary's request", 409));
    }
    unit.keep(&once, secret.as_bytes()).await?;
    app.store.plant_in_clear(&unit, app.machine.next(), (&text, &bytes)).await?;

    let mut wrong = Vec::new();
    let looked = app.store.look_raw(&unit, &forms(&secret), MOST).await?;
    wrong.extend(
        looked.found.iter().map(|(table, _)| format!("`{table}` holds in clear what should be sealed")),
    );
    for planted in [&text, &bytes] {
        if app.store.look_raw(&unit, &forms(planted), MOST).await?.found.is_empty() {
            wrong.push("a word that was planted in clear was not found: the look is no good".to_owned());
        }
    }
    let observed = format!(
        "A word was stored in a person's address, in queued work and in a kept answer, then looked for, as it is, in hexadecimal and in base64, in \
         every column of {} rows of {} tables as a dump holds them: it is nowhere, where words that were planted in clear were found; all of \
         this was undone. The files of the disk and of backups themselves were not opened.",
        looked.rows, looked.tables,
    );
    Ok(Seen::unless(wrong, looked.rows, observed))
}

/// How a word may show in the text of a row, bytes of which are in hexadecimal.
fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned(), hex::encode(word)];
    forms.extend((0..3).map(|offset| base64_within(word, offset)));
    forms.iter().flat_map(|form| [form.clone(), hex::encode(form)]).collect()
}

/// What base64 has of the word whatever stands around it, so many bytes after a group of three began.
fn base64_within(word: &str, offset: usize) -> String {
    let mut text = vec![0; offset];
    text.extend_from_slice(word.as_bytes());
    let whole = text.len() / 3 * 4;
    let encoded = STANDARD_NO_PAD.encode(&text);
    let first = if offset == 0 { 0 } else { offset + 1 };
    encoded.chars().take(whole).skip(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_whatever_stands_around_it() {
        for before in 0..7 {
            let text = format!("{}needleneedle{}", "x".repeat(before), "y".repeat(9 - before));
            let forms = forms("needleneedle");
            let base64 = STANDARD_NO_PAD.encode(&text);
            for shown in [
                text.clone(),
                hex::encode(&text),
                base64.clone(),
                hex::encode(&base64),
                hex::encode(hex::encode(&text)),
            ] {
                assert!(forms.iter().any(|form| shown.contains(form)), "{shown}");
            }
            assert!(!forms.iter().any(|form| hex::encode("nothing of the kind").contains(form)));
        }
    }
}
