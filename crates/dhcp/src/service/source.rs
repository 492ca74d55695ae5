//! One lease source: its watch, its last good leases, and how it is doing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::aging::age_all;
use crate::config::RootedFiles;
use crate::lease::EpochSeconds;
use crate::network::{Cause, DetectedBy, LeaseView, SourceHealth, SourceStatus};
use crate::watch::judge::{CONFIRM_UNQUIET, Quiet, confirm_after, loss};
use crate::watch::machine::{Action, FileWatch, Input, Verdict};
use crate::watch::read::{ReadError, Stamp};

use super::job::{
    Configuration, Configured, LeaseError, LeaseRead, LookDone, Panicked, Places, ReadDone,
};

/// How long a read may take before its source is called stale; a network file system that does
/// not answer holds a read for ever.
const READ_MAX: Duration = Duration::from_secs(10);
/// How long a file may be caught being written before its source is called stale.
const UNSETTLED_MAX: Duration = Duration::from_secs(10);

/// Problems kept of one source; all are counted.
const PROBLEMS_KEPT_MAX: usize = 20;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Since the worker began; never goes back.
    pub(super) since: Duration,
    /// By the clock on the wall.
    pub(super) now: EpochSeconds,
}

/// A source; see the module's documentation.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, in any combination")]
pub(super) struct Source {
    /// Tells this source from another one that had its id before.
    pub(super) slot: u64,
    pub(super) places: Arc<Places>,
    /// `None` until the configuration was read.
    pub(super) configured: Option<Arc<Configured>>,
    /// The last good leases, by kind and address.
    pub(super) leases: Vec<Arc<LeaseView>>,
    pub(super) status: SourceStatus,
    /// Whether a look at the files is under way.
    pub(super) is_looking: bool,
    watch: FileWatch,
    is_config_due: bool,
    /// Whether the configuration says something that was not shown yet.
    has_new_config: bool,
    has_read: bool,
    lease_stamp: Option<Stamp>,
    lease_target: Option<PathBuf>,
    doubtful: Option<Doubtful>,
    reading_since: Option<Duration>,
    unsettled_since: Option<Duration>,
    unterminated: Option<Stamp>,
}

/// A read that waits to be confirmed by another one.
#[derive(Debug)]
struct Doubtful {
    leases: Vec<Arc<LeaseView>>,
    /// Equal leases alone confirm nothing: a file that is rewritten again and again is empty again
    /// and again.
    stamp: Stamp,
    since: Duration,
}

/// A read's worth, with what belongs to it.
enum Judged {
    Good(LeaseRead),
    Bad(Box<str>),
    Open,
}

impl Source {
    pub(super) fn new(slot: u64, places: Places, format: &'static str, settle: Duration) -> Self {
        let path = places.leases.clone().or_else(|| places.dnsmasq_conf.clone());
        let files = RootedFiles { root_path: places.root_path.clone() };
        let path = files.real(&path.unwrap_or_default());
        let status = SourceStatus {
            id: places.id.clone(),
            format,
            path,
            health: SourceHealth::Starting,
            reason: None,
            read_at: None,
            changed_at: None,
            detected_by: None,
            n_read_retries: 0,
            n_leases: 0,
            problems: Vec::new(),
            n_problems: 0,
        };
        Self {
            slot,
            places: Arc::new(places),
            configured: None,
            leases: Vec::new(),
            status,
            is_looking: false,
            watch: FileWatch::new(settle),
            is_config_due: true,
            has_new_config: false,
            has_read: false,
            lease_stamp: None,
            lease_target: None,
            doubtful: None,
            reading_since: None,
            unsettled_since: None,
            unterminated: None,
        }
    }

    /// Takes the last good state of a source that had this id before.
    pub(super) fn inherit(&mut self, before: Self) {
        self.has_read = before.has_read;
        self.leases = before.leases;
        self.configured = before.configured;
        let path = std::mem::take(&mut self.status.path);
        self.status = SourceStatus { path, format: self.status.format, ..before.status };
    }

    /// Returns when [`Self::begin_read`] wants to be called.
    pub(super) fn due(&self) -> Option<Duration> {
        self.watch.due()
    }

    /// Says that the lease file may have changed.
    pub(super) fn signal(&mut self, at: Moment, by: DetectedBy) {
        self.watch = self.watch.step(at.since, Input::Signal(by)).0;
    }

    /// Says that the configuration, or what goes into the views, may have changed.
    pub(super) fn signal_config(&mut self, at: Moment, by: DetectedBy) {
        self.is_config_due = true;
        self.signal(at, by);
    }

