//! The work on files, done on threads that may block: reading a source, looking at its files.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::aging::age_all;
use crate::config::{self, RootedFiles};
use crate::format::{FormatError, LeaseFormat};
use crate::network::{LeaseView, Problem};
use crate::pool::{Pool, Pools, Reservation};
use crate::vendor::VendorTable;
use crate::view::views;
use crate::watch::notice::{Registrar, Watched};
use crate::watch::read::{ReadError, Reader, Stamp};

use super::{Clock, seconds};

/// A change that is younger than this may be followed by one that shows no difference.
const RACY_MS: u64 = 100;
/// Directories that one source may watch; beyond it changes are found by polling.
const DIRECTORIES_MAX: usize = 256;

/// Where a source's files are; what a change of makes it another source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) id: Box<str>,
    /// As configured, without the root.
    pub(super) leases: Option<PathBuf>,
    /// As configured, without the root.
    pub(super) dnsmasq_conf: Option<PathBuf>,
    pub(super) root_path: PathBuf,
    /// Given by hand.
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) size_max_bytes: u64,
}

/// Why a lease file was not read.
#[derive(Debug)]
pub(super) enum LeaseError {
    Read(ReadError),
    Format { error: FormatError, stamp: Stamp },
}

/// What a server's configuration says.
#[derive(Debug, Default)]
pub(super) struct Configured {
    pub(super) lease_path: PathBuf,
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) reservations: Vec<Arc<Reservation>>,
    pub(super) problems: Vec<Problem>,
    /// Every file and directory that was read, with its stamp then.
    pub(super) stamps: Vec<(PathBuf, Option<Stamp>)>,
    /// Whether one of them is so fresh that it must be read once more.
    pub(super) is_fresh: bool,
}

impl Configured {
    /// Returns what was known before, with the problem and the stamps of now.
    fn unreadable(&self, conf_path: &Path, error: &io::Error) -> Self {
        let reason = format!("the configuration cannot be read: {error}");
        let problem = Problem { path: Some(conf_path.to_owned()), line: 0, reason: reason.into() };
        let mut stamps: Vec<_> =
            self.stamps.iter().map(|(path, _)| (path.clone(), Stamp::of(path))).collect();
        if stamps.is_empty() {
            stamps.push((conf_path.to_owned(), Stamp::of(conf_path)));
        }
        Self {
            lease_path: self.lease_path.clone(),
            pools: self.pools.clone(),
            reservations: self.reservations.clone(),
            problems: vec![problem],
            stamps,
            is_fresh: false,
        }
    }
}

/// A lease file as it was read.
#[derive(Debug)]
pub(super) struct LeaseRead {
    /// By kind and address.
    pub(super) leases: Vec<Arc<LeaseView>>,
    pub(super) problems: Vec<Problem>,
    pub(super) n_problems: usize,
    pub(super) stamp: Stamp,
    pub(super) is_terminated: bool,
    pub(super) is_fresh: bool,
}

/// What a read does about the server's configuration.
#[derive(Debug)]
pub(super) enum Configuration {
    /// Uses what was read before.
    Reuse(Arc<Configured>),
    /// Reads it; what was read before stays when its main file cannot be read.
    Read(Option<Arc<Configured>>),
}

/// Reads one source.
pub(super) struct ReadJob {
    pub(super) places: Arc<Places>,
    pub(super) configuration: Configuration,
    pub(super) vendors: VendorTable,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) clock: Clock,
}

/// What a read gave.
#[derive(Debug)]
pub(super) struct ReadDone {
    pub(super) configured: Arc<Configured>,
    pub(super) leases: Result<LeaseRead, LeaseError>,
}

/// A job's code panicked; the panic's message is on the log already.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs a job so that a panic in it ends nothing else.
pub(super) fn guarded<Done>(job: impl FnOnce() -> Done) -> Result<Done, Panicked> {
    // Unwind safe: the job's state is its own and is dropped with it.
    catch_unwind(AssertUnwindSafe(job)).map_err(|_| Panicked)
}

impl ReadJob {
    pub(super) fn run(self) -> ReadDone {
        let configured = match &self.configuration {
            Configuration::Reuse(configured) => Arc::clone(configured),
            Configuration::Read(before) => Arc::new(self.configure(before.as_deref())),
        };
        let leases = self.read_leases(&configured);
        ReadDone { configured, leases }
    }

