//! First outcomes of publish requests, by idempotency key.

use std::collections::{HashMap, VecDeque};

use crate::event::{Audience, EpochMillis, Event};
use crate::position::Position;
use crate::stored::StoredOutcome;

/// Longest idempotency key, in bytes.
pub const KEY_MAX_BYTES: usize = 128;

/// What a request with a key was answered first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub body_hash: u64,
    pub positions: Vec<Option<Position>>,
    pub matched: usize,
}

/// First outcomes by key.
///
/// The keys of requests and those of events are kept apart by a word before them.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Each with the time at which it is forgotten.
    by_key: HashMap<Box<str>, (EpochMillis, Outcome)>,
    /// Keys with the time at which they are forgotten, in that order.
    expiry: VecDeque<(EpochMillis, Box<str>)>,
}

impl Outcomes {
    pub(crate) fn find(&self, key: &str) -> Option<&Outcome> {
        self.by_key.get(key).map(|(_, outcome)| outcome)
    }

    /// Forgets the keys whose window has passed.
    pub(crate) fn sweep(&mut self, kept_now: EpochMillis) {
        while self.expiry.front().is_some_and(|(end, _)| *end <= kept_now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((end, key)) = self.expiry.pop_front() else { return };
        // A key that was forgotten early and used again has a later end.
        if self.by_key.get(&key).is_some_and(|(held_until, _)| *held_until <= end) {
            self.by_key.remove(&key);
        }
    }

    /// Remembers an outcome until a time; over `keys_max` the oldest go.
    pub(crate) fn remember(&mut self, stored: StoredOutcome, end: EpochMillis, keys_max: u32) {
        let keys_max = usize::try_from(keys_max).unwrap_or(usize::MAX).max(1);
        while self.expiry.len() >= keys_max {
            self.forget_oldest();
        }
        let StoredOutcome { key, body_hash, matched, positions } = stored;
        self.expiry.push_back((end, key.clone()));
        self.by_key.insert(key, (end, Outcome { body_hash, positions, matched }));
    }
}

/// Returns the key of a request as it is remembered.
pub(crate) fn request_key(key: &str) -> Box<str> {
    format!("request {key}").into()
}

/// Returns the key of an event as it is remembered.
pub(crate) fn event_key(key: &str) -> Box<str> {
    format!("event {key}").into()
}

/// Hashes what a repeat must have in common with the first request.
pub(crate) fn hash_of(events: &[Event]) -> u64 {
    let mut hash = BodyHash::default();
    for event in events {
        hash.text(event.channel.as_str());
        hash.text(event.kind.as_str());
        hash.text(&event.data.to_json());
        hash.number(event.ttl.map_or(u64::MAX, |ttl| ttl.as_secs()));
        hash.text(event.key.as_deref().unwrap_or_default());
        match &event.audience {
            Audience::All => hash.number(0),
            Audience::Connection(id) => hash.text(id),
        }
    }
    hash.0
}

/// FNV-1a of 64 bits: it stands in the log, so it must be the same in every build.
struct BodyHash(u64);

impl Default for BodyHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl BodyHash {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.bytes(text.as_bytes());
    }
}
