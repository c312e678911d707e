use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use tokio::sync::{
    Mutex as Turns, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedSemaphorePermit, RwLock, Semaphore,
};
use tokio::time::timeout;

use super::aside::aside;
use super::failure::Trouble;
use super::tries::{Known, Tries};

/// Threads that may be in the library at once, whatever it does with them.
const ROOM: usize = 16;
/// How long whoever would initialise the library waits for those who use it.
const PATIENCE: Duration = Duration::from_millis(100);
/// Of the time, one part in so many goes into initialising the library.
const NOW_AND_THEN: u32 = 100;
/// The same, where something is amiss; but nobody waits longer than so.
const URGENTLY: u32 = 10;
const LONGEST: Duration = Duration::from_secs(60);

/// A PKCS#11 library, such as `/usr/lib/softhsm/libsofthsm2.so`. There is one of each path in a process, however often it is asked for.
#[derive(Clone)]
pub struct Module(Arc<Shared>);

struct Shared {
    path: PathBuf,
    library: Arc<RwLock<Library>>,
    room: Arc<Semaphore>,
    tokens: Mutex<HashMap<String, Arc<Turns<Tries>>>>,
}

/// The library as it is loaded, and since when it is initialised.
#[derive(Default)]
struct Library {
    functions: Option<Pkcs11>,
    initialised: Option<Initialised>,
}

#[derive(Clone, Copy)]
struct Initialised {
    at: Instant,
    took: Duration,
}

/// The right to use a token, which one call has at a time.
pub(super) struct Turn {
    pub(super) tries: OwnedMutexGuard<Tries>,
    _room: OwnedSemaphorePermit,
}

/// An initialised library, which stays so for as long as this is held.
pub(super) struct Entered {
    pub(super) functions: Pkcs11,
    pub(super) known: Known,
    _stays: OwnedRwLockReadGuard<Library>,
}

impl Module {
    /// The library at `path`, which must be absolute. It is loaded when it is first used, and where that fails, when it is next.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        static MODULES: Mutex<Option<HashMap<PathBuf, Module>>> = Mutex::new(None);
        let path = path.into();
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        let modules = modules.get_or_insert_default();
        modules.entry(path.clone()).or_insert_with(|| Self::new(path)).clone()
    }

    fn new(path: PathBuf) -> Self {
        let (library, room) = (Arc::default(), Arc::new(Semaphore::new(ROOM)));
        Self(Arc::new(Shared { path, library, room, tokens: Mutex::default() }))
    }

    /// Waits for the turn at `token`.
    pub(super) async fn turn(&self, token: &str) -> Result<Turn, Trouble> {
        let tries = self.token(token).lock_owned().await;
        let room = self.0.room.clone().acquire_owned().await.map_err(|_| Trouble::CutShort)?;
        Ok(Turn { tries, _room: room })
    }

    /// The library, initialised anew where that is due; which is sooner, where it is `urgent`.
    pub(super) async fn enter(&self, urgent: bool) -> Result<Entered, Trouble> {
        let held = self.0.library.clone().read_owned().await;
        if !held.is_due(urgent) {
            return entered(held, if urgent { Known::BeforeAndNoBetter } else { Known::Before });
        }
        drop(held);
        match timeout(PATIENCE, self.0.library.clone().write_owned()).await {
            Ok(mut held) if held.is_due(urgent) => {
                let path = self.0.path.clone();
                let held = aside(move || held.initialise(&path).map(|()| held.downgrade())).await??;
                entered(held, Known::Now)
            }
            Ok(held) => entered(held.downgrade(), Known::Now), // somebody else was faster
            Err(_) => entered(self.0.library.clone().read_owned().await, Known::BeforeAndNoBetter),
        }
    }

    fn token(&self, label: &str) -> Arc<Turns<Tries>> {
        let mut tokens = self.tokens();
        if let Some(token) = tokens.get(label) {
            return token.clone();
        }
        // What nobody waits for and nothing is known of needn't be kept.
        tokens.retain(|_, token| {
            Arc::strong_count(token) > 1 || !token.try_lock().is_ok_and(|tries| tries.is_blank())
        });
        tokens.entry(label.to_owned()).or_default().clone()
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, Arc<Turns<Tries>>>> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entered(held: OwnedRwLockReadGuard<Library>, known: Known) -> Result<Entered, Trouble> {
    let functions = held.initialised.and(held.functions.clone()).ok_or(Trouble::InUse)?;
    Ok(Entered { functions, known, _stays: held })
}

impl Library {
    /// Whether so little of the time went into initialising it that it may be done again.
    fn is_due(&self, urgent: bool) -> bool {
        self.initialised.is_none_or(|last| last.at.elapsed() >= last.rest(urgent))
    }

    fn initialise(&mut self, path: &Path) -> Result<(), Trouble> {
        let begun = Instant::now();
        let functions = match self.functions.clone() {
            Some(functions) => functions,
            None if path.is_absolute() => self.functions.insert(Pkcs11::new(path)?).clone(),
            None => return Err(Trouble::Path),
        };
        if self.initialised.take().is_some() {
            let _lost = functions.clone().finalize(); // it may be so already
        }
        match functions.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => {}
            Err(error) => return Err(error.into()),
        }
        self.initialised = Some(Initialised { at: Instant::now(), took: begun.elapsed() });
        Ok(())
    }
}

impl Initialised {
    /// For how long it isn't done again.
    fn rest(self, urgent: bool) -> Duration {
        match urgent {
            true => self.took.saturating_mul(URGENTLY).min(LONGEST),
            false => self.took.saturating_mul(NOW_AND_THEN),
        }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Module").field(&self.0.path).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Initialised;

    #[test]
    fn a_slow_library_is_initialised_seldom_and_sooner_where_something_is_amiss() {
        let rests = |milliseconds| {
            let took = Duration::from_millis(milliseconds);
            let last = Initialised { at: Instant::now(), took };
            (last.rest(false).as_millis(), last.rest(true).as_millis())
        };
        assert_eq!(rests(0), (0, 0));
        assert_eq!(rests(1), (100, 10));
        assert_eq!(rests(2_000), (200_000, 20_000));
        assert_eq!(rests(30_000), (3_000_000, 60_000));
    }
}
