//! A look at the engine from outside: the driver answers between two events.

use tokio::sync::{mpsc, oneshot};

use super::picture::Picture;

/// Wishes that may wait; then whoever wants to look waits.
const LOOKS: usize = 4;

/// A wish for a picture of the engine.
pub(crate) type Look = oneshot::Sender<Picture>;

/// For whoever wants to look.
#[derive(Clone, Debug)]
pub struct Looks(mpsc::Sender<Look>);

/// Both ends: for those who look, and for the driver.
pub(crate) fn looks() -> (Looks, mpsc::Receiver<Look>) {
    let (wishes, wished) = mpsc::channel(LOOKS);
    (Looks(wishes), wished)
}

impl Looks {
    /// The engine as it is now. None once the driver has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn picture(&self) -> Option<Picture> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn who_looks_waits_for_room_and_learns_when_the_driver_is_gone() {
        let (looks, mut wished) = looks();
        let mut waiting: Vec<_> = (0..=LOOKS).map(|_| Box::pin(looks.picture())).collect();
        for look in &mut waiting {
            assert!(poll!(look).is_pending());
        }
        assert_eq!(wished.len(), LOOKS, "the last one waits outside");
        wished.recv().await.unwrap();
        let last = waiting.last_mut().unwrap();
        assert!(poll!(last).is_pending());
        assert_eq!(wished.len(), LOOKS, "and comes in when there is room");
        drop(wished);
        for look in waiting {
            assert!(look.await.is_none());
        }
    }
}
