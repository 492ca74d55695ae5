//! Opens hubs and logs as the server does, on a disk of the bench's choice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tidings_hub::config::HubConfig;
use tidings_hub::{Hub, HubEnvironment, HubThreads};
use tidings_log::disk::{Disk, SystemDisk};
use tidings_log::log::{Log, LogConfig, LogEnvironment};
use tidings_log::writer::LogWriter;
use tokio::time::Instant;

use crate::{events, outside, role};

/// Publish requests that one commit takes at most, as in the server.
pub(crate) const COMMIT_REQUESTS_MAX: usize = 1_024;
/// Bytes of a log on disk; more than any bench writes, so that nothing is trimmed.
const LOG_SIZE_MAX_BYTES: u64 = 8 * 1_073_741_824;

/// How a hub is opened, where benches differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreOptions {
    /// Publish requests that one commit takes at most; 1 is one sync per publish.
    pub commit_requests_max: usize,
    /// Bytes of the newest publications that are held in memory.
    pub window_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        let window_bytes = HubConfig::default().window_size_max_bytes;
        Self { commit_requests_max: COMMIT_REQUESTS_MAX, window_bytes }
    }
}

/// A hub that is open.
#[derive(Debug)]
pub(crate) struct Store {
    pub hub: Arc<Hub>,
    threads: HubThreads,
}

impl Store {
    /// Opens the hub in a folder.
    ///
    /// # Errors
    ///
    /// The folder cannot be used, or holds a log that cannot.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        Self::open_with(folder, StoreOptions::default())
    }

    /// Opens the hub in a folder in a way of the caller's choice.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub(crate) fn open_with(folder: &Path, options: StoreOptions) -> anyhow::Result<Self> {
        let disk = SystemDisk::new(folder).context("make the folder of the log")?;
        Self::open_on(Arc::new(disk), options)
    }

    /// Opens a hub on a disk.
    ///
    /// # Errors
    ///
    /// The disk holds a log that cannot be used.
    pub(crate) fn open_on(disk: Arc<dyn Disk>, options: StoreOptions) -> anyhow::Result<Self> {
        let start = Instant::now();
        let elapsed = move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let environment = HubEnvironment {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clock: Arc::new(outside::now_ms),
            elapsed: Arc::new(elapsed),
            entropy: Arc::new(outside::random),
            boot_id: outside::boot_id(),
            commit_requests_max: options.commit_requests_max,
            n_shards: 1,
        };
        let (hub, threads) =
            Hub::open(config(options), disk, environment).context("open the hub")?;
        Ok(Self { hub, threads })
    }

    /// Stops the hub, as the server does at its end.
    pub(crate) fn stop(self) {
        self.hub.close();
        self.threads.stop();
    }
}

/// Fills the log of a folder with events on the channels `bench/0`, `bench/1` and so on.
///
/// # Errors
///
/// The log cannot be used.
pub(crate) fn fill(folder: &Path, n_channels: usize, n_events: usize) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let channels = events::channels("bench", n_channels);
    role::current_thread()?.block_on(events::fill(&store.hub, &channels, n_events))?;
    store.stop();
    Ok(())
}

/// Returns limits under which nothing that a bench publishes is trimmed.
fn config(options: StoreOptions) -> HubConfig {
    HubConfig {
        window_size_max_bytes: options.window_bytes,
        history_events_max: 10_000_000,
        history_age_max: Duration::from_hours(24),
        history_bytes_max: LOG_SIZE_MAX_BYTES,
        log_size_max_bytes: LOG_SIZE_MAX_BYTES,
        ..HubConfig::default()
    }
}

/// Opens the log of a folder without a hub.
///
/// # Errors
///
/// The folder holds a log that cannot be used.
pub(crate) fn open_log(folder: &Path) -> anyhow::Result<(Log, LogWriter)> {
    let disk = SystemDisk::new(folder).context("make the folder of the log")?;
    let config = LogConfig { size_max_bytes: LOG_SIZE_MAX_BYTES, ..LogConfig::default() };
    let random = [outside::random(), outside::random()];
    let environment = LogEnvironment { random, boot_id: outside::boot_id() };
    Log::open(Arc::new(disk), config, &environment).context("open the log")
}
