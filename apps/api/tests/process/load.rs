use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::json;
use ureq::http::Method;

use crate::client::{Answer, Client};
use crate::ward::pause;

const WRITERS: usize = 4;

/// What was acknowledged, in all its time: the name that the client gave, and the id that the answer told.
pub(crate) type Acknowledged = BTreeMap<String, Option<String>>;

/// Several writers that add subjects as fast as they are answered, and try again what was not.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    stored: Arc<Mutex<Acknowledged>>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts; `round` makes its names unlike those of another load.
    pub(crate) fn start(client: &Client, round: usize) -> Self {
        let (stop, count, stored) = Default::default();
        let mut load = Self { stop, count, stored, writers: Vec::new() };
        load.writers = (0..WRITERS)
            .map(|writer| {
                let (stop, count, stored) = (load.stop.clone(), load.count.clone(), load.stored.clone());
                let (client, once) = (client.clone(), writer % 2 == 0);
                thread::spawn(move || {
                    for n in 0.. {
                        let name = format!("{round}-{writer}-{n}");
                        let Some(id) = store(&client, &name, once, &stop) else { return };
                        stored.lock().unwrap().insert(name, id);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        load
    }

    /// Waits for so many more answers.
    pub(crate) fn wait(&self, more: usize) {
        let wanted = self.count.load(Ordering::Relaxed) + more;
        while self.count.load(Ordering::Relaxed) < wanted {
            assert!(self.writers.iter().all(|writer| !writer.is_finished()), "a writer gave up");
            pause();
        }
    }

    /// Ends the writers, and says what was acknowledged.
    pub(crate) fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.join().unwrap();
        }
        Arc::into_inner(self.stored).unwrap().into_inner().unwrap()
    }
}

/// Asks until it is stored. Half of the writers ask in a way that is harmless to repeat, and must be told the same id again; the
/// others may be told that it exists already, if an earlier try had no answer.
fn store(client: &Client, name: &str, once: bool, stop: &AtomicBool) -> Option<Option<String>> {
    let body = json!({ "kind": "clinician", "external_ref": name, "fields": { "given_name": "Ann" } });
    let headers: &[_] = if once { &[("idempotency-key", name)] } else { &[] };
    let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
    let mut unanswered = false;
    while !stop.load(Ordering::Relaxed) {
        match client.send(Method::POST, "/v1/subjects", &headers, &body.to_string()) {
            Ok(answer) if answer.status == 201 => {
                return Some(answer.json()["id"].as_str().map(str::to_owned));
            }
            Ok(Answer { status: 409, text, .. }) if text.contains(":taken") => {
                assert!(unanswered && !once, "nobody else writes `{name}`: {text}");
                return Some(None);
            }
            Ok(Answer { status: 409, text, .. }) => assert!(once && text.contains(":in-flight"), "{text}"),
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
            Err(_) => {}
        }
        unanswered = true;
        pause();
    }
    None
}
