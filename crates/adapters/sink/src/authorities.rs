use std::path::PathBuf;

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::load_native_certs;

/// Who says which certificate is a collector's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Authorities {
    /// Those that the machine trusts.
    Machine,
    /// Those in this PEM file, and no other.
    File(PathBuf),
}

/// A collector that can't be used, whether or not it answers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// It has no name that a certificate can have.
    #[error("a collector has a host name or an address")]
    Host(#[from] InvalidDnsNameError),
    /// It has no address.
    #[error("a collector has an `https://` address, or an `http://` one on this machine, without a query")]
    Url,
    /// Its authorities can't be read.
    #[error("the certificates of the authorities can't be read")]
    Authorities(#[from] pem::Error),
    /// There are no authorities.
    #[error("there is no certificate of any authority")]
    Nobody,
    /// TLS can't be spoken with these settings.
    #[error("TLS can't be spoken")]
    Tls(#[from] rustls::Error),
}

impl Authorities {
    /// How TLS is spoken to a collector that they vouch for.
    pub(crate) fn client(&self) -> Result<ClientConfig, Unusable> {
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into());
        let tls = tls.with_safe_default_protocol_versions()?;
        Ok(tls.with_root_certificates(self.roots()?).with_no_client_auth())
    }

    fn roots(&self) -> Result<RootCertStore, Unusable> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::Machine => {
                let _unreadable = roots.add_parsable_certificates(load_native_certs().certs);
            }
            Self::File(path) => {
                for certificate in CertificateDer::pem_file_iter(path)? {
                    roots.add(certificate?)?;
                }
            }
        }
        if roots.is_empty() { Err(Unusable::Nobody) } else { Ok(roots) }
    }
}
