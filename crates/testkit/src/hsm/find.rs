use std::env;
use std::path::PathBuf;

/// What to type where SoftHSM is missing.
pub(crate) const INSTALL: &str =
    if cfg!(target_os = "macos") { "brew install softhsm" } else { "apt-get install softhsm2" };

/// Where packages put SoftHSM's library.
const WELL_KNOWN: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",                   // Debian
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",  // Debian, as its library is built
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", // the same on ARM
    "/usr/lib64/pkcs11/libsofthsm2.so",                  // Fedora and its kin
    "/usr/lib64/softhsm/libsofthsm2.so",                 // openSUSE
    "/usr/local/lib/softhsm/libsofthsm2.so",             // built from source
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",          // Homebrew, Apple silicon
    "/usr/local/opt/softhsm/lib/softhsm/libsofthsm2.so", // Homebrew, Intel
];

/// The library that `WARD_SOFTHSM` names, else the one that a package brought.
pub(crate) fn library() -> Option<PathBuf> {
    let chosen = env::var_os("WARD_SOFTHSM").map(PathBuf::from);
    let known = || WELL_KNOWN.iter().map(PathBuf::from).find(|path| path.is_file());
    chosen.or_else(known)
}
