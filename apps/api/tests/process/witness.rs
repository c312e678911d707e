//! A witness beside Ward: it cosigns what grows, and remembers what Ward's database may have forgotten.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use ureq::http::Method;

use crate::client::Client;
use crate::ward::{Tenant, Ward, pause};

struct Witness {
    home: PathBuf,
    listen: String,
    child: Child,
}

impl Witness {
    fn start(home: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let (home, listen) = (home.to_owned(), free.local_addr().unwrap().to_string());
        drop(free);
        let child = Self::launch(&home, &listen);
        Self { home, listen, child }
    }

    fn launch(home: &Path, listen: &str) -> Child {
        let program = Path::new(env!("CARGO_BIN_EXE_ward-api")).with_file_name("ward-witness");
        assert!(program.is_file(), "`cargo build --bin ward-witness` makes what this test needs");
        let log = File::create(home.join("witness.log")).unwrap();
        let mut witness = Command::new(program);
        witness.args(["--name", "witness.test", "--listen", listen, "--state"]).arg(home.join("witness"));
        witness.arg("--logs").arg(home.join("witness.logs")).env("WARD_LOG", "info");
        witness.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Its key, once it serves.
    fn key(&self) -> String {
        for _ in 0..1_000 {
            let log = fs::read_to_string(self.home.join("witness.log")).unwrap();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(line) = lines.into_iter().find(|line| line["fields"]["message"] == "serving") {
                return line["fields"]["key"].as_str().unwrap().to_owned();
            }
            pause();
        }
        panic!("the witness doesn't serve");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = Self::launch(&self.home, &self.listen);
        self.key();
    }

    /// How many entries of a log it has seen.
    fn seen(&self, tenant: &Tenant) -> Option<u64> {
        let origin = Sha256::digest(format!("localhost/{}", tenant.id));
        let origin = hex::encode(origin);
        let shown = Client::new(format!("http://{}", self.listen), "").get(&format!("/{origin}/checkpoint"));
        shown.ok()?.text.lines().nth(1)?.parse().ok()
    }

    /// Tells it which logs there are.
    fn learn(&self, ward: &Ward) {
        fs::write(self.home.join("witness.new"), ward.says(&["log-keys"])).unwrap();
        fs::rename(self.home.join("witness.new"), self.home.join("witness.logs")).unwrap();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.child.kill().and_then(|()| self.child.wait()); // it may have ended by itself
    }
}

fn beside() -> (Ward, Witness, String) {
    let mut ward = Ward::idle();
    let witness = Witness::start(ward.home());
    let key = witness.key();
    ward.set(&[("WARD_WITNESSES", &format!("http://{} {key}", witness.listen))]);
    ward.start_again();
    (ward, witness, key)
}

/// The size of the log in a checkpoint; none, where there is no such one.
pub(crate) fn size(ward: &Ward, tenant: &Tenant, query: &str) -> Option<u64> {
    let told = ward.client(&tenant.key).get(&format!("/v1/audit/checkpoint{query}")).ok()?;
    (told.status == 200).then(|| told.text.lines().nth(1)?.parse().ok())?
}

pub(crate) fn write(ward: &Ward, tenant: &Tenant) -> u64 {
    ward.client(&tenant.key).get("/v1/audit/events").unwrap();
    ward.client(&tenant.key).get("/v1/audit/events").unwrap();
    size(ward, tenant, "").unwrap()
}

/// Puts a backup back, as it were: all that came after this head of a log is gone, and with it that witnesses saw it.
pub(crate) fn set_back(ward: &Ward, tenant: &Tenant, note: &str) {
    let mut lines = note.lines().skip(1);
    let (id, size, root) = (&tenant.id, lines.next().unwrap(), lines.next().unwrap());
    let set_back = format!(
        "SET session_replication_role = replica;
         DELETE FROM ward.audit_place WHERE tenant = '{id}' AND index >= {size};
         UPDATE ward.audit_head SET size = {size}, root = decode('{root}', 'base64'), note = '{note}', witnessed = '{note}', witnessed_size = {size}
         WHERE tenant = '{id}'"
    );
    ward.postgres().ask(&set_back);
}

fn verify(ward: &Ward, tenant: &Tenant, witness: &str) -> ward_cli::Done {
    let key = ward.client(&tenant.key).get("/v1/audit/key").unwrap().text;
    let url = ward.client("").url;
    let words = ["audit", "verify", "--url", &url, "--key", key.trim(), "--witness", witness];
    ward_cli::run(&words.map(str::to_owned), Some(tenant.key.clone()))
}

#[test]
fn a_witness_cosigns_what_grows_and_what_grew_while_it_was_away_and_the_deployments_log_holds_it_too() {
    let (mut ward, mut witness, key) = beside();
    let tenant = ward.found("Witnessed");
    let first = write(&ward, &tenant);
    assert_eq!(size(&ward, &tenant, "?witnessed=true"), None, "it wasn't told of this log");
    witness.learn(&ward);
    let seen = |ward: &Ward| size(ward, &tenant, "?witnessed=true");
    ward.until("witnessed", |ward| seen(ward).filter(|seen| *seen >= first));
    assert_eq!(verify(&ward, &tenant, &key).code, 0);

    witness.kill();
    let second = write(&ward, &tenant);
    assert!(second > first && seen(&ward).unwrap() < second, "the log grows without it");
    ward.kill();
    ward.start_again();
    witness.start_again();
    ward.until("witnessed again", |ward| seen(ward).filter(|seen| *seen >= second));
    let done = verify(&ward, &tenant, &key);
    assert_eq!(done.code, 0, "{done:?}");
    ward.until("written down", |ward| (written(ward, &tenant) > 0).then_some(()));
    ward.stop();
}

/// How often a head of a log was written into the deployment's.
fn written(ward: &Ward, tenant: &Tenant) -> usize {
    let written = format!(
        "SELECT count(*) FROM ward.audit_leaf WHERE tenant = '00000000-0000-7000-8000-000000000000'
         AND body::json -> 'changes' -> '{}' ->> 'after' LIKE '% %='",
        tenant.id
    );
    ward.postgres().ask(&written)[0][0].parse().unwrap()
}

#[test]
fn a_witness_that_never_answers_keeps_no_other_waiting_and_no_head_from_being_written_down() {
    let (mut ward, witness, key) = beside();
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent, other) =
        (hangs.local_addr().unwrap(), "hangs.example+0208bb1a+BAuVKhgnkyVNd9dWJx3ZzV8B0sLrOVzSZcmBHs2qj0B3");
    ward.stop();
    ward.set(&[("WARD_WITNESSES", &format!("http://{silent} {other} http://{} {key}", witness.listen))]);
    ward.start_again();
    let tenant = ward.found("Hung");
    witness.learn(&ward);
    let last = write(&ward, &tenant);
    ward.until("cosigned by the other", |_| witness.seen(&tenant).filter(|seen| *seen >= last));
    ward.until("written down", |ward| (written(ward, &tenant) > 0).then_some(()));
    assert_eq!(size(&ward, &tenant, "?witnessed=true"), None, "not by all");

