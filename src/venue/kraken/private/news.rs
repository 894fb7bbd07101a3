//! What the writer has to tell, while the account queue has no room for it.
//!
//! Left out: what it means. Always true: events wait in order; of the clocks' difference only the newest waits, so that pongs
//! cannot fill the queue while nobody takes anything.

use std::collections::{VecDeque, vec_deque};

use tokio::sync::mpsc;

use crate::engine::Event;

/// Events that wait for room.
#[derive(Debug, Default)]
pub(super) struct News(VecDeque<Event>);

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct Unheard;

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts an event behind the others.
    pub(super) fn push(&mut self, event: Event) {
        if matches!(event, Event::ClockOffset(_)) {
            self.0
                .retain(|waiting| !matches!(waiting, Event::ClockOffset(_)));
        }
        self.0.push_back(event);
    }

    /// Puts the oldest event into the room that was found for it.
    pub(super) fn tell(
        &mut self,
        room: Result<mpsc::Permit<'_, Event>, mpsc::error::SendError<()>>,
    ) -> Result<(), Unheard> {
        let room = room.map_err(|_closed| Unheard)?;
        if let Some(event) = self.0.pop_front() {
            room.send(event);
        }
        Ok(())
    }
}

impl IntoIterator for News {
    type Item = Event;
    type IntoIter = vec_deque::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Link;

    #[test]
    fn of_the_clocks_difference_only_the_newest_waits() {
        let mut news = News::default();
        for offset in 0..1_000 {
            news.push(Event::ClockOffset(offset));
        }
        news.push(Event::Account(Link::Down));
        news.push(Event::ClockOffset(7));
        let waiting = [Event::Account(Link::Down), Event::ClockOffset(7)];
        assert_eq!(news.0, waiting);
    }
}
