//! Reads a file whole, or says why not; refuses what is no regular file.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size_bytes: u64,
    /// Last change of the content in nanoseconds since 1970; 0 when unknown or earlier.
    modified_ns: u128,
}

impl Stamp {
    /// Looks at a file or directory; `None` when there is none or it may not be looked at.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::from_metadata(&metadata))
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        let age = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        let (device, inode) = identity(metadata);
        Self {
            device,
            inode,
            size_bytes: metadata.len(),
            modified_ns: age.map_or(0, |age| age.as_nanos()),
        }
    }

    /// Returns whether the last change is less than `window_ms` away from `now_ms`, so that
    /// another one may follow without a visible difference (file times tick in milliseconds).
    pub(crate) fn is_recent(&self, now_ms: u64, window_ms: u64) -> bool {
        let modified_ms = self.modified_ns / 1_000_000;
        modified_ms.abs_diff(u128::from(now_ms)) < u128::from(window_ms)
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// A file that did not change while it was read.
#[derive(Debug)]
pub(crate) struct FileRead {
    /// The content.
    pub(crate) bytes: Vec<u8>,
    /// The stamp before and after reading.
    pub(crate) stamp: Stamp,
}

impl FileRead {
    /// Returns whether the content ends where a line ends.
    pub(crate) fn is_terminated(&self) -> bool {
        self.bytes.last().is_none_or(|last| *last == b'\n')
    }
}

/// Why a file was not read; `Display` says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no such file; is the DHCP server running, and is this its lease file?")]
    Missing,
    #[error("this is a directory; give the file in it")]
    Directory,
    #[error("this is not a regular file (a pipe, socket or device); give the lease file")]
    NotAFile,
    #[error(
        "permission denied; let the user or group of this service read the file and enter its \
         directories"
    )]
    Denied,
    #[error(
        "the file has {size_bytes} bytes, more than `dhcp.lease_file_size_max_bytes` \
         ({limit_bytes}); is this the lease file?"
    )]
    TooLarge { size_bytes: u64, limit_bytes: u64 },
    #[error("the file changed while it was read; is it being rewritten all the time?")]
    Changed,
    #[error("the file cannot be read: {source}")]
    Io { source: io::Error },
}

impl ReadError {
    fn from_io(source: io::Error) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of io errors are open")]
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::IsADirectory => Self::Directory,
            _ => Self::Io { source },
        }
    }
}

/// Where lease files are read from; the tests put a file system of their own here.
pub(crate) trait Reader: Send + Sync {
    /// Reads a whole file of at most `limit_bytes`; blocks.
    fn read(&self, path: &Path, limit_bytes: u64) -> Result<FileRead, ReadError>;
}

/// The file system of this machine.
#[derive(Debug)]
pub(crate) struct FileSystem;

impl Reader for FileSystem {
    fn read(&self, path: &Path, limit_bytes: u64) -> Result<FileRead, ReadError> {
        // Looked at before it is opened, because opening a device can have effects.
        let metadata = std::fs::metadata(path).map_err(ReadError::from_io)?;
        check_kind(&metadata, limit_bytes)?;
        let file = open(path).map_err(ReadError::from_io)?;
        let metadata = file.metadata().map_err(ReadError::from_io)?;
        check_kind(&metadata, limit_bytes)?;
        let stamp = Stamp::from_metadata(&metadata);

        // One byte more than the limit tells a file that grows while it is read.
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        (&file).take(limit_bytes + 1).read_to_end(&mut bytes).map_err(ReadError::from_io)?;

        let after = Stamp::from_metadata(&file.metadata().map_err(ReadError::from_io)?);
        let read_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if after != stamp || read_bytes != stamp.size_bytes {
            return Err(ReadError::Changed);
        }
        Ok(FileRead { bytes, stamp })
    }
}

fn check_kind(metadata: &Metadata, limit_bytes: u64) -> Result<(), ReadError> {
    if metadata.is_dir() {
        return Err(ReadError::Directory);
    }
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    if metadata.len() > limit_bytes {
        return Err(ReadError::TooLarge { size_bytes: metadata.len(), limit_bytes });
    }
    Ok(())
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    // Without NONBLOCK, a pipe that took the file's place would hold the thread for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT_BYTES: u64 = 1000;

    #[test]
    fn read_says_what_is_wrong() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("whole"), "a\nb\n").expect("written");
        std::fs::write(path("cut"), "a\nb").expect("written");
        std::fs::write(path("empty"), "").expect("written");
        File::create(path("huge")).and_then(|file| file.set_len(200 << 20)).expect("written");
        #[rustfmt::skip]
        let cases = [
            ("whole",        Ok(true)),
            ("cut",          Ok(false)),
            ("empty",        Ok(true)),
            ("missing",      Err("there is no such file")),
            ("whole/inside", Err("there is no such file")),
            (".",            Err("this is a directory")),
            ("huge",         Err("the file has 209715200 bytes, more than")),
            #[cfg(unix)]
            ("/dev/null",    Err("this is not a regular file")),
        ];
        for (name, expected) in cases {
            let read = FileSystem.read(&path(name), LIMIT_BYTES);
            match (read, expected) {
                (Ok(read), Ok(is_terminated)) => {
                    assert_eq!(read.is_terminated(), is_terminated, "case: {name}");
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().starts_with(expected), "case: {name}: {error}");
                }
                (read, expected) => panic!("case: {name}: {read:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn a_stamp_is_recent_on_both_sides_of_now() {
        let stamp = |modified_ms: u128| Stamp {
            device: 1,
            inode: 1,
            size_bytes: 1,
            modified_ns: modified_ms * 1_000_000,
        };
        let cases = [(5_000, true), (4_901, true), (4_900, false), (5_099, true), (5_100, false)];
        for (modified_ms, expected) in cases {
            assert_eq!(stamp(modified_ms).is_recent(5_000, 100), expected, "case: {modified_ms}");
        }
    }
}
