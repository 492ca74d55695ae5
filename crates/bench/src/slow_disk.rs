//! A file layer that counts syncs, and can make each take longer, as a cloud disk does.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidings_log::disk::{Disk, DiskFile};

/// How many syncs there were, of files and of folders.
#[derive(Debug, Clone, Default)]
pub(crate) struct SyncCount(Arc<AtomicU64>);

impl SyncCount {
    /// Returns the count.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A disk whose syncs are counted and delayed.
#[derive(Debug)]
pub(crate) struct SlowDisk {
    below: Arc<dyn Disk>,
    syncs: Syncs,
}

#[derive(Debug, Clone)]
struct Syncs {
    count: SyncCount,
    delay: Duration,
}

impl Syncs {
    /// Counts a sync and waits for its extra time; the caller is the log's own thread.
    fn before_one(&self) {
        self.count.0.fetch_add(1, Ordering::Relaxed);
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
    }
}

impl SlowDisk {
    /// Puts the layer on a disk; a zero `delay` only counts.
    pub(crate) fn new(below: Arc<dyn Disk>, delay: Duration) -> (Self, SyncCount) {
        let count = SyncCount::default();
        (Self { below, syncs: Syncs { count: count.clone(), delay } }, count)
    }

    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(SlowFile { below: file, syncs: self.syncs.clone() })
    }
}

impl Disk for SlowDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.below.list()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(self.below.open(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(self.below.create(name)?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.below.remove(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.below.rename(from, to)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.syncs.before_one();
        self.below.sync_folder()
    }

    fn lock(&self) -> io::Result<Box<dyn Debug + Send + Sync>> {
        self.below.lock()
    }
}

#[derive(Debug)]
struct SlowFile {
    below: Arc<dyn DiskFile>,
    syncs: Syncs,
}

impl DiskFile for SlowFile {
    fn len_bytes(&self) -> io::Result<u64> {
        self.below.len_bytes()
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.below.read_at(buffer, position)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.below.write_all_at(bytes, position)
    }

    fn set_len(&self, len_bytes: u64) -> io::Result<()> {
        self.below.set_len(len_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.before_one();
        self.below.sync()
    }
}

#[cfg(test)]
mod tests {
    use tidings_log::disk::SystemDisk;
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn syncs_are_counted_and_delayed_and_all_else_passes() {
        let folder = tempfile::tempdir().unwrap();
        let below = Arc::new(SystemDisk::new(folder.path()).unwrap());
        let delay = Duration::from_millis(3);
        let (disk, syncs) = SlowDisk::new(below, delay);
        let file = disk.create("a").unwrap();
        file.write_all_at(b"hello", 0).unwrap();
        disk.rename("a", "b").unwrap();
        assert_eq!(syncs.get(), 0);

        let start = Instant::now();
        file.sync().unwrap();
        disk.sync_folder().unwrap();

        assert_eq!(syncs.get(), 2);
        assert!(start.elapsed() >= 2 * delay);
        assert_eq!(disk.list().unwrap(), ["b"]);
        let mut buffer = [0; 8];
        assert_eq!(disk.open("b").unwrap().read_at(&mut buffer, 1).unwrap(), 4);
        assert_eq!(buffer.get(..4), Some(&b"ello"[..]));
    }
}
