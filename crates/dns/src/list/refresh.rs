//! Looks at a list once: fetches it, checks it, and keeps it or the last good copy.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use crate::filter::compile::{self, ListReport, ListSource, ListText};
use crate::list::fetch::{Fetch, FetchError, FetchRequest, Fetched, LimitedWriter};
use crate::list::state::{LastError, ListState, VALIDATOR_BYTES_MAX};
use crate::list::store::Store;
use crate::list::{Origin, REFRESH_MAX, REFRESH_MIN, Subscription};

/// Longest wait after a failure, in refresh times.
const FAILURE_WAIT_MAX: Duration = Duration::from_hours(6);
/// First wait after a failure.
const FAILURE_WAIT_MIN: Duration = Duration::from_mins(1);

/// Why a list was not taken; the last good copy stays.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It could not be fetched.
    #[error("{0}")]
    Fetch(FetchError),
    /// It has no rule.
    #[error("it has no rule that counts: is it a list in the dialect `{dialect}`?")]
    Empty {
        /// The dialect that it was read in.
        dialect: crate::filter::dialect::Dialect,
    },
    /// It has lost more than half of its rules.
    #[error("it has {n_new} rules instead of {n_old}: take it by hand if that is right")]
    Shrunk {
        /// Rules of the last good copy.
        n_old: u64,
        /// Rules of the new one.
        n_new: u64,
    },
    /// The copy could not be read or kept.
    #[error("the copy could not be read or kept: {0}")]
    Store(io::Error),
}

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The copy at hand is the newest.
    Unchanged,
    /// A new copy is kept: the rules have to be compiled again.
    Changed,
}

/// Whether a look takes what seems broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// A list that is empty or has shrunk by more than half is refused.
    Checked,
    /// A person has asked for it: anything with a rule is taken.
    Forced,
}

/// With what and when a list is looked at.
pub struct Look<'a> {
    /// Where copies are kept.
    pub store: &'a Store,
    /// Fetches from servers.
    pub fetch: &'a dyn Fetch,
    /// Largest list in bytes.
    pub bytes_max: u64,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Spreads the looks of many: any number, another at each look.
    pub random: u64,
    /// Whether to take what seems broken.
    pub trust: Trust,
}

impl std::fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

