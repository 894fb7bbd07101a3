//! Names the build: a hash over the sources that decide what a journal means, so that it needs no version control.

use std::{env, fs, io, path::Path};

/// What a journal's records and their replay depend on. A change elsewhere leaves journals readable.
const DECIDING: [&str; 3] = ["src/types", "src/engine", "src/journal"];

fn main() -> io::Result<()> {
    let mut hash = Fnv::new();
    for folder in DECIDING {
        println!("cargo::rerun-if-changed={folder}");
        hash_folder(Path::new(folder), &mut hash)?;
    }
    let version = env::var("CARGO_PKG_VERSION").map_err(io::Error::other)?;
    println!("cargo::rustc-env=TRADINGD_BUILD={version}+{:016x}", hash.0);
    Ok(())
}

fn hash_folder(folder: &Path, hash: &mut Fnv) -> io::Result<()> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            hash_folder(&path, hash)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            hash.add(path.to_string_lossy().as_bytes());
            hash.add(&fs::read(&path)?);
        }
    }
    Ok(())
}

/// FNV-1a, 64 bits: it tells builds apart and need not withstand anyone.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
