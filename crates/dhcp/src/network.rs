//! The state of a network as all sources together tell it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::diff::LeaseChange;
use crate::lease::{EpochSeconds, Lease};
use crate::pool::{Pool, PoolUsage, Reservation};

/// A lease with what the configuration and the vendor table add to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseView {
    /// The lease.
    pub lease: Lease,
    /// Source that the lease comes from; see [`SourceStatus::id`].
    pub source: Box<str>,
    /// Whether a reservation covers this client *and* this address.
    pub is_static: bool,
    /// First pool whose range holds the address.
    pub pool_name: Option<Box<str>>,
    /// Maker of the hardware, or `private` for a locally administered address.
    pub vendor: Option<Box<str>>,
    /// Whether the lease was made by the simulator.
    pub is_simulated: bool,
}

/// How a source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceHealth {
    /// Not read yet.
    Starting,
    /// The last read succeeded.
    Ok,
    /// The last read failed; what is served is the last good state.
    Stale,
}

/// What found a change first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectedBy {
    /// The file system's notification.
    Watch,
    /// The periodic look at the file.
    Poll,
    /// A call of the notify endpoint.
    Notify,
}

/// State of one lease source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// Name of the source, unique and stable over restarts: `dnsmasq`, or `dnsmasq:FILE` when
    /// there are several.
    pub id: Box<str>,
    /// Format of the lease file: `dnsmasq`.
    pub format: &'static str,
    /// The lease file.
    pub path: PathBuf,
    /// Health of the last read.
    pub health: SourceHealth,
    /// Why the source is stale, for people; `None` when it is well.
    pub reason: Option<Box<str>>,
    /// Last successful read.
    pub read_at: Option<EpochSeconds>,
    /// Last change of the leases.
    pub changed_at: Option<EpochSeconds>,
    /// What found the last change.
    pub detected_by: Option<DetectedBy>,
    /// Reads that had to be repeated because the file was being written.
    pub n_read_retries: u64,
    /// Leases read.
    pub n_leases: usize,
    /// Lines that could not be understood (at most the first 20 are kept), with line numbers.
    pub problems: Vec<Problem>,
    /// How many lines could not be understood in all.
    pub n_problems: usize,
}

/// A line or a setting that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File, when it is not the source's lease file.
    pub path: Option<PathBuf>,
    /// Line number from 1.
    pub line: usize,
    /// What is wrong, for people.
    pub reason: Box<str>,
}

/// Everything known of the network at one moment; immutable and shared.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Increases with every change; the first read makes 1.
    pub version: u64,
    /// When this version was made.
    pub at: EpochSeconds,
    /// Leases, by source, then kind, then address.
    pub leases: Vec<Arc<LeaseView>>,
    /// Pools, in the order of the configuration.
    pub pools: Vec<Arc<Pool>>,
    /// Usage of the pools, same order and length as `pools`.
    pub usage: Vec<PoolUsage>,
    /// Reservations, in the order of the configuration.
    pub reservations: Vec<Arc<Reservation>>,
    /// The sources.
    pub sources: Vec<SourceStatus>,
}

/// Why a new snapshot was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// First read of a source.
    Start,
    /// The lease file changed.
    File,
    /// The notify endpoint was called and the file had changed.
    Notify,
    /// The watcher saw the change first.
    Watch,
    /// A lease reached its end.
    Expiry,
    /// The server's configuration changed.
    Config,
    /// The simulator made a change.
    Simulated,
    /// Only the health of a source changed.
    Health,
}

/// One step of the network, in order; the snapshot is readable before the update is handed out.
#[derive(Debug, Clone)]
pub struct Update {
    /// The state after the step.
    pub snapshot: Arc<Snapshot>,
    /// Why there is a step.
    pub cause: Cause,
    /// What changed; empty for [`Cause::Start`] and [`Cause::Health`].
    pub changes: Vec<LeaseChange>,
    /// Whether `pools` or `usage` differ from the step before.
    pub has_pool_changes: bool,
    /// Whether any source's health or reason differs from the step before.
    pub has_status_changes: bool,
}
