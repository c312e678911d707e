//! Throw-away servers and databases, from several processes and after sudden deaths.
#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test may")]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use sqlx::{Connection as _, Executor as _, PgConnection};
use ward_postgres::launcher::Address;
use ward_testkit::{Database, server};

/// Makes a copy of this program keep its server until it is killed.
const HOLD: &str = "WARD_TEST_HOLD";
const SHARED: &str = "WARD_TEST_CLUSTER";
const FIRST: &str = "a_database_is_migrated_and_its_test_s_alone";

/// A server of `ward-throwaway`.
struct Shared {
    program: Child,
    input: Option<ChildStdin>,
    address: Address,
}

impl Shared {
    fn start() -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ward-throwaway"));
        program.env_remove(SHARED).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = program.spawn().unwrap();
        let mut socket = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut socket).unwrap();
        let address = Address::new(PathBuf::from(socket.trim()));
        Self { input: program.stdin.take(), program, address }
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.address.url("postgres", "postgres")).await.unwrap()
    }

    async fn templates(&self) -> Vec<String> {
        let named = "SELECT datname::text FROM pg_database WHERE datname LIKE 'ward_template%' ORDER BY 1";
        sqlx::query_scalar(named).fetch_all(&mut self.connect().await).await.unwrap()
    }

    /// A copy of this program that makes a database on the server.
    fn user(&self) -> Child {
        let mut copy = Command::new(env::current_exe().unwrap());
        copy.args(["--exact", FIRST]).env(SHARED, self.address.socket()).stdout(Stdio::null());
        copy.spawn().unwrap()
    }

    fn end(mut self) {
        drop(self.input.take());
        assert!(self.program.wait().unwrap().success());
        wait_for(|| !self.address.socket().exists());
    }
}

fn wait_for(done: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("waited 20 s");
}

/// Whether the process runs; one that is dead and waited for by nobody doesn't.
fn lives(pid: u32) -> bool {
    let shown = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    !shown.stdout.is_empty() && !shown.stdout.starts_with(b"Z")
}

async fn exists(database: &str) -> bool {
    let url = server().unwrap().url("postgres", "postgres");
    let mut root = PgConnection::connect(&url).await.unwrap();
    let found = sqlx::query("SELECT FROM pg_database WHERE datname = $1").bind(database);
    found.fetch_optional(&mut root).await.unwrap().is_some()
}

#[tokio::test]
async fn a_database_is_migrated_and_its_test_s_alone() {
    let (one, other) = tokio::join!(Database::create(), Database::create());
    let (one, other) = (one.unwrap(), other.unwrap());
    if env::var_os(HOLD).is_some() {
        println!("\nheld {}", server().unwrap().socket().display());
        std::future::pending::<()>().await;
    }
    assert_ne!(one.name(), other.name());
    one.run("ward_owner", "CREATE TABLE ward.mine ()").await.unwrap();
    assert!(other.run("ward_owner", "SELECT FROM ward.mine").await.is_err());
    assert!(one.run("ward_app", "SELECT FROM ward.migration").await.unwrap() > 0);
    for forbidden in ["CREATE TEMP TABLE t ()", "CREATE TABLE public.t ()", "SET ROLE ward_owner"] {
        let refused = one.run("ward_app", forbidden).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{forbidden}");
    }
    one.run("postgres", "CREATE ROLE stranger LOGIN").await.unwrap_or_default();
    assert!(one.connect("stranger").await.is_err());
}

#[tokio::test]
async fn an_unmigrated_database_has_the_roles_and_no_schema() {
    let db = Database::unmigrated().await.unwrap();
    assert!(db.run("ward_owner", "SELECT FROM ward.migration").await.is_err());
    ward_postgres::migrate(&db.url("ward_owner"), None).await.unwrap();
    assert!(db.run("ward_app", "SELECT FROM ward.migration").await.unwrap() > 0);
}

#[tokio::test]
async fn a_dropped_database_is_deleted_though_somebody_is_connected() {
    let db = Database::create().await.unwrap();
    let name = db.name().to_owned();
    let mut connected = db.connect("ward_app").await.unwrap();
    assert!(exists(&name).await);
    drop(db);
    while exists(&name).await {
        tokio::task::yield_now().await;
    }
    assert!(connected.ping().await.is_err());
}

#[tokio::test]
async fn processes_share_a_server_and_make_the_template_once() {
    let shared = Shared::start();
    let users: Vec<Child> = (0..3).map(|_| shared.user()).collect();
    for mut user in users {
        assert!(user.wait().unwrap().success());
    }
    assert_eq!(shared.templates().await.len(), 1);
    shared.end();
}

#[tokio::test]
async fn a_half_made_template_is_never_used() {
    let shared = Shared::start();
    assert!(shared.user().wait().unwrap().success());
    let whole = shared.templates().await;
    let halve = format!("ALTER DATABASE {0} RENAME TO {0}_half", whole[0]);
    shared.connect().await.execute(sqlx::AssertSqlSafe(halve)).await.unwrap();
    assert!(shared.user().wait().unwrap().success());
    assert_eq!(shared.templates().await, whole);
    shared.end();
}

#[test]
fn a_process_that_is_killed_leaves_no_server_and_no_files() {
    let mut copy = Command::new(env::current_exe().unwrap());
    copy.args(["--exact", FIRST, "--nocapture"]).env(HOLD, "1").env_remove(SHARED);
    let private = env::temp_dir().join(format!("testkit-test-{}", std::process::id()));
    std::fs::create_dir(&private).unwrap();
    let mut copy = copy.env("TMPDIR", &private).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(copy.stdout.take().unwrap()).lines().map(Result::unwrap);
    let socket = said.filter_map(|line| line.strip_prefix("held ").map(PathBuf::from)).next().unwrap();
    let files =
        || std::fs::read_dir(&private).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let pid_file = std::fs::read_to_string(files()[0].join("cluster/postmaster.pid")).unwrap();
    let server: u32 = pid_file.lines().next().unwrap().parse().unwrap();
    assert!(lives(server));
    assert!(socket.join(".s.PGSQL.5432").exists());
    copy.kill().unwrap();
    copy.wait().unwrap();
    wait_for(|| files().is_empty() && !socket.exists());
    assert!(!lives(server));
    std::fs::remove_dir(&private).unwrap();
}
