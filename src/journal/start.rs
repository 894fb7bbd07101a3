//! Begins a run's part of the journal.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path, sync::Arc};

use tokio::sync::{mpsc, watch};

use super::{
    error::JournalError,
    pin::Pin,
    record::{RunHeader, encode},
    recovery::{FOLDER, Tip},
    segment::{self, HEADER_BYTES, SegmentHeader},
    settings::Settings,
    sync::{Position, Progress, SyncFailure, SyncTask, create},
    writer::{Parts, Prepared, Writer},
};
use crate::{
    io::{Clock, files},
    types::Timestamp,
};

/// A journal that a run writes.
#[derive(Debug)]
pub struct Journal {
    /// For the driver: appends.
    pub writer: Writer,
    /// For the supervisor: to be run on another thread than the driver's.
    pub sync: SyncTask,
    /// For the driver: keeps segments that an unresolved order needs.
    pub pin: Pin,
    /// At most one failure comes out. From then on only cancels may leave.
    pub failures: mpsc::Receiver<SyncFailure>,
    /// Number of the last record that is certainly on disk.
    pub synced: watch::Receiver<u64>,
}

/// Begins a run in the journal of a state directory, behind `tip` (see [`recover`](super::recover)). The first segment, with header and
/// checkpoint, is on disk when this returns.
///
/// # Errors
///
/// When folder or file cannot be made or written.
pub fn start(
    state_directory: &Path,
    settings: &Settings,
    clock: &Clock,
    run: &RunHeader,
    checkpoint: &[u8],
    tip: Option<Tip>,
) -> Result<Journal, JournalError> {
    let directory = state_directory.join(FOLDER);
    let now = clock.now();
    files::create_private_dir(&directory)
        .and_then(|()| files::sync_dir(state_directory))
        .map_err(JournalError::io("make", &directory))?;
    let mut begun = begun(&directory)?;
    let segment = tip.map_or(1, |tip| tip.segment.saturating_add(1));
    let path = segment::path(&directory, segment);
    let (file, twin) = create(&directory, segment)
        .and_then(|file| file.try_clone().map(|twin| (file, twin)))
        .map_err(JournalError::io("make", &path))?;
    let mut header = Vec::new();
    encode(run, &mut header).map_err(JournalError::Encoding)?;

    let (supply, supplied) = mpsc::channel(1);
    let (failures, failed) = mpsc::channel(1);
    let (synced, sync_seen) = watch::channel(0);
    let progress = Arc::new(Progress::new(Position {
        segment,
        opened: now,
        sequence: 0,
    }));
    let parts = Parts {
        first: Prepared { segment, file },
        settings: settings.clone(),
        run: header,
        build: run.build.clone(),
        supply: supplied,
        progress: Arc::clone(&progress),
    };
    let writer = Writer::begin(now, parts, tip.as_ref(), checkpoint)
        .map_err(JournalError::io("write", &path))?;
    begun.insert(segment, now);
    let pin = Pin::new();
    let sync = SyncTask {
        directory,
        keep: settings.keep,
        clock: clock.clone(),
        pin: pin.clone(),
        progress,
        supply,
        synced,
        failures,
        open: BTreeMap::from([(segment, Arc::new(twin))]),
        begun,
        newest: segment,
    };
    Ok(Journal {
        writer,
        sync,
        pin,
        failures: failed,
        synced: sync_seen,
    })
}

/// When each segment in a folder was begun, for those whose header can be read.
fn begun(directory: &Path) -> Result<BTreeMap<u64, Timestamp>, JournalError> {
    let mut begun = BTreeMap::new();
    for number in segment::list(directory)? {
        let path = segment::path(directory, number);
        let mut header = [0; HEADER_BYTES];
        File::open(&path)
            .and_then(|mut file| file.read_exact(&mut header))
            .map_err(JournalError::io("read", &path))?;
        match SegmentHeader::decode(&header, number) {
            Ok((header, _)) => begun.insert(number, header.opened),
            Err(JournalError::Format { .. }) => begun.insert(number, Timestamp::MIN),
            Err(error) => return Err(error),
        };
    }
    Ok(begun)
}
