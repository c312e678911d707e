//! What the witness keeps from one start to the next, and when it doesn't start.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::fixture::Log;
use crate::witness::Witness;

#[test]
fn a_second_witness_on_the_same_state_is_refused() {
    let witness = Witness::start(&[]);
    assert!(witness.refused("w.example").contains("another witness has this state directory"));
    assert_eq!(witness.get("/health").status, 200);
}

#[test]
fn the_key_is_made_once_and_told_to_nobody() {
    let log = Log::new("log.example", 1);
    let mut witness = Witness::start(&[&log]);
    let (key, file) = (witness.key(), witness.state().join("key"));
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(witness.state()).unwrap().mode() & 0o777, 0o700);
    let text = fs::read_to_string(&file).unwrap();
    let secret = text.trim().splitn(5, '+').nth(4).unwrap();
    assert_eq!(witness.post(log.request(0, 5).to_string().as_bytes()).status, 200);
    witness.kill();
    assert!(!witness.said().contains(secret) && witness.said().contains("serving"));
    witness.start_again();
    assert_eq!(witness.key(), key);
    assert_eq!(witness.post(log.request(0, 5).to_string().as_bytes()).text, "5\n");
}

#[test]
fn without_the_key_that_it_signed_with_and_its_own_name_it_does_not_start() {
    let log = Log::new("log.example", 1);
    let mut witness = Witness::start(&[&log]);
    assert_eq!(witness.post(log.request(0, 5).to_string().as_bytes()).status, 200);
    witness.kill();
    let file = witness.state().join("key");
    let text = fs::read_to_string(&file).unwrap();
    assert!(witness.refused("other.example").contains("belongs to `w.example`"));
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    assert!(witness.refused("w.example").contains("mode 0600"));
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let secret = text.trim().splitn(5, '+').nth(4).unwrap().to_owned();
    let swapped = secret.chars().rev().collect::<String>();
    for broken in [
        "".to_owned(),
        text.replace(&secret, &swapped),
        text.replacen('w', "v", 1),
        text.replace("PRIVATE", ""),
    ] {
        fs::write(&file, broken).unwrap();
        assert!(witness.refused("w.example").contains("no witness's key"));
    }
    fs::remove_file(&file).unwrap();
    assert!(witness.refused("w.example").contains("the witness's key is gone"));
    assert!(!file.exists());
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    witness.start_again();
    assert!(Witness::idle(&[]).refused("a b").contains("no spaces"));
}

#[test]
fn a_log_is_known_as_soon_as_the_list_names_it_and_no_longer() {
    let [one, two] = ["one.example", "two.example"].map(|origin| Log::new(origin, 1));
    let mut witness = Witness::start(&[]);
    let status =
        |witness: &Witness, log: &Log, old| witness.post(log.request(old, 5).to_string().as_bytes()).status;
    assert_eq!(status(&witness, &one, 0), 404);
    witness.know(&[&one]);
    assert_eq!((status(&witness, &one, 0), status(&witness, &two, 0)), (200, 404));

    // A list that is wrong, or gone, changes nothing, and whoever looks after the witness sees it.
    witness.list(&format!("{}\n{}+\n", two.key, one.key));
    assert_eq!((status(&witness, &one, 5), status(&witness, &two, 0)), (200, 404));
    assert_eq!(witness.get("/health").status, 503);
    fs::remove_file(witness.state().with_file_name("logs")).unwrap();
    assert_eq!((status(&witness, &one, 5), witness.get("/health").status), (200, 503));
    witness.know(&[&two]);
    assert_eq!((status(&witness, &one, 5), status(&witness, &two, 0)), (404, 200));
    assert_eq!(witness.get("/health").status, 200);
    witness.know(&[&one, &two]);
    assert_eq!(status(&witness, &one, 5), 200, "what was seen of a log is kept while it isn't listed");

    witness.kill();
    witness.list("no key\n");
    assert!(witness.refused("w.example").contains("line 1 is not an Ed25519 verifier key"));
    fs::remove_file(witness.state().with_file_name("logs")).unwrap();
    witness.start_again();
    assert_eq!((status(&witness, &one, 5), witness.get("/health").status), (404, 200));
}
