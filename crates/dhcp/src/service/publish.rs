//! Turns what is known now into the next snapshot and the update that goes with it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::diff::diff;
use crate::lease::EpochSeconds;
use crate::network::{Cause, LeaseView, Snapshot, SourceHealth, SourceStatus, Update};
use crate::pool::{Pool, Reservation, usage};

use super::Dhcp;

/// Everything that a snapshot is made of.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) leases: Vec<Arc<LeaseView>>,
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) reservations: Vec<Arc<Reservation>>,
    pub(super) sources: Vec<SourceStatus>,
    pub(super) now: EpochSeconds,
}

/// Makes snapshots readable, then queues their updates.
#[derive(Debug)]
pub(super) struct Publisher {
    dhcp: Arc<Dhcp>,
    /// Updates to hand out, oldest first; the worker empties it in every round.
    pub(super) outbox: VecDeque<Update>,
}

impl Publisher {
    pub(super) fn new(dhcp: Arc<Dhcp>) -> Self {
        Self { dhcp, outbox: VecDeque::new() }
    }

    /// Makes the next snapshot; when nothing changed, only the times of the sources move.
    pub(super) fn publish(&mut self, known: Known, cause: Cause) -> Option<&Update> {
        let before = self.dhcp.snapshot();
        let usage = usage(&known.pools, &known.leases);
        let has_pool_changes = before.usage != usage || before.pools != known.pools;
        let has_status_changes = has_status_changes(&before.sources, &known.sources);
        let has_lease_changes = before.leases != known.leases;
        let is_content = has_lease_changes
            || has_pool_changes
            || before.reservations != known.reservations
            || cause == Cause::Start;
        if !is_content && !has_status_changes {
            self.store(Snapshot { sources: known.sources, ..(*before).clone() });
            return None;
        }
        let cause = if is_content { cause } else { Cause::Health };
        // The first read of a source changes nobody else's leases.
        let changes = match cause {
            Cause::Start => Vec::new(),
            _ if !has_lease_changes => Vec::new(),
            Cause::File
            | Cause::Notify
            | Cause::Watch
            | Cause::Expiry
            | Cause::Config
            | Cause::Simulated
            | Cause::Health => diff(&before.leases, &known.leases, known.now),
        };
        let snapshot = self.store(Snapshot {
            version: before.version + 1,
            at: known.now,
            leases: known.leases,
            pools: known.pools,
            usage,
            reservations: known.reservations,
            sources: known.sources,
        });
        self.outbox.push_back(Update {
            snapshot,
            cause,
            changes,
            has_pool_changes,
            has_status_changes,
        });
        self.outbox.back()
    }

    fn store(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        *self.dhcp.snapshot.write() = Arc::clone(&snapshot);
        snapshot
    }
}

/// Whether a person would see another health; counters and times alone are no change.
fn has_status_changes(before: &[SourceStatus], after: &[SourceStatus]) -> bool {
    fn seen(status: &SourceStatus) -> (&str, SourceHealth, Option<&str>) {
        (&status.id, status.health, status.reason.as_deref())
    }
    !before.iter().map(seen).eq(after.iter().map(seen))
}
