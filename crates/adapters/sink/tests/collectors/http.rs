//! Batches over HTTP: what is taken, and from whom.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use ward::Sink as _;
use ward_sink::{Authorities, HttpBatches, Unusable};
use ward_testkit::{Collector, Protocol};

use crate::{batch, causes, file_of};

fn collector() -> (Collector, TempDir, PathBuf) {
    let (collector, home) = crate::collector(Protocol::Http);
    let authorization = home.path().join("authorization");
    fs::write(&authorization, format!("{}\n", Collector::AUTHORIZATION)).unwrap();
    (collector, home, authorization)
}

fn sink(of: &Collector, authorization: Option<&PathBuf>) -> HttpBatches {
    let url = format!("https://localhost:{}/ingest", of.address().port());
    HttpBatches::new(&url, &file_of(of), authorization.cloned()).unwrap()
}

#[tokio::test]
async fn a_batch_was_taken_where_the_answer_says_so() {
    let (mut collector, _home, authorization) = collector();
    let sink = sink(&collector, Some(&authorization));
    sink.take(&batch(&["{\"a\":1}", "{\"a\":\"ö\"}"])).await.unwrap();
    assert_eq!(collector.taken(), ["{\"a\":1}", "{\"a\":\"ö\"}"]);
    collector.fails_after(1);
    sink.take(&batch(&["b", "c"])).await.unwrap_err();
    assert_eq!(collector.taken().len(), 3, "it took one, and died of the next");
    collector.kill();
    sink.take(&batch(&["b", "c"])).await.unwrap_err();
    collector.start_again().unwrap();
    sink.take(&batch(&["b", "c"])).await.unwrap();
    assert_eq!(collector.taken()[3..], ["b", "c"]);
}

#[tokio::test]
async fn the_authorization_is_what_the_file_holds_then_and_whoever_has_none_is_told_so() {
    let (collector, _home, file) = collector();
    let refused = causes(sink(&collector, None).take(&batch(&["a"])).await.unwrap_err());
    assert!(refused.contains("401"), "{refused}");
    let sink = sink(&collector, Some(&file));
    for (text, complaint) in [("Bearer old", "401"), ("two\nlines", "authorization")] {
        fs::write(&file, text).unwrap();
        let refused = causes(sink.take(&batch(&["a"])).await.unwrap_err());
        assert!(refused.contains(complaint) && !refused.contains(text), "{refused}");
    }
    fs::remove_file(&file).unwrap();
    sink.take(&batch(&["a"])).await.unwrap_err();
    assert_eq!(collector.taken(), Vec::<String>::new());
    fs::write(&file, Collector::AUTHORIZATION).unwrap();
    sink.take(&batch(&["a"])).await.unwrap();
}

#[tokio::test]
async fn nobody_is_told_anything_whose_certificate_is_not_known() {
    let ((one, _home, file), (other, _other, _)) = (collector(), collector());
    let url = format!("https://localhost:{}/ingest", one.address().port());
    let sink = HttpBatches::new(&url, &file_of(&other), Some(file)).unwrap();
    let failed = causes(sink.take(&batch(&["secret"])).await.unwrap_err());
    assert!(failed.contains("certificate"), "{failed}");
    assert_eq!(one.taken(), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_names_its_batch_and_a_redirect_leads_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ingest", listener.local_addr().unwrap());
    let (collector, _home, _) = collector();
    let sink = HttpBatches::new(&url, &file_of(&collector), None).unwrap();
    let asked = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = String::new();
        while !asked.ends_with("\r\n\r\na\nb\n") {
            asked.push(socket.read_u8().await.unwrap().into());
        }
        let redirect = "HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        socket.write_all(redirect.as_bytes()).await.unwrap();
        asked
    });
    let failed = causes(sink.take(&batch(&["a", "b"])).await.unwrap_err());
    assert!(failed.contains("307"), "{failed}");
    let asked = asked.await.unwrap();
    for header in ["idempotency-key: \"batch\"", "content-type: application/x-ndjson", "content-length: 4"] {
        assert!(asked.contains(&format!("\r\n{header}\r\n")), "no {header}: {asked}");
    }
    assert!(asked.starts_with("POST /ingest HTTP/1.1\r\n"), "{asked}");
}

#[test]
fn nothing_is_sent_in_clear_to_another_machine() {
    let (collector, _home, _) = collector();
    let made = |url: &str| HttpBatches::new(url, &file_of(&collector), None).err();
    for url in
        ["http://collector.example/", "ftp://localhost/", "/ingest", "https://collector.example/?key=1"]
    {
        assert!(matches!(made(url), Some(Unusable::Url)), "{url}");
    }
    for url in ["https://collector.example/", "http://localhost:1/", "http://[::1]/"] {
        assert!(made(url).is_none(), "{url}");
    }
    let missing = Authorities::File("/nowhere/authority.pem".into());
    assert!(HttpBatches::new("https://collector.example/", &missing, None).is_err());
}
