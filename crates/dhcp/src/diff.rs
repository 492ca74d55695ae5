//! What changed between two states of the leases.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::lease::{EpochSeconds, Expiry, LeaseKey, LeaseState};
use crate::network::LeaseView;

/// A field of a lease that people can see change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseField {
    /// Hardware address.
    Mac,
    /// Host name.
    Hostname,
    /// End of the lease.
    LeaseTime,
    /// Client identifier or DUID.
    ClientId,
    /// Whether a reservation covers the lease.
    IsStatic,
    /// Binding state.
    State,
    /// Pool that the address lies in.
    Pool,
    /// Maker of the hardware.
    Vendor,
    /// Something else that the server stores.
    Other,
}

impl LeaseField {
    /// Returns the field's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mac => "mac_address",
            Self::Hostname => "hostname",
            Self::LeaseTime => "lease_time",
            Self::ClientId => "client_id",
            Self::IsStatic => "is_static",
            Self::State => "state",
            Self::Pool => "pool_name",
            Self::Vendor => "vendor",
            Self::Other => "other",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaseChange {
    /// A lease that was not there.
    Added {
        /// The new lease.
        lease: Arc<LeaseView>,
    },
    /// Something a person sees changed.
    Updated {
        /// The lease before.
        previous: Arc<LeaseView>,
        /// The lease after.
        lease: Arc<LeaseView>,
        /// What changed; never empty.
        changed: Vec<LeaseField>,
    },
    /// Only the end moved, and it moved later.
    Renewed {
        /// The lease before.
        previous: Arc<LeaseView>,
        /// The lease after.
        lease: Arc<LeaseView>,
    },
    /// The lease is gone before its end: released or deleted.
    Removed {
        /// The lease as it was last seen.
        lease: Arc<LeaseView>,
    },
    /// The lease reached its end.
    Expired {
        /// The lease as it is now (or, when its record is gone, as it was last seen).
        lease: Arc<LeaseView>,
    },
    /// A lease whose end was told before is gone; nobody is told again.
    Forgotten {
        /// The lease as it was last seen.
        lease: Arc<LeaseView>,
    },
}

/// Source and key of a lease.
type Place<'a> = (&'a str, LeaseKey);

/// Returns what makes `after` of `before`, by source, kind and address.
///
/// A record that is gone by the end of its lease has expired; before that it was removed.
#[must_use]
pub fn diff(
    before: &[Arc<LeaseView>],
    after: &[Arc<LeaseView>],
    now: EpochSeconds,
) -> Vec<LeaseChange> {
    let before: BTreeMap<Place<'_>, &Arc<LeaseView>> = by_place(before);
    let after: BTreeMap<Place<'_>, &Arc<LeaseView>> = by_place(after);
    let mut changes: Vec<(Place<'_>, LeaseChange)> = Vec::new();
    for (place, previous) in &before {
        match after.get(place) {
            Some(lease) if lease == previous => {}
            Some(lease) => changes.push((*place, change(previous, lease))),
            None => {
                let lease = Arc::clone(previous);
                let is_past = matches!(lease.lease.expiry, Expiry::At(end) if end <= now);
                let change = if lease.lease.state == LeaseState::Expired {
                    LeaseChange::Forgotten { lease }
                } else if is_past {
                    LeaseChange::Expired { lease }
                } else {
                    LeaseChange::Removed { lease }
                };
                changes.push((*place, change));
            }
        }
    }
    for (place, lease) in &after {
        if !before.contains_key(place) {
            changes.push((*place, LeaseChange::Added { lease: Arc::clone(lease) }));
        }
    }
    changes.sort_by_key(|(place, _)| *place);
    changes.into_iter().map(|(_, change)| change).collect()
}

fn by_place(leases: &[Arc<LeaseView>]) -> BTreeMap<Place<'_>, &Arc<LeaseView>> {
    leases.iter().map(|view| ((view.source.as_ref(), view.lease.key()), view)).collect()
}

/// Names what happened to a lease that is still there.
fn change(previous: &Arc<LeaseView>, lease: &Arc<LeaseView>) -> LeaseChange {
    let (previous, lease) = (Arc::clone(previous), Arc::clone(lease));
    let (before, after) = (&previous.lease, &lease.lease);
    let is_over = |state| state == LeaseState::Expired;
    if is_over(after.state) && !is_over(before.state) {
        return LeaseChange::Expired { lease };
    }
    let is_later = match (before.expiry, after.expiry) {
        (Expiry::At(old), Expiry::At(new)) => new > old,
        (Expiry::At(_), Expiry::Never) => true,
        (Expiry::At(_) | Expiry::Never | Expiry::Unknown { .. }, _) => false,
    };
    let mut changed = changed_fields(&previous, &lease);
    let is_moved = |field: &LeaseField| matches!(field, LeaseField::LeaseTime | LeaseField::State);
    if is_later && changed.iter().all(is_moved) {
        return LeaseChange::Renewed { previous, lease };
    }
    if changed.is_empty() {
        changed.push(LeaseField::Other);
    }
    LeaseChange::Updated { previous, lease, changed }
}

fn changed_fields(previous: &LeaseView, view: &LeaseView) -> Vec<LeaseField> {
    let (before, after) = (&previous.lease, &view.lease);
    let fields = [
        (LeaseField::Mac, before.mac != after.mac),
        (LeaseField::Hostname, before.hostname != after.hostname),
        (LeaseField::LeaseTime, before.expiry != after.expiry),
        (
            LeaseField::ClientId,
            before.client_id != after.client_id
                || before.duid != after.duid
                || before.iaid != after.iaid,
        ),
        (LeaseField::IsStatic, previous.is_static != view.is_static),
        (LeaseField::State, before.state != after.state),
        (LeaseField::Pool, previous.pool_name != view.pool_name),
        (LeaseField::Vendor, previous.vendor != view.vendor),
    ];
    fields.into_iter().filter(|(_, is_changed)| *is_changed).map(|(field, _)| field).collect()
}

/// Makes the changes and returns what comes of it, by source, kind and address.
#[must_use]
pub fn apply(changes: &[LeaseChange], before: &[Arc<LeaseView>]) -> Vec<Arc<LeaseView>> {
    let mut leases: BTreeMap<Place<'_>, Arc<LeaseView>> =
        by_place(before).into_iter().map(|(place, view)| (place, Arc::clone(view))).collect();
    for change in changes {
        let lease = change.lease();
        let place = (lease.source.as_ref(), lease.lease.key());
        match change {
            LeaseChange::Added { lease }
            | LeaseChange::Updated { lease, .. }
            | LeaseChange::Renewed { lease, .. } => {
                leases.insert(place, Arc::clone(lease));
            }
            LeaseChange::Expired { lease } if lease.lease.state == LeaseState::Expired => {
                leases.insert(place, Arc::clone(lease));
            }
            LeaseChange::Expired { .. }
            | LeaseChange::Removed { .. }
            | LeaseChange::Forgotten { .. } => {
                leases.remove(&place);
            }
        }
    }
    leases.into_values().collect()
}

impl LeaseChange {
    /// Returns the lease that changed, as it is now or was last seen.
    #[must_use]
    pub fn lease(&self) -> &Arc<LeaseView> {
        match self {
            Self::Added { lease }
            | Self::Updated { lease, .. }
            | Self::Renewed { lease, .. }
            | Self::Removed { lease }
            | Self::Expired { lease }
            | Self::Forgotten { lease } => lease,
        }
    }
}

#[cfg(test)]
mod tests;
