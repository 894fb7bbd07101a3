//! The only place that prints.
//!
//! Always true: a reader of the data that goes away (`| head`, a closed terminal) has seen what it wanted. It is no failure and
//! hides none: what is printed after that is dropped, and the verb goes on to its verdict.

use std::{
    fmt,
    io::{self, ErrorKind, IsTerminal as _, Write},
};

use rustix::io::Errno;

use super::Exit;
use crate::types::Chain;

/// Standard output for data, standard error for everything else.
pub struct Out {
    data: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    /// Whether the reader of the data is a person at a terminal.
    on_terminal: bool,
    /// Whether the reader of the data went away.
    unread: bool,
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
        let on_terminal = io::stdout().is_terminal();
        Self {
            on_terminal,
            ..Self::to(Box::new(io::stdout()), Box::new(io::stderr()))
        }
    }

    /// Any two.
    #[must_use]
    pub fn to(data: Box<dyn Write + Send>, notes: Box<dyn Write + Send>) -> Self {
        Self {
            data,
            notes,
            on_terminal: false,
            unread: false,
        }
    }

    /// Whether somebody may still read the data. What only runs for its reader ends once nobody does.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        !self.unread
    }

    /// Prints data as it is.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        self.print(format_args!("{text}"))
    }

    /// Prints a line of data.
    ///
    /// # Errors
    ///
    /// As [`data`](Self::data).
    pub fn line(&mut self, line: &dyn fmt::Display) -> io::Result<()> {
        self.print(format_args!("{line}\n"))
    }

    fn print(&mut self, data: fmt::Arguments<'_>) -> io::Result<()> {
        if self.unread {
            return Ok(());
        }
        let printed = self.data.write_fmt(data).and_then(|()| self.data.flush());
        match printed {
            Err(error) if self.tells_of_no_reader(&error) => {
                self.unread = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Elsewhere than on a terminal the same error is a disk that fails.
    fn tells_of_no_reader(&self, error: &io::Error) -> bool {
        let hung_up = Errno::from_io_error(error) == Some(Errno::IO);
        error.kind() == ErrorKind::BrokenPipe || self.on_terminal && hung_up
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

    /// Ends after output that could not be written.
    pub(super) fn lost(&mut self, error: &io::Error) -> Exit {
        self.note(&format_args!("tradingd: cannot write the output: {error}"));
        Exit::Failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then fails in one way.
    struct Narrow(usize, ErrorKind);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(self.1.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn out(room: usize, end: ErrorKind) -> Out {
        Out::to(Box::new(Narrow(room, end)), Box::new(io::sink()))
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_then_or_later() {
        let mut out = out(5, ErrorKind::BrokenPipe);
        assert!(out.line(&"four").is_ok() && out.is_read());
        assert!(out.line(&"more").is_ok() && !out.is_read());
        assert!(out.data("and more").is_ok() && !out.is_read());
    }

    #[test]
    fn data_that_cannot_be_written_is_an_error() {
        let mut out = out(5, ErrorKind::StorageFull);
        assert!(out.line(&"four").is_ok());
        let error = out.line(&"more").unwrap_err();
        assert_eq!(out.lost(&error), Exit::Failure);
    }
}
