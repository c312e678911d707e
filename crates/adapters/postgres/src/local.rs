use std::net::IpAddr;

use sqlx::postgres::PgConnectOptions;

/// Whether the database at `url` is on this machine, behind a socket or a loopback address, so that no network carries what is said to
/// it; `None` for what is no URL of a PostgreSQL.
///
/// No name is looked up, as another may be answered tomorrow: of all names only `localhost` is this machine.
pub fn is_local(url: &str) -> Option<bool> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return None;
    }
    let options: PgConnectOptions = url.parse().ok()?;
    let host = options.get_host();
    Some(options.get_socket().is_some() || host.starts_with('/') || is_loopback(host))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_sockets_and_loopback_addresses_are_this_machine() {
        for here in [
            "postgres://ward_app@localhost/ward?host=/run/postgresql",
            "postgres://ward_app@%2Frun%2Fpostgresql/ward",
            "postgres://ward_app@localhost:6432/ward",
            "postgresql://ward_app:secret@127.0.0.1/ward",
            "postgres://127.8.0.1",
            "postgres://ward_app@[::1]:5432/ward",
            "postgres://ward_app@[::ffff:127.0.0.1]/ward",
        ] {
            assert_eq!(is_local(here), Some(true), "{here}");
        }
        for elsewhere in [
            "postgres://ward_app@db.example.org/ward",
            "postgres://ward_app@localhost.example.org/ward",
            "postgres://ward_app@10.0.0.7/ward",
            "postgres://ward_app@192.168.1.2/ward",
            "postgres://ward_app@0.0.0.0/ward",
            "postgres://ward_app@[fe80::1]/ward",
            "postgres://ward_app@127.0.0.1/ward?host=db.example.org",
            "postgres://ward_app@localhost/ward?hostaddr=203.0.113.9",
        ] {
            assert_eq!(is_local(elsewhere), Some(false), "{elsewhere}");
        }
        for nothing in ["", "ward", "mysql://localhost/ward", "postgres://[::1/ward", "host=localhost"] {
            assert_eq!(is_local(nothing), None, "{nothing}");
        }
    }
}
