//! Writes the record, in the driver's own thread, before a command leaves.
//!
//! Left out: syncing and making files, which [`sync`](super::sync) does elsewhere. Always true: records reach the file in order; after
//! a failure nothing is written any more; a steady state allocates nothing.

use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    record::{FRAME_BYTES, Kind, Place, encode_entry, write_record},
    recovery::Tip,
    segment::{Chain, SegmentHeader},
    settings::{Durability, Settings},
    sync::{Position, Progress},
};
use crate::{
    engine::{Command, Event},
    types::Timestamp,
};

/// Longest time that a market event without consequence waits in memory.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What a segment is written to. The seam for disks that fill up or fail.
pub trait Storage: Write + Send {
    /// Makes what was written survive the end of the machine.
    ///
    /// # Errors
    ///
    /// When it may not survive; asking again proves nothing.
    fn sync(&mut self) -> io::Result<()>;
}

impl Storage for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// An empty segment that waits for its turn.
#[derive(Debug)]
pub struct Prepared<F> {
    /// Its number.
    pub segment: u64,
    /// Its file, with nothing in it.
    pub file: F,
}

/// Appends to the journal. One per run.
#[derive(Debug)]
pub struct Writer<F = File> {
    file: F,
    settings: Settings,
    /// Records that are not yet in the file.
    buffer: Vec<u8>,
    waiting_since: Option<Timestamp>,
    /// Where the next record stands.
    place: Place,
    chain: Chain,
    segment: u64,
    opened: Timestamp,
    bytes: u64,
    /// The run's header, repeated at the start of each segment.
    run: Vec<u8>,
    build: String,
    supply: mpsc::Receiver<Prepared<F>>,
    progress: Arc<Progress>,
    /// What is in the file and the sync task was not told of.
    unannounced: Option<Position>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Open,
    Failed,
    Sealed,
}

/// What a [`Writer`] is made from.
pub(super) struct Parts<F> {
    pub(super) first: Prepared<F>,
    pub(super) settings: Settings,
    /// Encoded [`RunHeader`](super::RunHeader).
    pub(super) run: Vec<u8>,
    pub(super) build: String,
    pub(super) supply: mpsc::Receiver<Prepared<F>>,
    pub(super) progress: Arc<Progress>,
}

impl<F: Storage> Writer<F> {
    /// Begins a run: writes and syncs the opening of its first segment.
    pub(super) fn begin(
        now: Timestamp,
        parts: Parts<F>,
        tip: Option<&Tip>,
        checkpoint: &[u8],
    ) -> io::Result<Self> {
        let mut writer = Self {
            file: parts.first.file,
            buffer: Vec::with_capacity(parts.settings.buffer.saturating_add(4096)),
            settings: parts.settings,
            waiting_since: None,
            place: Place {
                sequence: tip.map_or(1, |tip| tip.sequence),
                previous: 0,
            },
            chain: Chain::new(&[0; 32]),
            segment: parts.first.segment,
            opened: now,
            bytes: 0,
            run: parts.run,
            build: parts.build,
            supply: parts.supply,
            progress: parts.progress,
            unannounced: None,
            state: State::Open,
        };
        let head = tip.map_or([0; 32], |tip| tip.head);
        writer.encode_opening(false, head, checkpoint)?;
        writer.write_out()?;
        writer.sync()?;
        writer.announce();
        Ok(writer)
    }

    /// Records an event and what it led to. When this returns, the commands may leave.
    ///
    /// Market events that led to nothing may wait in memory until the next record, [`flush`](Self::flush),
    /// [`LONGEST_WAIT`] or a full buffer; everything else is in the file.
    ///
    /// # Errors
    ///
    /// When the record is not certainly in the file; the commands must not leave then. Every later call fails too.
    pub fn append(
        &mut self,
        now: Timestamp,
        event: &Event,
        commands: &[Command],
    ) -> io::Result<()> {
        self.push(Kind::Entry, |buffer| {
            encode_entry(now, event, commands, buffer)
        })?;
        let since = *self.waiting_since.get_or_insert(now);
        let may_wait = event.is_market() && commands.is_empty();
        if may_wait && self.buffer.len() < self.settings.buffer && now.since(since) < LONGEST_WAIT {
            return Ok(());
        }
        self.write_out()?;
        match self.settings.durability {
            Durability::Strict if !commands.is_empty() => self.sync(),
            Durability::Strict | Durability::Overlap => Ok(()),
        }
    }

