//! The header of a segment, and the names of segment files.
//!
//! ```text
//! magic 8 │ format u16 │ build 48 │ flags u16 │ segment u64 │ sequence u64 │ opened i64 │ head 32 │ check u32
//! ```
//!
//! Magic, format and build stay where they are in every format, so that any program can tell who wrote a segment it cannot read.
//! `head` is the end of the hash chain of the segment before: SHA-256 over that segment's own head and the frames of its records,
//! whose checks cover the payloads. It finds a lost, doubled or exchanged segment; it is no signature, since it has no key.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    error::{Damage, JournalError},
    record::RawRecord,
};
use crate::types::Timestamp;

/// The format that this program writes, and the only one that it reads.
pub const FORMAT_VERSION: u16 = 1;

/// Bytes before the first record.
pub const HEADER_BYTES: usize = 120;

const MAGIC: &[u8; 8] = b"trdngJNL";
const BUILD_BYTES: usize = 48;
const CONTINUES: u16 = 1;

/// What a segment says of itself before its first record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SegmentHeader {
    /// The build that wrote it.
    pub build: String,
    /// Whether the run of the segment before goes on in it.
    pub continues: bool,
    /// Its number, as in its name.
    pub segment: u64,
    /// Number of its first record.
    pub sequence: u64,
    /// When it was begun.
    pub opened: Timestamp,
    /// End of the chain of the segment before; zeros where there is none.
    pub head: Head,
}

/// Where a chain of segments stands.
pub type Head = [u8; 32];

impl SegmentHeader {
    /// The header's bytes, and the check that the first record repeats.
    #[must_use]
    pub fn encode(&self) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        for (target, byte) in bytes[10..10 + BUILD_BYTES]
            .iter_mut()
            .zip(self.build.bytes())
        {
            *target = byte;
        }
        let flags = if self.continues { CONTINUES } else { 0 };
        bytes[58..60].copy_from_slice(&flags.to_le_bytes());
        bytes[60..68].copy_from_slice(&self.segment.to_le_bytes());
        bytes[68..76].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[76..84].copy_from_slice(&self.opened.as_nanos().to_le_bytes());
        bytes[84..116].copy_from_slice(&self.head);
        let check = crc32fast::hash(&bytes[..116]);
        bytes[116..].copy_from_slice(&check.to_le_bytes());
        (bytes, check)
    }

    /// Reads the header of segment number `segment` from the start of `bytes`. Returns it with its check.
    ///
    /// # Errors
    ///
    /// When it is short, damaged, another segment's, or of another format.
    pub fn decode(bytes: &[u8], segment: u64) -> Result<(Self, u32), JournalError> {
        let damaged = |damage| JournalError::Damaged {
            segment,
            offset: 0,
            damage,
        };
        if !bytes.starts_with(bytes_of_magic(bytes)) {
            return Err(damaged(Damage::Magic));
        }
        let header: &[u8; HEADER_BYTES] =
            bytes.first_chunk().ok_or_else(|| damaged(Damage::Short))?;
        let found = u16::from_le_bytes(array(header, 8));
        if found != FORMAT_VERSION {
            let build = build_of(header);
            return Err(JournalError::Format {
                segment,
                found,
                build,
            });
        }
        let check = u32::from_le_bytes(array(header, 116));
        if check != crc32fast::hash(&header[..116]) {
            return Err(damaged(Damage::Checksum));
        }
        let number = u64::from_le_bytes(array(header, 60));
        if number != segment {
            return Err(damaged(Damage::Sequence {
                expected: segment,
                found: number,
            }));
        }
        let read = Self {
            build: build_of(header),
            continues: u16::from_le_bytes(array(header, 58)) & CONTINUES != 0,
            segment,
            sequence: u64::from_le_bytes(array(header, 68)),
            opened: Timestamp::from_nanos(i64::from_le_bytes(array(header, 76))),
            head: array(header, 84),
        };
        Ok((read, check))
    }
}

/// As much of the magic as `bytes` is long enough to hold.
fn bytes_of_magic(bytes: &[u8]) -> &'static [u8] {
    MAGIC.get(..bytes.len().min(8)).unwrap_or(MAGIC)
}

fn array<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let bytes = header.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().unwrap_or([0; N])
}

fn build_of(header: &[u8; HEADER_BYTES]) -> String {
    let bytes: [u8; BUILD_BYTES] = array(header, 10);
    String::from_utf8_lossy(&bytes)
        .trim_end_matches('\0')
        .to_owned()
}

/// The hash chain of one segment, as it grows.
#[derive(Clone, Debug)]
pub struct Chain(Sha256);

impl Chain {
    /// The chain of a segment whose header carries `head`.
    #[must_use]
    pub fn new(head: &Head) -> Self {
        Self(Sha256::new().chain_update(head))
    }

    /// Adds a record.
    pub fn add(&mut self, record: &RawRecord<'_>) {
        self.add_frame(record.frame);
    }

    /// Adds a record by its frame.
    pub fn add_frame(&mut self, frame: &[u8]) {
        self.0.update(frame);
    }

    /// What the next segment carries, if this one ends here.
    #[must_use]
    pub fn head(&self) -> Head {
        self.0.clone().finalize().into()
    }
}

/// The file of a segment.
#[must_use]
pub fn path(directory: &Path, segment: u64) -> PathBuf {
    directory.join(format!("{segment:08}.journal"))
}

/// The numbers of the segments in a folder, in order. A folder that does not exist holds none.
///
/// # Errors
///
/// When the folder cannot be read, or a number between two segments is missing.
pub fn list(directory: &Path) -> Result<Vec<u64>, JournalError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io("read", directory)(error)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(JournalError::io("read", directory))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        numbers.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    let gap = numbers
        .iter()
        .zip(numbers.iter().skip(1))
        .find(|(left, right)| left.saturating_add(1) != **right);
    match gap {
        Some((left, _)) => Err(JournalError::Missing(left.saturating_add(1))),
        None => Ok(numbers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            build: "0.1.0+0123456789abcdef".to_owned(),
            continues: true,
            segment: 3,
            sequence: 1_000,
            opened: Timestamp::from_secs(1_800_000_000),
            head: [7; 32],
        }
    }

    #[test]
    fn a_header_reads_as_it_was_written() {
        let (bytes, check) = header().encode();
        assert_eq!(SegmentHeader::decode(&bytes, 3).unwrap(), (header(), check));
    }

    #[test]
    fn a_header_with_any_bit_flipped_is_refused() {
        let (bytes, _) = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&damaged, 3).is_err(), "bit {bit}");
        }
        assert!(
            SegmentHeader::decode(&bytes, 4).is_err(),
            "another's number"
        );
    }

    #[test]
    fn another_format_names_the_build_that_wrote_it() {
        let (mut bytes, _) = header().encode();
        bytes[8] = 2;
        let error = SegmentHeader::decode(&bytes, 3).unwrap_err().to_string();
        assert!(error.contains("format 2"), "{error}");
        assert!(error.contains("0.1.0+0123456789abcdef"), "{error}");
    }

    #[test]
    fn a_missing_segment_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for number in [2, 3, 5] {
            fs::write(path(directory.path(), number), b"").unwrap();
        }
        fs::write(directory.path().join("notes.txt"), b"").unwrap();
        let error = list(directory.path()).unwrap_err();
        assert!(matches!(error, JournalError::Missing(4)), "{error}");
        assert!(list(&directory.path().join("none")).unwrap().is_empty());
    }
}
