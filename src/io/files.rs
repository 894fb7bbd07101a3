//! Files that survive a crash: exclusive directories, whole-file replacement, synced directories.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// A directory that this process alone uses, until dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// Why a directory could not be taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{path} is in use by process {holder}")]
    Held {
        /// The directory.
        path: PathBuf,
        /// Process id that the holder wrote, or `unknown`.
        holder: String,
    },
    /// The file system refused.
    #[error("cannot lock {path}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Creates `directory` if needed and takes it for this process, with `flock` on its file `lock`.
///
/// # Errors
///
/// When another process holds it, or the file system refuses.
pub fn lock_dir(directory: &Path) -> Result<DirLock, LockError> {
    let failed = |source| LockError::Io {
        path: directory.to_owned(),
        source,
    };
    create_private_dir(directory).map_err(failed)?;
    let path = directory.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.read_to_string(&mut holder);
            let known = read.is_ok() && !holder.trim().is_empty();
            let holder = if known {
                holder.trim().to_owned()
            } else {
                "unknown".to_owned()
            };
            return Err(LockError::Held {
                path: directory.to_owned(),
                holder,
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(DirLock { _file: file })
}

/// Creates a directory and its parents, readable by the owner only.
///
/// # Errors
///
/// When the file system refuses.
pub fn create_private_dir(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Replaces a file's content so that a crash leaves the old or the new content, never a mix.
///
/// # Errors
///
/// When the file system refuses; the old content is then still there.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = directory_of(path);
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(directory)
}

/// Where a file stands; the parent of a bare name is empty, and means here.
fn directory_of(path: &Path) -> &Path {
    let parent = path.parent().unwrap_or(Path::new(""));
    if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    }
}

/// Makes the names in a directory durable.
///
/// # Errors
///
/// When the file system refuses.
pub fn sync_dir(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_stands_in_the_working_directory() {
        for (path, directory) in [
            ("my.pem", "."),
            ("./my.pem", "."),
            ("a/my.pem", "a"),
            ("/my.pem", "/"),
        ] {
            assert_eq!(
                directory_of(Path::new(path)),
                Path::new(directory),
                "{path}"
            );
        }
    }
}
