//! The channels and what is kept of them: classes, retention, newest values.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use crate::channel::ChannelName;
use crate::config::{ChannelClass, ChannelRules, HubConfig, Retention};
use crate::event::{EpochMillis, Event, Publication};
use crate::position::{Check, Epoch, Position};
use crate::stats::RateMeter;
use crate::window::{ChannelId, EntryKind, Window};

/// One channel and what is kept of it.
#[derive(Debug)]
pub(crate) struct Channel {
    pub name: ChannelName,
    pub class: ChannelClass,
    retention: Retention,
    /// Numbers of the publications still held, oldest first; at most one on a state channel.
    pub held: VecDeque<u64>,
    /// Size of what is held.
    pub held_bytes: u64,
    /// Offset up to which publications of this channel may be missing from the log.
    pub trimmed_to: u64,
    /// Publications ever accepted.
    pub n_published: u64,
    /// Payload bytes ever accepted.
    pub published_bytes: u64,
    /// Publications per second.
    pub rate: RateMeter,
    /// When the last publication was accepted, or the channel was made.
    pub touched_at: EpochMillis,
}

/// Channels and the shared sequence of their publications.
#[derive(Debug)]
pub(crate) struct Journal {
    pub window: Window,
    rules: ChannelRules,
    channels: HashMap<ChannelId, Channel>,
    by_name: HashMap<ChannelName, ChannelId>,
    next_id: ChannelId,
    channels_max: usize,
    log_bytes_max: u64,
    ephemeral_bytes_max: u64,
    /// Bytes of logged publications held.
    pub log_bytes: u64,
    ephemeral_bytes: u64,
    ephemeral: VecDeque<u64>,
    /// Numbers of the logged publications, oldest first; some may be trimmed already.
    logged: VecDeque<u64>,
    n_logged_held: usize,
    /// Offset below which publications of forgotten channels may be missing.
    pub floor: u64,
    /// Greatest `trimmed_to` of any channel, and the floor: a cursor at or above it missed nothing.
    pub trimmed_high: u64,
}

impl Journal {
    pub(crate) fn new(config: &HubConfig, epoch: Epoch) -> Self {
        Self {
            window: Window::new(epoch),
            rules: ChannelRules::new(config),
            channels: HashMap::new(),
            by_name: HashMap::new(),
            next_id: 0,
            channels_max: usize::try_from(config.channels_max).unwrap_or(usize::MAX),
            log_bytes_max: config.log_size_max_bytes,
            ephemeral_bytes_max: config.ephemeral_size_max_bytes,
            log_bytes: 0,
            ephemeral_bytes: 0,
            ephemeral: VecDeque::new(),
            logged: VecDeque::new(),
            n_logged_held: 0,
            floor: 0,
            trimmed_high: 0,
        }
    }

    /// Takes the classes and retention of a new configuration; channels that exist keep theirs
    /// until they are forgotten, but for retention, which is applied at the next sweep.
    pub(crate) fn reconfigure(&mut self, config: &HubConfig) {
        self.rules = ChannelRules::new(config);
        self.channels_max = usize::try_from(config.channels_max).unwrap_or(usize::MAX);
        self.log_bytes_max = config.log_size_max_bytes;
        self.ephemeral_bytes_max = config.ephemeral_size_max_bytes;
        for channel in self.channels.values_mut() {
            channel.retention = self.rules.of(&channel.name).1;
        }
    }

    pub(crate) fn channels(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.channels.iter().map(|(id, channel)| (*id, channel))
    }

    pub(crate) fn n_channels(&self) -> usize {
        self.channels.len()
    }

