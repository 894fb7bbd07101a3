//! Records: a frame of 21 bytes, then a payload.
//!
//! ```text
//! length u32 │ kind u8 │ sequence u64 │ previous u32 │ check u32 │ payload
//! ```
//!
//! Numbers are little-endian. `length` counts the payload. `sequence` rises by one from record to record, across segments.
//! `previous` is the `check` of the record before, or of the segment's header; `check` is the CRC-32 of the frame without it and of
//! the payload. So a record proves itself alone, and its place in the chain with its neighbor. Payloads are postcard, except that
//! each command is preceded by its length, since commands are compared and never read back.

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use super::error::Damage;
use crate::{
    engine::{Command, Event},
    types::{Instrument, Timestamp},
};

/// Bytes of a record before its payload.
pub const FRAME_BYTES: usize = 21;

/// Longest payload accepted, in bytes: no checkpoint comes near.
pub const LONGEST_PAYLOAD: u32 = 1 << 30;

/// What a record is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Who writes: a [`RunHeader`]. First in each segment.
    RunHeader,
    /// The whole engine. Second in each segment.
    Checkpoint,
    /// An event and what it led to.
    Entry,
    /// The run ended in order. Last of a run.
    Seal,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::RunHeader => 1,
            Self::Checkpoint => 2,
            Self::Entry => 3,
            Self::Seal => 4,
        }
    }

    const fn from_code(code: u8) -> Result<Self, Damage> {
        match code {
            1 => Ok(Self::RunHeader),
            2 => Ok(Self::Checkpoint),
            3 => Ok(Self::Entry),
            4 => Ok(Self::Seal),
            other => Err(Damage::Kind(other)),
        }
    }

    /// The name, for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RunHeader => "a run header",
            Self::Checkpoint => "a checkpoint",
            Self::Entry => "an entry",
            Self::Seal => "a seal",
        }
    }
}

/// Who writes, with what, on what. Holds no secrets.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RunHeader {
    /// The program: see [`BUILD`](super::BUILD).
    pub build: String,
    /// The effective settings as text, as whoever replays them wants them.
    pub settings: String,
    /// What is traded; events name instruments by their position here.
    pub instruments: Vec<Instrument>,
    /// Number of the start, part of every order id.
    pub epoch: u32,
    /// Tag of the instance, part of every order id.
    pub tag: String,
    /// When the run began.
    pub started: Timestamp,
}

/// Where a record stands: what its frame needs to know of the one before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The record's number.
    pub sequence: u64,
    /// The check of the record before, or of the segment's header.
    pub previous: u32,
}

/// A whole record as it stands in a file.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
    /// Its check, which the next record repeats.
    pub check: u32,
    /// Its frame, which the segment's hash covers.
    pub frame: &'a [u8],
    /// Its content.
    pub payload: &'a [u8],
}

impl RawRecord<'_> {
    /// Bytes that it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        FRAME_BYTES + self.payload.len()
    }
}

/// Appends a record to `buffer`, its payload written by `fill`. Returns the check. On failure `buffer` is as before.
///
/// # Errors
///
/// What `fill` returns, and a payload over [`LONGEST_PAYLOAD`].
pub fn write_record(
    buffer: &mut Vec<u8>,
    place: Place,
    kind: Kind,
    fill: impl FnOnce(&mut Vec<u8>) -> postcard::Result<()>,
) -> postcard::Result<u32> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; FRAME_BYTES]);
    let written = fill(buffer).and_then(|()| seal_frame(buffer, start, place, kind));
    if written.is_err() {
        buffer.truncate(start);
    }
    written
}

fn seal_frame(buffer: &mut [u8], start: usize, place: Place, kind: Kind) -> postcard::Result<u32> {
    let (frame, payload) = buffer
        .get_mut(start..)
        .and_then(<[u8]>::split_first_chunk_mut::<FRAME_BYTES>)
        .ok_or(postcard::Error::SerializeBufferFull)?;
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|length| *length <= LONGEST_PAYLOAD)
        .ok_or(postcard::Error::SerializeBufferFull)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4] = kind.code();
    frame[5..13].copy_from_slice(&place.sequence.to_le_bytes());
    frame[13..17].copy_from_slice(&place.previous.to_le_bytes());
    let check = checksum(&frame[..17], payload);
    frame[17..].copy_from_slice(&check.to_le_bytes());
    Ok(check)
}

/// Reads the record at the start of `bytes`, trusting nothing but its own check.
///
/// # Errors
///
/// [`Damage::Short`] when `bytes` ends within it, else what is wrong.
pub fn read_record(bytes: &[u8]) -> Result<RawRecord<'_>, Damage> {
    let (frame, rest) = bytes
        .split_first_chunk::<FRAME_BYTES>()
        .ok_or(Damage::Short)?;
    let length = u32_at(frame, 0);
    let payload = usize::try_from(length)
        .ok()
        .filter(|_| length <= LONGEST_PAYLOAD)
        .and_then(|length| rest.get(..length))
        .ok_or(Damage::Short)?;
    let check = u32_at(frame, 17);
    if check != checksum(&frame[..17], payload) {
        return Err(Damage::Checksum);
    }
    Ok(RawRecord {
        kind: Kind::from_code(frame[4])?,
        place: Place {
            sequence: sequence_of(frame),
            previous: u32_at(frame, 13),
        },
        check,
        frame,
        payload,
    })
}

