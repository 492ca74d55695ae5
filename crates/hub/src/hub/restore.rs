//! What the hub takes over from an earlier process at its start.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tidings_log::log::Log;
use tidings_log::reader::ReadError;
use tidings_log::record::{ChannelId, RecordKind};
use tidings_log::writer::LogWriter;

use super::{HubEnvironment, State};
use crate::channel::ChannelName;
use crate::clock::{Anchor, HubClock, KEY_CLOCK, Now};
use crate::config::ChannelClass;
use crate::event::EpochMillis;
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

/// Continues the clock, and keeps what a later start needs of it; returns what is kept.
pub(super) fn resume_clock(
    writer: &mut LogWriter,
    environment: &HubEnvironment,
    newest: (EpochMillis, i32),
) -> (HubClock, Option<Anchor>) {
    let (wall, elapsed) = ((environment.clock)(), (environment.elapsed)());
    let boot_id = &environment.boot_id;
    let anchor = writer.meta().get(KEY_CLOCK).and_then(|bytes| Anchor::decode(bytes));
    let clock = HubClock::resume(newest, anchor.as_ref(), (wall, elapsed), boot_id);
    if !clock.differs_from(anchor.as_ref(), boot_id) {
        return (clock, anchor);
    }
    let anchor = clock.anchor(boot_id);
    let is_kept = keep_clock(writer, &anchor);
    (clock, is_kept.then_some(anchor))
}

/// Keeps what a later start needs of the clock; false when only what was kept before still is.
pub(crate) fn keep_clock(writer: &mut LogWriter, anchor: &Anchor) -> bool {
    let kept = writer.put_durably(&[(KEY_CLOCK.into(), Some(anchor.encode()))]);
    if let Err(error) = &kept {
        let cause: &dyn std::error::Error = error;
        tracing::warn!(cause, "a step of the clock was not noted");
    }
    kept.is_ok()
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
            self.journal.create(name, now.at);
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
