//! Keys from the terminal, read as bytes.
//!
//! Left out: every key that asks for nothing. Always true: waiting ends in time, and a terminal that is gone is an error at once.

use std::{io, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read},
    stdio,
};

/// Ctrl-c, where the terminal makes no signal of it.
const INTERRUPT: u8 = 0x03;
const ESCAPE: u8 = 0x1b;

/// Waits for keys, not longer than so. Returns how many of them ask to stop.
///
/// # Errors
///
/// When the terminal is gone.
pub(super) fn wait(limit: Duration) -> io::Result<usize> {
    let stdin = stdio::stdin();
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut watched, Some(&limit)) {
        Ok(0) | Err(Errno::INTR) => return Ok(0),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut bytes = [0; 256];
    match read(stdin, &mut bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(length) => Ok(stops(bytes.get(..length).unwrap_or_default())),
        Err(Errno::INTR | Errno::AGAIN) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// How many keys ask to stop: `q` and ctrl-c. The bytes of a key that sends several are no keys of their own.
fn stops(bytes: &[u8]) -> usize {
    let mut stops = 0;
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = match *first {
            ESCAPE => after_sequence(after),
            b'q' | b'Q' | INTERRUPT => {
                stops += 1;
                after
            }
            _ => after,
        };
    }
    stops
}

/// What comes after an escape sequence: `[`, parameters and a letter or `~`; or `O` and a letter; or nothing of that.
fn after_sequence(bytes: &[u8]) -> &[u8] {
    let length = match bytes {
        [b'[', rest @ ..] => rest
            .iter()
            .position(|byte| (0x40..=0x7e).contains(byte))
            .map_or(bytes.len(), |last| last + 2),
        [b'O', _, ..] => 2,
        _ => 0,
    };
    bytes.get(length..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_ctrl_c_ask_to_stop_and_nothing_else_does() {
        for (bytes, expected) in [
            (&b"q"[..], 1),
            (b"Q", 1),
            (b"\x03", 1),
            (b"c", 0),
            (b"\r", 0),
            (b"q\x03x", 2),
            (b"\x1b", 0),
            (b"\x1bq", 1),
            (b"\x1b[A\x1b[15~\x1bOQ", 0),
            (b"\x1b[Aq", 1),
            (b"\x1b[1;2Q", 0),
            (b"\x1b[1", 0),
            ("é".as_bytes(), 0),
        ] {
            assert_eq!(stops(bytes), expected, "{bytes:?}");
        }
    }
}
