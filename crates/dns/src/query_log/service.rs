//! The query log as one thing: started, asked, swapped, stopped.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;

use crate::entry::Entry;
use crate::query_log::Logged;
use crate::query_log::collect::{Collector, Notice};
use crate::query_log::config::QueryLogConfig;
use crate::query_log::filter::Filter;
use crate::query_log::keep::{Keeper, Kept, Order};
use crate::query_log::privacy::Veil;
use crate::query_log::recent::Recent;
use crate::query_log::store::{LogDriver, Place, Retention, StoreError};
use crate::ring::EntryReader;
use crate::statistics::Statistics;

/// Returns milliseconds since 1970-01-01T00:00:00Z.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;
/// Entries that came at one time, oldest first.
pub type Batch = Arc<[Logged]>;

/// Most entries of a page.
pub const PAGE_ENTRIES_MAX: usize = 1_000;
/// Batches that wait for the live view.
const LIVE_BATCHES_MAX: usize = 64;
/// Orders that wait for the keeper.
const ORDERS_MAX: usize = 16;

/// Where entries come from.
pub trait EntrySource: Send {
    /// Takes out what waits, at most `n_max` entries, and returns how many.
    fn drain(&mut self, n_max: usize, take: &mut dyn FnMut(Entry)) -> usize;

    /// Returns how many entries were lost as nobody took them in time.
    fn n_dropped(&self) -> u64;
}

impl EntrySource for EntryReader {
    fn drain(&mut self, n_max: usize, take: &mut dyn FnMut(Entry)) -> usize {
        Self::drain(self, n_max, take)
    }

    fn n_dropped(&self) -> u64 {
        Self::n_dropped(self)
    }
}

/// What the query log is made of.
pub struct QueryLogParts {
    /// Where entries come from.
    pub source: Box<dyn EntrySource>,
    /// Folder of what is kept.
    pub folder: PathBuf,
    /// Wall clock in milliseconds.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for QueryLogParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryLogParts").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The query log; shared by everybody.
pub struct QueryLog {
    folder: PathBuf,
    config: RwLock<QueryLogConfig>,
    recent: Arc<Mutex<Recent>>,
    kept: Arc<Mutex<Kept>>,
    statistics: Arc<Mutex<Statistics>>,
    is_live_wanted: Arc<AtomicBool>,
    n_live_dropped: Arc<AtomicU64>,
    n_ring_dropped: Arc<AtomicU64>,
    orders: SyncSender<Order>,
    notices: Sender<Notice>,
}

/// The threads of a query log.
#[must_use = "the threads are stopped through it"]
#[derive(Debug)]
pub struct QueryLogThreads {
    log: Arc<QueryLog>,
    collector: JoinHandle<()>,
    keeper: JoinHandle<()>,
}

/// What is asked of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Only entries before this sequence number; `None` begins with the newest.
    pub before: Option<u64>,
    /// Most entries, at most [`PAGE_ENTRIES_MAX`].
    pub n_max: usize,
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Entries, newest first.
    pub entries: Vec<Logged>,
    /// What to ask the next page with; `None` when there is none.
    pub next_before: Option<u64>,
    /// Why what is on disk is missing.
    pub trouble: Option<String>,
}

/// How the log does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStatus {
    /// How it is kept.
    pub driver: LogDriver,
    /// Entries in memory.
    pub n_recent: usize,
    /// Entries on disk, as of the last look.
    pub n_entries: u64,
    /// Bytes on disk, as of the last look.
    pub size_bytes: u64,
    /// Entries written since the start.
    pub n_written: u64,
    /// Entries that wait for the disk.
    pub n_waiting: usize,
    /// Entries that the disk did not take in time.
    pub n_lost: u64,
    /// Entries that the rings lost.
    pub n_ring_dropped: u64,
    /// Entries that the live view lost.
    pub n_live_dropped: u64,
    /// Failures of the disk.
    pub n_errors: u64,
    /// The failure that lasts.
    pub error: Option<String>,
}

