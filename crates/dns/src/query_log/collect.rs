//! The thread that collects: empties the rings, counts, and hands on; it never waits for a disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::entry::Entry;
use crate::query_log::Logged;
use crate::query_log::keep::Kept;
use crate::query_log::privacy::Veil;
use crate::query_log::recent::Recent;
use crate::query_log::service::{Batch, Clock, EntrySource};
use crate::statistics::Statistics;

/// Time between two looks into the rings.
const INTERVAL: Duration = Duration::from_millis(50);
/// Most entries that one look takes.
const ENTRIES_MAX: usize = 32_768;
/// Longest wait for the store's newest sequence number before new ones are given.
const OPENING_MAX: Duration = Duration::from_millis(500);

/// What the collector is told.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Take away what this says.
    Veil(Veil),
    /// Take what is there, and end.
    Stop,
}

/// The thread's own things.
pub(crate) struct Collector {
    pub source: Box<dyn EntrySource>,
    pub veil: Veil,
    pub recent: Arc<Mutex<Recent>>,
    pub kept: Arc<Mutex<Kept>>,
    pub statistics: Arc<Mutex<Statistics>>,
    pub clock: Clock,
    pub live: mpsc::Sender<Batch>,
    pub is_live_wanted: Arc<AtomicBool>,
    pub n_live_dropped: Arc<AtomicU64>,
    pub n_ring_dropped: Arc<AtomicU64>,
    pub notices: Receiver<Notice>,
}

impl Collector {
    /// Collects until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut next = self.first_sequence();
        loop {
            let notice = self.notices.recv_timeout(INTERVAL);
            while self.collect(&mut next) == ENTRIES_MAX {}
            match notice {
                Ok(Notice::Veil(veil)) => self.veil = veil,
                Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Returns the first sequence number: microseconds since 1970, or what follows the store's.
    fn first_sequence(&self) -> u64 {
        let mut waited = Duration::ZERO;
        while waited < OPENING_MAX && !self.kept.lock().is_settled {
            std::thread::sleep(INTERVAL / 10);
            waited += INTERVAL / 10;
        }
        let found = self.kept.lock().last_found.unwrap_or(0);
        (self.clock)().saturating_mul(1_000).max(found + 1)
    }

    /// Takes what waits in the rings and returns how much that was.
    fn collect(&mut self, next: &mut u64) -> usize {
        let mut batch: Vec<Logged> = Vec::new();
        let mut hidden: Vec<Entry> = Vec::new();
        let veil = &self.veil;
        let n_taken = self.source.drain(ENTRIES_MAX, &mut |mut entry| {
            if veil.hides(&entry) {
                hidden.push(entry);
                return;
            }
            veil.cover(&mut entry);
            batch.push(Logged::new(*next, entry));
            *next += 1;
        });
        self.n_ring_dropped.store(self.source.n_dropped(), Ordering::Relaxed);
        if n_taken == 0 {
            return 0;
        }
        let mut statistics = self.statistics.lock();
        for logged in &batch {
            statistics.add(&logged.entry);
        }
        for entry in &hidden {
            statistics.add_hidden(entry);
        }
        drop(statistics);
        if batch.is_empty() {
            return n_taken;
        }
        let kept_to = {
            let mut kept = self.kept.lock();
            kept.wait(&batch);
            kept.up_to
        };
        self.recent.lock().extend(&batch, kept_to);
        if self.is_live_wanted.load(Ordering::Relaxed) {
            let n_entries = u64::try_from(batch.len()).unwrap_or(0);
            if self.live.try_send(Arc::from(batch)).is_err() {
                self.n_live_dropped.fetch_add(n_entries, Ordering::Relaxed);
            }
        }
        n_taken
    }
}
