//! `replay`: recorded WebSocket v2 frames through the daemon's own session, decoder and book.
//!
//! For: proving the decoder and the book on what the venue really sent, and `level3` frames on a book kept for that alone.
//! Left out: orders, strategies, time.
//! Always true: every recording starts from nothing; each checksum is computed from exact digits; whatever fails is named with file
//! and line, and the exit code says so.

mod instruments;
mod orders;
mod player;
mod show;
mod summary;

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;

use self::{
    instruments::{Precision, Precisions},
    player::Player,
    summary::Summary,
};
use super::{Exit, Out, Output};
use crate::{
    app::recording::{self, Line},
    io::lines,
};

/// Depth of a subscribe that names none.
const DEFAULT_DEPTH: u16 = 10;
/// Digits beyond those seen that are tried when a first checksum fails: a JSON library may have cut zeros from every number.
const CUT_ZEROS: u8 = 8;

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Recordings: plain or zstd, one frame per line, or objects that hold it in `raw` (text) or `frame` (an object).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Precisions of pairs: an `instrument` snapshot frame, or the body of the REST call AssetPairs.
    #[arg(long, value_name = "FILE")]
    instruments: Option<PathBuf>,
    /// Print each decoded message as a JSON line.
    #[arg(long)]
    events: bool,
    /// Form of the summary.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

const AFTER_HELP: &str = "\
A line with \"dir\":\"tx\" is what the client sent: it is not counted, but a subscribe tells the depth. Without a subscribe or its \
acknowledgement the depth is the least allowed one that holds the snapshot. Precisions come from an instrument frame of the \
recording, else from --instruments, else from the digits of the frames.

Exit code 1 if a line could not be decoded or a checksum was wrong, also when the reader of the output has gone by then.";

/// What is wrong with a file that is read to its end in vain.
const NO_FRAME: &str =
    "no frame in it; a line is a WebSocket v2 frame, or an object with one in `raw` or `frame`";

pub(super) fn run(arguments: &Arguments, out: &mut Out) -> io::Result<Exit> {
    let precisions = match arguments.instruments.as_deref().map(instruments::read) {
        None => Precisions::default(),
        Some(Ok(precisions)) => precisions,
        Some(Err(error)) => {
            out.note(&format_args!("tradingd replay: {error}"));
            return Ok(Exit::Failure);
        }
    };
    let mut summary = Summary::default();
    for file in &arguments.files {
        let mut player = Player::new(&precisions);
        let read = play(file, &mut player, arguments.events, out)?;
        let played = player.finish();
        let fault = match read {
            Err(error) => Some(error.to_string()),
            Ok(()) if played.frames == 0 => Some(NO_FRAME.to_owned()),
            Ok(()) => None,
        };
        if let Some(fault) = fault {
            out.note(&format_args!("{}: {fault}", file.display()));
            summary.unreadable();
        }
        summary.add(played);
    }
    match arguments.output {
        Output::Text => out.data(&summary.to_string())?,
        Output::Json => out.line(&summary.json())?,
    }
    Ok(if summary.is_clean() {
        Exit::Clean
    } else {
        Exit::Failure
    })
}

/// Plays one file. The outer result is about our output, the inner one about reading the file.
fn play(
    file: &Path,
    player: &mut Player,
    events: bool,
    out: &mut Out,
) -> io::Result<io::Result<()>> {
    let mut reader = match lines::open(file) {
        Ok(reader) => reader,
        Err(error) => return Ok(Err(error)),
    };
    let mut bytes = Vec::new();
    loop {
        match reader.read_into(&mut bytes) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
        if reader.number() == 1 && bytes.trim_ascii() == b"{" {
            // Not a recording but one frame, printed over many lines.
            if let Err(error) = read_rest(&mut reader, &mut bytes) {
                return Ok(Err(error));
            }
        }
        let read = out.is_read();
        let mut complain = |what: &dyn std::fmt::Display| {
            out.note(&format_args!(
                "{}:{}: {what}",
                file.display(),
                reader.number()
            ));
        };
        match recording::read(&bytes) {
            Line::Nothing => {}
            Line::Sent(frame) => player.sent(&frame),
            Line::Received(frame) => {
                let events = events && read;
                let shown = player.received(&frame, reader.number(), events, &mut complain);
                if let Some(shown) = shown {
                    out.line(&shown)?;
                }
            }
        }
    }
}

fn read_rest(reader: &mut lines::Lines, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut line = Vec::new();
    while reader.read_into(&mut line)? {
        bytes.push(b'\n');
        bytes.append(&mut line);
    }
    Ok(())
}
