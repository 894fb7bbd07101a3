//! The task beside the writer: syncs what was written, makes the next segment, removes old ones.
//!
//! For: keeping the disk's waits off the driver's thread. Left out: writing. Always true: what is reported as synced is on disk; a
//! failed sync is reported once and never tried again, since the kernel may have dropped the pages.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::spawn_blocking,
};
use tracing::warn;

use super::{pin::Pin, segment, writer::Prepared};
use crate::{
    io::{Clock, files},
    types::Timestamp,
};

/// The journal can no longer be trusted to keep what it is given.
#[derive(Debug, Error)]
pub enum SyncFailure {
    /// What was written may not be on disk.
    #[error("segment {segment} cannot be synced")]
    Sync {
        /// Number of the segment.
        segment: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no next segment.
    #[error("segment {segment} cannot be made")]
    Prepare {
        /// Number of the segment.
        segment: u64,
        /// What the operating system said.
        source: io::Error,
    },
}

/// How far the writer has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) segment: u64,
    pub(super) opened: Timestamp,
    pub(super) sequence: u64,
}

/// What the writer tells the task. The lock is held for a copy only.
#[derive(Debug)]
pub(super) struct Progress {
    position: Mutex<Position>,
    advanced: Notify,
}

impl Progress {
    pub(super) fn new(start: Position) -> Self {
        Self {
            position: Mutex::new(start),
            advanced: Notify::new(),
        }
    }

    pub(super) fn advance(&self, position: Position) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
        self.advanced.notify_one();
    }

    fn position(&self) -> Position {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `journal_sync` task, before it runs.
#[derive(Debug)]
pub struct SyncTask {
    pub(super) directory: PathBuf,
    pub(super) keep: Duration,
    pub(super) clock: Clock,
    pub(super) pin: Pin,
    pub(super) progress: Arc<Progress>,
    pub(super) supply: mpsc::Sender<Prepared<File>>,
    pub(super) synced: watch::Sender<u64>,
    pub(super) failures: mpsc::Sender<SyncFailure>,
    /// Segments that may hold unsynced bytes.
    pub(super) open: BTreeMap<u64, Arc<File>>,
    /// When each segment on disk was begun.
    pub(super) begun: BTreeMap<u64, Timestamp>,
    /// The newest segment whose file exists.
    pub(super) newest: u64,
}

impl SyncTask {
    /// Runs until the [`Writer`](super::Writer) is dropped; then syncs the rest and removes the segment that was prepared for nothing.
    /// After a failure, which goes to the channel, it only waits for that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves at most an empty segment, which the next start removes.
    pub async fn run(mut self) {
        if let Err(failure) = self.work().await {
            let told = self.failures.try_send(failure);
            if let Err(error) = told {
                warn!(%error, "a journal failure reaches nobody");
            }
            self.supply.closed().await;
        }
        self.remove_prepared();
    }

    async fn work(&mut self) -> Result<(), SyncFailure> {
        loop {
            let (supply, progress) = (self.supply.clone(), Arc::clone(&self.progress));
            tokio::select! {
                biased;
                () = progress.advanced.notified() => self.sync().await?,
                permit = supply.reserve() => match permit {
                    Ok(permit) => permit.send(self.prepare().await?),
                    Err(_writer_is_gone) => return self.sync().await,
                },
            }
        }
    }

    async fn sync(&mut self) -> Result<(), SyncFailure> {
        let position = self.progress.position();
        for (segment, file) in &self.open {
            if *segment > position.segment {
                break;
            }
            let file = Arc::clone(file);
            blocking(move || file.sync_data())
                .await
                .map_err(|source| SyncFailure::Sync {
                    segment: *segment,
                    source,
                })?;
        }
        let reached = self.open.range(..=position.segment);
        let unseen = reached.filter(|(segment, _)| !self.begun.contains_key(segment));
        let unseen: Vec<u64> = unseen.map(|(segment, _)| *segment).collect();
        self.open.retain(|segment, _| *segment >= position.segment);
        self.synced.send_replace(position.sequence);
        if !unseen.is_empty() {
            // Two rotations may lie between two looks; for the first, the later time keeps it a little longer.
            self.begun
                .extend(unseen.iter().map(|segment| (*segment, position.opened)));
            self.remove_old(position.segment);
        }
        Ok(())
    }

    async fn prepare(&mut self) -> Result<Prepared<File>, SyncFailure> {
        let segment = self.newest.saturating_add(1);
        let directory = self.directory.clone();
        let failed = |source| SyncFailure::Prepare { segment, source };
        let (file, twin) = blocking(move || {
            let file = create(&directory, segment)?;
            let twin = file.try_clone()?;
            Ok((file, twin))
        })
        .await
        .map_err(failed)?;
        self.newest = segment;
        self.open.insert(segment, Arc::new(twin));
        Ok(Prepared { segment, file })
    }

    /// Removes segments from the oldest on, up to the first that must stay: the journal never has a hole.
    fn remove_old(&mut self, current: u64) {
        let limit = self.clock.now().before(self.keep);
        loop {
            let mut ends = self.begun.iter();
            let (Some((&segment, _)), Some((_, &ended))) = (ends.next(), ends.next()) else {
                return;
            };
            let goes = segment < current && ended < limit && self.pin.allows_removal_of(segment);
            if !goes {
                return;
            }
            let path = segment::path(&self.directory, segment);
            if let Err(error) = fs::remove_file(&path) {
                warn!(%error, path = %path.display(), "an old journal segment cannot be removed");
                return;
            }
            self.begun.remove(&segment);
        }
    }

    fn remove_prepared(&self) {
        if self.newest <= self.progress.position().segment {
            return;
        }
        let path = segment::path(&self.directory, self.newest);
        if let Err(error) = fs::remove_file(&path) {
            warn!(%error, path = %path.display(), "an empty journal segment cannot be removed");
        }
    }
}

/// Makes the empty file of a segment, and makes its name durable.
pub(super) fn create(directory: &Path, segment: u64) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(segment::path(directory, segment))?;
    files::sync_dir(directory)?;
    Ok(file)
}

