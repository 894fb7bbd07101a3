//! Takes the terminal and gives it back.

use std::{
    io::{self, BufWriter, IsTerminal as _, Stderr, Write as _},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::{
    Frame,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

/// Whether the terminal is ours.
static OURS: AtomicBool = AtomicBool::new(false);
/// The panic hook is set once, however often a screen is opened.
static HOOK: Once = Once::new();

/// Whether there is a person to show a picture to: keys come from a terminal, and standard error is one that can be drawn on.
#[must_use]
pub fn is_possible() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
    !dumb && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Gives the terminal back, if it was taken. For ends that run no destructors.
pub fn restore() {
    if OURS.swap(false, Ordering::AcqRel) {
        // Each is tried whatever became of the other; a terminal that is gone needs neither.
        let _left = execute!(io::stderr(), LeaveAlternateScreen, Show);
        let _cooked = disable_raw_mode();
    }
}

/// Writes a line where the picture was.
pub(super) fn tell(text: &str) {
    let _gone = writeln!(io::stderr(), "{text}");
}

/// The terminal while a picture is on it.
pub(super) struct Terminal {
    inner: ratatui::Terminal<CrosstermBackend<BufWriter<Stderr>>>,
}

impl Terminal {
    pub(super) fn open() -> io::Result<Self> {
        HOOK.call_once(restore_before_panics);
        // Made first, so that whatever fails from here on, the drop gives back what was taken.
        let backend = CrosstermBackend::new(BufWriter::new(io::stderr()));
        let inner = ratatui::Terminal::new(backend)?;
        let terminal = Self { inner };
        OURS.store(true, Ordering::Release);
        enable_raw_mode()?;
        execute!(io::stderr(), EnterAlternateScreen)?;
        Ok(terminal)
    }

    /// False after a panic somewhere gave it back.
    #[expect(clippy::unused_self, reason = "only who has a terminal may ask")]
    pub(super) fn is_ours(&self) -> bool {
        OURS.load(Ordering::Acquire)
    }

    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.inner.draw(picture).map(drop)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// A panic's message must be readable, whichever thread panics.
fn restore_before_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        restore();
        before(panic);
    }));
}
