//! `verify`: does the engine, told what the journal recorded, decide what the journal recorded?
//!
//! Left out: repairing. Always true: nothing on disk is changed; only a journal whose every command was decided again, byte for
//! byte, ends with exit 0.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Out, Output};
use crate::{
    app::recover::Replayed,
    journal::{
        JournalError,
        reader::Cut,
        verify::{Run, Verified, VerifyError, verify},
    },
};

#[derive(Args, Debug)]
#[command(after_help = "\
Exit 0 if every run in it was decided the same, 1 otherwise. A run of another build cannot be replayed by this one and counts \
as not proven. The directory of a running daemon may be verified; its unfinished end is left out.")]
pub(super) struct Arguments {
    /// The state directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let directory = &arguments.directory;
    match (prove(directory), arguments.output) {
        (Ok(verified), Output::Text) => {
            for run in &verified.runs {
                out.line(&Text(run))?;
            }
            for cut in &verified.cuts {
                out.note(&format_args!("note: {}", CutText(cut)));
            }
            Ok(end(&verified))
        }
        (Ok(verified), Output::Json) => {
            out.line(&proof(&verified))?;
            Ok(end(&verified))
        }
        (Err(error), Output::Text) => Ok(out.failure(&error)),
        (Err(error), Output::Json) => {
            out.line(&json!({ "equal": false, "runs": [], "error": failure(&error) }))?;
            Ok(Exit::Failure)
        }
    }
}

/// Why nothing was proven.
#[derive(Debug, thiserror::Error)]
enum Unproven {
    #[error("{0} is no directory")]
    NoDirectory(PathBuf),
    #[error("{0} holds no journal; DIR is a daemon's state directory")]
    NoJournal(PathBuf),
    #[error("not proven")]
    Different(#[from] VerifyError),
}

fn prove(directory: &Path) -> Result<Verified, Unproven> {
    if !directory.is_dir() {
        return Err(Unproven::NoDirectory(directory.to_owned()));
    }
    let verified = verify::<Replayed>(directory)?;
    if verified.runs.is_empty() {
        return Err(Unproven::NoJournal(directory.to_owned()));
    }
    Ok(verified)
}

fn end(verified: &Verified) -> Exit {
    if verified.runs.iter().all(|run| run.replayed) {
        Exit::Clean
    } else {
        Exit::Failure
    }
}

/// A run in a line.
struct Text<'a>(&'a Run);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run {
            build,
            epoch,
            started,
            segments,
            entries,
            commands,
            ..
        } = self.0;
        let started = started.rfc3339(0);
        let plural = if *segments == 1 { "" } else { "s" };
        write!(
            f,
            "run {epoch}, build {build}, started {started}, {segments} segment{plural}: "
        )?;
        if !self.0.replayed {
            return f.write_str("records whole, not replayed: only the build that wrote it can");
        }
        let sealed = if self.0.sealed {
            "ended in order"
        } else {
            "not ended in order"
        };
        write!(f, "{entries} entries, {commands} commands, {sealed}: equal")
    }
}

/// What was left out, in words.
struct CutText<'a>(&'a Cut);

impl fmt::Display for CutText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cut {
            segment,
            offset,
            bytes,
            damage,
        } = self.0;
        write!(
            f,
            "segment {segment}: {bytes} unfinished bytes from byte {offset} on are left out: {damage}"
        )
    }
}

fn proof(verified: &Verified) -> Value {
    let run = |run: &Run| {
        json!({
            "build": run.build, "epoch": run.epoch, "started": run.started.rfc3339(9).to_string(),
            "segments": run.segments, "entries": run.entries, "commands": run.commands,
            "sealed": run.sealed, "equal": run.replayed,
        })
    };
    let cut = |cut: &Cut| {
        json!({
            "segment": cut.segment, "offset": cut.offset, "bytes": cut.bytes,
            "what": cut.damage.to_string(),
        })
    };
    json!({
        "equal": end(verified) == Exit::Clean,
        "runs": verified.runs.iter().map(run).collect::<Vec<_>>(),
        "cuts": verified.cuts.iter().map(cut).collect::<Vec<_>>(),
    })
}

/// Where the proof ended, and at what.
fn failure(unproven: &Unproven) -> Value {
    let Unproven::Different(error) = unproven else {
        return json!({ "what": unproven.to_string() });
    };
    let (segment, sequence, offset) = match error {
        VerifyError::Diverged {
            segment,
            offset,
            sequence,
            ..
        } => (Some(*segment), Some(*sequence), Some(*offset)),
        VerifyError::Restore { segment, .. }
        | VerifyError::Checkpoint { segment, .. }
        | VerifyError::Journal(
            JournalError::Format { segment, .. } | JournalError::Missing(segment),
        ) => (Some(*segment), None, None),
        VerifyError::Journal(JournalError::Damaged {
            segment, offset, ..
        }) => (Some(*segment), None, Some(*offset)),
        VerifyError::Journal(JournalError::Io { .. } | JournalError::Encoding(_)) => {
            (None, None, None)
        }
    };
    json!({ "segment": segment, "sequence": sequence, "offset": offset, "what": error.to_string() })
}