    /// Tells what a changed path means to this source.
    pub(super) fn hear(&mut self, at: Moment, path: &Path) {
        let Some(configured) = &self.configured else { return };
        let lease_path = configured.lease_path.as_path();
        let is_lease = path == lease_path
            || Some(path) == self.lease_target.as_deref()
            || Some(path) == lease_path.parent();
        let is_config = path != lease_path
            && configured
                .stamps
                .iter()
                .any(|(file, _)| path == file || path.parent() == Some(file.as_path()));
        if is_config {
            self.signal_config(at, DetectedBy::Watch);
        }
        if is_lease {
            self.signal(at, DetectedBy::Watch);
        }
    }

    /// Begins the read that is due, if one is; what to do about the configuration.
    pub(super) fn begin_read(&mut self, at: Moment) -> Option<Configuration> {
        let (watch, action) = self.watch.step(at.since, Input::Due);
        self.watch = watch;
        if action != Action::Read {
            return None;
        }
        self.reading_since = Some(at.since);
        let is_config_due = std::mem::take(&mut self.is_config_due);
        Some(match self.configured.clone() {
            Some(configured) if !is_config_due => Configuration::Reuse(configured),
            before => Configuration::Read(before),
        })
    }

    /// Takes a read's result; returns why there may be something new to show.
    pub(super) fn finish_read(&mut self, at: Moment, done: Result<ReadDone, Panicked>) -> Cause {
        self.reading_since = None;
        let leases = match done {
            Ok(done) => {
                self.take_config(at, done.configured);
                Ok(done.leases)
            }
            Err(Panicked) => Err(Panicked),
        };
        let (verdict, judged) = match leases {
            Ok(Ok(read)) => self.judge(at, read),
            Ok(Err(error)) => self.judge_error(at, error),
            Err(Panicked) => {
                self.lease_stamp = None;
                (Verdict::Failed, Judged::Bad("internal error".into()))
            }
        };
        let (watch, action) = self.watch.step(at.since, Input::Read(verdict));
        self.watch = watch;
        let cause = match (action, judged) {
            (Action::Apply(by), Judged::Good(read)) => self.apply(at, by, read),
            (Action::Fail, Judged::Bad(reason)) => {
                self.fail(reason);
                Cause::Health
            }
            _ => Cause::Health,
        };
        if self.shown().is_none() {
            return cause;
        }
        let has_new_config = std::mem::take(&mut self.has_new_config);
        if has_new_config && cause != Cause::Start { Cause::Config } else { cause }
    }

    /// Says that the source is stale when its read does not come back; returns whether it is so.
    pub(super) fn check_overdue(&mut self, at: Moment) -> bool {
        let is_overdue = self.reading_since.is_some_and(|since| at.since > since + READ_MAX);
        if is_overdue {
            self.fail("reading the file does not end; does its file system answer?".into());
        }
        is_overdue
    }

    /// Returns the configuration to show: none while the first read is open, so that pools and
    /// leases appear together.
    pub(super) fn shown(&self) -> Option<&Arc<Configured>> {
        self.configured.as_ref().filter(|_| self.status.health != SourceHealth::Starting)
    }

    /// Keeps a configuration that was read.
    fn take_config(&mut self, at: Moment, configured: Arc<Configured>) {
        if self.configured.as_ref().is_some_and(|known| Arc::ptr_eq(known, &configured)) {
            return;
        }
        if configured.is_fresh {
            self.signal_config(at, DetectedBy::Poll);
        }
        self.has_new_config |= self.configured.as_ref().is_none_or(|known| {
            known.lease_path != configured.lease_path
                || known.pools != configured.pools
                || known.reservations != configured.reservations
        });
        self.status.path.clone_from(&configured.lease_path);
        self.configured = Some(configured);
    }

    fn judge(&mut self, at: Moment, read: LeaseRead) -> (Verdict, Judged) {
        self.lease_stamp = Some(read.stamp);
        let by = self.watch.detected_by();
        let lost = loss(&self.leases, &read.leases, at.now);
        if !read.is_terminated {
            let is_settled = self.unterminated.replace(read.stamp) == Some(read.stamp);
            if !self.watch.is_last_attempt() || !is_settled {
                return self.unsettled(at);
            }
            // A file that somebody wrote by hand may end so; one whose disk was full must not
            // take leases away.
            if lost.n_lost > 0 {
                let reason = "the last line is cut short and leases are missing; is the disk full?";
                return (Verdict::Failed, Judged::Bad(reason.into()));
            }
        }
        if read.leases.is_empty() && read.n_problems > 0 {
            let reason = "no line of the file is a lease; is this the lease file?";
            return (Verdict::Failed, Judged::Bad(reason.into()));
        }
        let wait = confirm_after(lost, Quiet::new(read.is_fresh, by));
        // A first read between truncation and rewriting would show an empty network.
        let wait = wait.or((!self.has_read && read.is_fresh).then_some(CONFIRM_UNQUIET));
        if let Some(wait) = wait {
            let since = match &self.doubtful {
                Some(doubtful)
                    if doubtful.stamp == read.stamp && doubtful.leases == read.leases =>
                {
                    doubtful.since
                }
                _ => at.since,
            };
            let left = (since + wait).saturating_sub(at.since);
            if !left.is_zero() {
                let LeaseRead { leases, stamp, .. } = read;
                self.doubtful = Some(Doubtful { leases, stamp, since });
                self.note_unsettled(at);
                return (Verdict::Doubtful(left), Judged::Open);
            }
        }
        let verdict = if read.is_fresh { Verdict::Fresh } else { Verdict::Whole };
        (verdict, Judged::Good(read))
    }

