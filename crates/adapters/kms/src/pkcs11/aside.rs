use std::thread;

use tokio::sync::oneshot;

use super::failure::Trouble;

/// Does `work` on a thread of its own, to the end even if nobody waits for it any more. A runtime's own threads won't do: its end waits for
/// them, and a library may never come back.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Trouble> {
    let (answer, answered) = oneshot::channel();
    let work = move || {
        let _unheard = answer.send(work());
    };
    thread::Builder::new().name("pkcs11".into()).spawn(work).map_err(Trouble::NoThread)?;
    answered.await.map_err(|_| Trouble::CutShort)
}
