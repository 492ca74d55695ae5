//! What publishers and subscribers share: the events, and whether there is a server to talk to.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::thread;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;

/// One in so many events is large: it spans many pages of a file.
const LARGE_EVERY: u32 = 200;

/// The n-th event of a publisher; its payload follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) publisher: u32,
    pub(crate) n: u32,
}

impl Event {
    /// The event behind all others.
    pub(crate) const LAST: Self = Self { publisher: u32::MAX, n: 0 };

    /// Returns the event as it is published, with its own id if it has one.
    pub(crate) fn to_json(self, id: Option<&str>) -> String {
        let Self { publisher, n } = self;
        let channel = match publisher.wrapping_add(n) % 4 {
            0 => "a",
            1 => "b",
            2 => "c/d",
            _ => "c/e",
        };
        let id = id.map_or(String::new(), |id| format!(r#","id":"{id}""#));
        format!(r#"{{"channel":"load/{channel}","type":"made","data":{}{id}}}"#, self.data())
    }

    /// Reads a payload.
    ///
    /// # Panics
    ///
    /// It is not, byte by byte, the payload of an event.
    pub(crate) fn parse(data: &str) -> Self {
        let number =
            |value: &Value, key: &str| value.get(key)?.as_u64().and_then(|n| n.try_into().ok());
        let value: Value = serde_json::from_str(data).unwrap_or_default();
        let event = number(&value, "publisher")
            .zip(number(&value, "n"))
            .map(|(publisher, n)| Self { publisher, n });
        match event {
            Some(event) if event.data() == data => event,
            _ => panic!("nobody published {data}"),
        }
    }

    /// Returns the payload, keys in order so that no server has a reason to write it otherwise.
    fn data(self) -> String {
        let Self { publisher, n } = self;
        let n_letters = if n % LARGE_EVERY == 7 { 20_000 } else { n * 7 % 150 };
        let text = "x".repeat(usize::try_from(n_letters).expect("it is small"));
        format!(r#"{{"n":{n},"publisher":{publisher},"text":"{text}"}}"#)
    }
}

/// The id of a stored event, small, as there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) offset: u64,
    /// Hash of the whole id, so that epoch and check count as well.
    hash: u64,
}

impl Id {
    /// Reads `<epoch>-<offset>-<check>`.
    ///
    /// # Panics
    ///
    /// It is something else.
    pub(crate) fn parse(id: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let offset = id.split('-').nth(1).and_then(|offset| offset.parse().ok());
        let offset = offset.unwrap_or_else(|| panic!("`{id}` is no position"));
        Self { offset, hash: hasher.finish() }
    }
}

/// An event at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: Id,
    pub(crate) event: Event,
}

/// How far the test is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The server runs.
    Up,
    /// The server is being killed or started.
    Down,
    /// The server runs and stays; publishers finish what they began.
    Over,
    /// The test has failed; final.
    Aborted,
}

/// What the threads of the load know of each other.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    phase: Mutex<Phase>,
    changed: Condvar,
}

impl Shared {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, phase: Mutex::new(Phase::Up), changed: Condvar::new() }
    }

    pub(crate) fn enter(&self, next: Phase) {
        let mut phase = self.phase.lock();
        if *phase != Phase::Aborted {
            *phase = next;
        }
        self.changed.notify_all();
    }

    /// Waits until there is a server; `false` if there will be none any more.
    pub(crate) fn wait_for_server(&self) -> bool {
        let mut phase = self.phase.lock();
        while *phase == Phase::Down {
            self.changed.wait(&mut phase);
        }
        *phase != Phase::Aborted
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Over | Phase::Aborted)
    }

    pub(crate) fn is_aborted(&self) -> bool {
        *self.phase.lock() == Phase::Aborted
    }

    /// Ends the load if the thread that holds the guard fails, or others would wait without end.
    pub(crate) fn abort_on_panic(&self) -> AbortOnPanic<'_> {
        AbortOnPanic { shared: self }
    }
}

/// Ends the load when it is dropped by a panic.
#[derive(Debug)]
pub(crate) struct AbortOnPanic<'a> {
    shared: &'a Shared,
}

impl Drop for AbortOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.enter(Phase::Aborted);
        }
    }
}
