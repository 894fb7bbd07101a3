//! Lines of a file that is plain text or zstd-compressed, told apart by its first bytes.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// First bytes of every zstd frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Longest line accepted, in bytes: no frame or row comes near.
pub const LONGEST_LINE: usize = 64 << 20;

/// Reads a file line by line.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    number: u64,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// Opens a file whose lines are plain or zstd-compressed.
///
/// # Errors
///
/// When the file cannot be opened or read.
pub fn open(path: &Path) -> io::Result<Lines> {
    Ok(Lines {
        reader: reader(path)?,
        number: 0,
    })
}

/// The whole text of a file that is plain or zstd-compressed.
///
/// # Errors
///
/// When the file cannot be read or is no UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    reader(path)?.read_to_string(&mut text)?;
    Ok(text)
}

fn reader(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut plain = BufReader::with_capacity(1 << 16, File::open(path)?);
    if plain.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        let decoder = zstd::stream::read::Decoder::with_buffer(plain)?;
        return Ok(Box::new(BufReader::with_capacity(1 << 16, decoder)));
    }
    Ok(Box::new(plain))
}

impl Lines {
    /// Number of the line read last, from 1; 0 before the first.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line into `line`, without its end. False at the end of the file.
    ///
    /// # Errors
    ///
    /// When reading or decompressing fails, or the line is longer than [`LONGEST_LINE`].
    pub fn read_into(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let limit = LONGEST_LINE as u64;
        let read = (&mut self.reader).take(limit).read_until(b'\n', line)?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if read == LONGEST_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "line longer than 64 MiB",
            ));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(content: &[u8]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, content).unwrap();
        let (mut lines, mut line, mut all) = (open(&path).unwrap(), Vec::new(), Vec::new());
        while lines.read_into(&mut line).unwrap() {
            all.push(String::from_utf8(line.clone()).unwrap());
        }
        all
    }

    #[test]
    fn plain_and_compressed_files_read_alike() {
        let text = b"one\r\n\ntwo\nlast without end";
        let compressed = zstd::stream::encode_all(&text[..], 1).unwrap();
        assert_eq!(lines_of(text), ["one", "", "two", "last without end"]);
        assert_eq!(lines_of(&compressed), lines_of(text));
        assert!(lines_of(b"").is_empty());
    }

    #[test]
    fn a_cut_compressed_file_is_an_error_not_a_short_read() {
        let compressed = zstd::stream::encode_all(&b"one\ntwo\n".repeat(1000)[..], 1).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, &compressed[..compressed.len() / 2]).unwrap();
        assert!(read_to_string(&path).is_err());
    }
}
