//! The bounded queue between whoever has something to say to a client and the task that owns its socket.
//!
//! Always true: saying never waits. A queue that is full ends the connection: a client that lost a frame must know it.

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

/// A frame on its way out. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub(super) enum Outgoing {
    /// An answer to a request.
    Reply(Utf8Bytes),
    /// A frame of a channel; puts off the next heartbeat.
    Channel(Utf8Bytes),
}

/// The near end of a client's queue.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    /// The connection's number.
    pub(super) id: u64,
    queue: mpsc::Sender<Outgoing>,
    overflow: CancellationToken,
}

/// The far end of a client's queue.
#[derive(Debug)]
pub(super) struct Drain {
    /// The frames, oldest first.
    pub(super) queue: mpsc::Receiver<Outgoing>,
    /// Cancelled when a frame was lost.
    pub(super) overflow: CancellationToken,
}

impl Outbox {
    /// A queue for so many frames.
    pub(super) fn new(id: u64, capacity: usize) -> (Self, Drain) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let overflow = CancellationToken::new();
        let outbox = Self {
            id,
            queue: sender,
            overflow: overflow.clone(),
        };
        let drain = Drain {
            queue: receiver,
            overflow,
        };
        (outbox, drain)
    }

    /// Answers a request.
    pub(super) fn reply(&self, frame: String) {
        self.push(Outgoing::Reply(frame.into()));
    }

    /// Sends a frame of a channel.
    pub(super) fn channel(&self, frame: Utf8Bytes) {
        self.push(Outgoing::Channel(frame));
    }

    fn push(&self, outgoing: Outgoing) {
        if self.queue.try_send(outgoing).is_err() {
            self.overflow.cancel();
        }
    }
}

/// One who subscribed.
#[derive(Debug)]
pub(super) struct Subscriber {
    outbox: Outbox,
    /// Acknowledged, and then never served: a fault.
    silent: bool,
}

/// All who subscribed to one thing.
#[derive(Debug, Default)]
pub(super) struct Topic(Vec<Subscriber>);

impl Topic {
    /// Whether a connection is among them.
    pub(super) fn has(&self, id: u64) -> bool {
        self.0.iter().any(|subscriber| subscriber.outbox.id == id)
    }

    /// Takes one in.
    pub(super) fn add(&mut self, outbox: Outbox, silent: bool) {
        self.0.push(Subscriber { outbox, silent });
    }

    /// Lets one go. False if it was not there.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.0.len();
        self.0.retain(|subscriber| subscriber.outbox.id != id);
        self.0.len() < before
    }

    /// Whether nobody is there.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends a frame to all.
    pub(super) fn send(&self, frame: &Utf8Bytes) {
        for subscriber in self.0.iter().filter(|subscriber| !subscriber.silent) {
            subscriber.outbox.channel(frame.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_finds_no_room_ends_the_connection() {
        let (outbox, mut drain) = Outbox::new(1, 2);
        outbox.reply("a".to_owned());
        outbox.channel("b".into());
        assert!(!drain.overflow.is_cancelled());
        outbox.channel("c".into());
        assert!(drain.overflow.is_cancelled());
        assert!(matches!(drain.queue.try_recv(), Ok(Outgoing::Reply(frame)) if frame == "a"));
    }

    #[test]
    fn a_silent_subscriber_is_there_and_hears_nothing() {
        let (outbox, mut drain) = Outbox::new(7, 2);
        let mut topic = Topic::default();
        topic.add(outbox, true);
        topic.send(&"x".into());
        assert!(topic.has(7));
        assert!(drain.queue.try_recv().is_err());
        assert!(topic.remove(7) && !topic.remove(7) && topic.is_empty());
    }
}
