//! The DHCP side as one thing: a handle that serves the newest state, and the worker behind it.

mod config;
mod job;
mod oui;
mod publish;
mod source;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::diff::LeaseChange;
use crate::lease::EpochSeconds;
use crate::network::{Snapshot, Update};
use crate::simulate::StepKind;
use crate::vendor::VendorTable;
use crate::watch::read::FileSystem;

pub use config::{
    ConfigError, DhcpConfig, POOLS_MAX, SOURCES_MAX, SimulateConfig, SourceConfig, SourceFormat,
};
pub use worker::DhcpWorker;

/// Returns milliseconds since 1970-01-01T00:00:00Z.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Updates that may wait for their receiver; then the worker waits.
const UPDATES_WAITING_MAX: usize = 64;
/// Calls of [`Dhcp::simulate`] that may wait for the worker; then the callers wait.
const STEPS_WAITING_MAX: usize = 16;

/// The state of the network, and the calls that reach its worker; shared by everybody.
pub struct Dhcp {
    snapshot: RwLock<Arc<Snapshot>>,
    wake: Notify,
    n_notified: AtomicU32,
    new_config: Mutex<Option<DhcpConfig>>,
    steps: mpsc::Sender<StepReply>,
}

type StepReply = oneshot::Sender<Result<SimulatedStep, SimulateError>>;

/// What a simulated step did.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedStep {
    /// What was done.
    pub kind: StepKind,
    /// What changed by it.
    pub changes: Vec<LeaseChange>,
    /// Version of the snapshot that has the change.
    pub version: u64,
}

/// Why [`Dhcp::simulate`] changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// `dhcp.simulate.enabled` is false.
    #[error("the simulator is off; `dhcp.simulate.enabled` turns it on")]
    Disabled,
    /// No lease may be changed and no address is free.
    #[error("there is nothing to change: no dynamic lease and no free address")]
    NothingToChange,
    /// The worker has ended.
    #[error("the DHCP side is stopping")]
    Stopped,
}

impl Dhcp {
    /// Makes the handle, the worker to run, and where its updates come out.
    ///
    /// `config` must have passed [`DhcpConfig::check`]. Until the worker has read a source, its
    /// health is `Starting` and the snapshot's version is 0. The receiver must be read: after 64
    /// waiting updates the worker waits, while the snapshot stays served. Dropping the receiver is
    /// fine.
    #[must_use]
    pub fn new(
        config: DhcpConfig,
        vendors: VendorTable,
        clock: Clock,
    ) -> (Arc<Self>, DhcpWorker, mpsc::Receiver<Update>) {
        debug_assert_eq!(config.check(), Ok(()), "the caller checks the configuration");
        let (steps, steps_waiting) = mpsc::channel(STEPS_WAITING_MAX);
        let (updates, updates_waiting) = mpsc::channel(UPDATES_WAITING_MAX);
        let dhcp = Arc::new(Self {
            snapshot: RwLock::new(Arc::new(empty_snapshot(seconds(clock())))),
            wake: Notify::new(),
            n_notified: AtomicU32::new(0),
            new_config: Mutex::new(None),
            steps,
        });
        let ports = worker::Ports { updates, steps: steps_waiting, clock };
        let reader = Arc::new(FileSystem);
        let worker = DhcpWorker::new(Arc::clone(&dhcp), config, vendors, ports, reader);
        (dhcp, worker, updates_waiting)
    }

    /// Returns the newest state.
    ///
    /// Whoever has received an [`Update`] finds its snapshot here, or a newer one.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read())
    }

    /// Says that a DHCP server changed something; returns at once, before any work.
    ///
    /// Bursts become one read: of all calls within the settle time after each other, at most a
    /// second. What a server wrote before a call is always read after it. With the simulator on,
    /// each call also makes one simulated step (of a burst at most 100).
    pub fn notify(&self) {
        self.n_notified.fetch_add(1, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Makes one simulated change and returns when the snapshot has it.
    ///
    /// Cancel safe; the change may then be made all the same.
    ///
    /// # Errors
    ///
    /// [`SimulateError`]; nothing has changed then.
    pub async fn simulate(&self) -> Result<SimulatedStep, SimulateError> {
        let (reply, replied) = oneshot::channel();
        self.steps.send(reply).await.map_err(|_| SimulateError::Stopped)?;
        replied.await.unwrap_or(Err(SimulateError::Stopped))
    }

    /// Takes over another configuration (SIGHUP) and reads every configuration file again.
    ///
    /// `config` must have passed [`DhcpConfig::check`]. A source that keeps its id keeps its last
    /// leases until it is read again; of two calls in short succession only the last counts.
    pub fn replace_config(&self, config: DhcpConfig) {
        debug_assert_eq!(config.check(), Ok(()), "the caller checks the configuration");
        *self.new_config.lock() = Some(config);
        self.wake.notify_one();
    }
}

impl fmt::Debug for Dhcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dhcp").field("version", &self.snapshot().version).finish_non_exhaustive()
    }
}

fn empty_snapshot(at: EpochSeconds) -> Snapshot {
    Snapshot {
        version: 0,
        at,
        leases: Vec::new(),
        pools: Vec::new(),
        usage: Vec::new(),
        reservations: Vec::new(),
        sources: Vec::new(),
    }
}

/// Whole seconds of a time in milliseconds.
fn seconds(epoch_ms: u64) -> EpochSeconds {
    EpochSeconds::try_from(epoch_ms / 1000).unwrap_or(EpochSeconds::MAX)
}

#[cfg(test)]
mod tests;
