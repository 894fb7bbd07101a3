//! Proves a journal: the engine, told the same events, must decide the same, byte for byte.
//!
//! Left out: the engine itself, which comes as a [`Replay`]. Always true: nothing on disk is changed.

use std::path::Path;

use thiserror::Error;

use super::{
    BUILD,
    error::{Damage, JournalError},
    reader::{Cut, End, Loaded, Segment, load},
    record::{self, RunHeader},
    recovery::{FOLDER, Tip},
    segment,
};
use crate::{engine::Event, types::Timestamp};

/// What is replayed: the engine, built from a checkpoint.
pub trait Replay: Sized {
    /// The engine as it was.
    ///
    /// # Errors
    ///
    /// When the checkpoint is none of this build's.
    fn restore(run: &RunHeader, checkpoint: &[u8]) -> Result<Self, String>;

    /// Handles an event and appends what it led to, as by [`encode_commands`](super::encode_commands).
    ///
    /// # Errors
    ///
    /// When a command cannot be encoded.
    fn handle(
        &mut self,
        now: Timestamp,
        event: &Event,
        commands: &mut Vec<u8>,
    ) -> postcard::Result<()>;

    /// The whole engine, as it would be recorded.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded.
    fn checkpoint(&self) -> postcard::Result<Vec<u8>>;
}

/// What a journal proved to be.
#[derive(Debug, Default)]
pub struct Verified {
    /// The runs in it, the oldest first.
    pub runs: Vec<Run>,
    /// Unfinished bytes at the end. A running daemon always may have some.
    pub cuts: Vec<Cut>,
}

/// One run of the daemon.
#[derive(Debug)]
pub struct Run {
    /// The build that wrote it.
    pub build: String,
    /// Number of the start.
    pub epoch: u32,
    /// When it began.
    pub started: Timestamp,
    /// Segments of it that are there.
    pub segments: u64,
    /// Events in them.
    pub entries: u64,
    /// Commands in them.
    pub commands: u64,
    /// Whether it ended in order.
    pub sealed: bool,
    /// Whether the engine decided the same. False only where another build wrote it: its records are whole, but what they mean is
    /// known to that build alone.
    pub replayed: bool,
}

/// Why a journal is not proven.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// It is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine cannot be built from a checkpoint.
    #[error("segment {segment}: the checkpoint cannot be restored: {reason}")]
    Restore {
        /// Number of the segment.
        segment: u64,
        /// Why not.
        reason: String,
    },
    /// The engine decided something else.
    #[error(
        "segment {segment}, byte {offset}, record {sequence}: the engine decided otherwise\n  recorded {recorded:?}\n  replayed {replayed:?}"
    )]
    Diverged {
        /// Number of the segment.
        segment: u64,
        /// Where the record begins.
        offset: usize,
        /// Number of the record.
        sequence: u64,
        /// The commands' bytes in the journal.
        recorded: Vec<u8>,
        /// The commands' bytes now.
        replayed: Vec<u8>,
    },
    /// The engine decided the same but is in another state.
    #[error("segment {segment}: the engine's state differs from the checkpoint at byte {at} of it")]
    Checkpoint {
        /// Number of the segment.
        segment: u64,
        /// The first byte that differs.
        at: usize,
    },
}

/// Replays every run in the journal of a state directory.
///
/// # Errors
///
/// At the first damage or difference.
pub fn verify<R: Replay>(state_directory: &Path) -> Result<Verified, VerifyError> {
    let directory = state_directory.join(FOLDER);
    let (segments, cuts) = last_begun(&directory)?;
    let mut verified = Verified {
        runs: Vec::new(),
        cuts,
    };
    let mut engine: Option<R> = None;
    let mut tip: Option<Tip> = None;
    for (number, end) in segments {
        let Loaded::Begun(segment) = load(&directory, number, end)? else {
            continue;
        };
        check_link(&segment, tip.as_ref())?;
        tip = Some(segment.tip);
        verified.cuts.extend(segment.cut.clone());
        engine = verify_segment(&segment, engine, &mut verified.runs)?;
    }
    Ok(verified)
}

