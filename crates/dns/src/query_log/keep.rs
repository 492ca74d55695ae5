//! The thread that keeps the log: opens the store, writes what waits, swaps stores, tells troubles.

use std::collections::VecDeque;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use parking_lot::Mutex;

use crate::query_log::Logged;
use crate::query_log::service::{Clock, SwapError};
use crate::query_log::store::{LogDriver, Retention, Store, StoreError};
use crate::statistics::{self, Statistics};

/// Time between two writes.
const FLUSH_INTERVAL: Duration = Duration::from_millis(500);
/// Most entries that wait for the disk; what comes then is counted and not kept.
const WAITING_MAX: usize = 32_768;
/// Most entries of one write.
const WRITE_ENTRIES_MAX: usize = 16_384;
/// Rounds between two looks at age and size.
const ROUNDS_PER_RETENTION: u32 = 120;
/// Rounds between two writes of the statistics.
const ROUNDS_PER_STATISTICS: u32 = 20;
/// Rounds that a failed opening is not tried again.
const ROUNDS_PER_OPENING: u32 = 10;

/// What the keeper is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Write now.
    Flush(SyncSender<()>),
    /// Go on with another driver.
    Swap(LogDriver, SyncSender<Result<(), SwapError>>),
    /// Remove every entry.
    Clear(SyncSender<Result<(), StoreError>>),
    /// Keep so long and so much.
    Retain(Retention),
    /// Write and end.
    Stop,
}

/// What the keeper shares with the collector and with those who ask.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub waiting: VecDeque<Logged>,
    pub driver: LogDriver,
    /// Entries up to this one are on disk, or given up.
    pub up_to: u64,
    /// The newest entry that the store held when it was opened; `None` before.
    pub last_found: Option<u64>,
    /// Whether the store was opened once, or could not be.
    pub is_settled: bool,
    pub n_written: u64,
    pub n_lost: u64,
    pub n_errors: u64,
    pub error: Option<String>,
    pub size_bytes: u64,
    pub n_entries: u64,
}

impl Kept {
    /// Lets entries wait for the disk; those for which there is no room are counted.
    pub(crate) fn wait(&mut self, entries: &[Logged]) {
        let room = WAITING_MAX.saturating_sub(self.waiting.len());
        let n_taken = room.min(entries.len());
        self.waiting.extend(entries.iter().take(n_taken).cloned());
        self.n_lost += u64::try_from(entries.len() - n_taken).unwrap_or(0);
    }
}

/// The thread's own things.
pub(crate) struct Keeper {
    pub folder: PathBuf,
    pub retention: Retention,
    pub kept: Arc<Mutex<Kept>>,
    pub statistics: Arc<Mutex<Statistics>>,
    pub clock: Clock,
    pub orders: Receiver<Order>,
}

/// A store, or when to try again to open it.
struct Held {
    store: Option<Store>,
    statistics: Option<statistics::store::StatisticsStore>,
    rounds_to_wait: u32,
}