    let before = written(&ward, &tenant);
    ward.kill();
    ward.start_again();
    ward.until("written down again", |ward| (written(ward, &tenant) > before).then_some(()));
    ward.until("told", |ward| {
        String::from_utf8_lossy(&ward.logs()).contains("asking the witness hangs.example fails").then_some(())
    });
    ward.stop();
}

/// What the check of the log says now.
pub(crate) fn checked(ward: &Ward, tenant: &Tenant) -> Value {
    let (json, path) = ([("content-type", "application/json")], "/v1/claims/audit-proofs/check");
    ward.client(&tenant.key).send(Method::POST, path, &json, "{}").unwrap().json()["status"].clone()
}

#[test]
fn a_log_that_was_set_back_is_contradicted_by_its_witness() {
    let (mut ward, mut witness, _) = beside();
    let tenant = ward.found("Set back");
    witness.learn(&ward);
    write(&ward, &tenant);
    let note = ward.client(&tenant.key).get("/v1/audit/checkpoint").unwrap().text;
    write(&ward, &tenant);
    let last = write(&ward, &tenant);
    ward.until("witnessed", |ward| size(ward, &tenant, "?witnessed=true").filter(|seen| *seen >= last));

    ward.kill();
    set_back(&ward, &tenant, &note);
    ward.set(&[("WARD_LOG", "info,ward_api::due=debug")]);
    ward.start_again();
    ward.until("contradicted, though nothing grew", |ward| {
        String::from_utf8_lossy(&ward.logs()).contains("a log is not as it was").then_some(())
    });
    assert_eq!(checked(&ward, &tenant), "failing");
    witness.kill();
    ward.until("without a witness", |ward| {
        String::from_utf8_lossy(&ward.logs()).contains("Connection refused").then_some(())
    });
    assert_eq!(checked(&ward, &tenant), "failing", "one that can't be asked takes nothing back");
    ward.stop();
}
