//! The lists that are subscribed to: which there are, and looks at them.

use std::collections::BTreeMap;

use super::{Rulebook, RulebookError, Subscribed};
use crate::filter::compile::{self, ListReport};
use crate::list::fetch::FetchError;
use crate::list::refresh::{self, Look, RefreshError, Refreshed};
use crate::list::state::ListState;
use crate::list::{FIRST_LIST, LAST_LIST, Subscription};
use crate::verdict::ListId;

impl Rulebook {
    /// Sets which lists there are, with the states that they had.
    ///
    /// The filter changes with the next [`Rulebook::reload`].
    ///
    /// # Errors
    ///
    /// A number is none of a list, or a state cannot be read.
    pub fn set_subscriptions(&self, subscriptions: Vec<Subscription>) -> Result<(), RulebookError> {
        let mut lists = BTreeMap::new();
        for subscription in subscriptions {
            let id = subscription.id;
            check_number(id)?;
            let state = self.store.load_state(id).map_err(RulebookError::Store)?;
            let report = ListReport::default();
            lists.insert(id, Subscribed { subscription, state, report, loading_bytes: None });
        }
        let mut inner = self.inner.lock();
        inner.lists = lists;
        inner.version += 1;
        Ok(())
    }

    /// Adds a list, or sets one up otherwise; with another origin or dialect it is looked at anew,
    /// and its last good copy counts until then.
    ///
    /// The filter changes with the next [`Rulebook::reload`].
    ///
    /// # Errors
    ///
    /// The number is none of a list, or the state cannot be kept; it counts all the same.
    pub fn subscribe(&self, subscription: Subscription) -> Result<(), RulebookError> {
        let id = subscription.id;
        check_number(id)?;
        let mut inner = self.inner.lock();
        let entry = inner.lists.entry(id).or_insert_with(|| Subscribed {
            subscription: subscription.clone(),
            state: ListState::default(),
            report: ListReport::default(),
            loading_bytes: None,
        });
        let before = std::mem::replace(&mut entry.subscription, subscription);
        let now = &entry.subscription;
        if !has_same_text(&before, now) {
            entry.state = of_another_text(&entry.state);
        } else if before.refresh != now.refresh {
            let refresh_ms = u64::try_from(now.refresh.as_millis()).unwrap_or(u64::MAX);
            let checked_at_ms = entry.state.checked_at_ms;
            entry.state.next_at_ms = checked_at_ms.map(|at_ms| at_ms.saturating_add(refresh_ms));
        }
        let state = entry.state.clone();
        inner.version += 1;
        drop(inner);
        self.store.save_state(id, &state).map_err(RulebookError::Store)
    }

    /// Forgets a list and what is kept of it.
    ///
    /// The filter changes with the next [`Rulebook::reload`].
    ///
    /// # Errors
    ///
    /// There is no such list, or its files cannot be removed; it counts no more all the same.
    pub fn unsubscribe(&self, list: ListId) -> Result<Subscribed, RulebookError> {
        let mut inner = self.inner.lock();
        let gone = inner.lists.remove(&list).ok_or(RulebookError::NoSuchList(list))?;
        inner.version += 1;
        drop(inner);
        self.store.remove(list).map_err(RulebookError::Store)?;
        Ok(gone)
    }

    /// Keeps pasted text as the copy of a list, which is looked at next.
    ///
    /// # Errors
    ///
    /// It cannot be kept; the former copy stays.
    pub fn paste(&self, list: ListId, text: &str) -> Result<(), RulebookError> {
        self.store.put_text(list, text).map_err(RulebookError::Store)?;
        let mut inner = self.inner.lock();
        if let Some(entry) = inner.lists.get_mut(&list) {
            (entry.state.updated_at_ms, entry.state.next_at_ms) = (None, None);
        }
        inner.version += 1;
        Ok(())
    }

