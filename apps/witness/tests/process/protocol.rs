//! Each answer that the protocol has, and the bounds of what is taken.

use std::io::Write as _;

use ward::audit::note::{Checkpoint, Note, Signature};
use ward::audit::tree::Hash;
use ward::audit::witness::{AddCheckpoint, Refusal, Witness as _, WitnessError, cosign};

use crate::fixture::{FORK, Log};
use crate::witness::{Answer, Witness};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_gets_the_word_of_a_witness_from_wherever_that_stands() {
    let log = Log::new("log.example", 1);
    let witness = Witness::start(&[&log]);
    let (client, key) = (witness.client(), witness.key());
    assert_eq!(key.name(), "w.example");
    // The log thinks the witness has seen 2 entries each time.
    for size in [4, 9, 9, 20] {
        let mut checkpoint = log.signed(size);
        let proof = |old| std::future::ready(log.proof(old, size).ok_or("no such tree"));
        for word in cosign(&client, &checkpoint, 2, proof).await.unwrap() {
            checkpoint.add(word);
        }
        let keys = [key.clone(), log.key.clone()];
        let signed = checkpoint.verify(&keys).unwrap();
        assert!(signed.iter().any(|signed| signed.key == &key && signed.time > Some(1_700_000_000)));
        // Whoever monitors the log sees the same.
        let shown = witness.latest("log.example");
        assert_eq!((shown.status, shown.text), (200, checkpoint.to_string()));
    }
    let earlier = client.add_checkpoint(4, &log.proof(4, 9).unwrap(), &log.signed(9)).await;
    assert!(matches!(earlier, Err(WitnessError::Refused(Refusal::Behind { size: 20 }))), "{earlier:?}");
}

#[test]
fn every_answer_is_that_of_the_specification() {
    let [log, fork] = [1, 2].map(|side| Log::new("log.example", side));
    let other = Log::new("other.example", 1);
    let witness = Witness::start(&[&log]);
    let ask = |request: &AddCheckpoint| witness.post(request.to_string().as_bytes());
    assert_eq!(witness.latest("log.example").status, 404, "nothing was cosigned yet");
    assert_eq!(ask(&log.request(0, 5)).status, 200);

    let with = |checkpoint: Note| AddCheckpoint { checkpoint, ..log.request(5, 9) };
    let unsigned = || log.checkpoint(9).note();
    let mut forged = unsigned();
    forged.add(log.signed(5).signatures()[0].clone());
    let mut strange = unsigned();
    strange.sign(&other).unwrap();
    let empty = Checkpoint { root: Hash([1; 32]), ..other.checkpoint(0) };
    for (status, request) in [
        (404, other.request(0, 5)),
        (403, with(strange)),
        (403, with(forged)),
        (400, AddCheckpoint { old: 6, ..log.request(5, 5) }),
        (409, log.request(0, 9)),
        (409, log.request(6, 9)),
        (422, AddCheckpoint { proof: vec![], ..log.request(5, 9) }),
        (422, AddCheckpoint { proof: vec![Hash::empty()], ..log.request(5, 5) }),
        (422, fork.request(5, 5)),
        (422, fork.request(5, 9)),
    ] {
        let answer = ask(&request);
        assert_eq!(answer.status, status, "{request}");
        if status == 409 {
            assert_eq!((&*answer.kind, &*answer.text), ("text/x.tlog.size", "5\n"));
        }
    }
    assert!(
        witness.latest("log.example").text.starts_with("log.example\n5\n"),
        "a refusal changed something"
    );

    witness.know(&[&log, &other]);
    let mut note = empty.note();
    note.sign(&other).unwrap();
    assert_eq!(ask(&AddCheckpoint { old: 0, proof: vec![], checkpoint: note }).status, 422);
    assert_eq!(ask(&AddCheckpoint { proof: vec![Hash::empty()], ..other.request(0, 5) }).status, 422);
    assert_eq!(ask(&other.request(0, 0)).status, 200);
    assert_eq!(ask(&other.request(0, FORK)).status, 200);
}

#[test]
fn a_word_is_a_signatures_line_and_nothing_else() {
    let log = Log::new("log.example", 1);
    let witness = Witness::start(&[&log]);
    let answer = witness.post(log.request(0, 5).to_string().as_bytes());
    let line = answer.text.strip_suffix('\n').unwrap();
    assert!(line.starts_with("— w.example "), "{line}");
    let mut note = log.checkpoint(5).note();
    note.add(Signature::parse(line).unwrap());
    assert!(note.verify(&[witness.key()]).unwrap()[0].time > Some(1_700_000_000));
}

#[test]
fn what_is_no_request_is_refused_and_what_is_too_long_not_read() {
    let log = Log::new("log.example", 1);
    let witness = Witness::start(&[&log]);
    let good = log.request(0, 5).to_string();
    let hash = format!("{}\n", Hash::empty());
    for (status, body) in [
        (400, vec![]),
        (400, b"old 0\n\n".to_vec()),
        (400, [good.as_bytes(), b"\xff\n"].concat()),
        (400, good.replacen("old 0\n", &format!("old 0\n{}", hash.repeat(64)), 1).into_bytes()),
        (422, good.replacen("old 0\n", &format!("old 0\n{}", hash.repeat(63)), 1).into_bytes()),
        (413, vec![b'a'; 200 << 10]),
    ] {
        assert_eq!(witness.post(&body).status, status, "{}", body.len());
    }
    for (method, path, status) in [
        ("GET", "/add-checkpoint", 405),
        ("POST", "/key", 405),
        ("GET", "/", 404),
        ("GET", "/key/checkpoint", 404),
        ("GET", "/..%2fkey/checkpoint", 404),
        ("GET", "/health", 200),
    ] {
        assert_eq!(witness.send(method, path, b"").status, status, "{method} {path}");
    }
    assert_eq!(witness.post(good.as_bytes()).status, 200);
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let witness = Witness::start(&[]);
    let mut stream = witness.connect();
    stream.write_all(b"POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 9\r\n\r\nold 0").unwrap();
    assert_eq!(Answer::read(stream).status, 408);
}
