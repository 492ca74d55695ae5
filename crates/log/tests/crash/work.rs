//! What a schedule does with a log that is open, and what it checks after each step.

use bytes::Bytes;
use tidings_log::log::{Batch, Log, NewChannel, NewRecord};
use tidings_log::record::{ChannelId, RecordKind};
use tidings_log::writer::{CommitError, LogWriter};

use super::model::{CHANNELS, SETTINGS};
use super::reading::{channel_index, names_of, to_event};
use super::session::{Session, pick};
use super::tally::is_running;

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The disk was full.
    Full,
    /// Nothing more is taken.
    Broken,
}

impl Session {
    pub(super) fn draw_fault(&mut self) {
        let n = 1 + self.random.below(25);
        let was_full = std::mem::replace(&mut self.has_fault, true);
        match self.random.below(10) {
            0..=5 => self.disk.stop_after(n * 2),
            6 => self.disk.fail_sync(n),
            7 => self.disk.fail_write(n),
            8 => {
                let room = self.random.below(6_000);
                self.disk.set_capacity(Some(self.disk.used_bytes() + room));
            }
            _ => self.has_fault = was_full,
        }
    }

    pub(super) fn work(&mut self, log: &Log, writer: &mut LogWriter) {
        for _ in 0..self.random.below(25) {
            let outcome = match self.random.below(14) {
                0 => {
                    self.tally.sweeps += 1;
                    self.advance();
                    self.model.kept_now = self.kept;
                    writer.sweep(self.kept);
                    Outcome::Done
                }
                1 => self.delete(log, writer),
                2 => self.forget(log, writer),
                3 => {
                    self.look_up(log);
                    Outcome::Done
                }
                4 => {
                    self.reconfigure(writer);
                    Outcome::Done
                }
                5 => {
                    // Somebody makes room.
                    self.disk.set_capacity(None);
                    Outcome::Done
                }
                _ => self.commit(log, writer),
            };
            self.note_trims(log);
            if outcome == Outcome::Broken {
                self.tally.broken += 1;
                let refused = writer.commit(&Batch::default());
                assert!(matches!(refused, Err(CommitError::Poisoned)), "{refused:?}");
                assert_eq!(log.head(), self.model.head(), "nothing unsure is shown");
                return;
            }
        }
    }

    /// Stops cleanly, or does not.
    pub(super) fn finish(&mut self, log: &Log, writer: LogWriter) {
        if !log.stats().is_poisoned && is_running(&self.disk) {
            self.check_running(log, &writer);
        }
        if self.random.below(3) > 0 || writer.close().is_err() {
            return;
        }
        self.tally.closes += 1;
        // What was closed is durable.
        let model = &mut self.model;
        model.marks.drain(..model.acked);
        model.settings.drain(..model.acked_settings);
        (model.acked, model.acked_settings) = (0, 0);
    }

    fn advance(&mut self) {
        self.kept += self.random.below(20_000);
        if self.random.below(20) == 0 {
            self.skew_s = pick(&mut self.random, [0, 3_600, -3_600]);
        }
    }

    pub(crate) fn draw_batch(&mut self, log: &Log) -> Batch {
        self.advance();
        let mut batch = Batch::default();
        for _ in 0..=self.random.below(3) {
            let n_records = 1 + self.random.below(3);
            let group = (0..n_records).map(|_| self.draw_record(log, &mut batch)).collect();
            batch.groups.push(group);
        }
        if self.random.below(4) == 0 {
            for _ in 0..=self.random.below(2) {
                let key = format!("{SETTINGS}{}", self.random.below(3)).into();
                let value = (self.random.below(4) > 0).then(|| self.draw_body());
                batch.puts.push((key, value));
            }
            if self.random.below(8) == 0 {
                batch.groups.clear();
                batch.channels.clear();
            }
        }
        batch
    }

    fn draw_record(&mut self, log: &Log, batch: &mut Batch) -> NewRecord {
        let channel = [0, 0, 0, 1, 1, 2, 2, 3][self.random.below(8) as usize];
        let kind = if self.random.below(8) == 0 {
            RecordKind::Note
        } else {
            let known = batch.channels.iter().find(|new| *new.name == *CHANNELS[channel]);
            let id = known.map_or_else(|| log.channel_id(CHANNELS[channel]), |new| new.id);
            if known.is_none() {
                let retention = self.model.retentions[channel];
                batch.channels.push(NewChannel { id, name: CHANNELS[channel].into(), retention });
            }
            RecordKind::Event(id)
        };
        let at = self.kept.saturating_add_signed(i64::from(self.skew_s) * 1_000);
        NewRecord { kind, at, correction_s: -self.skew_s, body: self.draw_body() }
    }

