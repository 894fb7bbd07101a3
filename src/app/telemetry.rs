//! The log: from `tracing` to standard error, or to the last lines that a screen shows.
//!
//! For: levels, forms, and that nobody waits for a reader of the log. Left out: what is told, and metrics.
//! Always true: telling never blocks; lines that find no place are counted and the count is told; libraries tell nothing below INFO,
//! because their traces hold what goes over the wire, secrets among it.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IsTerminal as _, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use thiserror::Error;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::{FilterFn, Targets},
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::{
    config::{Log, LogFormat},
    io::Clock,
};

/// Lines that may wait for the writer.
const QUEUE: usize = 8192;
/// Lines that a screen can show.
const SHOWN: usize = 200;
/// Longest wait for the writer at the end.
const PATIENCE: Duration = Duration::from_secs(1);
/// Targets of ours begin with it.
const OURS: &str = "tradingd";

/// Why there is no log.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The level is no filter; a loaded config's always is.
    #[error("log.level is no filter")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// The operating system gives no thread.
    #[error("cannot start the log's thread")]
    Thread(#[from] io::Error),
    /// There is a log already.
    #[error("the log is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// The log while it is held. Dropping it waits, not for long, until everything told so far is written.
#[derive(Debug)]
#[must_use]
pub struct Telemetry {
    queue: SyncSender<Message>,
}

/// Sets the log up for the whole process. With `lines`, it goes there while they are shown, as text without colors.
///
/// # Errors
///
/// When the level is no filter, there is no thread, or it was set up before.
pub fn init(log: &Log, clock: Clock, lines: Option<&Lines>) -> Result<Telemetry, TelemetryError> {
    let levels: Targets = log.level.parse()?;
    let (queue, queued) = sync_channel(QUEUE);
    let shown = lines.cloned().unwrap_or_default();
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write(&queued, &shown, &mut io::stderr()))?;
    let sink = Sink::new(queue.clone());
    let form = if lines.is_some() {
        Form::Screen
    } else {
        Form::of(log.format)
    };
    tracing_subscriber::registry()
        .with(levels)
        .with(FilterFn::new(is_harmless))
        .with(layer(form, clock, sink))
        .try_init()?;
    Ok(Telemetry { queue })
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.queue.try_send(Message::Flush(done)).is_ok() {
            // At the end there is nobody left to tell that the log is slow.
            let _late = written.recv_timeout(PATIENCE);
        }
    }
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// Text with the time of day, for the few columns of a screen.
    Screen,
    Text {
        colors: bool,
    },
    Json,
}

impl Form {
    fn of(format: LogFormat) -> Self {
        let colors = || {
            io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
        };
        match format {
            LogFormat::Auto => Self::Text { colors: colors() },
            LogFormat::Text => Self::Text { colors: false },
            LogFormat::Json => Self::Json,
        }
    }
}

fn layer<S>(form: Form, clock: Clock, sink: Sink) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let plain = tracing_subscriber::fmt::layer()
        .with_timer(Stamp {
            clock,
            brief: form == Form::Screen,
        })
        .with_writer(sink)
        .log_internal_errors(false);
    match form {
        Form::Screen => plain.with_ansi(false).with_target(false).boxed(),
        Form::Text { colors } => plain.with_ansi(colors).with_target(false).boxed(),
        Form::Json => plain.json().flatten_event(true).boxed(),
    }
}

/// Whether an event or span can be told at all.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let ours = target
        .strip_prefix(OURS)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    ours || *metadata.level() <= Level::INFO
}

/// The time of a line, from the process's one clock.
struct Stamp {
    clock: Clock,
    brief: bool,
}

impl FormatTime for Stamp {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        let now = self.clock.now();
        if !self.brief {
            return write!(to, "{}", now.rfc3339(6));
        }
        let time = now.civil();
        write!(to, "{:02}:{:02}:{:02}", time.hour, time.minute, time.second)
    }
}

/// A line of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Its text, without line end.
    pub text: String,
}

