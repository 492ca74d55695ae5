//! Says what it was measured on: cores, kernel, file system, and what a sync costs there.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use std::os::unix::fs::FileExt;
use tokio::time::Instant;

use crate::statistics::Latencies;

/// Syncs that are timed.
const SYNCS: u64 = 200;
/// Bytes written before each of them.
const SYNCED_BYTES: usize = 4_096;

/// What it was measured on.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    n_cores: usize,
    processor: String,
    kernel: String,
    file_system: String,
    /// Median time of a write of 4 KiB and a sync, in milliseconds.
    sync_ms: f64,
}

impl Machine {
    /// Looks at the machine and times some syncs in `folder`.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Self> {
        let processor = read_line("/proc/cpuinfo", "model name");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok(Self {
            n_cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor.unwrap_or_else(|| "unknown processor".to_owned()),
            kernel: kernel.trim().to_owned(),
            file_system: file_system(folder).unwrap_or_else(|| "unknown file system".to_owned()),
            sync_ms: time_syncs(folder).context("time syncs")?,
        })
    }

    /// Returns the machine as JSON.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "cores": self.n_cores,
            "processor": self.processor,
            "kernel": self.kernel,
            "file_system": self.file_system,
            "sync_ms_p50": self.sync_ms,
        })
    }

    /// Returns a machine that is none, for tests.
    #[cfg(test)]
    pub(crate) fn invented() -> Self {
        Self {
            n_cores: 2,
            processor: "abacus".to_owned(),
            kernel: "0.1".to_owned(),
            file_system: "paper".to_owned(),
            sync_ms: 1.0,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "On {} cores ({}), Linux {}, {}; writing and syncing 4 KiB takes {:.3} ms there \
             (median).",
            self.n_cores, self.processor, self.kernel, self.file_system, self.sync_ms
        )
    }
}

/// Returns the value of the first `key : value` line with this key.
fn read_line(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
}

/// Returns the type of the file system that holds a folder (proc(5), `mountinfo`).
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mounts = text.lines().filter_map(|line| {
        let (place, device) = line.split_once(" - ")?;
        Some((place.split(' ').nth(4)?, device.split(' ').next()?))
    });
    // Of two mounts at the same place the later one is seen.
    let covering = mounts.filter(|(place, _)| folder.starts_with(place));
    covering.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind.to_owned())
}

fn time_syncs(folder: &Path) -> std::io::Result<f64> {
    let path = folder.join("syncs");
    let file = File::create_new(&path)?;
    let mut latencies = Latencies::default();
    let block = [b'x'; SYNCED_BYTES];
    for index in 0..SYNCS {
        let start = Instant::now();
        file.write_all_at(&block, index * u64::try_from(SYNCED_BYTES).unwrap_or(0))?;
        file.sync_data()?;
        latencies.add(start.elapsed());
    }
    fs::remove_file(&path)?;
    Ok(latencies.percentiles().p50_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::look(folder.path()).unwrap();
        assert!(machine.n_cores > 0);
        assert!(machine.sync_ms > 0.0);
        assert!(!machine.kernel.is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
