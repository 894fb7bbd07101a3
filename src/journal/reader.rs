//! Reads one segment: proves every record, cuts a torn tail where one may be, hands out what is left.

use std::{fs, ops::Range, path::Path};

use super::{
    error::{Damage, JournalError},
    record::{Entry, FRAME_BYTES, Kind, Place, RawRecord, RunHeader, holds_record, read_record},
    recovery::Tip,
    segment::{self, Chain, HEADER_BYTES, SegmentHeader},
};

/// A segment whose records were all proven.
#[derive(Debug)]
pub struct Segment {
    /// What it says of itself.
    pub header: SegmentHeader,
    /// The run that it belongs to.
    pub run: RunHeader,
    /// Whether the run ended in order in it.
    pub sealed: bool,
    /// Where the next record would stand.
    pub tip: Tip,
    /// What was torn off its end, if anything.
    pub cut: Option<Cut>,
    bytes: Vec<u8>,
    checkpoint: Range<usize>,
}

/// Bytes at the end of the journal that were left out: a record that was not written whole, so nothing it led to has left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cut {
    /// Number of the segment.
    pub segment: u64,
    /// Where the bytes begin.
    pub offset: usize,
    /// How many.
    pub bytes: usize,
    /// What was wrong with them.
    pub damage: Damage,
}

/// Where a segment stands in the journal, which decides whether its end may be torn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Others follow: it must be whole.
    Whole,
    /// It is the last: its last record may be torn.
    MayBeTorn,
}

/// What a segment's file holds.
#[derive(Debug)]
pub enum Loaded {
    /// A segment.
    Begun(Box<Segment>),
    /// Less than a header, run header and checkpoint: the segment was never used. Only the last may be so.
    NotBegun(Cut),
}

/// An entry and where it stands.
#[derive(Debug)]
pub struct Located<'a> {
    /// Number of the record.
    pub sequence: u64,
    /// Where it begins.
    pub offset: usize,
    /// The entry.
    pub entry: Entry<'a>,
}

/// Reads the segment with a number from its folder.
///
/// # Errors
///
/// When the file cannot be read, is of another format, or is damaged elsewhere than at an end that may be torn.
pub fn load(directory: &Path, number: u64, end: End) -> Result<Loaded, JournalError> {
    let path = segment::path(directory, number);
    let bytes = fs::read(&path).map_err(JournalError::io("read", path))?;
    parse(bytes, number, end)
}

fn parse(mut bytes: Vec<u8>, number: u64, end: End) -> Result<Loaded, JournalError> {
    let scanned = scan(&bytes, number)?;
    let cut = match scanned.damage {
        None => None,
        Some(damage) => {
            let torn = end == End::MayBeTorn
                && is_torn(&bytes, scanned.offset, &damage, scanned.place.sequence);
            if !torn {
                return Err(JournalError::Damaged {
                    segment: number,
                    offset: scanned.offset,
                    damage,
                });
            }
            Some(Cut {
                segment: number,
                offset: scanned.offset,
                bytes: bytes.len().saturating_sub(scanned.offset),
                damage,
            })
        }
    };
    let (Some(header), Some(run), Some(checkpoint)) =
        (scanned.header, scanned.run, scanned.checkpoint)
    else {
        return not_begun(number, bytes.len(), end, cut);
    };
    bytes.truncate(scanned.offset);
    Ok(Loaded::Begun(Box::new(Segment {
        tip: Tip {
            segment: number,
            sequence: scanned.place.sequence,
            head: scanned.chain.head(),
        },
        header,
        run,
        sealed: scanned.sealed,
        cut,
        bytes,
        checkpoint,
    })))
}

/// A file that ends, at a record's border or within one, before its opening is whole.
fn not_begun(
    segment: u64,
    bytes: usize,
    end: End,
    cut: Option<Cut>,
) -> Result<Loaded, JournalError> {
    let damage = cut.map_or(Damage::Short, |cut| cut.damage);
    match end {
        End::MayBeTorn => Ok(Loaded::NotBegun(Cut {
            segment,
            offset: 0,
            bytes,
            damage,
        })),
        End::Whole => Err(JournalError::Damaged {
            segment,
            offset: bytes,
            damage,
        }),
    }
}