    fn judge_error(&mut self, at: Moment, error: LeaseError) -> (Verdict, Judged) {
        let reason = match error {
            LeaseError::Format { error, stamp } => {
                self.lease_stamp = Some(stamp);
                return (Verdict::Failed, Judged::Bad(error.to_string().into()));
            }
            LeaseError::Read(ReadError::Changed) => return self.unsettled(at),
            LeaseError::Read(ReadError::Missing)
                if self.has_read && !self.watch.is_last_attempt() =>
            {
                // A file that is replaced in two steps is missing for a moment.
                return self.unsettled(at);
            }
            LeaseError::Read(error) => error.to_string(),
        };
        // What hinders a read need not show in a stamp (permissions), so that every look at a
        // file that is there leads to another read.
        self.lease_stamp = None;
        (Verdict::Failed, Judged::Bad(reason.into()))
    }

    fn unsettled(&mut self, at: Moment) -> (Verdict, Judged) {
        self.doubtful = None;
        self.status.n_read_retries += 1;
        self.note_unsettled(at);
        (Verdict::Unsettled, Judged::Open)
    }

    fn note_unsettled(&mut self, at: Moment) {
        let since = *self.unsettled_since.get_or_insert(at.since);
        if at.since > since + UNSETTLED_MAX {
            self.fail("the file is being written without a pause".into());
        }
    }

    fn apply(&mut self, at: Moment, by: DetectedBy, read: LeaseRead) -> Cause {
        self.doubtful = None;
        self.unsettled_since = None;
        self.unterminated = None;
        if self.status.health == SourceHealth::Stale {
            tracing::info!(source = %self.status.id, "lease source is well again");
        }
        let is_first = !std::mem::replace(&mut self.has_read, true);
        let status = &mut self.status;
        if is_first || read.leases != self.leases {
            status.changed_at = Some(at.now);
            status.detected_by = Some(by);
        }
        status.health = SourceHealth::Ok;
        status.reason = None;
        status.read_at = Some(at.now);
        status.n_leases = read.leases.len();
        status.problems = read.problems;
        status.n_problems = read.n_problems;
        if let Some(configured) = &self.configured {
            status.problems.extend_from_slice(&configured.problems);
            status.n_problems += configured.problems.len();
            status.problems.truncate(PROBLEMS_KEPT_MAX);
        }
        self.leases = read.leases;
        match (is_first, by) {
            (true, _) => Cause::Start,
            (false, DetectedBy::Watch) => Cause::Watch,
            (false, DetectedBy::Poll) => Cause::File,
            (false, DetectedBy::Notify) => Cause::Notify,
        }
    }

    fn fail(&mut self, reason: Box<str>) {
        let status = &mut self.status;
        if status.health != SourceHealth::Stale || status.reason.as_ref() != Some(&reason) {
            let path = status.path.display();
            tracing::warn!(source = %status.id, %path, %reason, "lease source is stale");
        }
        status.health = SourceHealth::Stale;
        status.reason = Some(reason);
    }

    /// Returns the files of the configuration.
    pub(super) fn config_paths(&self) -> Vec<PathBuf> {
        let Some(configured) = &self.configured else { return Vec::new() };
        configured.stamps.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Returns the directories that notices are wanted of.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let Some(configured) = &self.configured else { return Vec::new() };
        let files = [Some(&configured.lease_path), self.lease_target.as_ref()];
        let parents = files.into_iter().flatten().filter_map(|file| file.parent());
        let config = configured.stamps.iter().flat_map(|(path, _)| [Some(&**path), path.parent()]);
        parents.chain(config.flatten()).map(Path::to_owned).collect()
    }

    /// Takes what a look at the files saw.
    pub(super) fn finish_look(&mut self, at: Moment, look: &LookDone) {
        self.is_looking = false;
        self.lease_target.clone_from(&look.lease_target);
        if look.lease_stamp != self.lease_stamp {
            self.signal(at, DetectedBy::Poll);
        }
        let Some(configured) = &self.configured else { return };
        let is_changed = look.config_stamps.iter().any(|(path, stamp)| {
            configured.stamps.iter().any(|(known, then)| known == path && then != stamp)
        });
        if is_changed {
            self.signal_config(at, DetectedBy::Poll);
        }
    }

    /// Marks leases that reached their end.
    pub(super) fn age(&mut self, now: EpochSeconds) {
        age_all(&mut self.leases, now);
    }
}
