//! A live picture of the daemon on a terminal.
//!
//! For: what a person watches; drawn on standard error, so that standard output stays data. Left out: what is drawn ([`render`]) and
//! what stopping means: a key asks for it as a signal would.
//! Always true: drawing and reading keys block a thread of their own, never a task; the terminal is as it was before, after the
//! end, an error and a panic anywhere in the process.

mod amounts;
mod flow;
mod keys;
mod markets;
mod render;
mod terminal;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinError, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::app::{
    Looks,
    picture::Picture,
    telemetry::{Line, Lines},
};

pub use render::render;
pub use terminal::{is_possible, restore};

use terminal::Terminal;

/// Time between two pictures.
const EVERY: Duration = Duration::from_millis(200);

/// What is shown beside the engine's picture; only the shell knows it.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// Data frames received so far.
    pub frames: u64,
    /// Breakers with their states: `closed`, `open`, …
    pub breakers: Vec<(String, String)>,
    /// The venue, in a few words.
    pub venue: String,
}

/// Everything on the screen.
#[derive(Clone, Debug)]
pub struct View {
    /// The engine.
    pub picture: Picture,
    /// The shell.
    pub extra: Extra,
    /// The last lines of the log, the newest last.
    pub log: Vec<Line>,
}

/// Shows the daemon until `end` is canceled; from then on the log goes to standard error again. `stop` is called for each `q` and
/// ctrl-c, as often as they are pressed. Once the engine is gone, its last picture stays.
///
/// # Errors
///
/// When the terminal cannot be used. The daemon need not care.
///
/// # Cancel safety
///
/// Dropping the future ends the picture a moment later.
pub async fn show(
    looks: Looks,
    extra: impl Fn() -> Extra,
    lines: Lines,
    stop: impl Fn() + Send + 'static,
    end: CancellationToken,
) -> io::Result<()> {
    let (sender, shown) = watch::channel(None);
    // The thread ends with this future, however it ends.
    let end = end.child_token();
    let _ended = end.clone().drop_guard();
    let closed = end.clone();
    #[expect(clippy::disallowed_methods, reason = "it is waited for below")]
    let drawing = spawn_blocking(move || draw(&shown, &lines, &stop, &closed));
    tokio::select! {
        biased;
        () = end.cancelled() => {}
        () = follow(&looks, extra, &sender) => {}
    }
    drawing.await.unwrap_or_else(failed)
}

fn failed(error: JoinError) -> io::Result<()> {
    Err(io::Error::other(error))
}

/// Asks for pictures until nobody draws them.
///
/// # Cancel safety
///
/// Nothing is lost by dropping the future; the last picture stays.
async fn follow(
    looks: &Looks,
    extra: impl Fn() -> Extra,
    shown: &watch::Sender<Option<Arc<(Picture, Extra)>>>,
) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shown.closed() => return,
            _ = ticks.tick() => {}
        }
        if let Some(picture) = looks.picture().await {
            shown.send_replace(Some(Arc::new((picture, extra()))));
        }
    }
}

/// Draws and listens to keys until the end. Blocks.
fn draw(
    shown: &watch::Receiver<Option<Arc<(Picture, Extra)>>>,
    lines: &Lines,
    stop: &dyn Fn(),
    end: &CancellationToken,
) -> io::Result<()> {
    let mut terminal = Terminal::open()?;
    lines.show();
    let ended = draw_until(&mut terminal, shown, lines, stop, end);
    drop(terminal);
    // What was told on the screen is gone with it; what matters is told again.
    for line in lines.hide() {
        terminal::tell(&line.text);
    }
    ended
}

fn draw_until(
    terminal: &mut Terminal,
    shown: &watch::Receiver<Option<Arc<(Picture, Extra)>>>,
    lines: &Lines,
    stop: &dyn Fn(),
    end: &CancellationToken,
) -> io::Result<()> {
    while !end.is_cancelled() && terminal.is_ours() {
        let current = shown.borrow().clone();
        if let Some(current) = current {
            let (picture, extra) = Arc::unwrap_or_clone(current);
            let log = lines.last(render::LOG_LINES);
            let view = View {
                picture,
                extra,
                log,
            };
            terminal.draw(|frame| render(frame, &view))?;
        }
        for _ in 0..keys::wait(EVERY)? {
            stop();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::poll;

    use super::*;
    use crate::app::look::looks;

    #[tokio::test(start_paused = true)]
    async fn a_newer_picture_replaces_one_that_nobody_has_drawn() {
        let (looks, mut wished) = looks();
        let (sender, mut shown) = watch::channel(None);
        let frames = Cell::new(0);
        let extra = || {
            frames.set(frames.get() + 1);
            Extra {
                frames: frames.get(),
                ..Extra::default()
            }
        };
        let mut following = Box::pin(follow(&looks, extra, &sender));
        for _ in 0..3 {
            assert!(poll!(&mut following).is_pending());
            wished
                .recv()
                .await
                .unwrap()
                .send(Picture::sample())
                .unwrap();
            assert!(poll!(&mut following).is_pending());
            tokio::time::sleep(EVERY).await;
        }
        let newest = shown.borrow_and_update().clone().unwrap();
        assert_eq!(newest.1.frames, 3);
        assert!(!shown.has_changed().unwrap(), "the others are gone");
        drop(shown);
        following.await;
    }
}