    /// The first lines of a list that are no rules.
    ///
    /// # Errors
    ///
    /// There is no such list, or its copy cannot be read.
    pub fn ignored_lines(&self, list: ListId) -> Result<ListReport, RulebookError> {
        let entry = self.inner.lock().lists.get(&list).cloned();
        let entry = entry.ok_or(RulebookError::NoSuchList(list))?;
        // Compiled rules from a file come without a report.
        if entry.report.n_bytes > 0 || !self.store.text_path(list).exists() {
            return Ok(entry.report);
        }
        compile::survey(&self.source(&entry.subscription)).map_err(RulebookError::Store)
    }

    /// Looks at a list once, on the caller's thread, and compiles the lists anew when it changed.
    ///
    /// # Errors
    ///
    /// The list was not taken; its state says why, and the rules are as before.
    pub fn refresh(&self, list: ListId, look: &Look<'_>) -> Result<Refreshed, RulebookError> {
        let refreshed = self.look_at(list, look)?;
        if refreshed == Refreshed::Changed {
            self.reload()?;
        }
        Ok(refreshed)
    }

    /// Looks at a list once, on the caller's thread; the rules change with the next
    /// [`Rulebook::reload`].
    ///
    /// # Errors
    ///
    /// The list was not taken; its state says why, unless the program ends.
    pub fn look_at(&self, list: ListId, look: &Look<'_>) -> Result<Refreshed, RulebookError> {
        let before = self.inner.lock().lists.get(&list).cloned();
        let Subscribed { subscription, mut state, .. } =
            before.ok_or(RulebookError::NoSuchList(list))?;
        self.set_loading(list, Some(0));
        let refreshed = refresh::refresh(&subscription, &mut state, look, &mut |n_bytes| {
            self.set_loading(list, Some(n_bytes));
        });
        self.set_loading(list, None);
        if matches!(&refreshed, Err(RefreshError::Fetch(FetchError::Stopped))) {
            return refreshed.map_err(RulebookError::Refresh);
        }
        self.note(&subscription, &state)?;
        refreshed.map_err(RulebookError::Refresh)
    }

    /// Puts a list off whose look went wrong in a way that nobody foresaw.
    pub fn put_off(&self, list: ListId, until_ms: u64) {
        let mut inner = self.inner.lock();
        if let Some(entry) = inner.lists.get_mut(&list) {
            (entry.loading_bytes, entry.state.next_at_ms) = (None, Some(until_ms));
        }
        inner.version += 1;
    }

    /// Notes how a list stands after a look, unless it was set up otherwise meanwhile.
    fn note(&self, looked_at: &Subscription, state: &ListState) -> Result<(), RulebookError> {
        let list = looked_at.id;
        let mut inner = self.inner.lock();
        inner.version += 1;
        match inner.lists.get_mut(&list) {
            Some(entry) if has_same_text(&entry.subscription, looked_at) => {
                entry.state = state.clone();
            }
            Some(_) => return Ok(()),
            None => {
                drop(inner);
                self.store.remove(list).map_err(RulebookError::Store)?;
                return Err(RulebookError::NoSuchList(list));
            }
        }
        drop(inner);
        self.store.save_state(list, state).map_err(RulebookError::Store)
    }

    fn set_loading(&self, list: ListId, n_bytes: Option<u64>) {
        let mut inner = self.inner.lock();
        if let Some(entry) = inner.lists.get_mut(&list) {
            entry.loading_bytes = n_bytes;
        }
        inner.version += 1;
    }
}

fn check_number(list: ListId) -> Result<(), RulebookError> {
    if list < FIRST_LIST || list > LAST_LIST {
        return Err(RulebookError::BadNumber(list));
    }
    Ok(())
}

/// Whether what was found at one still says something of the other.
fn has_same_text(one: &Subscription, other: &Subscription) -> bool {
    one.origin == other.origin && one.dialect == other.dialect
}

/// What stays of a state when nothing vouches for the copy any more.
fn of_another_text(before: &ListState) -> ListState {
    ListState {
        etag: None,
        last_modified: None,
        updated_at_ms: None,
        n_rules: 0,
        next_at_ms: None,
        n_failures: 0,
        error: None,
        ..before.clone()
    }
}
