//! Decides how far a read is believed that would remove leases; pure.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::lease::{EpochSeconds, Expiry, LeaseKey, LeaseState};
use crate::network::{DetectedBy, LeaseView};

/// How long a loss of many leases must stand before it is believed.
pub(crate) const CONFIRM_MANY: Duration = Duration::from_millis(300);
/// How long any loss must stand when nothing says that the file is quiet.
pub(crate) const CONFIRM_UNQUIET: Duration = Duration::from_millis(100);
/// A loss of more than one lease in this many is a loss of many (20 %).
const MANY_ONE_IN: usize = 5;

/// Leases that a read would remove before their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    /// Leases held now.
    pub(crate) n_held: usize,
    /// Leases held now that the read does not know.
    pub(crate) n_lost: usize,
}

/// Counts what a read would remove; a lease past its end is no loss.
pub(crate) fn loss(known: &[Arc<LeaseView>], read: &[Arc<LeaseView>], now: EpochSeconds) -> Loss {
    let keys: HashSet<LeaseKey> = read.iter().map(|view| view.lease.key()).collect();
    let held = known.iter().filter(|view| {
        let is_over = matches!(view.lease.expiry, Expiry::At(end) if end <= now);
        view.lease.state == LeaseState::Active && !is_over
    });
    held.fold(Loss { n_held: 0, n_lost: 0 }, |loss, view| Loss {
        n_held: loss.n_held + 1,
        n_lost: loss.n_lost + usize::from(!keys.contains(&view.lease.key())),
    })
}

/// Whether anything says that the file was quiet when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// The last change is old enough, and every change before would have been noticed.
    Known,
    /// The file was just written, or nothing says that changes of it are noticed.
    Unknown,
}

impl Quiet {
    pub(crate) fn new(is_fresh: bool, detected_by: DetectedBy) -> Self {
        // Poll and notify see one moment; a writer's pause may lie just there.
        match (is_fresh, detected_by) {
            (false, DetectedBy::Watch) => Self::Known,
            (true, _) | (_, DetectedBy::Poll | DetectedBy::Notify) => Self::Unknown,
        }
    }
}

/// Returns how long the same content must stand before the loss is believed; `None` at once.
pub(crate) fn confirm_after(loss: Loss, quiet: Quiet) -> Option<Duration> {
    if loss.n_lost == 0 {
        return None;
    }
    if loss.n_lost == loss.n_held || loss.n_lost * MANY_ONE_IN > loss.n_held {
        return Some(CONFIRM_MANY);
    }
    match quiet {
        Quiet::Known => None,
        Quiet::Unknown => Some(CONFIRM_UNQUIET),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirm_after_cases() {
        #[rustfmt::skip]
        let cases = [
            ("nothing lost",       100, 0,  Quiet::Unknown, None),
            ("nothing held",       0,   0,  Quiet::Unknown, None),
            ("one of many",        100, 1,  Quiet::Known,   None),
            ("one, just written",  100, 1,  Quiet::Unknown, Some(CONFIRM_UNQUIET)),
            ("exactly 20 %",       100, 20, Quiet::Known,   None),
            ("more than 20 %",     100, 21, Quiet::Known,   Some(CONFIRM_MANY)),
            ("one of three",       3,   1,  Quiet::Known,   Some(CONFIRM_MANY)),
            ("one of five",        5,   1,  Quiet::Known,   None),
            ("all",                1,   1,  Quiet::Known,   Some(CONFIRM_MANY)),
        ];
        for (name, n_held, n_lost, quiet, expected) in cases {
            assert_eq!(confirm_after(Loss { n_held, n_lost }, quiet), expected, "case: {name}");
        }
    }
}