    /// Makes bytes unlike all others; some are long, some mostly zeros.
    fn draw_body(&mut self) -> Bytes {
        self.n_bodies += 1;
        let len = match self.random.below(16) {
            0 => 0,
            1 => 600 + self.random.below(2_000),
            _ => self.random.below(200),
        };
        let fill = if self.random.below(4) == 0 { 0 } else { self.random.next_u64() as u8 };
        let mut body = self.n_bodies.to_le_bytes().to_vec();
        body.resize(4 + len as usize, fill);
        body.into()
    }

    /// Commits a random batch.
    pub(crate) fn commit(&mut self, log: &Log, writer: &mut LogWriter) -> Outcome {
        let batch = self.draw_batch(log);
        self.commit_batch(log, writer, &batch)
    }

    pub(crate) fn commit_batch(
        &mut self,
        log: &Log,
        writer: &mut LogWriter,
        batch: &Batch,
    ) -> Outcome {
        let channel_of = |id: ChannelId| {
            let new = batch.channels.iter().find(|new| new.id == id).expect("all are named");
            channel_index(&new.name)
        };
        let next = self.model.head() + 1;
        let n_segments = log.stats().n_segments;
        self.model.write(batch, &channel_of);
        match writer.commit(batch) {
            Ok(first_offset) => {
                self.model.acknowledge();
                self.model.kept_now = self.kept;
                assert_eq!(first_offset, next, "offsets go on");
                assert_eq!(log.head(), self.model.head());
                self.check_limits(log, batch);
                self.tally.commits += 1;
                self.tally.rolls += u64::from(log.stats().n_segments > n_segments);
                Outcome::Done
            }
            Err(CommitError::Full(_)) => {
                self.model.refuse();
                self.tally.refused_full += 1;
                if is_running(&self.disk) {
                    self.check_running(log, writer);
                }
                Outcome::Full
            }
            Err(CommitError::Unknown(_)) => Outcome::Broken,
            Err(error @ (CommitError::Poisoned | CommitError::TooLarge { .. })) => {
                // Retention met the failing disk at the end of the commit before.
                assert!(matches!(error, CommitError::Poisoned), "{error:?}");
                self.model.refuse();
                Outcome::Broken
            }
        }
    }

    /// Checks that a commit leaves no more than retention allows.
    fn check_limits(&self, log: &Log, batch: &Batch) {
        for new in &batch.channels {
            let held = log.channel(new.id).expect("it was used");
            assert!(held.n_held <= new.retention.events_max, "{held:?}");
            assert!(held.bytes_held <= new.retention.bytes_max, "{held:?}");
        }
        let stats = log.stats();
        assert!(
            stats.size_bytes <= self.config.size_max_bytes
                || stats.n_segments == 1
                || self.has_fault,
            "{stats:?}"
        );
    }

    fn delete(&mut self, log: &Log, writer: &mut LogWriter) -> Outcome {
        let channel = self.random.below(4) as usize;
        let names = names_of(log);
        let Some((id, _)) = names.iter().find(|(_, known)| **known == channel) else {
            return Outcome::Done;
        };
        let last = self.model.last_of(channel);
        let before = self.model.deleted[channel].1;
        self.model.deleted[channel].1 = before.max(last);
        match writer.delete(*id) {
            Ok(true) => {
                assert_eq!(log.channel(*id).map_or(0, |held| held.n_held), 0, "all is deleted");
                self.model.deleted[channel].0 = last;
                self.tally.deletes += 1;
                Outcome::Done
            }
            Ok(false) => Outcome::Done,
            Err(CommitError::Full(_)) => {
                self.model.deleted[channel].1 = before;
                Outcome::Full
            }
            Err(CommitError::Unknown(_) | CommitError::Poisoned) => Outcome::Broken,
            Err(error @ CommitError::TooLarge { .. }) => panic!("{error}"),
        }
    }

    fn forget(&mut self, log: &Log, writer: &mut LogWriter) -> Outcome {
        let ids: Vec<ChannelId> =
            names_of(log).into_keys().filter(|_| self.random.below(2) == 0).collect();
        match writer.forget(&ids) {
            Ok(()) => {
                self.tally.forgets += 1;
                Outcome::Done
            }
            Err(CommitError::Full(_)) => Outcome::Full,
            Err(CommitError::Unknown(_) | CommitError::Poisoned) => Outcome::Broken,
            Err(error @ CommitError::TooLarge { .. }) => panic!("{error}"),
        }
    }

    /// Reads one event.
    fn look_up(&mut self, log: &Log) {
        let names = names_of(log);
        let offset = self.random.below(self.model.head() + 3);
        let Ok(found) = log.record(offset, |record| to_event(record, &names)) else { return };
        let is_there = (log.stats().first..=self.model.head()).contains(&offset);
        let expected = self.model.events.get(&offset).filter(|_| is_there);
        assert_eq!(found.flatten().as_ref(), expected, "event {offset}");
    }
}