/// Why the log was not searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The driver keeps no history.
    #[error("the console driver keeps no history; another driver does")]
    NoHistory,
    /// What is on disk cannot be read.
    #[error("what is on disk cannot be read")]
    Store(#[source] StoreError),
}

/// Why the log goes on with the driver it had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be kept with the driver {}: {reason}", driver.word())]
pub struct SwapError {
    /// The driver that was wanted.
    pub driver: LogDriver,
    /// Why not.
    pub reason: String,
}

impl QueryLog {
    /// Starts the log; the batches are for the live view, see [`QueryLog::want_live`].
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub fn start(
        config: &QueryLogConfig,
        parts: QueryLogParts,
    ) -> io::Result<(Arc<Self>, QueryLogThreads, mpsc::Receiver<Batch>)> {
        let (live, batches) = mpsc::channel(LIVE_BATCHES_MAX);
        let (orders, order_queue) = sync_channel(ORDERS_MAX);
        let (notices, notice_queue) = channel();
        let kept = Kept { driver: config.driver, ..Kept::default() };
        let log = Arc::new(Self {
            folder: parts.folder.clone(),
            recent: Arc::new(Mutex::new(Recent::new(config.recent_entries_max))),
            kept: Arc::new(Mutex::new(kept)),
            statistics: Arc::new(Mutex::new(Statistics::new((parts.clock)()))),
            is_live_wanted: Arc::default(),
            n_live_dropped: Arc::default(),
            n_ring_dropped: Arc::default(),
            config: RwLock::new(config.clone()),
            orders,
            notices,
        });
        let keeper = Keeper {
            folder: parts.folder,
            retention: retention(config),
            kept: Arc::clone(&log.kept),
            statistics: Arc::clone(&log.statistics),
            clock: Arc::clone(&parts.clock),
            orders: order_queue,
        };
        let collector = Collector {
            source: parts.source,
            veil: Veil::new(config),
            recent: Arc::clone(&log.recent),
            kept: Arc::clone(&log.kept),
            statistics: Arc::clone(&log.statistics),
            clock: parts.clock,
            live,
            is_live_wanted: Arc::clone(&log.is_live_wanted),
            n_live_dropped: Arc::clone(&log.n_live_dropped),
            n_ring_dropped: Arc::clone(&log.n_ring_dropped),
            notices: notice_queue,
        };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let keeper = thread("dns-log-keeper").spawn(move || keeper.run())?;
        let collector = thread("dns-log").spawn(move || collector.run())?;
        let threads = QueryLogThreads { log: Arc::clone(&log), collector, keeper };
        Ok((log, threads, batches))
    }

    /// Says whether somebody takes the batches.
    pub fn want_live(&self, is_wanted: bool) {
        self.is_live_wanted.store(is_wanted, Ordering::Relaxed);
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> QueryLogConfig {
        self.config.read().clone()
    }

    /// Takes other settings, which passed [`QueryLogConfig::check`]; blocks while the store is
    /// swapped.
    ///
    /// # Errors
    ///
    /// The driver cannot be used; nothing changed.
    pub fn reconfigure(&self, config: QueryLogConfig) -> Result<(), SwapError> {
        if config.driver != self.kept.lock().driver {
            self.swap(config.driver)?;
        }
        self.recent.lock().resize(config.recent_entries_max);
        self.order(Order::Retain(retention(&config)));
        if self.notices.send(Notice::Veil(Veil::new(&config))).is_err() {
            tracing::debug!("the query log has stopped");
        }
        *self.config.write() = config;
        Ok(())
    }

    /// Goes on with another driver without losing an entry; blocks until it is done.
    ///
    /// # Errors
    ///
    /// The driver cannot be used; the log goes on as it was.
    pub fn swap(&self, driver: LogDriver) -> Result<(), SwapError> {
        let (reply, answer) = sync_channel(1);
        self.order(Order::Swap(driver, reply));
        let stopped = || SwapError { driver, reason: "the log has stopped".to_owned() };
        answer.recv().map_err(|_| stopped())??;
        self.config.write().driver = driver;
        Ok(())
    }

    /// Removes every entry, in memory and on disk; blocks until it is done.
    ///
    /// # Errors
    ///
    /// What is on disk stays.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.recent.lock().clear();
        let (reply, answer) = sync_channel(1);
        self.order(Order::Clear(reply));
        answer.recv().unwrap_or(Ok(()))
    }

