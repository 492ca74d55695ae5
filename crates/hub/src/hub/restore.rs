//! What the hub takes over from an earlier process at its start.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tidings_log::log::Log;
use tidings_log::reader::ReadError;
use tidings_log::record::{ChannelId, RecordKind};
use tidings_log::writer::LogWriter;

use super::State;
use crate::channel::ChannelName;
use crate::clock::Now;
use crate::config::ChannelClass;
use crate::position::{Check, Epoch};
use crate::stored::{KEY_STATE, StoredEvent, StoredOutcome, decode_value};

/// Reads check and clock correction of the last publication; nothing when there is none.
pub(super) fn read_newest(log: &Log) -> Result<Option<(Check, i32)>, ReadError> {
    let head = log.head();
    let names: HashMap<ChannelId, Arc<str>> =
        log.channels().into_iter().map(|channel| (channel.id, channel.name)).collect();
    let newest = log.record(head, |record| {
        let RecordKind::Event(channel) = record.kind else { return None };
        let check = StoredEvent::decode(record.body)?.check(names.get(&channel)?);
        Some((check, record.correction_s))
    });
    newest.map(Option::flatten)
}

impl State {
    /// Takes over what an earlier process left: channels, values, outcomes.
    pub(super) fn restore(
        &mut self,
        log: &Log,
        writer: &LogWriter,
        now: Now,
    ) -> Result<(), ReadError> {
        for summary in log.channels() {
            // A name that an older version allowed stays in the log, unreachable.
            let Ok(name) = ChannelName::parse(&summary.name) else { continue };
            let id = self.journal.create(name, now.at);
            if let Some(channel) = self.journal.channel_mut(id) {
                channel.is_in_log = true;
            }
        }
        for (key, value) in writer.meta().with_prefix(KEY_STATE) {
            let name = key.strip_prefix(KEY_STATE).and_then(|name| ChannelName::parse(name).ok());
            let Some(name) = name else { continue };
            if self.journal.class_of(&name) != ChannelClass::State {
                continue;
            }
            if let Some(value) = decode_value(name.clone(), value) {
                let known = self.journal.find(&name);
                let id = known.unwrap_or_else(|| self.journal.create(name, now.at));
                self.journal.restore(id, value);
            }
        }
        let epoch = Epoch::from_random(log.epoch());
        let window_ms =
            u64::try_from(self.config.idempotency_window.as_millis()).unwrap_or(u64::MAX);
        let (outcomes, keys_max) = (&mut self.outcomes, self.config.idempotency_keys_max);
        log.notes(now.kept_at.saturating_sub(window_ms), &mut |note| {
            if let Some(outcome) = StoredOutcome::decode(note.body, epoch) {
                outcomes.remember(outcome, note.kept_at().saturating_add(window_ms), keys_max);
            }
            ControlFlow::Continue(())
        })
    }
}
