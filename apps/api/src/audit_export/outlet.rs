//! Where an export goes: in small pieces, no faster than they are taken.

use std::time::Duration;

use tokio::sync::mpsc::{Permit, Receiver, Sender, channel};
use tokio::time::timeout;

/// Bytes of a piece. A connection whose other end takes nothing keeps a few of them.
const PIECE: usize = 1 << 14;
/// How long a piece waits until those before it are taken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A piece of what is sent. Without its end it is cut short.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// Holds one piece that isn't taken, and no more.
pub(super) struct Outlet(Sender<Piece>);

/// Why nobody takes what is sent.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Untaken {
    /// Whoever asked is gone.
    Gone,
    /// Whoever asked is there, and took nothing for as long as it is waited for.
    Idle,
}

/// An outlet, and what comes out of it.
pub(super) fn open() -> (Outlet, Receiver<Piece>) {
    let (sender, pieces) = channel(1);
    (Outlet(sender), pieces)
}

impl Outlet {
    pub(super) async fn put(&self, text: String) -> Result<(), Untaken> {
        for piece in text.as_bytes().chunks(PIECE) {
            self.room().await?.send(Piece::Bytes(piece.to_vec())); // a copy: a part would hold on to the whole
        }
        Ok(())
    }

    /// Waits until all that was put is taken.
    pub(super) async fn emptied(&self) -> Result<(), Untaken> {
        self.room().await.map(drop)
    }

    pub(super) async fn end(self) -> Result<(), Untaken> {
        self.room().await?.send(Piece::End);
        Ok(())
    }

    async fn room(&self) -> Result<Permit<'_, Piece>, Untaken> {
        let room = timeout(PATIENCE, self.0.reserve()).await.map_err(|_| Untaken::Idle)?;
        room.map_err(|_| Untaken::Gone)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::time::{Instant, sleep};

    use super::*;

    fn text(pieces: usize) -> String {
        "é".repeat(pieces * PIECE / 2)
    }

    #[tokio::test]
    async fn what_is_put_comes_out_in_small_pieces_one_at_a_time() {
        let (outlet, mut pieces) = open();
        let text = format!("x{}", text(3));
        let mut put = Box::pin(outlet.put(text.clone()));
        let mut out = Vec::new();
        while (&mut put).now_or_never().is_none() {
            match pieces.recv().await {
                Some(Piece::Bytes(piece)) => {
                    assert!(piece.len() <= PIECE);
                    out.extend(piece);
                }
                other => panic!("{other:?}"),
            }
            assert!(pieces.is_empty());
        }
        drop(put);
        assert!(outlet.emptied().now_or_never().is_none(), "the last piece isn't taken");
        let Some(Piece::Bytes(last)) = pieces.recv().await else { panic!("no last piece") };
        out.extend(last);
        assert_eq!(outlet.emptied().now_or_never(), Some(Ok(())));
        assert!(out == text.as_bytes());
        outlet.end().await.unwrap();
        assert_eq!((pieces.recv().await, pieces.recv().await), (Some(Piece::End), None));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_nothing_is_waited_for_no_longer_than_so() {
        let (outlet, mut pieces) = open();
        let begun = Instant::now();
        assert_eq!(outlet.put(text(2)).await, Err(Untaken::Idle));
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
        assert_eq!(outlet.emptied().await, Err(Untaken::Idle));
        assert_eq!(outlet.end().await, Err(Untaken::Idle));
        assert!(matches!(pieces.recv().await, Some(Piece::Bytes(_))));
        assert_eq!(pieces.recv().await, None, "cut short");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_a_little_now_and_then_is_waited_for() {
        let (outlet, mut pieces) = open();
        let begun = Instant::now();
        let slow = async {
            for _ in 0..10 {
                sleep(PATIENCE / 60 * 59).await;
                pieces.recv().await.unwrap();
            }
        };
        let put = async {
            outlet.put(text(10)).await?;
            outlet.emptied().await
        };
        assert_eq!(tokio::join!(put, slow).0, Ok(()));
        assert!(begun.elapsed() > 9 * PATIENCE);
    }

    #[tokio::test]
    async fn nothing_is_sent_to_whoever_is_gone() {
        let (outlet, pieces) = open();
        drop(pieces);
        assert_eq!(outlet.put(text(1)).await, Err(Untaken::Gone));
        assert_eq!(outlet.emptied().await, Err(Untaken::Gone));
        assert_eq!(outlet.end().await, Err(Untaken::Gone));
    }
}
