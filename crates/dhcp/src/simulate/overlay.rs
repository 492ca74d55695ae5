//! The layer of simulated changes over what the sources say.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::aging::aged;
use crate::lease::{EpochSeconds, Lease, LeaseKey, LeaseState};
use crate::network::LeaseView;

use super::Edit;

type Place = (Box<str>, LeaseKey);

/// Simulated changes by lease; see the module [`crate::simulate`] for its laws.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    entries: BTreeMap<Place, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// What the source said of this address when it was changed first; `None` when nothing.
    base: Option<Lease>,
    /// What is shown instead; `None` when the lease is hidden.
    shown: Option<Arc<LeaseView>>,
}

impl Overlay {
    /// Adds a change over what the sources say now.
    pub(crate) fn apply(&mut self, edit: Edit, sources: &[Arc<LeaseView>]) {
        let (view, shown) = match edit {
            Edit::Put(view) => (Arc::clone(&view), Some(view)),
            Edit::Hide(view) => (view, None),
        };
        let place = place(&view);
        let base = match self.entries.get(&place) {
            Some(entry) => entry.base.clone(),
            None => sources
                .iter()
                .find(|known| known.lease.key() == place.1 && known.source == place.0)
                .map(|known| known.lease.clone()),
        };
        if base.is_none() && shown.is_none() {
            self.entries.remove(&place);
            return;
        }
        self.entries.insert(place, Entry { base, shown });
    }

    /// Drops every change of a lease that its source says something new of.
    ///
    /// Only the state by the clock does not count as new.
    pub(crate) fn reconcile(&mut self, sources: &[Arc<LeaseView>]) {
        if self.entries.is_empty() {
            return;
        }
        let known: BTreeMap<Place, &Lease> =
            sources.iter().map(|view| (place(view), &view.lease)).collect();
        self.entries.retain(|place, entry| match (&entry.base, known.get(place)) {
            (Some(base), Some(lease)) => Lease { state: base.state, ..(*lease).clone() } == *base,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        });
    }

    /// Drops added leases that are past their end, as a server does soon after.
    pub(crate) fn drop_expired(&mut self) {
        self.entries.retain(|_, entry| {
            let is_expired =
                entry.shown.as_ref().is_some_and(|view| view.lease.state == LeaseState::Expired);
            entry.base.is_some() || !is_expired
        });
    }

    /// Marks what reached its end by `now`.
    pub(crate) fn age(&mut self, now: EpochSeconds) {
        for view in self.entries.values_mut().filter_map(|entry| entry.shown.as_mut()) {
            if let Some(aged) = aged(view, now) {
                *view = aged;
            }
        }
    }

    /// Puts the layer over sorted leases of one source; the result is sorted too.
    pub(crate) fn over(&self, source: &str, leases: &[Arc<LeaseView>]) -> Vec<Arc<LeaseView>> {
        let mut shown: Vec<_> = leases
            .iter()
            .filter(|view| self.entries.is_empty() || !self.entries.contains_key(&place(view)))
            .cloned()
            .collect();
        let ours = self.entries.iter().filter(|(place, _)| *place.0 == *source);
        shown.extend(ours.filter_map(|(_, entry)| entry.shown.clone()));
        shown.sort_by_key(|view| view.lease.key());
        shown
    }

    /// Returns the sources that the layer has leases of.
    pub(crate) fn sources(&self) -> Vec<Box<str>> {
        let mut sources: Vec<_> = self.entries.keys().map(|(source, _)| source.clone()).collect();
        sources.dedup();
        sources
    }

    /// Drops the whole layer.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn place(view: &LeaseView) -> Place {
    (view.source.clone(), view.lease.key())
}
