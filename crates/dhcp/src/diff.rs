//! What changed between two states of the leases.

use std::sync::Arc;

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
}