enum Message {
    Line(Line),
    Flush(SyncSender<()>),
}

/// Takes lines off the threads that tell them.
#[derive(Clone)]
struct Sink {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Sink {
    fn new(queue: SyncSender<Message>) -> Self {
        Self {
            queue,
            lost: Arc::default(),
        }
    }

    fn take(&self, level: Level, bytes: &[u8]) {
        self.tell_lost();
        let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
        self.offer(Line { level, text });
    }

    /// Tells how many were lost, once there is a place again.
    fn tell_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost == 0 {
            return;
        }
        let text = format!("{lost} log lines lost: the reader of the log is too slow");
        let line = Message::Line(Line {
            level: Level::WARN,
            text,
        });
        if self.queue.try_send(line).is_err() {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    fn offer(&self, line: Line) {
        match self.queue.try_send(Message::Line(line)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = SinkWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        SinkWriter {
            sink: self,
            level: Level::INFO,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        SinkWriter {
            sink: self,
            level: *metadata.level(),
        }
    }
}

/// Takes one line, which the formatter writes in one piece.
struct SinkWriter<'a> {
    sink: &'a Sink,
    level: Level,
}

impl Write for SinkWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.take(self.level, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what is queued until nobody can tell anything any more.
fn write(queued: &Receiver<Message>, lines: &Lines, plain: &mut impl Write) {
    while let Ok(message) = queued.recv() {
        match message {
            Message::Line(line) => {
                if let Some(line) = lines.push(line) {
                    // Where standard error is gone there is nowhere left to complain to.
                    let _gone = writeln!(plain, "{}", line.text);
                }
            }
            Message::Flush(done) => {
                let _gone = done.try_send(());
            }
        }
    }
}

/// The last lines of the log, for a screen. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    shown: AtomicBool,
    lines: Mutex<VecDeque<Line>>,
}

impl Lines {
    /// None yet, and not shown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on lines come here instead of standard error.
    pub fn show(&self) {
        self.0.shown.store(true, Ordering::Release);
    }

    /// From now on lines go to standard error again. Returns what was told here and still matters: warnings and errors.
    pub fn hide(&self) -> Vec<Line> {
        self.0.shown.store(false, Ordering::Release);
        let lines = std::mem::take(&mut *self.lock());
        lines
            .into_iter()
            .filter(|line| line.level <= Level::WARN)
            .collect()
    }

    /// The last lines, the newest last.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<Line> {
        let lines = self.lock();
        lines
            .iter()
            .skip(lines.len().saturating_sub(count))
            .cloned()
            .collect()
    }

    /// Keeps a line while lines are shown, else gives it back.
    fn push(&self, line: Line) -> Option<Line> {
        if !self.0.shown.load(Ordering::Acquire) {
            return Some(line);
        }
        let mut lines = self.lock();
        if lines.len() == SHOWN {
            lines.pop_front();
        }
        lines.push_back(line);
        None
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Line>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tracing::{debug, info, subscriber::with_default, trace, warn};

    use super::*;
    use crate::types::Timestamp;

    fn clock() -> Clock {
        Clock::manual(Timestamp::from_secs(1_800_000_000)).0
    }

    /// What the log makes of what `tell` tells.
    fn told(form: Form, level: &str, tell: impl FnOnce()) -> Vec<Line> {
        let (queue, queued) = sync_channel(QUEUE);
        let levels: Targets = level.parse().unwrap();
        let subscriber = tracing_subscriber::registry()
            .with(levels)
            .with(FilterFn::new(is_harmless))
            .with(layer(form, clock(), Sink::new(queue)));
        with_default(subscriber, tell);
        let lines = Lines::new();
        lines.show();
        write(&queued, &lines, &mut io::sink());
        lines.last(SHOWN)
    }

    #[test]
    fn a_line_has_time_level_text_and_fields() {
        let lines = told(Form::Text { colors: false }, "info", || {
            warn!(order = "td1", "odd")
        });
        assert_eq!(lines[0].level, Level::WARN);
        assert_eq!(
            lines[0].text,
            "2027-01-15T08:00:00.000000Z  WARN odd order=\"td1\""
        );
    }

    #[test]
    fn a_line_for_the_screen_has_the_time_of_day_only() {
        let lines = told(Form::Screen, "info", || info!("fill"));
        assert_eq!(lines[0].text, "08:00:00  INFO fill");
    }

    #[test]
    fn a_json_line_is_one_object() {
        let lines = told(Form::Json, "info", || info!(qty = 3, "fill"));
        let object: serde_json::Value = serde_json::from_str(&lines[0].text).unwrap();
        assert_eq!(object["message"], "fill");
        assert_eq!(object["qty"], 3);
        assert_eq!(object["level"], "INFO");
        assert_eq!(object["timestamp"], "2027-01-15T08:00:00.000000Z");
    }

    #[test]
    fn levels_go_by_module_and_libraries_never_tell_their_traces() {
        let tell = || {
            debug!("own");
            trace!(target: "tradingd::venue", "deep");
            trace!(target: "hyper::proto", "authorization: secret");
            trace!(target: "tradingdx", "no relation");
            info!(target: "hyper", "fine");
        };
        let texts = |level| {
            let lines = told(Form::Text { colors: false }, level, tell);
            lines
                .iter()
                .filter_map(|line| line.text.split_once("Z "))
                .map(|(_, text)| text.trim().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(texts("trace"), ["DEBUG own", "TRACE deep", "INFO fine"]);
        assert_eq!(texts("warn,tradingd::venue=trace"), ["TRACE deep"]);
    }

    #[test]
    fn lines_go_to_the_screen_only_while_it_is_shown_and_warnings_outlive_it() {
        let lines = Lines::new();
        let line = |level, text: &str| Line {
            level,
            text: text.to_owned(),
        };
        assert!(lines.push(line(Level::INFO, "before")).is_some());
        lines.show();
        for number in 0..SHOWN {
            assert!(lines.push(line(Level::INFO, &number.to_string())).is_none());
        }
        lines.push(line(Level::ERROR, "the record is at risk"));
        let last = lines.last(2);
        assert_eq!(
            [&*last[0].text, &*last[1].text],
            ["199", "the record is at risk"]
        );
        assert_eq!(lines.last(usize::MAX).len(), SHOWN);
        assert_eq!(lines.hide(), [line(Level::ERROR, "the record is at risk")]);
        assert!(lines.push(line(Level::INFO, "after")).is_some());
    }

    #[test]
    fn a_full_queue_loses_lines_without_waiting_and_says_how_many() {
        let (queue, queued) = sync_channel(2);
        let sink = Sink::new(queue);
        for _ in 0..5 {
            sink.take(Level::INFO, b"line\n");
        }
        assert!(queued.recv().is_ok() && queued.recv().is_ok());
        sink.take(Level::INFO, b"line\n");
        let Ok(Message::Line(line)) = queued.recv() else {
            panic!("no line");
        };
        assert!(line.text.starts_with("3 log lines lost"), "{}", line.text);
    }

    #[test]
    fn the_end_waits_for_the_lines_before_it_and_not_at_all_for_a_full_queue() {
        let (queue, queued) = sync_channel(2);
        let sink = Sink::new(queue.clone());
        sink.take(Level::INFO, b"last words\n");
        let lines = Lines::new();
        lines.show();
        let written = lines.clone();
        let writing = thread::spawn(move || write(&queued, &written, &mut io::sink()));
        drop(Telemetry { queue });
        assert_eq!(lines.last(1)[0].text, "last words");
        drop(sink);
        writing.join().unwrap();

        let (queue, queued) = sync_channel(1);
        Sink::new(queue.clone()).take(Level::INFO, b"line\n");
        drop(Telemetry { queue });
        assert!(matches!(queued.recv(), Ok(Message::Line(_))));
        assert!(queued.recv().is_err(), "nobody asked for anything more");
    }
}
