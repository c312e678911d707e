//! Starts a throw-away PostgreSQL, prints the directory of its socket, and keeps it until its standard input
//! ends.

use std::error::Error;
use std::io::{self, Read as _, Write as _};

fn main() -> Result<(), Box<dyn Error>> {
    let server = ward_testkit::server()?;
    writeln!(io::stdout(), "{}", server.socket().display())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
