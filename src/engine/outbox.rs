//! Where the engine writes what should happen next.

use super::command::Command;
use crate::engine::note::Note;

/// Commands in the order in which they must leave, and notes for people. Used again and again; clearing keeps the memory.
#[derive(Debug, Default)]
pub struct Outbox {
    commands: Vec<Command>,
    notes: Vec<Note>,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The commands so far.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The notes so far.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Takes the commands out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Command> + '_ {
        self.commands.drain(..)
    }

    /// Takes back commands that will not leave, and with them that they are on their way.
    pub fn withhold(&mut self, which: impl Fn(&Command) -> bool) {
        let notes = &mut self.notes;
        self.commands.retain(|command| {
            let stays = !which(command);
            if !stays && let Some((_, id, what)) = command.order() {
                notes.retain(|note| !note.is_sent(&id, what));
            }
            stays
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.notes.clear();
    }

    pub(super) fn command(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub(super) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}
