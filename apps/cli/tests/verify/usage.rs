//! What isn't understood, or can't be read, is no verdict: by either verifier.

use tempfile::TempDir;

use crate::forge::{Files, Key, bundle, entries, signed, state};
use crate::judges::codes;

#[test]
fn the_exit_code_tells_what_was_wrong_with_the_question() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let put = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).unwrap();
    let entries = entries(3);
    Files::of(&entries).write(&directory.path().join("log"));
    std::fs::create_dir(path("empty")).unwrap();
    let mut bare = bundle(&entries, 1);
    bare.extra = None;
    put("bare", bare.to_string().as_bytes());
    put("proof", bundle(&entries, 1).to_string().as_bytes());
    put("long", &vec![b' '; (4 << 20) + 1]);
    put("state", &state(&signed(&entries, &Key::log())));
    put("broken", b"{\"logs\":[]}");
    let (key, witness) = (Key::log().1.to_string(), Key::witness().1.to_string());
    put("keys", format!("\n{}\n{key}\n", Key::foreign().1).as_bytes());
    put("no-keys", b"\n");
    put("crlf", format!("\r\n \t{key} \r\n").as_bytes());
    let parted = |by: &str| format!("{key}{by}{key}\n").into_bytes();
    for (name, by) in
        [("u2028", "\u{2028}"), ("u85", "\u{85}"), ("vt", "\u{b}"), ("fs", "\u{1c}"), ("cr", "\r")]
    {
        put(name, &parted(by));
        put(&format!("{name}-end"), format!("{key}{by}\n").as_bytes());
    }
    put("latin", &[format!("{key}\n").as_bytes(), b"\xff\n"].concat());
    put("deep", &[&b"["[..]; 100_000].concat());

    let asked = [
        (0, "log --key KEY"),
        (0, "log --key keys"),
        (0, "log --key=KEY --state state"),
        (0, "proof --key KEY --quorum 0 --witness WITNESS"),
        (1, "proof --key KEY --witness WITNESS"),
        (1, "broken --key KEY"),
        (2, "log"),
        (2, "--key KEY"),
        (2, "log log --key KEY"),
        (2, "log --key"),
        (2, "log --key KEY --quick"),
        (2, "log --key KEY --quorum many"),
        (2, "log --key KEY --quorum +0"),
        (2, "log --key KEY --quorum -0"),
        (2, "log --key KEY --quorum 00"),
        (2, "log --key KEY --quorum 0_0"),
        (2, "log --key KEY --quorum ٠"),
        (2, "log --key KEY --quorum ²"),
        (2, "log --key KEY --quorum 99999999999999999999"),
        (2, "log --key KEY --quorum="),
        (2, "log --key KEY --quorum 1"),
        (2, "log --key KEY --witness WITNESS --witness WITNESS --quorum 2"),
        (2, "log --key KEY --witness KEY"),
        (2, "log --key WITNESS"),
        (2, "log --key no-keys"),
        (0, "log --key crlf"),
        (0, "log --key cr-end"),
        (2, "log --key cr"),
        (2, "log --key u2028"),
        (2, "log --key u2028-end"),
        (2, "log --key u85"),
        (2, "log --key u85-end"),
        (2, "log --key vt"),
        (2, "log --key vt-end"),
        (2, "log --key fs"),
        (2, "log --key fs-end"),
        (2, "log --key latin"),
        (2, "log --key bare"),
        (2, "log --key KEY --entry proof"),
        (2, "log --key KEY --export proof"),
        (2, "proof --key KEY --export proof"),
        (2, "bare --key KEY"),
        (3, "log --key nothing"),
        (3, "nothing --key KEY"),
        (3, "empty --key KEY"),
        (3, "long --key KEY"),
        (3, "log --key KEY --state nothing"),
        (3, "log --key KEY --state broken"),
        (3, "log --key KEY --state deep"),
        (3, "bare --key KEY --entry nothing"),
    ];
    let word = |word: &str| match word.split_once('=') {
        Some((option, "KEY")) => format!("{option}={key}"),
        _ if word.starts_with("--") => word.to_owned(),
        _ => match word {
            "KEY" => key.clone(),
            "WITNESS" => witness.clone(),
            file if directory.path().join(file).exists() || file == "nothing" => path(file),
            number => number.to_owned(),
        },
    };
    let lines: Vec<Vec<_>> = asked.iter().map(|(_, line)| line.split(' ').map(word).collect()).collect();
    for ((code, line), (ours, theirs)) in asked.iter().zip(codes(&lines)) {
        assert_eq!((ours, theirs), (*code, *code), "{line}");
    }
}

#[test]
fn the_report_says_what_it_rests_on_and_what_it_does_not_show() {
    let directory = TempDir::new().unwrap();
    let entries = entries(3);
    let mut note = signed(&entries, &Key::log());
    note.cosign(&Key::witness(), 1_795_000_100).unwrap();
    let mut files = Files::of(&entries);
    files.vouch(&note);
    files.write(directory.path());
    let ask = |more: &[&str]| {
        let (path, key) = (directory.path().to_str().unwrap(), Key::log().1.to_string());
        let words = [&["verify", path, "--key", &key], more].concat();
        ward_cli::run(&words.into_iter().map(str::to_owned).collect::<Vec<_>>(), None)
    };
    let alone = ask(&[]).said;
    for part in [
        "VERIFIED: the log ward.example/",
        "3 entries",
        "2026-11-18T11:06:40.123456Z",
        "does not show",
        "no witness",
    ] {
        assert!(alone.contains(part), "{part}: {alone}");
    }
    let cosigned = ask(&["--witness", &Key::witness().1.to_string()]).said;
    assert!(cosigned.contains("cosigned by  witness.example at 2026-11-18T11:08:20Z"), "{cosigned}");
    assert!(!cosigned.contains("no witness"), "{cosigned}");
    std::fs::write(directory.path().join("tile/entries/000.p/3"), b"").unwrap();
    let refuted = ask(&[]);
    assert_eq!(refuted.said.lines().next(), Some("REFUTED: truncated, at entry 0"));
}