#[expect(clippy::disallowed_methods, reason = "it is waited for here")]
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Event,
        io::clock::ManualClock,
        journal::{Journal, RunHeader, Settings, start},
    };

    const DAY: Duration = Duration::from_hours(24);

    fn journal(directory: &Path, segment_bytes: u64) -> (Journal, ManualClock) {
        let (clock, hand) = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let settings = Settings {
            segment_bytes,
            keep: 2 * DAY,
            ..Settings::default()
        };
        let run = RunHeader {
            build: "test".to_owned(),
            settings: String::new(),
            instruments: Vec::new(),
            epoch: 1,
            tag: "td".to_owned(),
            started: clock.now(),
        };
        let journal = start(directory, &settings, &clock, &run, b"engine", None).unwrap();
        (journal, hand)
    }

    /// Waits, generously, for something that the task does.
    async fn until(what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..2_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never: {what}");
    }

    #[tokio::test]
    async fn what_was_written_is_reported_as_synced() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _hand) = journal(directory.path(), 1 << 20);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(journal.sync.run());
        let now = Timestamp::from_secs(1_800_000_001);
        journal
            .writer
            .append(now, &Event::JournalFailed, &[])
            .unwrap();
        journal.writer.announce();
        let sequence = journal.writer.sequence();
        journal
            .synced
            .wait_for(|synced| *synced == sequence)
            .await
            .unwrap();
        drop(journal.writer);
        tasks.join_all().await;
        let folder = directory.path().join("journal");
        assert_eq!(segment::list(&folder).unwrap(), [1], "no empty one stays");
    }

    #[tokio::test]
    async fn what_is_told_before_the_sync_task_looks_is_synced_as_one() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _hand) = journal(directory.path(), 1 << 20);
        let mut late = journal.synced.clone();
        let mut tasks = tokio::task::JoinSet::new();
        let mut rounds = Vec::new();
        let mut task = Some(journal.sync);
        for round in 1..=3 {
            for second in 1..=3 {
                let now = Timestamp::from_secs(1_800_000_000 + 10 * round + second);
                let event = Event::JournalFailed;
                journal.writer.append(now, &event, &[]).unwrap();
                journal.writer.announce();
            }
            if let Some(task) = task.take() {
                tasks.spawn(task.run());
            }
            journal.synced.changed().await.unwrap();
            rounds.push(*journal.synced.borrow_and_update());
        }
        // Two records open a segment.
        assert_eq!(rounds, [5, 8, 11], "the last of each three");
        assert_eq!(*late.borrow_and_update(), 11);
        assert!(!late.has_changed().unwrap(), "whoever is late sees one");
        drop(journal.writer);
        tasks.join_all().await;
    }

    #[tokio::test]
    async fn one_segment_is_prepared_and_waits_until_it_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("journal");
        let (mut journal, _hand) = journal(directory.path(), 1);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(journal.sync.run());
        let now = Timestamp::from_secs(1_800_000_001);
        for taken in 1..=3 {
            let writer = &mut journal.writer;
            until("a segment is ready", || writer.wants_rotation()).await;
            // After each sync the task would go on to prepare another.
            for _ in 0..3 {
                writer.append(now, &Event::JournalFailed, &[]).unwrap();
                writer.announce();
                journal.synced.changed().await.unwrap();
                journal.synced.mark_unchanged();
            }
            assert_eq!(segment::list(&folder).unwrap().last(), Some(&(taken + 1)));
            writer.rotate(now, b"engine").unwrap();
        }
        drop(journal.writer);
        tasks.join_all().await;
    }

    #[tokio::test]
    async fn old_segments_go_unless_pinned_and_never_leave_a_hole() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("journal");
        let (mut journal, hand) = journal(directory.path(), 1);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(journal.sync.run());
        let mut now = Timestamp::from_secs(1_800_000_000);
        journal.pin.set(Some(2));
        for day in 1..=6 {
            hand.advance(DAY);
            now = now.after(DAY);
            let writer = &mut journal.writer;
            until("a segment is ready", || writer.wants_rotation()).await;
            if day == 6 {
                assert_eq!(segment::list(&folder).unwrap().first(), Some(&2));
                journal.pin.set(None);
            }
            writer.rotate(now, b"engine").unwrap();
            let sequence = writer.sequence();
            let synced = journal.synced.wait_for(|synced| *synced == sequence);
            drop(synced.await.unwrap());
        }
        until("segments that ended over two days ago go", || {
            segment::list(&folder).unwrap().first() == Some(&4)
        })
        .await;
        drop(journal.writer);
        tasks.join_all().await;
        assert_eq!(segment::list(&folder).unwrap(), [4, 5, 6, 7]);
    }

    #[tokio::test]
    async fn a_failed_sync_is_reported_once_and_not_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _hand) = journal(directory.path(), 1 << 20);
        // fdatasync on a character device is refused.
        let refused = Arc::new(File::open("/dev/null").unwrap());
        journal.sync.open.insert(1, refused);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(journal.sync.run());
        let now = Timestamp::from_secs(1_800_000_001);
        for _ in 0..3 {
            journal
                .writer
                .append(now, &Event::JournalFailed, &[])
                .unwrap();
            journal.writer.announce();
        }
        let failure = journal.failures.recv().await.unwrap();
        assert!(matches!(failure, SyncFailure::Sync { segment: 1, .. }));
        assert_eq!(*journal.synced.borrow(), 0, "nothing counts as synced");
        drop(journal.writer);
        tasks.join_all().await;
        assert!(journal.failures.recv().await.is_none(), "once");
    }

    #[tokio::test]
    async fn a_segment_that_cannot_be_made_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _hand) = journal(directory.path(), 1 << 20);
        let taken = segment::path(&directory.path().join("journal"), 2);
        fs::write(&taken, b"something else").unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(journal.sync.run());
        let failure = journal.failures.recv().await.unwrap();
        assert!(matches!(failure, SyncFailure::Prepare { segment: 2, .. }));
        drop(journal.writer);
        tasks.join_all().await;
        assert_eq!(fs::read(taken).unwrap(), b"something else");
    }
}
