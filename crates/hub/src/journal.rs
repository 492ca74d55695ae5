//! The channels: classes, retention, newest values, and the window of publications.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tidings_log::Retention;
use tidings_log::log::Log;
use tidings_log::record::ChannelId;

use crate::channel::ChannelName;
use crate::config::{ChannelClass, ChannelRules, HubConfig};
use crate::event::{EpochMillis, Publication};
use crate::id_map::IdMap;
use crate::position::{Check, Epoch};
use crate::stats::RateMeter;
use crate::window::{EntryKind, Window};

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub name: ChannelName,
    pub class: ChannelClass,
    pub retention: Retention,
    /// Newest value of a state channel, with its number.
    pub newest: Option<(u64, Arc<Publication>)>,
    /// Ephemeral publications still held.
    pub n_ephemeral: usize,
    /// Publications accepted since the start.
    pub n_published: u64,
    /// Payload bytes accepted since the start.
    pub published_bytes: u64,
    /// Publications per second.
    pub rate: RateMeter,
    /// When the last publication was accepted, or the channel was made.
    pub touched_at: EpochMillis,
    /// Publications that are on their way to the disk; until they are shown it is in use.
    pub n_in_flight: usize,
}

/// Channels and the shared sequence of their publications.
#[derive(Debug)]
pub(crate) struct Journal {
    pub window: Window,
    log: Log,
    rules: ChannelRules,
    channels: IdMap<ChannelId, Channel>,
    by_name: HashMap<ChannelName, ChannelId>,
    channels_max: usize,
    ephemeral_bytes_max: u64,
    ephemeral_bytes: u64,
    /// Ephemeral publications held: number, channel, bytes.
    ephemeral: VecDeque<(u64, ChannelId, u64)>,
}

impl Journal {
    /// Makes a journal over a log whose last publication has this check, if it is still there.
    pub(crate) fn new(config: &HubConfig, log: Log, check: Option<Check>) -> Self {
        let epoch = Epoch::from_random(log.epoch());
        let size_max_bytes = usize::try_from(config.window_size_max_bytes).unwrap_or(usize::MAX);
        Self {
            window: Window::new(epoch, log.head(), check, size_max_bytes),
            log,
            rules: ChannelRules::new(config),
            channels: IdMap::default(),
            by_name: HashMap::new(),
            channels_max: usize::try_from(config.channels_max).unwrap_or(usize::MAX),
            ephemeral_bytes_max: config.ephemeral_size_max_bytes,
            ephemeral_bytes: 0,
            ephemeral: VecDeque::new(),
        }
    }

    /// Takes the limits of a new configuration and returns what the log's channels keep from now
    /// on; classes of channels that exist stay until the next start.
    pub(crate) fn reconfigure(&mut self, config: &HubConfig) -> Vec<(ChannelId, Retention)> {
        self.rules = ChannelRules::new(config);
        self.channels_max = usize::try_from(config.channels_max).unwrap_or(usize::MAX);
        self.ephemeral_bytes_max = config.ephemeral_size_max_bytes;
        let size_max_bytes = usize::try_from(config.window_size_max_bytes).unwrap_or(usize::MAX);
        self.window.set_size_max(size_max_bytes);
        for channel in self.channels.values_mut() {
            channel.retention = self.rules.of(&channel.name).1;
        }
        self.retentions()
    }

    /// Returns what the channels keep; the log takes what it knows of.
    pub(crate) fn retentions(&self) -> Vec<(ChannelId, Retention)> {
        self.channels.iter().map(|(id, channel)| (*id, channel.retention)).collect()
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

    /// Returns the class that a channel has, or would have.
    pub(crate) fn class_of(&self, name: &ChannelName) -> ChannelClass {
        let known = self.find(name).and_then(|id| self.channel(id));
        known.map_or_else(|| self.rules.of(name).0, |channel| channel.class)
    }

    /// Returns how many more channels can be made.
    pub(crate) fn room(&self) -> usize {
        self.channels_max.saturating_sub(self.channels.len())
    }

    /// Makes a channel; the caller has checked that there is room.
    pub(crate) fn create(&mut self, name: ChannelName, now: EpochMillis) -> ChannelId {
        let id = self.log.channel_id(name.as_str());
        let (class, retention) = self.rules.of(&name);
        self.by_name.insert(name.clone(), id);
        self.channels.insert(
            id,
            Channel {
                name,
                class,
                retention,
                newest: None,
                n_ephemeral: 0,
                n_published: 0,
                published_bytes: 0,
                rate: RateMeter::default(),
                touched_at: now,
                n_in_flight: 0,
            },
        );
        id
    }

    /// Whether the log has to be told a channel with its next event.
    pub(crate) fn is_new_to_log(&self, id: ChannelId) -> bool {
        !self.log.is_known(id)
    }

    /// Notes that a publication is on its way to the disk.
    pub(crate) fn begin(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.n_in_flight += 1;
        }
    }

