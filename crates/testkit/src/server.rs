use std::env;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;
use ward_postgres::launcher::{Address, Binaries, Cluster, Durability, LaunchError};

/// Names the socket directory of a throw-away server that others share.
const SHARED: &str = "WARD_TEST_CLUSTER";

/// Waits for the end of the process that holds the other end of its standard input, then ends the server and
/// deletes it. A shell outlives what Rust's own destructors don't: SIGKILL, and the end of `main`.
const WATCH: &str = r#"
trap '' HUP INT TERM
read -r _
server=$1/cluster/postmaster.pid
if [ -f "$server" ]; then
    pid=$(sed -n 1p "$server") socket=$(sed -n 5p "$server")
    kill -s QUIT "$pid"
    tries=0
    while [ -f "$server" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    [ -z "$socket" ] || rm -rf "$socket"
fi
tries=0
until rm -rf "$1" || [ $tries -ge 100 ]; do sleep 0.05; tries=$((tries + 1)); done
"#;

/// This process's server. It is never dropped, since other threads may use it to the very end; its watch sees
/// to it.
static SERVER: Mutex<Option<Server>> = Mutex::new(None);

#[derive(Debug)]
struct Server {
    address: Address,
    _own: Option<(Child, Cluster)>,
}

/// The throw-away server of this process, started now if need be; or the one that `WARD_TEST_CLUSTER` names.
pub fn server() -> Result<Address, LaunchError> {
    started(|| match env::var_os(SHARED) {
        Some(socket) => Ok(Server { address: Address::new(PathBuf::from(socket)), _own: None }),
        None => start(Durability::None),
    })
}

/// A server that keeps what it acknowledges, as a real one does, and is thrown away all the same: for
/// measurements. Whoever asks first decides which server this process has.
pub fn durable_server() -> Result<Address, LaunchError> {
    started(|| start(Durability::Full))
}

fn started(start: impl FnOnce() -> Result<Server, LaunchError>) -> Result<Address, LaunchError> {
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = &*server {
        return Ok(running.address.clone());
    }
    Ok(server.insert(start()?).address.clone())
}

fn start(durability: Durability) -> Result<Server, LaunchError> {
    #[expect(clippy::disallowed_methods, reason = "a name that no other process has")]
    let name = format!("ward-test-{}", Uuid::new_v4().simple());
    let directory = env::temp_dir().join(name);
    let chosen = env::var_os("WARD_PG_BINDIR").map(PathBuf::from);
    let binaries = Binaries::find(&directory, chosen.as_deref())?;
    let watch = watch(&directory).map_err(|source| LaunchError::Io { path: "/bin/sh".into(), source })?;
    let cluster = Cluster::start(&binaries, &directory, durability)?;
    Ok(Server { address: cluster.address().clone(), _own: Some((watch, cluster)) })
}

/// Its standard input stays open for as long as this process lives, and no child inherits it.
fn watch(directory: &Path) -> io::Result<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", WATCH, "ward-test-watch"]).arg(directory).process_group(0);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").spawn()
}
