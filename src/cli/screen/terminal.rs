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
    Frame, TerminalOptions, Viewport,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
    layout::Rect,
};
use rustix::{io::Errno, termios::tcgetwinsize};

/// Drawn where a terminal does not know its size, as on a serial line.
const UNSIZED: Rect = Rect::new(0, 0, 80, 24);

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

type Inner = ratatui::Terminal<CrosstermBackend<BufWriter<Screen>>>;

/// The terminal while a picture is on it.
pub(super) struct Terminal {
    inner: Inner,
    /// Whether it is drawn on as a whole, which follows its size.
    sized: bool,
}

impl Terminal {
    pub(super) fn open() -> io::Result<Self> {
        HOOK.call_once(restore_before_panics);
        // Made first, so that whatever fails from here on, the drop gives back what was taken.
        let sized = knows_its_size();
        let inner = over(sized)?;
        let terminal = Self { inner, sized };
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
        let sized = knows_its_size();
        if sized != self.sized {
            self.inner = over(sized)?;
            self.sized = sized;
            self.inner.clear()?;
        }
        self.inner.draw(picture).map(drop)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn over(sized: bool) -> io::Result<Inner> {
    let backend = CrosstermBackend::new(BufWriter::new(Screen(io::stderr())));
    let viewport = if sized {
        Viewport::Fullscreen
    } else {
        Viewport::Fixed(UNSIZED)
    };
    ratatui::Terminal::with_options(backend, TerminalOptions { viewport })
}

fn knows_its_size() -> bool {
    tcgetwinsize(io::stderr()).is_ok_and(|size| size.ws_col > 0 && size.ws_row > 0)
}

/// Standard error, on which a picture that nobody can see any more is no error: the library underneath panics on one while it
/// gives a closed terminal back. Reading keys tells that the terminal is gone.
struct Screen(Stderr);

impl io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_gone(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_gone(self.0.flush(), ())
    }
}

fn unless_gone<T>(written: io::Result<T>, anyway: T) -> io::Result<T> {
    match written {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) => Ok(anyway),
        other => other,
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