    /// Notes that a publication has come from the disk, or was refused.
    pub(crate) fn end(&mut self, id: ChannelId) {
        if let Some(channel) = self.channels.get_mut(&id) {
            debug_assert!(channel.n_in_flight > 0, "what ends has begun");
            channel.n_in_flight = channel.n_in_flight.saturating_sub(1);
        }
    }

    /// Appends a publication to the sequence.
    pub(crate) fn append(&mut self, id: ChannelId, publication: Arc<Publication>) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        channel.n_published += 1;
        channel.published_bytes += to_u64(publication.data.as_str().len());
        channel.rate.count(publication.at);
        channel.touched_at = publication.at;
        match publication.position {
            Some(position) => {
                self.window.push(id, EntryKind::Logged(position.check), publication);
            }
            None if channel.class == ChannelClass::State => {
                let value = Arc::clone(&publication);
                let seq = self.window.push(id, EntryKind::State, publication);
                if let Some((before, _)) = channel.newest.replace((seq, value)) {
                    self.window.empty(before);
                }
            }
            None => {
                let size = to_u64(publication.size_bytes());
                let seq = self.window.push(id, EntryKind::Ephemeral, publication);
                channel.n_ephemeral += 1;
                self.ephemeral_bytes += size;
                self.ephemeral.push_back((seq, id, size));
                self.drop_ephemeral();
            }
        }
    }

    /// Sets the value of a state channel that outlived the process.
    pub(crate) fn restore(&mut self, id: ChannelId, value: Publication) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.touched_at = value.at;
            channel.newest = Some((0, Arc::new(value)));
        }
    }

    /// Takes the value of a state channel away; false when there was none.
    pub(crate) fn clear(&mut self, id: ChannelId) -> bool {
        let newest = self.channels.get_mut(&id).and_then(|channel| channel.newest.take());
        if let Some((seq, _)) = &newest {
            self.window.empty(*seq);
        }
        newest.is_some()
    }

    /// Forgets channels that nobody follows and that hold nothing, and returns them.
    pub(crate) fn forget_idle(&mut self, is_in_use: impl Fn(ChannelId) -> bool) -> Vec<ChannelId> {
        let holds_nothing = |id: ChannelId, channel: &Channel| {
            channel.newest.is_none()
                && channel.n_ephemeral == 0
                && channel.n_in_flight == 0
                && self.log.channel(id).is_none_or(|held| held.n_held == 0)
        };
        let idle: Vec<ChannelId> = self
            .channels
            .iter()
            .filter(|(id, channel)| !is_in_use(**id) && holds_nothing(**id, channel))
            .map(|(id, _)| *id)
            .collect();
        for id in &idle {
            if let Some(channel) = self.channels.remove(id) {
                self.by_name.remove(&channel.name);
            }
        }
        idle
    }

    /// Removes the oldest ephemeral publications over their ceiling.
    fn drop_ephemeral(&mut self) {
        let base_seq = self.window.base().seq;
        while let Some((seq, id, size)) = self.ephemeral.front().copied() {
            let is_gone = seq <= base_seq;
            if !is_gone && self.ephemeral_bytes <= self.ephemeral_bytes_max {
                return;
            }
            self.ephemeral.pop_front();
            self.window.empty(seq);
            self.ephemeral_bytes -= size;
            if let Some(channel) = self.channels.get_mut(&id) {
                channel.n_ephemeral -= 1;
            }
        }
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