/// Whether damage is what the end of a process or machine leaves: an incomplete record with nothing whole behind it.
fn is_torn(bytes: &[u8], offset: usize, damage: &Damage, sequence: u64) -> bool {
    if !matches!(damage, Damage::Short | Damage::Checksum | Damage::Magic) {
        return false;
    }
    if offset == 0 {
        let first = bytes.get(HEADER_BYTES..).unwrap_or_default();
        return read_record(first).is_err();
    }
    let rest = bytes.get(offset.saturating_add(1)..).unwrap_or_default();
    let most = u64::try_from(rest.len() / FRAME_BYTES).unwrap_or(u64::MAX);
    !holds_record(
        rest,
        sequence..sequence.saturating_add(most).saturating_add(1),
    )
}

/// How far a segment's bytes can be trusted, and what they hold until there.
struct Scan {
    header: Option<SegmentHeader>,
    run: Option<RunHeader>,
    checkpoint: Option<Range<usize>>,
    sealed: bool,
    /// Where the next record stands, if any.
    offset: usize,
    place: Place,
    chain: Chain,
    damage: Option<Damage>,
}

fn scan(bytes: &[u8], number: u64) -> Result<Scan, JournalError> {
    let mut scan = Scan {
        header: None,
        run: None,
        checkpoint: None,
        sealed: false,
        offset: 0,
        place: Place {
            sequence: 0,
            previous: 0,
        },
        chain: Chain::new(&[0; 32]),
        damage: None,
    };
    if bytes.is_empty() {
        return Ok(scan);
    }
    match SegmentHeader::decode(bytes, number) {
        Ok((header, check)) => {
            scan.place = Place {
                sequence: header.sequence,
                previous: check,
            };
            scan.chain = Chain::new(&header.head);
            scan.header = Some(header);
            scan.offset = HEADER_BYTES;
        }
        Err(JournalError::Damaged { damage, .. }) => {
            scan.damage = Some(damage);
            return Ok(scan);
        }
        Err(other) => return Err(other),
    }
    while let Some(rest) = bytes.get(scan.offset..).filter(|rest| !rest.is_empty()) {
        if let Err(damage) = read_record(rest).and_then(|record| scan.accept(&record)) {
            scan.damage = Some(damage);
            break;
        }
    }
    Ok(scan)
}

impl Scan {
    fn accept(&mut self, record: &RawRecord<'_>) -> Result<(), Damage> {
        if record.place.sequence != self.place.sequence {
            return Err(Damage::Sequence {
                expected: self.place.sequence,
                found: record.place.sequence,
            });
        }
        if record.place.previous != self.place.previous {
            return Err(Damage::Chain);
        }
        self.accept_kind(record)?;
        self.chain.add(record);
        self.offset = self.offset.saturating_add(record.bytes());
        self.place = Place {
            sequence: self.place.sequence.saturating_add(1),
            previous: record.check,
        };
        Ok(())
    }

    fn accept_kind(&mut self, record: &RawRecord<'_>) -> Result<(), Damage> {
        let expected = match (&self.run, &self.checkpoint, self.sealed) {
            (_, _, true) => "nothing",
            (None, _, false) => Kind::RunHeader.name(),
            (Some(_), None, false) => Kind::Checkpoint.name(),
            (Some(_), Some(_), false) => Kind::Entry.name(),
        };
        let found = record.kind.name();
        let closes = record.kind == Kind::Seal && expected == Kind::Entry.name();
        if found != expected && !closes {
            return Err(Damage::Order { expected, found });
        }
        match record.kind {
            Kind::RunHeader => self.run = Some(RunHeader::decode(record.payload)?),
            Kind::Checkpoint => {
                let end = self.offset.saturating_add(record.bytes());
                self.checkpoint = Some(end.saturating_sub(record.payload.len())..end);
            }
            Kind::Entry => {}
            Kind::Seal => self.sealed = true,
        }
        Ok(())
    }
}

impl Segment {
    /// The engine as it was when the segment began.
    #[must_use]
    pub fn checkpoint(&self) -> &[u8] {
        self.bytes.get(self.checkpoint.clone()).unwrap_or_default()
    }

    /// The entries in order. An entry that is whole but cannot be read (another build's) ends them with an error.
    pub fn entries(&self) -> impl Iterator<Item = Result<Located<'_>, JournalError>> {
        let mut offset = self.checkpoint.end;
        std::iter::from_fn(move || {
            let record = read_record(self.bytes.get(offset..)?).ok()?;
            let here = offset;
            offset = offset.saturating_add(record.bytes());
            Some((here, record))
        })
        .filter(|(_, record)| record.kind == Kind::Entry)
        .map(|(offset, record)| {
            let entry = Entry::decode(record.payload).map_err(|damage| JournalError::Damaged {
                segment: self.header.segment,
                offset,
                damage,
            })?;
            Ok(Located {
                sequence: record.place.sequence,
                offset,
                entry,
            })
        })
    }
}
