//! A small file system in memory, for tests of a full disk.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::binary::find_program;

/// A mounted tmpfs, unmounted when dropped.
#[derive(Debug)]
pub struct Tmpfs {
    folder: TempDir,
}

impl Tmpfs {
    /// Mounts one that holds `size_bytes`, rounded up to whole pages, in a temporary folder.
    ///
    /// # Errors
    ///
    /// This machine does not let us; the text says why, so that a test can skip.
    pub fn mount(size_bytes: u64) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("mounting a tmpfs needs root".to_owned());
        }
        let program = find_program("mount").ok_or("mount is not installed (Debian: mount)")?;
        let folder = tempfile::tempdir().map_err(|error| format!("temporary folder: {error}"))?;
        let options = format!("size={size_bytes},mode=700");
        let output = Command::new(program)
            .args(["-t", "tmpfs", "-o", &options, "tidings-test"])
            .arg(folder.path())
            .output()
            .map_err(|error| format!("start mount: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(Self { folder })
    }

    /// Returns where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily, as a process that was just killed may hold files for a moment. If it fails, the
        // folder cannot be removed either; a test that ends has nobody to tell.
        let program = find_program("umount").unwrap_or_else(|| "umount".into());
        Command::new(program).arg("--lazy").arg(self.folder.path()).output().ok();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn it_is_full_soon_and_leaves_nothing_behind() {
        let tmpfs = match Tmpfs::mount(64 * 1024) {
            Ok(tmpfs) => tmpfs,
            Err(why) => {
                println!("skipped: {why}");
                return;
            }
        };
        let folder = tmpfs.path().to_owned();
        fs::write(folder.join("small"), [1; 1_024]).unwrap();
        let error = fs::write(folder.join("large"), vec![1; 128 * 1_024]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        drop(tmpfs);
        assert!(!folder.exists());
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&folder.display().to_string()));
    }
}
