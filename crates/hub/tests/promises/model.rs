//! What a hub must hold and show after what was asked of it.

use std::collections::{BTreeMap, HashMap};

use tidings_hub::channel::ChannelName;
use tidings_hub::config::ChannelClass;
use tidings_hub::event::Event;

/// Channels of every run: name, class, most events held, and for how many seconds.
pub(crate) const CHANNELS: [(&str, ChannelClass, u64, u64); 8] = [
    ("log/few", ChannelClass::Logged, 4, NEVER_S),
    ("log/all", ChannelClass::Logged, u64::MAX, NEVER_S),
    ("log/all/brief", ChannelClass::Logged, u64::MAX, 60),
    ("log/slash/", ChannelClass::Logged, 12, 300),
    ("state/x", ChannelClass::State, 0, NEVER_S),
    ("state/y", ChannelClass::State, 0, NEVER_S),
    ("live/p", ChannelClass::Ephemeral, 0, NEVER_S),
    ("live/q", ChannelClass::Ephemeral, 0, NEVER_S),
];

/// Longer than any run.
const NEVER_S: u64 = 1_000_000_000;

/// Number of the channels, as an index of an array.
pub(crate) const N_CHANNELS: usize = CHANNELS.len();

/// Returns the index of a channel.
pub(crate) fn channel_index(name: &str) -> usize {
    CHANNELS.iter().position(|(known, ..)| *known == name).expect("only these names are used")
}

pub(crate) fn class_of(channel: usize) -> ChannelClass {
    CHANNELS[channel].1
}

/// Channels of a class.
pub(crate) fn channels_of(class: ChannelClass) -> impl Iterator<Item = usize> {
    (0..N_CHANNELS).filter(move |channel| class_of(*channel) == class)
}

/// An event that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) channel: usize,
    /// Stands in the payload, and in no other.
    pub(crate) n: u64,
    pub(crate) event: Event,
    pub(crate) at: u64,
    /// The clock that only runs forward.
    pub(crate) kept_at: u64,
    pub(crate) client_id: Option<String>,
    /// Position on a logged channel.
    pub(crate) id: Option<String>,
    /// Its offset; 0 on other channels.
    pub(crate) offset: u64,
}

impl Entry {
    pub(crate) fn is_due(&self, kept_now: u64) -> bool {
        let ttl_ms = self.event.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap());
        ttl_ms.is_none_or(|ttl_ms| kept_now < self.kept_at + ttl_ms)
    }

    pub(crate) fn is_for(&self, client_id: &str) -> bool {
        self.client_id.as_deref().is_none_or(|only| only == client_id)
    }
}

/// What a request with a key was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) events: Vec<Event>,
    pub(crate) ids: Vec<Option<String>>,
    /// Time at which it is forgotten, on the clock that only runs forward.
    pub(crate) until: u64,
}

/// All that was accepted, and what of it is left.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) epoch: String,
    /// In order of acceptance.
    pub(crate) entries: Vec<Entry>,
    /// Where in `entries` an event stands, by its number.
    pub(crate) by_number: HashMap<u64, usize>,
    /// Offset of the last event of each channel that is gone.
    pub(crate) trimmed: [u64; N_CHANNELS],
    /// Newest value of each state channel: where in `entries`.
    pub(crate) newest: [Option<usize>; N_CHANNELS],
    pub(crate) keys: HashMap<String, Answered>,
    pub(crate) settings: BTreeMap<String, Vec<u8>>,
    pub(crate) head: u64,
    pub(crate) kept_now: u64,
    /// Whether a reset may tell of all channels for what only some have lost.
    pub(crate) may_have_floor: bool,
}

impl Model {
    /// Enters an event that was accepted.
    pub(crate) fn accept(&mut self, entry: Entry) {
        let (channel, index) = (entry.channel, self.entries.len());
        if class_of(channel) == ChannelClass::State {
            self.newest[channel] = Some(index);
        }
        self.head = self.head.max(entry.offset);
        self.by_number.insert(entry.n, index);
        self.entries.push(entry);
    }

    /// The logged events, in order.
    pub(crate) fn logged(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.offset > 0)
    }

    /// The logged events of a channel.
    pub(crate) fn of(&self, channel: usize) -> impl DoubleEndedIterator<Item = &Entry> {
        self.logged().filter(move |entry| entry.channel == channel)
    }

    /// The event at an offset.
    pub(crate) fn at(&self, offset: u64) -> Option<&Entry> {
        self.logged().find(|entry| entry.offset == offset)
    }

    pub(crate) fn is_gone(&self, entry: &Entry) -> bool {
        entry.offset <= self.trimmed[entry.channel]
    }

    /// Returns how many events a channel holds.
    pub(crate) fn n_held(&self, channel: usize) -> u64 {
        let held = self.of(channel).filter(|entry| !self.is_gone(entry));
        u64::try_from(held.count()).unwrap()
    }

    /// Applies the retention of a channel.
    pub(crate) fn trim(&mut self, channel: usize) {
        let (_, _, events_max, age_max_s) = CHANNELS[channel];
        let mut n_held = self.n_held(channel);
        let before = self.trimmed[channel];
        let mut to = before;
        for entry in self.of(channel).filter(|entry| entry.offset > before) {
            let is_old = self.kept_now.saturating_sub(entry.kept_at) > age_max_s * 1_000;
            if n_held <= events_max && !is_old {
                break;
            }
            n_held -= 1;
            to = entry.offset;
        }
        self.trimmed[channel] = to;
    }

    /// Applies the retention of every channel.
    pub(crate) fn sweep(&mut self) {
        for channel in channels_of(ChannelClass::Logged) {
            self.trim(channel);
        }
        let now = self.kept_now;
        self.keys.retain(|_, answered| answered.until > now);
    }

    /// Takes events out until a channel holds as many.
    pub(crate) fn trim_to(&mut self, channel: usize, n_held: u64) {
        let n_held = usize::try_from(n_held).unwrap();
        let gone = self.of(channel).rev().nth(n_held).map_or(0, |entry| entry.offset);
        self.trimmed[channel] = gone;
    }

    /// Forgets what is behind a head, in another life of the log.
    pub(crate) fn cut(&mut self, head: u64, epoch: &str) {
        let before = std::mem::replace(&mut self.epoch, epoch.to_owned());
        self.entries.retain(|entry| entry.offset > 0 && entry.offset <= head);
        for entry in &mut self.entries {
            let id = entry.id.take().unwrap();
            entry.id = Some(id.replacen(&before, epoch, 1));
        }
        self.by_number = self.entries.iter().enumerate().map(|(i, entry)| (entry.n, i)).collect();
        self.newest = [None; N_CHANNELS];
        self.keys.clear();
        self.settings.clear();
        self.head = head;
    }

    /// Returns the position before the first event, or of one that is there.
    pub(crate) fn id_at(&self, offset: u64) -> String {
        let id = self.at(offset).and_then(|entry| entry.id.clone());
        id.unwrap_or_else(|| format!("{}-{offset}-aaaa", self.epoch))
    }
}

/// Parses the name of a channel of the model.
pub(crate) fn name_of(channel: usize) -> ChannelName {
    ChannelName::parse(CHANNELS[channel].0).unwrap()
}
