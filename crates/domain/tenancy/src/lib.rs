//! The customers of a deployment: tenants, and the sandbox that each has for its test keys.
//!
//! ```
//! use ward_kernel::Text;
//! use ward_tenancy::Settings;
//!
//! let name = Text::parse("Sunrise Clinic", ward_tenancy::NAME_LENGTH)?;
//! assert_eq!(name.as_str(), "Sunrise Clinic");
//! assert_eq!(Settings::default().session_ttl_seconds, 12 * 60 * 60);
//! # Ok::<(), ward_kernel::InvalidText>(())
//! ```

mod change;
mod found;
mod settings;
mod tenant;

pub use change::{CHANGE_TENANT, ChangeError, Changes, SHOW_TENANT, TENANT_CHANGED, change};
pub use found::{Founding, TENANT_FOUNDED, found};
pub use settings::{InvalidSettings, Settings, SettingsChange};
pub use tenant::{NAME_LENGTH, Tenant, Tenants, TenantsView};