/// Looks at a list, and writes down in `state` what came of it and when to look next.
///
/// `progress` hears the bytes that have come.
///
/// # Errors
///
/// The list was not taken; `state.error` says why, and the last good copy is untouched.
pub fn refresh(
    subscription: &Subscription,
    state: &mut ListState,
    look: &Look<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Refreshed, RefreshError> {
    let result = try_refresh(subscription, state, look, progress);
    state.checked_at_ms = Some(look.now_ms);
    match &result {
        Ok(_) => (state.error, state.n_failures) = (None, 0),
        Err(error) => {
            state.n_failures = state.n_failures.saturating_add(1);
            state.error = Some(LastError { text: error.to_string(), at_ms: look.now_ms });
        }
    }
    let wait = wait_until_next(subscription.refresh, state.n_failures, look.random);
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    state.next_at_ms = Some(look.now_ms.saturating_add(wait_ms));
    result
}

fn try_refresh(
    subscription: &Subscription,
    state: &mut ListState,
    look: &Look<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Refreshed, RefreshError> {
    let list = subscription.id;
    let incoming = look.store.incoming_path(list);
    let (etag, last_modified) = match &subscription.origin {
        Origin::Pasted => {
            // Only a paste changes it, and that forgets when it was updated.
            if state.updated_at_ms.is_some() {
                return Ok(Refreshed::Unchanged);
            }
            let report = report_of(subscription, look.store.text_path(list))?;
            take_report(state, &report, look.now_ms);
            return Ok(Refreshed::Changed);
        }
        Origin::File(path) => {
            let modified = modified_of(path).map_err(RefreshError::Store)?;
            if state.last_modified.as_ref() == Some(&modified) && has_copy(state, look, list) {
                return Ok(Refreshed::Unchanged);
            }
            let mut input = File::open(path).map_err(RefreshError::Store)?;
            let file = File::create(&incoming).map_err(RefreshError::Store)?;
            let mut writer = LimitedWriter::new(BufWriter::new(file), look.bytes_max, progress);
            let copied = io::copy(&mut input, &mut writer).and_then(|_| writer.flush());
            copied.map_err(RefreshError::Store)?;
            (None, Some(modified))
        }
        Origin::Url(url) => {
            let is_conditional = has_copy(state, look, list) && look.trust == Trust::Checked;
            let request = FetchRequest {
                url,
                etag: state.etag.as_deref().filter(|_| is_conditional),
                last_modified: state.last_modified.as_deref().filter(|_| is_conditional),
            };
            let file = File::create(&incoming).map_err(RefreshError::Store)?;
            let mut writer = LimitedWriter::new(BufWriter::new(file), look.bytes_max, progress);
            match look.fetch.fetch(request, &mut writer).map_err(RefreshError::Fetch)? {
                Fetched::Unchanged => return Ok(Refreshed::Unchanged),
                Fetched::New { etag, last_modified } => {
                    writer.flush().map_err(RefreshError::Store)?;
                    (etag, last_modified)
                }
            }
        }
    };
    let report = report_of(subscription, incoming)?;
    check(subscription, &report, state, look.trust)?;
    look.store.accept(list).map_err(RefreshError::Store)?;
    let short = |validator: &String| validator.len() <= VALIDATOR_BYTES_MAX;
    state.etag = etag.filter(short);
    state.last_modified = last_modified.filter(short);
    take_report(state, &report, look.now_ms);
    Ok(Refreshed::Changed)
}

fn has_copy(state: &ListState, look: &Look<'_>, list: crate::verdict::ListId) -> bool {
    state.updated_at_ms.is_some() && look.store.text_path(list).exists()
}

/// When a file was written last, exactly enough to see that it was written again.
fn modified_of(path: &std::path::Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH);
    Ok(format!("{}-{}", modified.unwrap_or_default().as_nanos(), metadata.len()))
}

fn report_of(
    subscription: &Subscription,
    path: std::path::PathBuf,
) -> Result<ListReport, RefreshError> {
    let source = ListSource {
        list: subscription.id,
        kind: subscription.kind,
        dialect: subscription.dialect,
        text: ListText::File(path),
    };
    compile::survey(&source).map_err(RefreshError::Store)
}

fn check(
    subscription: &Subscription,
    report: &ListReport,
    state: &ListState,
    trust: Trust,
) -> Result<(), RefreshError> {
    let (n_old, n_new) = (state.n_rules, count(report));
    if n_new == 0 {
        return Err(RefreshError::Empty { dialect: subscription.dialect });
    }
    if trust == Trust::Checked && n_new < n_old / 2 {
        return Err(RefreshError::Shrunk { n_old, n_new });
    }
    Ok(())
}

fn count(report: &ListReport) -> u64 {
    u64::try_from(report.n_rules).unwrap_or(u64::MAX)
}

fn take_report(state: &mut ListState, report: &ListReport, now_ms: u64) {
    state.n_rules = count(report);
    state.n_ignored = u64::try_from(report.n_ignored).unwrap_or(u64::MAX);
    state.n_bytes = report.n_bytes;
    state.updated_at_ms = Some(now_ms);
}

/// The time to the next look: the refresh time less up to a tenth, so that lists of many servers
/// do not come at once; after failures sooner, doubling.
fn wait_until_next(refresh: Duration, n_failures: u32, random: u64) -> Duration {
    let refresh = refresh.clamp(REFRESH_MIN, REFRESH_MAX);
    let wait = match n_failures.checked_sub(1) {
        None => refresh,
        Some(n_before) => FAILURE_WAIT_MIN
            .saturating_mul(1 << n_before.min(16))
            .min(FAILURE_WAIT_MAX)
            .min(refresh),
    };
    let tenth_ms = u64::try_from(wait.as_millis() / 10).unwrap_or(u64::MAX);
    wait.saturating_sub(Duration::from_millis(random % (tenth_ms + 1)))
}

#[cfg(test)]
mod tests;
