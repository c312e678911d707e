use ward_audit::Event;
use ward_crypto::KeyPurpose;
use ward_kernel::{Action, Operation, Requires, TenantId};

/// A tenant was given keys that those founded today have from the start.
pub const KEYS_ADDED: Action = Action::new("keys.added");

/// The job that adds them.
pub const KEY_MAKER: &str = "keys";

/// Gives a tenant the keys that it was founded too early to have. The store does so when they are first needed, which the
/// log says.
pub static ADD_KEYS: Operation = Operation {
    id: "addKeys",
    requires: Requires::Job(KEY_MAKER),
    events: &[KEYS_ADDED],
    writes: true,
    discloses: false,
    controls: &["C3", "C4"],
    rate: "job",
    idempotent: false,
};

/// What happened, for the tenant's log.
pub fn keys_added(tenant: TenantId, purposes: impl IntoIterator<Item = KeyPurpose>) -> Event {
    let purposes: Vec<_> = purposes.into_iter().map(KeyPurpose::as_str).collect();
    Event::of(&ADD_KEYS, KEYS_ADDED, tenant).noting("purposes", purposes.join(" "))
}
