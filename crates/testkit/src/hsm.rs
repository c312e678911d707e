mod find;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A SoftHSM of its own, whose tokens lie in a directory, with one token and one key on it.
///
/// A process uses it that is started with [`Hsm::settings`] in its environment. What is done to it here is done by processes of their own,
/// as whoever runs a token does it behind the back of those who use it: by `ward-hsm`, which lies where this program's tests were built.
#[derive(Debug)]
pub struct Hsm {
    directory: PathBuf,
    module: PathBuf,
}

/// A key as it is to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HsmKey {
    /// AES, 32 bytes, and the token keeps it.
    Fit,
    /// Of 16 bytes.
    Short,
    /// For no cipher.
    Generic,
    /// One that may be taken from the token, wrapped by another.
    Extractable,
    /// One that may be read.
    Readable,
    /// One that doesn't encrypt.
    NeverEncrypts,
    /// One that doesn't decrypt.
    NeverDecrypts,
}

/// There is no such thing to be had, or it doesn't do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum NoHsm {
    /// SoftHSM isn't installed.
    #[error("SoftHSM is missing: `cargo xtask test` provides it, or `{}`", find::INSTALL)]
    Missing,
    /// The program that does what is to be done.
    #[error("`ward-hsm` can't be run: `cargo build --workspace` makes it")]
    Hand(#[source] io::Error),
    /// It said why.
    #[error("`ward-hsm` failed: {0}")]
    Failed(String),
    /// The directory.
    #[error("the directory of a SoftHSM")]
    Directory(#[from] io::Error),
}

impl Hsm {
    /// The label of its token.
    pub const TOKEN: &str = "Ward HSM";
    /// The label of its key.
    pub const KEY: &str = "ward-root";
    /// The PIN of its user.
    pub const PIN: &str = "a-pin-that-nobody-logs";
    /// Where a process finds its SoftHSM.
    pub const VARIABLE: &str = "SOFTHSM2_CONF";

    /// Makes one in `directory`, with [`Self::TOKEN`] and [`Self::KEY`].
    pub fn start(directory: &Path) -> Result<Self, NoHsm> {
        let hsm = Self::at(directory)?;
        fs::create_dir_all(hsm.tokens())?;
        let tokens = hsm.tokens();
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        fs::write(hsm.conf(), settings)?;
        hsm.add_token(Self::TOKEN)?;
        hsm.create(Self::TOKEN, Self::KEY, HsmKey::Fit)?;
        Ok(hsm)
    }

    /// The one that was made in `directory`.
    pub fn at(directory: &Path) -> Result<Self, NoHsm> {
        let module = find::library().ok_or(NoHsm::Missing)?;
        Ok(Self { directory: directory.to_owned(), module })
    }

    /// The PKCS#11 library.
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// What is to stand in the environment of a process that uses it.
    pub fn settings(&self) -> (&'static str, PathBuf) {
        (Self::VARIABLE, self.conf())
    }

    /// Where its key is, as a URI.
    pub fn address(&self) -> String {
        format!("pkcs11:token={};object={}", Self::TOKEN.replace(' ', "%20"), Self::KEY)
    }

    /// A token more, with the same PIN.
    pub fn add_token(&self, label: &str) -> Result<(), NoHsm> {
        self.hand(&["init", label, Self::PIN])
    }

    /// A key more on every token with a label, whose PIN is [`Self::PIN`].
    pub fn create(&self, token: &str, label: &str, key: HsmKey) -> Result<(), NoHsm> {
        let kind = match key {
            HsmKey::Fit => "fit",
            HsmKey::Short => "short",
            HsmKey::Generic => "generic",
            HsmKey::Extractable => "extractable",
            HsmKey::Readable => "readable",
            HsmKey::NeverEncrypts => "never-encrypts",
            HsmKey::NeverDecrypts => "never-decrypts",
        };
        self.hand(&["create", token, Self::PIN, label, kind])
    }

    /// Destroys every key of [`Self::TOKEN`] that has this label, for good. The PIN is [`Self::PIN`].
    pub fn destroy(&self, label: &str) -> Result<(), NoHsm> {
        self.hand(&["destroy", Self::TOKEN, Self::PIN, label])
    }

    /// Changes the PIN of the user of [`Self::TOKEN`].
    pub fn change_pin(&self, from: &str, to: &str) -> Result<(), NoHsm> {
        self.hand(&["pin", Self::TOKEN, from, to])
    }

    /// Takes all tokens away, as if their machine were unplugged.
    pub fn unplug(&self) -> Result<(), NoHsm> {
        let away = self.directory.join("away");
        fs::rename(self.tokens(), &away)?;
        Ok(fs::create_dir(self.tokens())?)
    }

    /// Puts them back.
    pub fn plug_in(&self) -> Result<(), NoHsm> {
        fs::remove_dir(self.tokens())?;
        Ok(fs::rename(self.directory.join("away"), self.tokens())?)
    }

    fn tokens(&self) -> PathBuf {
        self.directory.join("tokens")
    }

    fn conf(&self) -> PathBuf {
        self.directory.join("softhsm2.conf")
    }

    fn hand(&self, arguments: &[&str]) -> Result<(), NoHsm> {
        let (name, conf) = self.settings();
        let mut hand = Command::new(hand()?);
        let done = hand.arg(&self.module).args(arguments).env(name, conf).output().map_err(NoHsm::Hand)?;
        if done.status.success() {
            return Ok(());
        }
        Err(NoHsm::Failed(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
    }
}

/// Tests lie in `deps`, beside the programs.
fn hand() -> Result<PathBuf, NoHsm> {
    let program = env::current_exe().map_err(NoHsm::Hand)?;
    let beside = |directory: &Path| directory.join("ward-hsm");
    let found = program.ancestors().skip(1).take(2).map(beside).find(|hand| hand.is_file());
    found.ok_or_else(|| NoHsm::Hand(io::ErrorKind::NotFound.into()))
}
