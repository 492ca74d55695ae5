//! Moves leases past their end into the state that says so; pure.

use std::sync::Arc;

use crate::lease::{EpochSeconds, Expiry, Lease, LeaseState};
use crate::network::LeaseView;

/// Returns the lease as expired when it is active and `now` is its end or later; else `None`.
pub(crate) fn aged(view: &LeaseView, now: EpochSeconds) -> Option<Arc<LeaseView>> {
    let end = active_end(view)?;
    (end <= now).then(|| {
        let lease = Lease { state: LeaseState::Expired, ..view.lease.clone() };
        Arc::new(LeaseView { lease, ..view.clone() })
    })
}

/// Marks every lease that reached its end by `now`.
pub(crate) fn age_all(views: &mut [Arc<LeaseView>], now: EpochSeconds) {
    for view in views {
        if let Some(aged) = aged(view, now) {
            *view = aged;
        }
    }
}

/// Returns the earliest end of an active lease; `None` when no active lease ends.
pub(crate) fn next_end(views: &[Arc<LeaseView>]) -> Option<EpochSeconds> {
    views.iter().filter_map(|view| active_end(view)).min()
}

fn active_end(view: &LeaseView) -> Option<EpochSeconds> {
    match view.lease.expiry {
        Expiry::At(end) if view.lease.state == LeaseState::Active => Some(end),
        Expiry::At(_) | Expiry::Never | Expiry::Unknown { .. } => None,
    }
}
