//! Tests of the service on real files: what is published for what is written.

mod faults;
mod steering;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::lease::LeaseState;
use crate::network::{Cause, SourceHealth};
use crate::watch::read::Reader;

/// Longest wait for anything that must come.
const WAIT: Duration = Duration::from_secs(20);

/// A running service over files in a directory of its own.
struct Stand {
    directory: TempDir,
    dhcp: Arc<Dhcp>,
    updates: mpsc::Receiver<Update>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Stand {
    /// Runs the service over the lease file `leases`, with whatever `change` sets.
    fn new(leases: &str, change: impl FnOnce(&mut DhcpConfig)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("leases"), leases).expect("written");
        Self::over(directory, Arc::new(FileSystem), wall_clock(), change)
    }

    fn over(
        directory: TempDir,
        reader: Arc<dyn Reader>,
        clock: Clock,
        change: impl FnOnce(&mut DhcpConfig),
    ) -> Self {
        let mut config = config(directory.path());
        change(&mut config);
        config.check().expect("a good configuration");
        let (dhcp, worker, updates) = Dhcp::new(config, VendorTable::empty(), clock);
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(worker.with_reader(reader).run(stop.clone()));
        Self { directory, dhcp, updates, stop, task }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn update(&mut self) -> Update {
        let update = timeout(WAIT, self.updates.recv()).await.expect("an update comes in time");
        let update = update.expect("the worker runs");
        let newest = self.dhcp.snapshot();
        assert!(newest.version >= update.snapshot.version, "the snapshot is there first");
        update
    }

    /// Waits for the first read of every source.
    async fn started(&mut self, n_sources: usize) {
        for _ in 0..n_sources {
            let update = self.update().await;
            assert_eq!(update.cause, Cause::Start);
            assert_eq!(update.changes, []);
        }
        // The directories are watched soon after the first read.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// Collects updates until none comes for a second.
    async fn quiet(&mut self) -> Vec<Update> {
        let mut updates = Vec::new();
        while let Ok(Some(update)) = timeout(Duration::from_secs(1), self.updates.recv()).await {
            updates.push(update);
        }
        updates
    }

    async fn stop(mut self) {
        self.stop.cancel();
        timeout(WAIT, self.task.join_next()).await.expect("the worker ends soon");
    }
}

fn config(directory: &Path) -> DhcpConfig {
    let leases = Some(directory.join("leases"));
    DhcpConfig {
        sources: vec![SourceConfig { leases, ..SourceConfig::default() }],
        poll_interval: Duration::from_secs(1),
        ..DhcpConfig::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests stand where the binary stands")]
fn wall_clock() -> Clock {
    Arc::new(|| {
        let age = std::time::SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        u64::try_from(age.as_millis()).expect("a time of this age of the world")
    })
}

/// A line of a lease file; it ends in 2033.
fn line(number: usize, hostname: &str) -> String {
    let (high, low) = (number / 256, number % 256);
    format!("2000000000 02:00:00:00:{high:02x}:{low:02x} 10.0.{high}.{low} {hostname} *\n")
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| line(number, "device")).collect()
}

/// What an update says, short: `+10.0.0.1`, `-10.0.0.1` and so on.
fn told(update: &Update) -> Vec<String> {
    let changes = update.changes.iter();
    changes
        .map(|change| {
            let sign = match change {
                LeaseChange::Added { .. } => "+",
                LeaseChange::Updated { .. } => "~",
                LeaseChange::Renewed { .. } => ">",
                LeaseChange::Removed { .. } => "-",
                LeaseChange::Expired { .. } => "x",
                LeaseChange::Forgotten { .. } => "o",
            };
            format!("{sign}{}", change.lease().lease.ip)
        })
        .collect()
}

fn health(snapshot: &Snapshot) -> Vec<(SourceHealth, String)> {
    let sources = snapshot.sources.iter();
    sources
        .map(|status| (status.health, status.reason.as_deref().unwrap_or_default().to_owned()))
        .collect()
}
