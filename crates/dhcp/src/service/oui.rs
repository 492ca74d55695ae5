//! The registry of hardware makers that is newer than the one in the program.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::vendor::{CSV_SIZE_MAX_BYTES, VendorTable};
use crate::watch::read::{Reader, Stamp};

/// The file and the table made of it.
#[derive(Debug)]
pub(super) struct OuiFile {
    path: Option<PathBuf>,
    bundled: VendorTable,
    current: VendorTable,
    stamp: Option<Stamp>,
    is_reading: bool,
}

/// What a look at the file gave.
#[derive(Debug)]
pub(super) struct OuiDone {
    path: PathBuf,
    stamp: Option<Stamp>,
    /// `None` when the file is as it was, or cannot be used.
    newer: Option<VendorTable>,
}

impl OuiFile {
    pub(super) fn new(path: Option<PathBuf>, bundled: VendorTable) -> Self {
        Self { path, current: bundled.clone(), bundled, stamp: None, is_reading: false }
    }

    /// Returns the table to look up in.
    pub(super) fn vendors(&self) -> &VendorTable {
        &self.current
    }

    /// Takes another path; without one the table of the program is used again.
    pub(super) fn replace_path(&mut self, path: Option<PathBuf>) {
        if self.path != path {
            *self = Self::new(path, self.bundled.clone());
        }
    }

    /// Returns the look at the file that is due, for a thread that may block.
    pub(super) fn look(&mut self) -> Option<impl FnOnce(&dyn Reader) -> OuiDone + Send + use<>> {
        let path = self.path.clone().filter(|_| !self.is_reading)?;
        self.is_reading = true;
        let known = self.stamp;
        Some(move |reader: &dyn Reader| {
            let stamp = Stamp::of(&path);
            let is_new = stamp != known;
            let newer = if is_new { load(reader, &path) } else { None };
            OuiDone { path, stamp, newer }
        })
    }

    /// Takes the look's result; returns whether the table changed.
    pub(super) fn finish(&mut self, done: OuiDone) -> bool {
        if self.path.as_ref() != Some(&done.path) {
            return false;
        }
        self.is_reading = false;
        self.stamp = done.stamp;
        let Some(newer) = done.newer else { return false };
        self.current = self.bundled.updated_with(&newer);
        tracing::info!(path = %done.path.display(), blocks = newer.n_blocks(), "vendor file read");
        true
    }
}

fn load(reader: &dyn Reader, path: &Path) -> Option<VendorTable> {
    let limit_bytes = u64::try_from(CSV_SIZE_MAX_BYTES).unwrap_or(u64::MAX);
    let path_shown = path.display();
    match reader.read(path, limit_bytes) {
        Ok(read) => VendorTable::from_csv(&read.bytes)
            .inspect_err(|error| {
                let cause: &dyn Error = error;
                tracing::warn!(path = %path_shown, cause, "vendor file is not used");
            })
            .ok(),
        Err(error) => {
            let cause: &dyn Error = &error;
            tracing::warn!(path = %path_shown, cause, "vendor file is not read");
            None
        }
    }
}
