//! The exchange's memory on disk: a snapshot, and the entries since.
//!
//! For: a venue that is never behind what its clients were told, after `kill -9` too. An entry is one `write(2)`; the page cache outlives the process.
//! Left out: surviving the machine's own crash entry by entry; snapshots alone are synced.
//! Always true: entries carry rising numbers and a CRC. A torn or damaged end is cut off at the last whole entry; entries older than the snapshot are skipped.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::matching::{AccountId, Counters, Fact, PairId, RateCounter, Saved};
use crate::{
    io::files::{self, DirLock, LockError},
    types::{Price, Timestamp},
};

/// First bytes of a snapshot: name and version of the format.
const MAGIC: &[u8; 8] = b"simvenu3";
/// Length and CRC in front of an entry.
const HEADER: usize = 8;
/// No entry is longer; a longer one is damage.
const LONGEST_ENTRY: usize = 64 << 20;
/// The log is folded into the snapshot when it is longer than this and than the snapshot.
const FOLD_ABOVE: u64 = 16 << 20;

/// What one act left to remember.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Entry {
    /// Rises by one; the snapshot names the last one that it holds.
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) facts: Vec<Fact>,
    /// Rate counters of the account that acted.
    pub(super) rates: Vec<(AccountId, PairId, RateCounter)>,
    /// Last prices that no fact here tells.
    pub(super) prices: Vec<(PairId, Price)>,
    /// Numbers that may have been used up to here.
    pub(super) reserved: Option<Counters>,
}

#[derive(Serialize, Deserialize)]
struct Snapshot {
    last_entry: u64,
    state: Saved,
}

/// Why the log cannot be opened or written.
#[derive(Debug, Error)]
pub enum LogError {
    /// Another process uses the directory.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The file system refused.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The snapshot is no snapshot, or of another version.
    #[error("{0} is no snapshot of this version")]
    Snapshot(PathBuf),
    /// A value that cannot be written down.
    #[error("cannot encode an entry")]
    Encode(#[source] postcard::Error),
}

/// The log, open for appending.
#[derive(Debug)]
pub(super) struct Log {
    directory: PathBuf,
    file: File,
    length: u64,
    snapshot_length: u64,
    last_entry: u64,
    buffer: Vec<u8>,
    _lock: DirLock,
}

/// What a directory held.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) state: Option<Saved>,
    pub(super) entries: Vec<Entry>,
}

impl Log {
    /// Takes a directory for this process and reads what it holds.
    pub(super) fn open(directory: &Path) -> Result<(Self, Found), LogError> {
        let lock = files::lock_dir(directory)?;
        let snapshot = read_snapshot(&snapshot_path(directory))?;
        let path = entries_path(directory);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(failed("read", &path))?;
        let known = snapshot.as_ref().map_or(0, |snapshot| snapshot.last_entry);
        let (entries, whole) = read_entries(&bytes, known);
        let last_entry = entries.last().map_or(known, |entry| entry.number);
        let log = Self {
            directory: directory.to_owned(),
            file,
            length: whole,
            snapshot_length: 0,
            last_entry,
            buffer: Vec::new(),
            _lock: lock,
        };
        let torn = bytes.len() as u64 - whole;
        if torn > 0 {
            tracing::warn!(path = %path.display(), bytes = torn, "torn end of the venue log is cut off");
        }
        log.cut(whole)?;
        let state = snapshot.map(|snapshot| snapshot.state);
        Ok((log, Found { state, entries }))
    }

    /// Appends an entry, numbering it.
    pub(super) fn append(&mut self, mut entry: Entry) -> Result<(), LogError> {
        entry.number = self.last_entry + 1;
        self.buffer.clear();
        self.buffer.resize(HEADER, 0);
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = postcard::to_extend(&entry, buffer).map_err(LogError::Encode)?;
        let header = header(self.buffer.get(HEADER..).unwrap_or_default());
        if let Some(front) = self.buffer.get_mut(..HEADER) {
            front.copy_from_slice(&header);
        }
        let path = entries_path(&self.directory);
        self.file
            .write_all(&self.buffer)
            .map_err(failed("append to", &path))?;
        self.length += self.buffer.len() as u64;
        self.last_entry = entry.number;
        Ok(())
    }

    /// Whether folding the entries into a new snapshot is due.
    pub(super) fn is_long(&self) -> bool {
        self.length > FOLD_ABOVE.max(self.snapshot_length)
    }

    /// Writes a snapshot that makes all entries so far unnecessary, then drops them.
    pub(super) fn fold(&mut self, state: Saved) -> Result<(), LogError> {
        let snapshot = Snapshot {
            last_entry: self.last_entry,
            state,
        };
        let body = postcard::to_stdvec(&snapshot).map_err(LogError::Encode)?;
        let content = [MAGIC.as_slice(), &header(&body), &body].concat();
        let path = snapshot_path(&self.directory);
        files::replace(&path, &content).map_err(failed("write", &path))?;
        self.snapshot_length = content.len() as u64;
        self.cut(0)?;
        self.length = 0;
        Ok(())
    }

    /// Makes every later append fail, as a full disk would.
    #[cfg(test)]
    pub(super) fn break_file(&mut self) {
        self.file = File::open(entries_path(&self.directory)).unwrap();
    }

