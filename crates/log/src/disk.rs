//! The files of a log: a small interface, so that tests can put a simulated disk below it.

use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file that is locked while a log is open.
const LOCK_NAME: &str = "LOCK";

/// How much is written again at once.
const REWRITE_BYTES: usize = 1_048_576;

/// One folder of files, and all that a log does with it.
///
/// Names are plain file names. Nothing is durable before it is synced: content by
/// [`DiskFile::sync`], the making, renaming and removal of files by [`Disk::sync_folder`].
pub trait Disk: Debug + Send + Sync {
    /// Returns the names of all files, in no order.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is none; it is not made.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when there is one; it is as it was.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a file; handles that are open go on to work.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name; a file that had it is replaced in one step.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such file.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes durable which files there are.
    ///
    /// # Errors
    ///
    /// What is durable is unknown then, and a later success says nothing about it.
    fn sync_folder(&self) -> io::Result<()>;

    /// Takes the folder for this process until the returned value is dropped.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when another process holds it.
    fn lock(&self) -> io::Result<Box<dyn Debug + Send + Sync>>;
}

/// One file of a [`Disk`].
pub trait DiskFile: Debug + Send + Sync {
    /// Returns the length in bytes.
    ///
    /// # Errors
    ///
    /// The file cannot be looked at.
    fn len_bytes(&self) -> io::Result<u64>;

    /// Reads at a position as many bytes as there are, at most the buffer's length.
    ///
    /// # Errors
    ///
    /// The device fails; fewer bytes than asked for are no error.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes all bytes at a position, making the file longer if need be.
    ///
    /// # Errors
    ///
    /// `StorageFull` or `QuotaExceeded` when the bytes do not fit; some may have been written.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Cuts or extends (by zeros) the file.
    ///
    /// # Errors
    ///
    /// The length is as it was.
    fn set_len(&self, len_bytes: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    ///
    /// What is durable is unknown then, and a later success says nothing about it.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the operating system.
#[derive(Debug, Clone)]
pub struct SystemDisk {
    folder: PathBuf,
}

impl SystemDisk {
    /// Opens a folder, making it (readable by the owner alone) if need be.
    ///
    /// # Errors
    ///
    /// It is not there and cannot be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Opens a folder that must be there.
    ///
    /// # Errors
    ///
    /// It is not there, or no folder.
    pub fn existing(folder: &Path) -> io::Result<Self> {
        if !std::fs::metadata(folder)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { folder: folder.to_owned() })
    }

    fn options() -> OpenOptions {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = File::options();
        options.read(true).write(true).mode(0o600);
        options
    }
}

impl Disk for SystemDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Self::options().open(self.folder.join(name))?))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(Self::options().create_new(true).open(self.folder.join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn lock(&self) -> io::Result<Box<dyn Debug + Send + Sync>> {
        let file =
            Self::options().create(true).truncate(false).open(self.folder.join(LOCK_NAME))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for File {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut n_read = 0;
        while let Some(rest) = buffer.get_mut(n_read..).filter(|rest| !rest.is_empty()) {
            let position = position + u64::try_from(n_read).unwrap_or(u64::MAX);
            match FileExt::read_at(self, rest, position) {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(n_read)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, position)
    }

    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        Self::set_len(self, len_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// When something written counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On stable storage: it outlives the machine.
    Fsync,
    /// With the operating system: it outlives the process.
    Os,
}

/// Writes bytes of a file again as they are.
///
/// After a failed sync the system takes bytes for written that are not: only what is written again
/// is made durable by the next sync.
pub(crate) fn rewrite(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<()> {
    let mut position = from;
    while position < to {
        let left = usize::try_from(to - position).unwrap_or(usize::MAX);
        let mut buffer = vec![0; left.min(REWRITE_BYTES)];
        if file.read_at(&mut buffer, position)? < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all_at(&buffer, position)?;
        position += u64::try_from(buffer.len()).unwrap_or(u64::MAX);
    }
    Ok(())
}

/// Tells a disk that is full from one that fails.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