/// Whether a whole record with a number in `sequences` begins anywhere in `bytes`. Damage before one is not a torn tail.
#[must_use]
pub fn holds_record(bytes: &[u8], sequences: std::ops::Range<u64>) -> bool {
    bytes
        .windows(FRAME_BYTES)
        .enumerate()
        .filter_map(|(offset, window)| Some((offset, window.first_chunk()?)))
        .any(|(offset, frame)| {
            sequences.contains(&sequence_of(frame))
                && bytes
                    .get(offset..)
                    .is_some_and(|record| read_record(record).is_ok())
        })
}

fn u32_at(frame: &[u8; FRAME_BYTES], at: usize) -> u32 {
    let bytes = frame.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn sequence_of(frame: &[u8; FRAME_BYTES]) -> u64 {
    let bytes = frame.get(5..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// Appends the postcard form of a value to `buffer`, without another allocation.
///
/// # Errors
///
/// When the value has no such form.
pub fn encode<T: Serialize + ?Sized>(value: &T, buffer: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::serialize_with_flavor(value, Tail(buffer))
}

/// Appends commands to `buffer` in the form in which they are recorded and compared.
///
/// # Errors
///
/// When a command has no postcard form.
pub fn encode_commands(commands: &[Command], buffer: &mut Vec<u8>) -> postcard::Result<()> {
    for command in commands {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; 4]);
        encode(command, buffer)?;
        let written = buffer.get_mut(start..).unwrap_or_default();
        if let Some((prefix, bytes)) = written.split_first_chunk_mut::<4>() {
            let length = u32::try_from(bytes.len());
            *prefix = length
                .map_err(|_long| postcard::Error::SerializeBufferFull)?
                .to_le_bytes();
        }
    }
    Ok(())
}

/// Splits recorded commands into the postcard bytes of each. Bytes that are no whole command come last, as they are.
pub fn commands(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let whole = bytes.split_first_chunk::<4>().and_then(|(prefix, rest)| {
            rest.split_at_checked(usize::try_from(u32::from_le_bytes(*prefix)).ok()?)
        });
        let (command, rest) = whole.unwrap_or((bytes, &[]));
        bytes = rest;
        (whole.is_some() || !command.is_empty()).then_some(command)
    })
}

/// Appends the payload of an [`Kind::Entry`].
///
/// # Errors
///
/// When event or command has no postcard form.
pub fn encode_entry(
    now: Timestamp,
    event: &Event,
    commands: &[Command],
    buffer: &mut Vec<u8>,
) -> postcard::Result<()> {
    encode(&now, buffer)?;
    encode(event, buffer)?;
    encode_commands(commands, buffer)
}

/// An event, when it was handled, and what it led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// When it was handled.
    pub now: Timestamp,
    /// What happened.
    pub event: Event,
    /// The commands as recorded; see [`commands`].
    pub commands: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Reads the payload of an [`Kind::Entry`].
    ///
    /// # Errors
    ///
    /// When it is no such payload.
    pub fn decode(payload: &'a [u8]) -> Result<Self, Damage> {
        let ((now, event), commands) =
            postcard::take_from_bytes(payload).map_err(|_malformed| Damage::Content)?;
        Ok(Self {
            now,
            event,
            commands,
        })
    }
}

impl RunHeader {
    /// Reads the payload of a [`Kind::RunHeader`].
    ///
    /// # Errors
    ///
    /// When it is no such payload.
    pub fn decode(payload: &[u8]) -> Result<Self, Damage> {
        postcard::from_bytes(payload).map_err(|_malformed| Damage::Content)
    }
}

/// Writes postcard at the end of a buffer that is used again and again.
struct Tail<'a>(&'a mut Vec<u8>);

impl Flavor for Tail<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::command::{Cancel, CommandId, Reconcile},
        types::ClOrdId,
    };

    const PLACE: Place = Place {
        sequence: 7,
        previous: 0xDEAD_BEEF,
    };

    fn record(payload: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        write_record(&mut buffer, PLACE, Kind::Checkpoint, |buffer| {
            buffer.extend_from_slice(payload);
            Ok(())
        })
        .unwrap();
        buffer
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let bytes = record(b"engine");
        let read = read_record(&bytes).unwrap();
        assert_eq!(read.kind, Kind::Checkpoint);
        assert_eq!(read.place, PLACE);
        assert_eq!(read.payload, b"engine");
        assert_eq!(read.bytes(), bytes.len());
    }

    #[test]
    fn a_record_with_any_bit_flipped_is_refused() {
        let bytes = record(b"engine");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read_record(&damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_failed_record_leaves_the_buffer_as_it_was() {
        let mut buffer = b"before".to_vec();
        let failed = write_record(&mut buffer, PLACE, Kind::Entry, |buffer| {
            buffer.extend_from_slice(b"half");
            Err(postcard::Error::WontImplement)
        });
        assert!(failed.is_err());
        assert_eq!(buffer, b"before");
    }

    #[test]
    fn commands_come_apart_as_they_were_put_together() {
        let list = [
            Command::Reconcile(Reconcile {
                since: Timestamp::from_secs(5),
            }),
            Command::Cancel(Cancel {
                id: CommandId(3),
                cl_ord_id: ClOrdId::new("td1x").unwrap(),
                order_id: None,
            }),
        ];
        let mut bytes = Vec::new();
        encode_commands(&list, &mut bytes).unwrap();
        let apart: Vec<Vec<u8>> = commands(&bytes).map(<[u8]>::to_vec).collect();
        let each: Vec<Vec<u8>> = list
            .iter()
            .map(|command| postcard::to_stdvec(command).unwrap())
            .collect();
        assert_eq!(apart, each);
        bytes.pop();
        assert_eq!(commands(&bytes).count(), 2, "a cut command is still shown");
    }
}