    fn cut(&self, length: u64) -> Result<(), LogError> {
        let path = entries_path(&self.directory);
        self.file
            .set_len(length)
            .and_then(|()| (&self.file).seek(SeekFrom::Start(length)))
            .map(|_position| ())
            .map_err(failed("cut", &path))
    }
}

fn snapshot_path(directory: &Path) -> PathBuf {
    directory.join("snapshot")
}

fn entries_path(directory: &Path) -> PathBuf {
    directory.join("entries")
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LogError + 'a {
    move |source| LogError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

fn header(body: &[u8]) -> [u8; HEADER] {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let crc = crc32fast::hash(body).to_le_bytes();
    let [a, b, c, d] = length;
    let [e, f, g, h] = crc;
    [a, b, c, d, e, f, g, h]
}

fn read_snapshot(path: &Path) -> Result<Option<Snapshot>, LogError> {
    let content = match std::fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    };
    let unknown = || LogError::Snapshot(path.to_owned());
    let framed = content.strip_prefix(MAGIC.as_slice()).ok_or_else(unknown)?;
    let (body, rest) = framed_body(framed).ok_or_else(unknown)?;
    if !rest.is_empty() {
        return Err(unknown());
    }
    postcard::from_bytes(body).map(Some).map_err(|_| unknown())
}

/// The entries after number `known`, and the length of the whole ones.
fn read_entries(bytes: &[u8], known: u64) -> (Vec<Entry>, u64) {
    let (mut rest, mut entries, mut expected) = (bytes, Vec::new(), None);
    while let Some((body, after)) = framed_body(rest) {
        let Ok(entry) = postcard::from_bytes::<Entry>(body) else {
            break;
        };
        if expected.is_some_and(|number| number != entry.number) {
            break;
        }
        expected = Some(entry.number + 1);
        rest = after;
        if entry.number > known {
            entries.push(entry);
        }
    }
    (entries, (bytes.len() - rest.len()) as u64)
}

/// The body of the first frame, and what follows it. Nothing if it is torn or damaged.
fn framed_body(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (front, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [a, b, c, d, ..] = *front;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    (length <= LONGEST_ENTRY && header(body) == *front).then_some((body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::matching::fixture;

    fn entry(seconds: i64) -> Entry {
        Entry {
            at: Timestamp::from_secs(seconds),
            ..Entry::default()
        }
    }

    fn instants(found: &Found) -> Vec<i64> {
        found
            .entries
            .iter()
            .map(|entry| entry.at.as_secs())
            .collect()
    }

    #[test]
    fn entries_come_back_and_a_torn_end_costs_the_last_one_only() {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(directory.path()).unwrap();
        for seconds in 1..=3 {
            log.append(entry(seconds)).unwrap();
        }
        drop(log);
        let path = entries_path(directory.path());
        let whole = std::fs::read(&path).unwrap();
        let two = whole.len() / 3 * 2;
        for cut in two..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut log, found) = Log::open(directory.path()).unwrap();
            assert_eq!(instants(&found), [1, 2], "cut at {cut}");
            log.append(entry(9)).unwrap();
            drop(log);
            let (_, found) = Log::open(directory.path()).unwrap();
            assert_eq!(instants(&found), [1, 2, 9]);
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_log_there() {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(directory.path()).unwrap();
        for seconds in 1..=3 {
            log.append(entry(seconds)).unwrap();
        }
        drop(log);
        let path = entries_path(directory.path());
        let mut bytes = std::fs::read(&path).unwrap();
        let third = bytes.len() / 3;
        for at in third..2 * third {
            bytes[at] ^= 4;
            let (entries, whole) = read_entries(&bytes, 0);
            assert_eq!(
                (entries.len(), whole),
                (1, third as u64),
                "bit of byte {at}"
            );
            bytes[at] ^= 4;
        }
    }

    #[test]
    fn entries_that_the_snapshot_holds_are_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(directory.path()).unwrap();
        log.append(entry(1)).unwrap();
        log.append(entry(2)).unwrap();
        let entries = std::fs::read(entries_path(directory.path())).unwrap();
        log.fold(fixture::exchange(Default::default()).save())
            .unwrap();
        drop(log);
        // As a crash between the snapshot and the cut leaves them.
        std::fs::write(entries_path(directory.path()), entries).unwrap();
        let (mut log, found) = Log::open(directory.path()).unwrap();
        assert!(found.state.is_some());
        assert_eq!(instants(&found), [] as [i64; 0]);
        log.append(entry(3)).unwrap();
        drop(log);
        let (_, found) = Log::open(directory.path()).unwrap();
        assert_eq!(instants(&found), [3]);
    }

    #[test]
    fn a_damaged_snapshot_is_an_error_not_an_empty_venue() {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(directory.path()).unwrap();
        log.fold(fixture::exchange(Default::default()).save())
            .unwrap();
        drop(log);
        let path = snapshot_path(directory.path());
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(
            Log::open(directory.path()),
            Err(LogError::Snapshot(_))
        ));
    }

    #[test]
    fn one_process_uses_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let _first = Log::open(directory.path()).unwrap();
        assert!(matches!(
            Log::open(directory.path()),
            Err(LogError::Locked(_))
        ));
    }
}