    /// Writes what waits; blocks until it is done or has failed.
    pub fn flush(&self) {
        let (reply, answer) = sync_channel(1);
        self.order(Order::Flush(reply));
        if answer.recv().is_err() {
            tracing::debug!("the query log has stopped");
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("the query log has stopped");
        }
    }

    /// Returns a page of what a filter wants, newest first; blocks while it reads the disk.
    ///
    /// # Errors
    ///
    /// The driver keeps no history.
    pub fn search(&self, filter: &Filter, request: PageRequest) -> Result<Page, SearchError> {
        // One more than wanted tells whether there is a next page.
        let n_max = request.n_max.min(PAGE_ENTRIES_MAX) + 1;
        let mut entries = Vec::new();
        let outcome = self.each(filter, request.before, &mut |logged| {
            entries.push(logged);
            entries.len() < n_max
        });
        let trouble = match outcome {
            Ok(()) => None,
            Err(SearchError::NoHistory) => return Err(SearchError::NoHistory),
            Err(error @ SearchError::Store(_)) => Some(crate::query_log::keep::chain(&error)),
        };
        let has_more = entries.len() == n_max;
        entries.truncate(n_max - 1);
        let oldest = entries.last().map(|logged| logged.sequence);
        Ok(Page { next_before: oldest.filter(|_| has_more), entries, trouble })
    }

    /// Hands over what a filter wants, newest first, until `take` says false; blocks while it
    /// reads the disk.
    ///
    /// # Errors
    ///
    /// No history, or the disk fails; what was handed over was right.
    pub fn each(
        &self,
        filter: &Filter,
        before: Option<u64>,
        take: &mut dyn FnMut(Logged) -> bool,
    ) -> Result<(), SearchError> {
        let driver = self.kept.lock().driver;
        if !driver.has_history() {
            return Err(SearchError::NoHistory);
        }
        let before = before.unwrap_or(u64::MAX);
        let (newest, oldest) = {
            let recent = self.recent.lock();
            (recent.search(filter, before, usize::MAX), recent.oldest())
        };
        for logged in newest {
            if !take(logged) {
                return Ok(());
            }
        }
        let before = before.min(oldest.unwrap_or(u64::MAX));
        Place::of(driver, &self.folder).search(filter, before, take).map_err(SearchError::Store)
    }

    /// Returns how the log does.
    #[must_use]
    pub fn status(&self) -> LogStatus {
        let n_recent = self.recent.lock().len();
        let kept = self.kept.lock();
        LogStatus {
            driver: kept.driver,
            n_recent,
            n_entries: kept.n_entries,
            size_bytes: kept.size_bytes,
            n_written: kept.n_written,
            n_waiting: kept.waiting.len(),
            n_lost: kept.n_lost,
            n_ring_dropped: self.n_ring_dropped.load(Ordering::Relaxed),
            n_live_dropped: self.n_live_dropped.load(Ordering::Relaxed),
            n_errors: kept.n_errors,
            error: kept.error.clone(),
        }
    }

    /// Reads the statistics.
    pub fn statistics<Answer>(&self, read: impl FnOnce(&mut Statistics) -> Answer) -> Answer {
        read(&mut self.statistics.lock())
    }
}

impl fmt::Debug for QueryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryLog").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl QueryLogThreads {
    /// Takes what is in the rings, writes everything, and ends; blocks until it is done.
    pub fn stop(self) {
        if self.log.notices.send(Notice::Stop).is_ok() && self.collector.join().is_err() {
            tracing::error!("the thread that collects the query log panicked");
        }
        self.log.order(Order::Stop);
        if self.keeper.join().is_err() {
            tracing::error!("the thread that keeps the query log panicked");
        }
    }
}

fn retention(config: &QueryLogConfig) -> Retention {
    Retention { age_max: config.age_max, size_max_bytes: config.size_max_bytes }
}

#[cfg(test)]
mod tests;
