use std::fs::{self, File};
use std::path::Path;
use std::process::Child;

use super::address::Address;
use super::error::{LaunchError, at};
use super::find::Binaries;
use super::place::Place;
use super::run;

/// What a crash of the machine may cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// Nothing that was acknowledged.
    Full,
    /// Everything: for tests alone, which run faster so.
    None,
}

/// A PostgreSQL server of this process's own, stopped when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    child: Option<Child>,
    binaries: Binaries,
    durability: Durability,
    address: Address,
    place: Place,
    // Declared last, so that it is let go of only after the server has stopped.
    _lock: File,
}

impl Cluster {
    /// Starts the cluster in `data_dir`, a directory of its own, which is made where it is missing: its files
    /// lie in `cluster`, beside its `log` and its `lock`. Blocks until the server answers: some 2 s for a new
    /// cluster, else a fraction of one.
    ///
    /// A server that a killed process left behind is stopped first.
    pub fn start(binaries: &Binaries, data_dir: &Path, durability: Durability) -> Result<Self, LaunchError> {
        let place = Place::open(data_dir)?;
        let lock = place.lock()?;
        let address = Address::new(place.socket()?);
        let mut cluster =
            Self { child: None, binaries: binaries.clone(), durability, address, place, _lock: lock };
        match cluster.begin() {
            Ok(()) => Ok(cluster),
            Err(error) => {
                cluster.leave();
                Err(error)
            }
        }
    }

    fn begin(&mut self) -> Result<(), LaunchError> {
        run::clear(&self.place.cluster(), self.address.socket())?;
        run::initialise(&self.place, &self.binaries, self.durability)?;
        self.child = Some(run::start(&self.place, &self.binaries, self.durability, self.address.socket())?);
        Ok(())
    }

    fn leave(&self) {
        let _ = fs::remove_dir(self.address.socket()); // not empty after a stop by force
    }

    /// How clients reach it; the same for every start, as a rule.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How `role` reaches `database`; the superuser is `postgres`.
    pub fn url(&self, role: &str, database: &str) -> String {
        self.address.url(role, database)
    }

    /// The server's process, for tests that kill it.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts the server again if it has died, at the same address, and says whether it had. While it lives its log is cut back
    /// to bounds: call it now and then.
    pub fn revive(&mut self) -> Result<bool, LaunchError> {
        let cluster = self.place.cluster();
        if let Some(child) = &mut self.child
            && child.try_wait().map_err(at(&cluster))?.is_none()
        {
            return self.place.cut_log().map(|()| false);
        }
        tracing::warn!("PostgreSQL had died; starting it again");
        self.begin()?;
        Ok(true)
    }

    /// Ends every session and stops the server, having written everything to disk. Blocks until it is done.
    pub fn stop(mut self) -> Result<(), LaunchError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LaunchError> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        run::stop(&mut child)?;
        self.leave();
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "PostgreSQL was not stopped");
        }
    }
}