    /// Lets the sync task know what is in the file. Apart from [`append`](Self::append), because waking another thread takes
    /// longer than writing: it can wait until the commands are on the wire.
    pub fn announce(&mut self) {
        if let Some(position) = self.unannounced.take() {
            self.progress.advance(position);
        }
    }

    /// When what waits in memory wants to be [`flush`](Self::flush)ed, if nothing else is written first.
    #[must_use]
    pub fn next_flush(&self) -> Option<Timestamp> {
        self.waiting_since.map(|since| since.after(LONGEST_WAIT))
    }

    /// Writes what waits in memory.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn flush(&mut self) -> io::Result<()> {
        self.usable()?;
        self.write_out()
    }

    /// Whether the segment is full and the next one is ready. To be asked between two events.
    #[must_use]
    pub fn wants_rotation(&self) -> bool {
        self.state == State::Open
            && self.bytes >= self.settings.segment_bytes
            && !self.supply.is_empty()
    }

    /// Goes on in the next segment, which starts with `checkpoint`: the whole engine as it is after the last event appended.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append), and when no next segment is ready (see [`wants_rotation`](Self::wants_rotation)), which changes nothing.
    pub fn rotate(&mut self, now: Timestamp, checkpoint: &[u8]) -> io::Result<()> {
        self.usable()?;
        let next = self
            .supply
            .try_recv()
            .map_err(|_none| io::Error::new(io::ErrorKind::WouldBlock, "no segment is ready"))?;
        self.write_out()?;
        if self.settings.durability == Durability::Strict {
            self.sync()?;
        }
        let head = self.chain.head();
        self.file = next.file;
        self.segment = next.segment;
        self.opened = now;
        self.bytes = 0;
        self.encode_opening(true, head, checkpoint)?;
        self.write_out()?;
        let room = self.settings.buffer.saturating_add(4096);
        self.buffer.shrink_to(room);
        self.announce();
        match self.settings.durability {
            Durability::Strict => self.sync(),
            Durability::Overlap => Ok(()),
        }
    }

    /// Ends the run in order: everything is in the file and synced when this returns. Nothing can be appended afterwards.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn seal(&mut self) -> io::Result<()> {
        self.push(Kind::Seal, |_empty| Ok(()))?;
        self.write_out()?;
        self.sync()?;
        self.announce();
        self.state = State::Sealed;
        Ok(())
    }

    /// Number of the segment that is written at present, for [`Pin::set`](super::Pin::set).
    #[must_use]
    pub const fn segment(&self) -> u64 {
        self.segment
    }

    /// Number of the record appended last.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.place.sequence.saturating_sub(1)
    }

    /// Bytes of the present segment that are in the file.
    #[must_use]
    pub const fn segment_bytes(&self) -> u64 {
        self.bytes
    }

    fn encode_opening(
        &mut self,
        continues: bool,
        head: [u8; 32],
        checkpoint: &[u8],
    ) -> io::Result<()> {
        let header = SegmentHeader {
            build: self.build.clone(),
            continues,
            segment: self.segment,
            sequence: self.place.sequence,
            opened: self.opened,
            head,
        };
        let (bytes, check) = header.encode();
        self.buffer.extend_from_slice(&bytes);
        self.place.previous = check;
        self.chain = Chain::new(&head);
        let run = std::mem::take(&mut self.run);
        let pushed = self.push(Kind::RunHeader, |buffer| {
            buffer.extend_from_slice(&run);
            Ok(())
        });
        self.run = run;
        pushed?;
        self.push(Kind::Checkpoint, |buffer| {
            buffer.extend_from_slice(checkpoint);
            Ok(())
        })
    }

    /// Puts a record behind those that wait.
    fn push(
        &mut self,
        kind: Kind,
        fill: impl FnOnce(&mut Vec<u8>) -> postcard::Result<()>,
    ) -> io::Result<()> {
        self.usable()?;
        let start = self.buffer.len();
        let check = write_record(&mut self.buffer, self.place, kind, fill).map_err(|error| {
            self.state = State::Failed;
            io::Error::other(error)
        })?;
        let record = self.buffer.get(start..).unwrap_or_default();
        self.chain
            .add_frame(record.get(..FRAME_BYTES).unwrap_or_default());
        self.place.sequence = self.place.sequence.saturating_add(1);
        self.place.previous = check;
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.buffer) {
            self.state = State::Failed;
            return Err(error);
        }
        let written = u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(written);
        self.buffer.clear();
        self.waiting_since = None;
        self.unannounced = Some(Position {
            segment: self.segment,
            opened: self.opened,
            sequence: self.sequence(),
        });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync().inspect_err(|_| self.state = State::Failed)
    }

    fn usable(&self) -> io::Result<()> {
        match self.state {
            State::Open => Ok(()),
            State::Failed => Err(io::Error::other("the journal has failed before")),
            State::Sealed => Err(io::Error::other("the journal is sealed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::InstrumentId;

    /// A disk that holds a number of bytes and counts what is asked of it.
    #[derive(Default)]
    struct Disk {
        content: Vec<u8>,
        room: usize,
        writes: usize,
        syncs: usize,
    }

    #[derive(Clone)]
    struct Fake(Arc<std::sync::Mutex<Disk>>);

    impl Fake {
        fn new(room: usize) -> Self {
            Self(Arc::new(std::sync::Mutex::new(Disk {
                room,
                ..Disk::default()
            })))
        }

        fn seen(&self) -> (usize, usize, usize) {
            let disk = self.0.lock().unwrap();
            (disk.content.len(), disk.writes, disk.syncs)
        }
    }

    impl Write for Fake {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut disk = self.0.lock().unwrap();
            let fits = bytes.len().min(disk.room - disk.content.len());
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            disk.content.extend_from_slice(&bytes[..fits]);
            disk.writes += 1;
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Storage for Fake {
        fn sync(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().syncs += 1;
            Ok(())
        }
    }

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn writer(settings: Settings, disk: &Fake) -> (Writer<Fake>, mpsc::Sender<Prepared<Fake>>) {
        let (supply, supplied) = mpsc::channel(1);
        let parts = Parts {
            first: Prepared {
                segment: 1,
                file: disk.clone(),
            },
            settings,
            run: b"run".to_vec(),
            build: "test".to_owned(),
            supply: supplied,
            progress: Arc::new(Progress::new(Position {
                segment: 1,
                opened: START,
                sequence: 0,
            })),
        };
        let writer = Writer::begin(START, parts, None, b"engine").unwrap();
        (writer, supply)
    }

    fn resync() -> [Command; 1] {
        [Command::Resync(InstrumentId(0))]
    }

    #[test]
    fn market_events_without_consequence_wait_and_go_out_before_the_next_record() {
        let disk = Fake::new(1 << 20);
        let (mut writer, _supply) = writer(Settings::default(), &disk);
        let opening = disk.seen();
        for _ in 0..10 {
            writer.append(START, &Event::Tick, &[]).unwrap();
        }
        assert_eq!(disk.seen(), opening, "ticks wait");
        writer.append(START, &Event::JournalFailed, &[]).unwrap();
        let (bytes, writes, _) = disk.seen();
        assert_eq!(writes, opening.1 + 1, "eleven records, one write");
        assert_eq!(writer.segment_bytes(), bytes as u64);
        writer.append(START, &Event::Tick, &resync()).unwrap();
        assert_eq!(disk.seen().1, opening.1 + 2, "a command never waits");
    }

    #[test]
    fn what_waits_is_bounded_in_time_and_bytes() {
        let disk = Fake::new(1 << 20);
        let settings = Settings {
            buffer: 200,
            ..Settings::default()
        };
        let (mut writer, _supply) = writer(settings, &disk);
        let opening = disk.seen().1;
        writer.append(START, &Event::Tick, &[]).unwrap();
        assert_eq!(writer.next_flush(), Some(START.after(LONGEST_WAIT)));
        writer
            .append(START.after(LONGEST_WAIT), &Event::Tick, &[])
            .unwrap();
        assert_eq!(disk.seen().1, opening + 1, "after a second");
        assert_eq!(writer.next_flush(), None);
        for _ in 0..7 {
            writer.append(START, &Event::Tick, &[]).unwrap();
        }
        assert_eq!(disk.seen().1, opening + 2, "after 200 bytes");
    }

    #[test]
    fn strict_syncs_before_a_command_may_leave_and_overlap_does_not() {
        for (durability, syncs) in [(Durability::Strict, 2), (Durability::Overlap, 1)] {
            let disk = Fake::new(1 << 20);
            let settings = Settings {
                durability,
                ..Settings::default()
            };
            let (mut writer, _supply) = writer(settings, &disk);
            writer.append(START, &Event::Tick, &resync()).unwrap();
            assert_eq!(disk.seen().2, syncs, "{durability:?}");
            writer.append(START, &Event::JournalFailed, &[]).unwrap();
            assert_eq!(disk.seen().2, syncs, "nothing leaves, nothing waits");
        }
    }

    #[test]
    fn a_full_disk_fails_this_record_and_every_later_one() {
        let (measure, disk) = (Fake::new(1 << 20), Fake::new(1 << 20));
        drop(writer(Settings::default(), &measure));
        let opening = measure.seen().0;
        let (mut writer, _supply) = writer(Settings::default(), &disk);
        disk.0.lock().unwrap().room = opening + 10;
        let full = writer.append(START, &Event::Tick, &resync()).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.seen().0, opening + 10, "the record is torn");
        disk.0.lock().unwrap().room = 1 << 20;
        assert!(writer.append(START, &Event::Tick, &resync()).is_err());
        assert!(writer.flush().is_err());
        assert!(writer.seal().is_err());
        assert!(!writer.wants_rotation());
        assert_eq!(disk.seen().0, opening + 10, "nothing follows a torn record");
    }

    #[test]
    fn rotation_writes_what_waits_into_the_old_segment_first() {
        let (old, new) = (Fake::new(1 << 20), Fake::new(1 << 20));
        let settings = Settings {
            segment_bytes: 1,
            ..Settings::default()
        };
        let (mut writer, supply) = writer(settings, &old);
        let opening = old.seen().0;
        assert!(!writer.wants_rotation(), "no segment is ready");
        assert!(writer.rotate(START, b"engine").is_err());
        writer.append(START, &Event::Tick, &[]).unwrap();
        supply
            .try_send(Prepared {
                segment: 2,
                file: new.clone(),
            })
            .unwrap();
        assert!(writer.wants_rotation());
        writer.rotate(START, b"engine").unwrap();
        assert!(old.seen().0 > opening);
        assert_eq!(new.seen().0, opening, "the same opening again");
        assert_eq!(writer.segment(), 2);
    }

    #[test]
    fn nothing_follows_a_seal() {
        let disk = Fake::new(1 << 20);
        let (mut writer, _supply) = writer(Settings::default(), &disk);
        writer.append(START, &Event::Tick, &[]).unwrap();
        writer.seal().unwrap();
        let sealed = disk.seen();
        assert!(writer.append(START, &Event::Tick, &resync()).is_err());
        assert!(writer.seal().is_err());
        assert_eq!(disk.seen(), sealed);
    }
}
