//! `ward audit prove`: one entry's proof, fetched to be kept.

use crate::forge::{Files, Key, bundle, entries, proof, signed};
use crate::online::{Server, said};

const ID: &str = "0190a000-0000-7000-8000-000000000002";

/// Serves one proof as that of the entry.
fn serve(server: &Server, proof: &str) {
    let path = format!("events/{ID}/proof");
    server.serve(&[], Files([(path, proof.as_bytes().to_vec())].into()));
}

fn prove(server: &Server, id: &str, more: &[&str]) -> ward_cli::Done {
    let key = Key::log().1.to_string();
    server.run(&["audit", "prove"], &[&[id, "--key", &key], more].concat())
}

#[test]
fn the_proof_of_an_entry_is_written_as_a_tlog_proof_that_both_verifiers_take() {
    let (server, entries) = (Server::start(), entries(5));
    serve(&server, &proof(&entries, 2).to_string());
    for id in [ID, &ID.to_uppercase()] {
        let done = prove(&server, id, &[]);
        let written = said(&done)["proof"].as_str().unwrap().to_owned();
        assert_eq!(written, bundle(&entries, 2).to_string(), "{done:?}");
    }
    let done = server.plain(&["audit", "prove", ID, "--key", &Key::log().1.to_string()]);
    assert_eq!((done.code, done.said), (0, bundle(&entries, 2).to_string()));
    // Of a witnessed checkpoint, where witnesses are named.
    let done = prove(&server, ID, &["--witness", &Key::witness().1.to_string()]);
    assert_eq!((done.code, said(&done)["reason"].as_str()), (1, Some("unwitnessed")));
    assert!(server.asked().last().unwrap().ends_with("/proof?witnessed=true"));
}

#[test]
fn no_proof_is_written_that_does_not_hold_or_is_anothers() {
    let (server, entries) = (Server::start(), entries(5));
    let code = |id: &str| prove(&server, id, &[]).code;
    let mut forged = proof(&entries, 2);
    forged["checkpoint"] = signed(&entries, &Key::foreign()).to_string().into();
    for (served, code) in [(forged.to_string(), 1), ("{}".to_owned(), 1), (proof(&entries, 3).to_string(), 3)]
    {
        serve(&server, &served);
        let done = prove(&server, ID, &[]);
        assert!(done.code == code && !done.said.contains("tlog-proof@"), "{done:?}");
    }
    server.serves(&entries);
    assert_eq!(code(ID), 3, "there is none");
    server.serves(&entries);
    for id in ["", "../checkpoint", "2", "events"] {
        assert_eq!(code(id), if id == "2" { 3 } else { 2 }, "{id}");
    }
    assert!(server.asked().iter().all(|path| path == "/v1/audit/events/2/proof"), "{:?}", server.asked());
}
