use futures::future::BoxFuture;

use super::{
    ProbeError, Seen, backups, cipher, credentials, erasure, index, isolation, keeping, log, own_key,
    root_key, rotation, sealing, tenancy, told,
};
use crate::app::App;

type Check = for<'a> fn(&'a App) -> BoxFuture<'a, Result<Seen, ProbeError>>;

/// A check: its name, and what it does for whoever reads the trust page.
pub(super) struct Probe {
    name: &'static str,
    method: &'static str,
    pub(super) check: Check,
}

/// Every check there is.
static PROBES: [Probe; 22] = [
    Probe {
        name: "isolation",
        method: "Reads the database's catalogue rule by rule, then attacks one test customer from another in SQL.",
        check: |app| Box::pin(isolation::isolation(app)),
    },
    Probe {
        name: "tenant_from_credential",
        method: "Looks through the API's description for an operation that takes a tenant, and names another customer in a query, a header and a body.",
        check: |app| Box::pin(tenancy::tenant_from_credential(app)),
    },
    Probe {
        name: "cross_tenant",
        method: "Asks over HTTP to read, change and delete what is another test customer's, and compares the answers with those for ids that nobody has.",
        check: |app| Box::pin(tenancy::cross_tenant(app)),
    },
    Probe {
        name: "read_only",
        method: "Tries to add a row within an operation that only reads, and to lock one.",
        check: |app| Box::pin(isolation::read_only(app)),
    },
    Probe {
        name: "audit_completeness",
        method: "Makes a change and is refused a request, both over HTTP, then counts what the log says of each.",
        check: |app| Box::pin(log::completeness(app)),
    },
    Probe {
        name: "audit_immutability",
        method: "Tries to change and remove entries as the role that serves requests, and reads from the catalogue whether it could truncate or back-date.",
        check: |app| Box::pin(log::immutability(app)),
    },
    Probe {
        name: "audit_tree",
        method: "Looks for entries that wait too long for their place in the log, hashes stored entries anew, and holds them against the signed head of their log and against what searches find them by.",
        check: |app| Box::pin(log::tree(app)),
    },
    Probe {
        name: "audit_keeping",
        method: "Looks for the database's room for entries of this month and the next, asks it from when on it would let anybody drop entries, and \
                 reads of every log that begins later than with its first entry how old those before it are.",
        check: |app| Box::pin(keeping::keeping(app)),
    },
    Probe {
        name: "audit_reads",
        method: "Reads a test person, and is refused it with a key that may do nothing, then looks for the entries that each must leave.",
        check: |app| Box::pin(told::reads(app)),
    },
    Probe {
        name: "audit_scrub",
        method: "Writes a secret word as a test person's name, in a note and as user agent, then looks for it in the exact text of the log's entries.",
        check: |app| Box::pin(told::scrub(app)),
    },
    Probe {
        name: "audit_export",
        method: "Exports the last seconds of a test customer's log in every format, counts what each holds, and finds the newest entry by search.",
        check: |app| Box::pin(told::export(app)),
    },
    Probe {
        name: "sealing",
        method: "Stores a secret word in a test person's address and license number, looks for it in the rows as they lie in the database, and opens the sealed values in their own places and in others.",
        check: |app| Box::pin(sealing::sealing(app)),
    },
    Probe {
        name: "fail_closed",
        method: "Offers keys that are missing, short or constant, and tries to read and to write under a wrong one.",
        check: |app| Box::pin(sealing::fail_closed(app)),
    },
    Probe {
        name: "root_key",
        method: "Asks whoever holds the root key, has it wrap a new key for a test customer and unwrap it again, for that customer and for another, and throws it away.",
        check: |app| Box::pin(root_key::root_key(app)),
    },
    Probe {
        name: "cipher",
        method: "Stores a license number, reads from the newest sealed values of the test customers which cipher and which nonce each is under, and from \
                 every customer's keys which cipher they are for; then asks which key sealed most messages.",
        check: |app| Box::pin(cipher::cipher(app)),
    },
    Probe {
        name: "key_rotation",
        method: "Has a key of a test customer followed by a next version, and a test person's by another key, opens and moves what the old ones had sealed, and \
                 undoes all of it; then looks in every customer's rotations for one that stands still, and in their keys for one that is too old.",
        check: |app| Box::pin(rotation::rotation(app)),
    },
    Probe {
        name: "own_key",
        method: "Brings a key from a service of its own and withdraws it, offers keys that another service wrapped, asks when customers' own keys were \
                 last looked at, and tries to read customers whose keys can't be had.",
        check: |app| Box::pin(own_key::own_key(app)),
    },
    Probe {
        name: "sealed_backups",
        method: "Stores a secret word in a test person's address, in queued work and in a kept answer, and two more in clear, then looks for each in every \
                 column of the newest rows of every table, and undoes all of it.",
        check: |app| Box::pin(backups::backups(app)),
    },
    Probe {
        name: "blind_index",
        method: "Gives one address to a test person of each of two customers, looks for it and for another, and holds the stored codes that find it \
                 against each other and against digests of it.",
        check: |app| Box::pin(index::index(app)),
    },
    Probe {
        name: "erasure",
        method: "Makes a test person, erases them, looks for anything that is left, opens what their key had sealed with every key that there is, tries to put the \
                 key back, and undoes all of it; then counts the entries of the ledger outside of the database, and reads the last.",
        check: |app| Box::pin(erasure::erasure(app)),
    },
    Probe {
        name: "permissions",
        method: "Calls every operation that needs a permission with a key that has none.",
        check: |app| Box::pin(credentials::permissions(app)),
    },
    Probe {
        name: "api_keys",
        method: "Makes a live key and a test key, asks whom each acts for, revokes both and calls again; then calls with a key made up.",
        check: |app| Box::pin(credentials::api_keys(app)),
    },
];

/// The names of all checks.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PROBES.iter().map(|probe| probe.name)
}

/// What the check of that name does.
pub(crate) fn method(name: &str) -> Option<&'static str> {
    find(name).map(|probe| probe.method)
}

pub(super) fn find(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| probe.name == name)
}