impl Keeper {
    /// Keeps until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut held = Held { store: None, statistics: None, rounds_to_wait: 0 };
        self.open_if_due(&mut held);
        let mut round = 0_u32;
        loop {
            let order = self.orders.recv_timeout(FLUSH_INTERVAL);
            let is_end = matches!(order, Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected));
            if order.is_err() {
                round = round.wrapping_add(1);
                self.open_if_due(&mut held);
            }
            self.flush(&mut held);
            match order {
                Ok(Order::Flush(reply)) => answer(&reply, ()),
                Ok(Order::Swap(driver, reply)) => answer(&reply, self.swap(&mut held, driver)),
                Ok(Order::Clear(reply)) => answer(&reply, self.clear(&mut held)),
                Ok(Order::Retain(retention)) => self.retention = retention,
                Ok(Order::Stop) | Err(_) => {}
            }
            if is_end || round.is_multiple_of(ROUNDS_PER_STATISTICS) {
                self.keep_statistics(&mut held);
            }
            if round % ROUNDS_PER_RETENTION == 1 {
                self.retain(&mut held);
            }
            if is_end {
                return;
            }
        }
    }

    /// Opens what is not open, unless that failed a moment ago.
    fn open_if_due(&self, held: &mut Held) {
        if held.store.is_some() && held.statistics.is_some() {
            return;
        }
        held.rounds_to_wait = held.rounds_to_wait.saturating_sub(1);
        if held.rounds_to_wait > 0 {
            return;
        }
        held.rounds_to_wait = ROUNDS_PER_OPENING;
        if held.statistics.is_none() {
            match statistics::store::StatisticsStore::open(&self.folder) {
                Ok((store, found)) => {
                    self.statistics.lock().take_up(found);
                    held.statistics = Some(store);
                }
                Err(error) => self.trouble(&error),
            }
        }
        if held.store.is_none() {
            let driver = self.kept.lock().driver;
            let opened = Store::open(driver, &self.folder);
            match opened {
                Ok(store) => {
                    self.kept.lock().last_found = store.last();
                    held.store = Some(store);
                    self.measure(held);
                }
                Err(error) => self.trouble(&error),
            }
        }
        self.kept.lock().is_settled = true;
    }

    /// Writes what waits.
    fn flush(&self, held: &mut Held) {
        loop {
            let batch: Vec<Logged> = {
                let kept = self.kept.lock();
                kept.waiting.iter().take(WRITE_ENTRIES_MAX).cloned().collect()
            };
            let Some(newest) = batch.last().map(|logged| logged.sequence) else { return };
            let Some(store) = &mut held.store else { return };
            if let Err(error) = append(store, &batch) {
                self.trouble(&error);
                return;
            }
            let mut kept = self.kept.lock();
            kept.waiting.drain(..batch.len());
            kept.up_to = newest;
            kept.n_written += u64::try_from(batch.len()).unwrap_or(0);
            if kept.error.take().is_some() {
                tracing::info!("the query log is written again");
            }
        }
    }

    /// Goes on with another store; what waits goes to the new one when the old one fails.
    fn swap(&self, held: &mut Held, driver: LogDriver) -> Result<(), SwapError> {
        let store = Store::open(driver, &self.folder)
            .map_err(|error| SwapError { driver, reason: chain(&error) })?;
        let mut kept = self.kept.lock();
        kept.driver = driver;
        kept.error = None;
        drop(kept);
        held.store = Some(store);
        self.flush(held);
        self.measure(held);
        Ok(())
    }

    fn clear(&self, held: &mut Held) -> Result<(), StoreError> {
        if let Some(store) = &mut held.store {
            store.clear()?;
        }
        let mut kept = self.kept.lock();
        if let Some(newest) = kept.waiting.back().map(|logged| logged.sequence) {
            kept.up_to = newest;
        }
        kept.waiting.clear();
        drop(kept);
        self.measure(held);
        Ok(())
    }

    fn retain(&self, held: &mut Held) {
        let retained = held.store.as_mut().map(|of| of.retain((self.clock)(), self.retention));
        if let Some(Err(error)) = retained {
            self.trouble(&error);
        }
        self.measure(held);
    }

    fn measure(&self, held: &Held) {
        match held.store.as_ref().map(Store::size) {
            Some(Ok((size_bytes, n_entries))) => {
                let mut kept = self.kept.lock();
                (kept.size_bytes, kept.n_entries) = (size_bytes, n_entries);
            }
            Some(Err(error)) => self.trouble(&error),
            None => {}
        }
    }

    fn keep_statistics(&self, held: &mut Held) {
        let Some(store) = &mut held.statistics else { return };
        let changed = self.statistics.lock().take_changed();
        if let Err(error) = store.write(&changed) {
            self.statistics.lock().put_back(&changed);
            self.trouble(&error);
        }
    }

    /// Notes a failure; the first of a row is told.
    fn trouble(&self, error: &StoreError) {
        let text = chain(error);
        let mut kept = self.kept.lock();
        kept.n_errors += 1;
        let is_new = kept.error.as_ref() != Some(&text);
        kept.error = Some(text);
        drop(kept);
        if is_new {
            let cause: &dyn Error = error;
            tracing::error!(cause, "the query log is not kept; DNS and the live view go on");
        }
    }
}

/// Writes a batch, cut where sequence numbers do not follow one another.
fn append(store: &mut Store, batch: &[Logged]) -> Result<(), StoreError> {
    for part in batch.chunk_by(|left, right| left.sequence + 1 == right.sequence) {
        store.append(part)?;
    }
    Ok(())
}

/// Answers somebody who may have gone.
fn answer<Answer>(reply: &SyncSender<Answer>, with: Answer) {
    if reply.send(with).is_err() {
        tracing::debug!("nobody waits for the answer of the query log");
    }
}

/// Returns an error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
