use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::runtime;
use ward_postgres::launcher::Address;

/// Deletes a database in the background. What the process leaves undone at its end goes with the server.
pub(crate) fn sweep(server: &Address, database: &str) {
    static JANITOR: OnceLock<Sender<String>> = OnceLock::new();
    let janitor = JANITOR.get_or_init(|| {
        let (sender, names) = channel();
        let url = server.url("postgres", "postgres");
        thread::spawn(move || work(&url, names));
        sender
    });
    let _ = janitor.send(database.to_owned()); // it only stops when the server is gone
}

fn work(url: &str, names: Receiver<String>) {
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else { return };
    let Ok(mut root) = runtime.block_on(PgConnection::connect(url)) else { return };
    for name in names {
        let drop = AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        if runtime.block_on(root.execute(drop)).is_err() {
            return;
        }
    }
}