    fn configure(&self, before: Option<&Configured>) -> Configured {
        let places = &self.places;
        let files = RootedFiles { root_path: places.root_path.clone() };
        let mut configured = Configured {
            lease_path: files.real(places.leases.as_deref().unwrap_or(Path::new(""))),
            pools: places.pools.clone(),
            ..Configured::default()
        };
        let Some(conf) = &places.dnsmasq_conf else { return configured };
        let config = match config::read(conf, &places.id, &files) {
            Ok(config) => config,
            Err(error) => {
                let before = before.unwrap_or(&configured);
                return before.unreadable(&files.real(conf), &error);
            }
        };
        if places.leases.is_none() {
            configured.lease_path = files.real(&config.lease_file);
        }
        let pools = config.pools.into_iter().map(Arc::new);
        configured.pools = pools.chain(configured.pools).collect();
        configured.reservations = config.reservations.into_iter().map(Arc::new).collect();
        configured.problems = config.problems;
        let paths = config.files.iter().map(|file| files.real(file));
        configured.stamps = paths.map(|path| (path.clone(), Stamp::of(&path))).collect();
        let now_ms = (self.clock)();
        let is_fresh = |stamp: &Stamp| stamp.is_recent(now_ms, RACY_MS);
        configured.is_fresh =
            configured.stamps.iter().any(|(_, stamp)| stamp.as_ref().is_some_and(is_fresh));
        configured
    }

    fn read_leases(&self, configured: &Configured) -> Result<LeaseRead, LeaseError> {
        let read = self.reader.read(&configured.lease_path, self.places.size_max_bytes);
        let mut read = read.map_err(LeaseError::Read)?;
        let now_ms = (self.clock)();
        let now = seconds(now_ms);
        let format = LeaseFormat::detect(&read.bytes)
            .map_err(|error| LeaseError::Format { error, stamp: read.stamp })?;
        let is_terminated = read.is_terminated();
        if !is_terminated {
            // Believed only when the file stays so, and then its last line counts.
            read.bytes.push(b'\n');
        }
        let parsed = format.parse(&read.bytes, now);
        let mut leases = views(
            parsed.leases,
            &self.places.id,
            &configured.reservations,
            &Pools::new(configured.pools.clone()),
            &|mac| self.vendors.lookup(mac).map(Into::into),
        );
        leases.sort_by_key(|view| view.lease.key());
        age_all(&mut leases, now);
        let problems = parsed.problems.into_iter();
        let problems = problems.map(|problem| Problem {
            path: None,
            line: problem.line,
            reason: problem.reason,
        });
        Ok(LeaseRead {
            leases,
            problems: problems.collect(),
            n_problems: parsed.n_problems,
            stamp: read.stamp,
            is_terminated,
            is_fresh: read.stamp.is_recent(now_ms, RACY_MS),
        })
    }
}

/// Looks at the files of one source and has their directories watched.
pub(super) struct LookJob {
    pub(super) lease_path: PathBuf,
    pub(super) config_paths: Vec<PathBuf>,
    pub(super) registrar: Registrar,
}

/// What a look gave.
#[derive(Debug)]
pub(super) struct LookDone {
    pub(super) lease_stamp: Option<Stamp>,
    /// Where the lease file really is, behind symbolic links.
    pub(super) lease_target: Option<PathBuf>,
    pub(super) config_stamps: Vec<(PathBuf, Option<Stamp>)>,
    pub(super) watched: Vec<Watched>,
}

impl LookJob {
    pub(super) fn run(mut self) -> LookDone {
        let lease_target = fs::canonicalize(&self.lease_path).ok();
        // Watched before looked at, so that no change falls between the two.
        let directories = self.directories(lease_target.as_deref());
        let watched = directories
            .iter()
            .take(DIRECTORIES_MAX)
            .filter_map(|directory| self.registrar.watch(directory))
            .collect();
        let config_stamps = self.config_paths.into_iter();
        LookDone {
            lease_stamp: Stamp::of(&self.lease_path),
            lease_target,
            config_stamps: config_stamps.map(|path| (path.clone(), Stamp::of(&path))).collect(),
            watched,
        }
    }

    fn directories(&self, lease_target: Option<&Path>) -> BTreeSet<PathBuf> {
        let mut directories = BTreeSet::new();
        let files = [Some(self.lease_path.as_path()), lease_target].into_iter().flatten();
        for file in files.chain(self.config_paths.iter().map(PathBuf::as_path)) {
            directories.extend(file.parent().map(Path::to_owned));
        }
        directories.extend(self.config_paths.iter().filter(|path| path.is_dir()).cloned());
        directories
    }
}
