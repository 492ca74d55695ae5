//! What publishers and subscribers share: the events, and whether there is a server to talk to.

use std::net::SocketAddr;
use std::thread;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;

/// One in so many events is large: it spans many pages of a file.
const LARGE_EVERY: u64 = 200;

/// The n-th event of a publisher; its payload follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) publisher: u64,
    pub(crate) n: u64,
}

impl Event {
    /// The event behind all others.
    pub(crate) const LAST: Self = Self { publisher: u64::MAX, n: 0 };

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
        let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
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

/// An event at its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: Box<str>,
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