    pub(crate) fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.get(&id)
    }

    pub(crate) fn find(&self, name: &ChannelName) -> Option<ChannelId> {
        self.by_name.get(name).copied()
    }

    /// Returns how many more channels can be made, after forgetting idle ones if there is none.
    pub(crate) fn room(&mut self, is_in_use: impl Fn(ChannelId) -> bool) -> usize {
        if self.channels.len() >= self.channels_max {
            self.forget_idle(is_in_use);
        }
        self.channels_max.saturating_sub(self.channels.len())
    }

    /// Makes a channel; the caller has checked that there is room.
    pub(crate) fn create(&mut self, name: ChannelName, now: EpochMillis) -> ChannelId {
        let id = self.next_id;
        self.next_id += 1;
        let (class, retention) = self.rules.of(&name);
        self.by_name.insert(name.clone(), id);
        self.channels.insert(
            id,
            Channel {
                name,
                class,
                retention,
                held: VecDeque::new(),
                held_bytes: 0,
                trimmed_to: self.floor,
                n_published: 0,
                published_bytes: 0,
                rate: RateMeter::default(),
                touched_at: now,
            },
        );
        id
    }

    /// Appends an event to a channel and applies the retention.
    pub(crate) fn append(&mut self, id: ChannelId, event: Event, now: EpochMillis) -> Appended {
        let Some(channel) = self.channels.get_mut(&id) else {
            return Appended { position: None };
        };
        let check = Check::of(event.channel.as_str(), event.kind.as_str(), event.data.as_str());
        let (kind, position) = match channel.class {
            ChannelClass::Logged => {
                (EntryKind::Logged(check), Some(self.window.next_position(check)))
            }
            ChannelClass::State => (EntryKind::State, None),
            ChannelClass::Ephemeral => (EntryKind::Ephemeral, None),
        };
        let millis = |ttl: std::time::Duration| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let publication = Arc::new(Publication {
            channel: channel.name.clone(),
            kind: event.kind,
            data: event.data,
            at: now,
            position,
            expires_at: event.ttl.map(|ttl| now.saturating_add(millis(ttl))),
            audience: event.audience,
            envelope: OnceLock::new(),
            named: OnceLock::new(),
        });
        let size = to_u64(publication.size_bytes());
        channel.n_published += 1;
        channel.published_bytes += to_u64(publication.data.as_str().len());
        channel.rate.count(now);
        channel.touched_at = now;
        channel.held_bytes += size;
        let seq = self.window.push(id, kind, publication);
        channel.held.push_back(seq);
        match kind {
            EntryKind::Logged(_) => {
                self.log_bytes += size;
                self.n_logged_held += 1;
                self.logged.push_back(seq);
                self.trim_channel(id, now);
                self.trim_log();
            }
            EntryKind::State => self.supersede(id),
            EntryKind::Ephemeral => {
                self.ephemeral_bytes += size;
                self.ephemeral.push_back(seq);
                self.drop_ephemeral();
            }
        }
        Appended { position }
    }

    /// Applies retention by age, forgets old rates, and compacts the window.
    pub(crate) fn sweep(&mut self, now: EpochMillis) {
        let ids: Vec<ChannelId> = self.channels.keys().copied().collect();
        for id in ids {
            self.trim_channel(id, now);
        }
        self.window.compact();
        if self.logged.len() > 2 * self.n_logged_held + 1_024 {
            let window = &self.window;
            self.logged
                .retain(|seq| window.entry(*seq).is_some_and(|entry| entry.publication.is_some()));
        }
    }

    /// Returns the newest publication of a state channel.
    pub(crate) fn newest(&self, channel: &Channel) -> Option<&Arc<Publication>> {
        let seq = *channel.held.back()?;
        self.window.entry(seq)?.publication.as_ref()
    }

    /// Removes the publications of a logged channel that its retention no longer covers.
    fn trim_channel(&mut self, id: ChannelId, now: EpochMillis) {
        while let Some(channel) = self.channels.get(&id) {
            let Some(first) = channel.held.front() else { return };
            if channel.class != ChannelClass::Logged {
                return;
            }
            let kept = channel.retention;
            let age_max = u64::try_from(kept.age_max.as_millis()).unwrap_or(u64::MAX);
            let at = self.window.entry(*first).map_or(0, |entry| entry.at);
            let is_over = channel.held.len()
                > usize::try_from(kept.events_max).unwrap_or(usize::MAX)
                || channel.held_bytes > kept.bytes_max
                || now.saturating_sub(at) > age_max;
            if !is_over {
                return;
            }
            self.trim_first(id);
        }
    }

    /// Keeps all logs together below their ceiling; the oldest publication goes first.
    fn trim_log(&mut self) {
        while self.log_bytes > self.log_bytes_max {
            let Some(seq) = self.logged.pop_front() else { return };
            let entry = self.window.entry(seq).filter(|entry| entry.publication.is_some());
            if let Some(id) = entry.map(|entry| entry.channel) {
                self.trim_first(id);
            }
        }
    }

    /// Removes the oldest publication of a logged channel and raises its `trimmed_to`.
    fn trim_first(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let Some(seq) = channel.held.pop_front() else { return };
        let offset = self.window.entry(seq).map_or(0, |entry| entry.offset);
        channel.trimmed_to = channel.trimmed_to.max(offset);
        self.trimmed_high = self.trimmed_high.max(offset);
        if let Some(publication) = self.window.empty(seq) {
            let size = to_u64(publication.size_bytes());
            channel.held_bytes = channel.held_bytes.saturating_sub(size);
            self.log_bytes = self.log_bytes.saturating_sub(size);
            self.n_logged_held = self.n_logged_held.saturating_sub(1);
        }
    }

    /// Removes all but the newest publication of a state channel.
    fn supersede(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        while channel.held.len() > 1 {
            let Some(seq) = channel.held.pop_front() else { return };
            if let Some(publication) = self.window.empty(seq) {
                let size = to_u64(publication.size_bytes());
                channel.held_bytes = channel.held_bytes.saturating_sub(size);
            }
        }
    }

    /// Removes the oldest ephemeral publications over their ceiling.
    fn drop_ephemeral(&mut self) {
        while self.ephemeral_bytes > self.ephemeral_bytes_max {
            let Some(seq) = self.ephemeral.pop_front() else { return };
            let Some(id) = self.window.entry(seq).map(|entry| entry.channel) else { continue };
            let Some(publication) = self.window.empty(seq) else { continue };
            let size = to_u64(publication.size_bytes());
            self.ephemeral_bytes = self.ephemeral_bytes.saturating_sub(size);
            if let Some(channel) = self.channels.get_mut(&id) {
                channel.held.pop_front();
                channel.held_bytes = channel.held_bytes.saturating_sub(size);
            }
        }
    }

    /// Forgets channels that nobody follows and that hold nothing; what they once trimmed folds
    /// into the floor.
    fn forget_idle(&mut self, is_in_use: impl Fn(ChannelId) -> bool) {
        let idle: Vec<ChannelId> = self
            .channels
            .iter()
            .filter(|(id, channel)| channel.held.is_empty() && !is_in_use(**id))
            .map(|(id, _)| *id)
            .collect();
        for id in idle {
            if let Some(channel) = self.channels.remove(&id) {
                self.by_name.remove(&channel.name);
                self.floor = self.floor.max(channel.trimmed_to);
            }
        }
        self.trimmed_high = self.trimmed_high.max(self.floor);
    }
}

/// What became of an appended event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    /// Its place in the log; `None` on state and ephemeral channels.
    pub position: Option<Position>,
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
