//! Syslog: what is taken, and what counts as taken.

use std::fs;
use std::path::PathBuf;

use tempfile::tempdir;
use tokio::net::TcpListener;
use ward::Sink as _;
use ward_sink::{Authorities, SyslogTls, Unusable};
use ward_testkit::{Collector, Protocol};

use crate::{batch, causes, file_of};

fn sink(of: &Collector) -> SyslogTls {
    SyslogTls::new("localhost", of.address().port(), &file_of(of)).unwrap()
}

fn collector() -> (Collector, tempfile::TempDir) {
    crate::collector(Protocol::Syslog)
}

#[tokio::test]
async fn messages_arrive_whole_and_in_order_whatever_they_hold() {
    let (collector, _home) = collector();
    let sink = sink(&collector);
    let long = "x".repeat(100_000);
    let lines = ["<110>1 - - - - - - one", "12 umlauts: äöü \u{feff}", "", &long, "last"];
    let sent: Vec<_> = lines.iter().filter(|line| !line.is_empty()).copied().collect();
    for _ in 0..3 {
        sink.take(&batch(&sent)).await.unwrap();
    }
    assert_eq!(collector.taken(), [&sent[..], &sent, &sent].concat());
}

#[tokio::test]
async fn a_receiver_may_know_tls_1_2_and_no_later_one() {
    let home = tempdir().unwrap();
    let collector = Collector::start_old(Protocol::Syslog, home.path()).unwrap();
    sink(&collector).take(&batch(&["one", "two"])).await.unwrap();
    assert_eq!(collector.taken(), ["one", "two"]);
}

#[tokio::test]
async fn a_batch_counts_as_taken_only_where_the_receiver_ends_the_connection_well() {
    let (mut collector, _home) = collector();
    let sink = sink(&collector);
    for taken in 0..3 {
        collector.fails_after(taken);
        let failed = causes(sink.take(&batch(&["one", "two", "three"])).await.unwrap_err());
        assert!(failed.contains("broke off"), "{failed}");
    }
    collector.kill();
    let failed = causes(sink.take(&batch(&["one"])).await.unwrap_err());
    assert!(failed.contains("can't be reached"), "{failed}");
    let before = collector.taken().len();
    collector.start_again().unwrap();
    sink.take(&batch(&["one"])).await.unwrap();
    assert_eq!(collector.taken().len(), before + 1);
}

#[tokio::test]
async fn nobody_is_told_anything_whose_certificate_is_not_known_or_is_anothers() {
    let ((collector, _home), (other, _other)) = (collector(), collector());
    let port = collector.address().port();
    let stranger = file_of(&other);
    for sink in [
        SyslogTls::new("localhost", port, &stranger).unwrap(),
        SyslogTls::new("127.0.0.2", port, &file_of(&collector)).unwrap(),
    ] {
        let failed = causes(sink.take(&batch(&["secret"])).await.unwrap_err());
        assert!(failed.contains("can't be reached"), "{failed}");
    }
    assert_eq!(collector.taken(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_nothing_is_not_waited_for_without_end() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (collector, _home) = collector();
    let authorities = file_of(&collector);
    let sink = SyslogTls::new("127.0.0.1", silent.local_addr().unwrap().port(), &authorities).unwrap();
    let failed = causes(sink.take(&batch(&["one"])).await.unwrap_err());
    assert!(failed.contains("too long"), "{failed}");
}

#[test]
fn what_can_not_be_used_is_refused_before_anything_is_sent() {
    let home = tempdir().unwrap();
    let file = |name: &str| -> PathBuf { home.path().join(name) };
    fs::write(file("empty.pem"), "").unwrap();
    let made = |host: &str, name: &str| SyslogTls::new(host, 6514, &Authorities::File(file(name))).err();
    assert!(matches!(made("localhost", "missing.pem"), Some(Unusable::Authorities(_))));
    assert!(matches!(made("localhost", "empty.pem"), Some(Unusable::Nobody)));
    let (collector, _home) = collector();
    fs::copy(collector.authority(), file("authority.pem")).unwrap();
    assert!(matches!(made("not a host", "authority.pem"), Some(Unusable::Host(_))));
    assert!(made("siem.example", "authority.pem").is_none());
}
