//! What a log must hold, and may hold, after what was asked of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidings_log::Retention;
use tidings_log::disk::Durability;
use tidings_log::log::Batch;
use tidings_log::record::{RecordKind, kept_at};

/// Channels of every schedule.
pub(crate) const CHANNELS: [&str; 4] = ["a", "b/with-a-longer-name", "c", "d/rare"];

/// Start of the keys that belong to the test.
pub(crate) const SETTINGS: &str = "state/";

/// Bytes of a record but for its name and body, at most.
const RECORD_OVERHEAD_BYTES: u64 = 29 + 4 + 2;

pub(crate) type Settings = BTreeMap<Box<str>, Bytes>;

/// An event as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Index of the name in [`CHANNELS`].
    pub(crate) channel: usize,
    pub(crate) at: u64,
    pub(crate) correction_s: i32,
    pub(crate) body: Bytes,
}

impl Event {
    pub(crate) fn kept_at(&self) -> u64 {
        kept_at(self.at, self.correction_s)
    }
}

/// A place to which the log may be cut by a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) head: u64,
    pub(crate) n_notes: usize,
}

/// All that was written, and how much of it is sure.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) durability: Durability,
    pub(crate) retentions: [Retention; CHANNELS.len()],
    pub(crate) events: BTreeMap<u64, Event>,
    /// Each with the offset of the next event.
    pub(crate) notes: Vec<(u64, Bytes)>,
    /// What may be found after a power cut; the last of it may not be acknowledged.
    pub(crate) marks: Vec<Mark>,
    /// Index of the mark that is acknowledged.
    pub(crate) acked: usize,
    pub(crate) settings: Vec<Settings>,
    pub(crate) acked_settings: usize,
    /// Offsets up to which a channel's history was deleted, and may have been deleted.
    pub(crate) deleted: [(u64, u64); CHANNELS.len()],
    /// Greatest time that retention was told of.
    pub(crate) kept_now: u64,
    /// Greatest offset that was seen to be trimmed.
    pub(crate) trimmed: [u64; CHANNELS.len()],
    /// What of `trimmed` may have gone for events that a power cut then took.
    pub(crate) may_be_trimmed: [u64; CHANNELS.len()],
    /// Greatest first offset that was seen.
    pub(crate) first: u64,
    pub(crate) epoch: Option<u64>,
    /// Whether whole segments may go before retention takes what they hold.
    pub(crate) may_give_up: bool,
}

impl Model {
    pub(crate) fn new(durability: Durability, retentions: [Retention; CHANNELS.len()]) -> Self {
        Self {
            durability,
            retentions,
            events: BTreeMap::new(),
            notes: Vec::new(),
            marks: vec![Mark { head: 0, n_notes: 0 }],
            acked: 0,
            settings: vec![Settings::new()],
            acked_settings: 0,
            deleted: [(0, 0); CHANNELS.len()],
            kept_now: 0,
            trimmed: [0; CHANNELS.len()],
            may_be_trimmed: [0; CHANNELS.len()],
            first: 0,
            epoch: None,
            may_give_up: false,
        }
    }

    /// Returns the last offset that is acknowledged.
    pub(crate) fn head(&self) -> u64 {
        self.marks[self.acked].head
    }

    /// Returns the settings that are acknowledged.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings[self.acked_settings]
    }

    /// Enters a batch whose fate is unknown.
    pub(crate) fn write(&mut self, batch: &Batch, channel_of: &dyn Fn(u32) -> usize) {
        if !batch.puts.is_empty() {
            let mut settings = self.settings.last().expect("never empty").clone();
            for (key, value) in &batch.puts {
                match value {
                    Some(value) => settings.insert(key.clone(), value.clone()),
                    None => settings.remove(key),
                };
            }
            self.settings.push(settings);
        }
        let mut head = self.marks.last().expect("never empty").head;
        for group in batch.groups.iter().filter(|group| !group.is_empty()) {
            for record in group {
                match record.kind {
                    RecordKind::Note => self.notes.push((head + 1, record.body.clone())),
                    RecordKind::Event(id) => {
                        head += 1;
                        let channel = channel_of(id);
                        let (at, correction_s) = (record.at, record.correction_s);
                        let body = record.body.clone();
                        self.events.insert(head, Event { channel, at, correction_s, body });
                    }
                }
            }
            self.marks.push(Mark { head, n_notes: self.notes.len() });
        }
    }

    /// Acknowledges all that was written.
    pub(crate) fn acknowledge(&mut self) {
        if self.durability == Durability::Fsync {
            self.marks.drain(..self.marks.len() - 1);
            self.settings.drain(..self.settings.len() - 1);
        }
        self.acked = self.marks.len() - 1;
        self.acked_settings = self.settings.len() - 1;
    }

    /// Loses all that was not synced, as far as anybody knows.
    pub(crate) fn cut_power_unsynced(&mut self) {
        (self.acked, self.acked_settings) = (0, 0);
        self.deleted = self.deleted.map(|(_, tried)| (0, tried));
        for (may_be, trimmed) in self.may_be_trimmed.iter_mut().zip(&mut self.trimmed) {
            *may_be = (*may_be).max(std::mem::take(trimmed));
        }
    }

    /// Takes back what was refused.
    pub(crate) fn refuse(&mut self) {
        self.marks.truncate(self.acked + 1);
        self.settings.truncate(self.acked_settings + 1);
        let mark = self.marks[self.acked];
        self.cut(mark);
    }

    /// Takes over what was found; it is durable from now on.
    pub(crate) fn adopt(&mut self, mark: Mark, settings: Settings) {
        self.cut(mark);
        self.marks = vec![mark];
        self.settings = vec![settings];
        (self.acked, self.acked_settings) = (0, 0);
        for (sure, tried) in &mut self.deleted {
            (*sure, *tried) = ((*sure).min(mark.head), (*tried).min(mark.head));
        }
        for trimmed in self.trimmed.iter_mut().chain(&mut self.may_be_trimmed) {
            *trimmed = (*trimmed).min(mark.head);
        }
    }

    fn cut(&mut self, mark: Mark) {
        self.events.split_off(&(mark.head + 1));
        self.notes.truncate(mark.n_notes);
    }

    /// Returns the last offset of a channel.
    pub(crate) fn last_of(&self, channel: usize) -> u64 {
        let mut events = self.events.range(..=self.head()).rev();
        events.find(|(_, event)| event.channel == channel).map_or(0, |(offset, _)| *offset)
    }

    /// Returns the offsets of a channel's events that its retention covers, newest first.
    pub(crate) fn covered(&self, channel: usize) -> Vec<u64> {
        let kept = &self.retentions[channel];
        let age_max_ms = u64::try_from(kept.age_max.as_millis()).unwrap_or(u64::MAX);
        let mut bytes = 0;
        let mut covered = Vec::new();
        let events = self.events.range(..=self.head()).rev();
        for (offset, event) in events.filter(|(_, event)| event.channel == channel) {
            let body_len = u64::try_from(event.body.len()).unwrap();
            let name_len = u64::try_from(CHANNELS[channel].len()).unwrap();
            bytes += RECORD_OVERHEAD_BYTES + name_len + body_len;
            if u64::try_from(covered.len()).unwrap() >= kept.events_max
                || bytes > kept.bytes_max
                || self.kept_now.saturating_sub(event.kept_at()) > age_max_ms
                || *offset <= self.deleted[channel].1.max(self.may_be_trimmed[channel])
            {
                break;
            }
            covered.push(*offset);
        }
        covered
    }
}
