use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;

use tokio::runtime::Runtime;
use ward_testkit::{Database, server};

/// A migrated database, and a loopback address at which its server seems to be of another version than it is.
pub(crate) struct Doctored {
    database: Database,
    address: SocketAddr,
}

impl Doctored {
    /// `version` is what the server is to say of itself as `server_version_num`.
    pub(crate) fn new(version: &'static str) -> Self {
        let database = Runtime::new().unwrap().block_on(Database::create()).unwrap();
        let socket = server().unwrap().socket().join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                connect(client.unwrap(), socket.clone(), version).unwrap();
            }
        });
        Self { database, address }
    }

    /// How Ward reaches it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://ward_app@{}/{}", self.address, self.database.name())
    }
}

fn connect(client: TcpStream, socket: PathBuf, version: &'static str) -> io::Result<()> {
    let server = UnixStream::connect(socket)?;
    client.set_nodelay(true)?;
    let (mut asking, mut asked) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _gone = io::copy(&mut asking, &mut asked); // either may leave when it likes
        let _gone = asked.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let _gone = answer(BufReader::new(server), BufWriter::new(&client), version);
        let _gone = client.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// Passes the server's messages on: a byte for their kind, four for their length, the rest.
fn answer(mut server: BufReader<UnixStream>, mut client: impl Write, version: &str) -> io::Result<()> {
    const ROW: u8 = b'D';
    loop {
        let mut head = [0; 5];
        server.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; length as usize - 4];
        server.read_exact(&mut body)?;
        if head[0] == ROW {
            doctor(&mut body, version.as_bytes());
        }
        client.write_all(&head)?;
        client.write_all(&body)?;
        if server.buffer().is_empty() {
            client.flush()?;
        }
    }
}

/// Puts `version` in place of a field that is the number of a version of PostgreSQL, from 14 to 19.
fn doctor(row: &mut [u8], version: &[u8]) {
    let is_version = |text: &[u8]| {
        text.iter().all(u8::is_ascii_digit)
            && text.starts_with(b"1")
            && &text[2..4] == b"00"
            && text[1] >= b'4'
    };
    for start in 4..row.len().saturating_sub(version.len() - 1) {
        let end = start + version.len();
        if row[start - 4..start] == [0, 0, 0, 6] && is_version(&row[start..end]) {
            row[start..end].copy_from_slice(version);
        }
    }
}
