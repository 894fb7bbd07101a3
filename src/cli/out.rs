//! The only place that prints.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

use super::Exit;
use crate::types::Chain;

/// Standard output for data, standard error for everything else.
pub struct Out {
    data: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
}

impl fmt::Debug for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Out").finish_non_exhaustive()
    }
}

impl Out {
    /// The process's own.
    #[must_use]
    pub fn standard() -> Self {
        Self::to(Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// Any two.
    #[must_use]
    pub fn to(data: Box<dyn Write + Send>, notes: Box<dyn Write + Send>) -> Self {
        Self { data, notes }
    }

    /// Prints data as it is.
    ///
    /// # Errors
    ///
    /// When nobody reads it any more, or it cannot be written.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        self.data.write_all(text.as_bytes())?;
        self.data.flush()
    }

    /// Prints a line of data.
    ///
    /// # Errors
    ///
    /// As [`data`](Self::data).
    pub fn line(&mut self, line: &dyn fmt::Display) -> io::Result<()> {
        writeln!(self.data, "{line}")?;
        self.data.flush()
    }

    /// Tells the person something. Where nobody listens, nothing is told.
    pub fn note(&mut self, note: &dyn fmt::Display) {
        let told = writeln!(self.notes, "{note}");
        // There is nowhere left to complain to.
        drop(told);
    }

    /// Tells why the program cannot do what it was asked, with the causes.
    pub(super) fn failure(&mut self, error: &(dyn std::error::Error + 'static)) -> Exit {
        self.note(&format_args!("error: {}", Chain(error)));
        Exit::Failure
    }

    /// Answers arguments that name no verb: help goes where data goes.
    pub(super) fn usage(&mut self, error: &clap::Error) -> Exit {
        let text = error.render();
        if error.use_stderr() {
            self.note(&text);
            return Exit::Usage;
        }
        let shown = self.data(&text.to_string());
        shown.map_or_else(|error| self.lost(&error), |()| Exit::Clean)
    }

    /// Ends after output that could not be written. A reader that went away (`| head`) has seen what it wanted.
    pub(super) fn lost(&mut self, error: &io::Error) -> Exit {
        if error.kind() == ErrorKind::BrokenPipe {
            return Exit::Clean;
        }
        self.note(&format_args!("tradingd: cannot write the output: {error}"));
        Exit::Failure
    }
}