/// The segments that were begun, each with what its end may be, and what stands behind them.
#[expect(clippy::type_complexity, reason = "two lists, taken apart at once")]
fn last_begun(directory: &Path) -> Result<(Vec<(u64, End)>, Vec<Cut>), JournalError> {
    let mut numbers = segment::list(directory)?;
    let mut cuts = Vec::new();
    while let Some(last) = numbers.last() {
        match load(directory, *last, End::MayBeTorn)? {
            Loaded::Begun(_) => break,
            Loaded::NotBegun(cut) => {
                numbers.pop();
                cuts.extend(Some(cut).filter(|cut| cut.bytes > 0));
            }
        }
    }
    let last = numbers.last().copied();
    let ends = numbers.into_iter().map(|number| {
        let end = if Some(number) == last {
            End::MayBeTorn
        } else {
            End::Whole
        };
        (number, end)
    });
    Ok((ends.collect(), cuts))
}

fn check_link(segment: &Segment, before: Option<&Tip>) -> Result<(), JournalError> {
    let Some(before) = before else {
        return Ok(());
    };
    if segment.header.head == before.head && segment.header.sequence == before.sequence {
        return Ok(());
    }
    Err(JournalError::Damaged {
        segment: segment.header.segment,
        offset: 0,
        damage: Damage::Link(before.segment),
    })
}

fn verify_segment<R: Replay>(
    segment: &Segment,
    before: Option<R>,
    runs: &mut Vec<Run>,
) -> Result<Option<R>, VerifyError> {
    let number = segment.header.segment;
    let replayed = segment.run.build == BUILD;
    if !segment.header.continues || runs.is_empty() {
        runs.push(Run::of(segment, replayed));
    }
    let Some(run) = runs.last_mut() else {
        return Ok(None);
    };
    run.segments += 1;
    run.sealed = segment.sealed;
    if !replayed {
        return Ok(None);
    }
    if let Some(engine) = before.filter(|_| segment.header.continues) {
        compare_checkpoint(number, &engine, segment.checkpoint())?;
    }
    let mut engine =
        R::restore(&segment.run, segment.checkpoint()).map_err(|reason| VerifyError::Restore {
            segment: number,
            reason,
        })?;
    compare_checkpoint(number, &engine, segment.checkpoint())?;
    replay(segment, &mut engine, run)?;
    Ok(Some(engine))
}

fn replay<R: Replay>(segment: &Segment, engine: &mut R, run: &mut Run) -> Result<(), VerifyError> {
    let mut replayed = Vec::new();
    for located in segment.entries() {
        let located = located?;
        let entry = &located.entry;
        replayed.clear();
        engine
            .handle(entry.now, &entry.event, &mut replayed)
            .map_err(JournalError::Encoding)?;
        if replayed != entry.commands {
            return Err(VerifyError::Diverged {
                segment: segment.header.segment,
                offset: located.offset,
                sequence: located.sequence,
                recorded: entry.commands.to_vec(),
                replayed,
            });
        }
        run.entries += 1;
        run.commands += u64::try_from(record::commands(entry.commands).count()).unwrap_or(0);
    }
    Ok(())
}

fn compare_checkpoint<R: Replay>(
    segment: u64,
    engine: &R,
    recorded: &[u8],
) -> Result<(), VerifyError> {
    let now = engine.checkpoint().map_err(JournalError::Encoding)?;
    if now == recorded {
        return Ok(());
    }
    let same = now.iter().zip(recorded).take_while(|(a, b)| a == b);
    Err(VerifyError::Checkpoint {
        segment,
        at: same.count(),
    })
}

impl Run {
    fn of(segment: &Segment, replayed: bool) -> Self {
        Self {
            build: segment.run.build.clone(),
            epoch: segment.run.epoch,
            started: segment.run.started,
            segments: 0,
            entries: 0,
            commands: 0,
            sealed: false,
            replayed,
        }
    }
}
