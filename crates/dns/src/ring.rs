//! The way of entries from the threads that answer to the one that reads: bounded, never waiting.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use parking_lot::Mutex;

use crate::entry::{Entry, Status, Transport};
use crate::record_type::RecordType;
use crate::verdict::Reason;

/// An entry as a thread that answers hands it over: everything shared, nothing copied.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) at_ms: u64,
    pub(crate) client: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) name: Arc<str>,
    pub(crate) kind: RecordType,
    pub(crate) response_code: u16,
    pub(crate) status: Status,
    pub(crate) reason: Option<Reason>,
    pub(crate) upstream: Option<Arc<str>>,
    pub(crate) duration_us: u32,
    pub(crate) addresses: Arc<[IpAddr]>,
    pub(crate) is_authentic: bool,
}

/// The rings of all threads.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    receivers: Mutex<Vec<Receiver<Record>>>,
    n_dropped: AtomicU64,
}

/// Where one thread puts its entries.
#[derive(Debug, Clone)]
pub(crate) struct RingWriter {
    sender: SyncSender<Record>,
    rings: Arc<Rings>,
}

/// Reads the entries of all threads; there is one for each resolver.
#[derive(Debug)]
pub struct EntryReader {
    rings: Arc<Rings>,
}

impl Rings {
    /// Makes the ring of a thread, for `n_max` entries.
    pub(crate) fn writer(self: &Arc<Self>, n_max: usize) -> RingWriter {
        let (sender, receiver) = sync_channel(n_max);
        self.receivers.lock().push(receiver);
        RingWriter { sender, rings: Arc::clone(self) }
    }

    /// Makes the reader.
    pub(crate) fn reader(self: &Arc<Self>) -> EntryReader {
        EntryReader { rings: Arc::clone(self) }
    }

    /// Returns how many entries found their ring full.
    pub(crate) fn n_dropped(&self) -> u64 {
        self.n_dropped.load(Ordering::Relaxed)
    }
}

impl RingWriter {
    /// Hands an entry over; a full ring drops and counts it.
    pub(crate) fn push(&self, record: Record) {
        match self.sender.try_send(record) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.rings.n_dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl EntryReader {
    /// Takes out what waits, at most `n_max` entries, and returns how many.
    ///
    /// Entries of one thread come in order; across threads `at_ms` tells it. Call it often enough
    /// that no ring fills: every 50 ms serves 160,000 entries a second and thread.
    pub fn drain(&mut self, n_max: usize, mut take: impl FnMut(Entry)) -> usize {
        let mut n_taken = 0;
        self.rings.receivers.lock().retain(|receiver| {
            while n_taken < n_max {
                match receiver.try_recv() {
                    Ok(record) => take(Entry::from(record)),
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Disconnected) => return false,
                }
                n_taken += 1;
            }
            true
        });
        n_taken
    }

    /// Returns how many entries were lost since the start, as nobody read them in time.
    #[must_use]
    pub fn n_dropped(&self) -> u64 {
        self.rings.n_dropped()
    }
}

impl From<Record> for Entry {
    fn from(record: Record) -> Self {
        Self {
            at_ms: record.at_ms,
            client: record.client.ip().to_canonical(),
            client_port: record.client.port(),
            transport: record.transport,
            name: record.name,
            kind: record.kind,
            response_code: record.response_code,
            status: record.status,
            reason: record.reason,
            upstream: record.upstream,
            duration_us: record.duration_us,
            addresses: record.addresses.to_vec(),
            is_authentic: record.is_authentic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at_ms: u64) -> Record {
        Record {
            at_ms,
            client: SocketAddr::from(([192, 0, 2, 1], 5_000)),
            transport: Transport::Udp,
            name: "www.example".into(),
            kind: RecordType::A,
            response_code: 0,
            status: Status::Cached,
            reason: None,
            upstream: None,
            duration_us: 3,
            addresses: Arc::new([]),
            is_authentic: false,
        }
    }

    #[test]
    fn a_full_ring_drops_and_counts() {
        let rings = Arc::new(Rings::default());
        let writer = rings.writer(2);
        let mut reader = rings.reader();
        (0..5).for_each(|at_ms| writer.push(record(at_ms)));
        let mut seen = Vec::new();
        assert_eq!(reader.drain(10, |entry| seen.push(entry.at_ms)), 2);
        assert_eq!((seen, reader.n_dropped()), (vec![0, 1], 3));
    }

    #[test]
    fn entries_of_a_thread_that_ended_are_still_read() {
        let rings = Arc::new(Rings::default());
        let writer = rings.writer(8);
        writer.push(record(1));
        drop(writer);
        let mut reader = rings.reader();
        assert_eq!(reader.drain(10, |_| {}), 1);
        assert!(rings.receivers.lock().is_empty());
    }

    #[test]
    fn drain_takes_no_more_than_it_is_told() {
        let rings = Arc::new(Rings::default());
        let (first, second) = (rings.writer(8), rings.writer(8));
        (0..4).for_each(|at_ms| first.push(record(at_ms)));
        (0..4).for_each(|at_ms| second.push(record(at_ms)));
        let mut reader = rings.reader();
        assert_eq!((reader.drain(5, |_| {}), reader.drain(5, |_| {})), (5, 3));
    }
}
