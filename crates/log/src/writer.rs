//! The one writer: commits, segments that begin and end, retention.

mod segments;
mod settings;

use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile, Durability, is_full};
use crate::index::{NextTrim, Oldest, Postings, Retention};
use crate::log::{Batch, KEY_CLEAN, KEY_FLOOR, KEY_TRIM, Log, LogConfig, NewRecord, OnFull};
use crate::meta::{MetaStore, Put};
use crate::record::{self, BATCH_MAX_BYTES, ChannelId, HEAD_BYTES, RecordKind, Writing};
use crate::scan::SegmentFile;

pub(crate) use segments::Rewriting;
use settings::judge_meta;

/// Capacity for encoding that is kept from batch to batch.
const BUFFER_KEPT_BYTES: usize = 4 * 1_048_576;

/// Why a batch was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The disk is full; the log is as it was, and a later commit may succeed.
    #[error("no room on the disk")]
    Full(#[source] io::Error),
    /// The batch, or one of its fields, is longer than the log can hold; the log is as it was.
    #[error("a batch of {size_bytes} bytes exceeds the limit of {BATCH_MAX_BYTES}")]
    TooLarge {
        /// Bytes of the batch.
        size_bytes: usize,
    },
    /// The disk failed; whether the batch is durable is unknown, and every later commit fails.
    #[error("the disk failed")]
    Unknown(#[source] io::Error),
    /// An earlier commit met a failing disk.
    #[error("the log takes nothing more since the disk failed")]
    Poisoned,
}

/// The writer's end of a log.
#[derive(Debug)]
pub struct LogWriter {
    log: Log,
    disk: Arc<dyn Disk>,
    config: LogConfig,
    meta: MetaStore,
    salt_state: u64,
    buffer: Vec<u8>,
    /// What of this session has to be noted before its first commit.
    session: Vec<Put>,
    /// Channels of removed segments for whose trims there was no room.
    unnoted: BTreeSet<ChannelId>,
    /// Greatest time, on the clock that only runs forward, that it was told.
    kept_now: u64,
    _lock: Box<dyn Debug + Send + Sync>,
}

impl LogWriter {
    pub(crate) fn new(
        log: Log,
        config: LogConfig,
        meta: MetaStore,
        salt_seed: u64,
        (disk, lock): (Arc<dyn Disk>, Box<dyn Debug + Send + Sync>),
    ) -> Self {
        Self {
            log,
            disk,
            config,
            meta,
            salt_state: salt_seed,
            buffer: Vec::new(),
            session: Vec::new(),
            unnoted: BTreeSet::new(),
            kept_now: 0,
            _lock: lock,
        }
    }

    /// Says what channels keep from now on; applied with their next commit or sweep.
    pub fn set_retentions(&mut self, retentions: &[(ChannelId, Retention)]) {
        let mut index = self.log.shared.index.write();
        for (id, retention) in retentions {
            if let Some(channel) = index.channels.get_mut(id) {
                channel.retention = *retention;
            }
        }
    }

    /// Takes new limits; the durability stays.
    pub fn reconfigure(&mut self, config: LogConfig) {
        self.config = LogConfig { durability: self.config.durability, ..config };
    }

    /// Returns whether a batch of events of so many bytes would be one write to the operating
    /// system's memory: nothing is synced and no segment begun.
    #[must_use]
    pub fn is_quick(&self, size_bytes: usize) -> bool {
        let index = self.log.shared.index.read();
        let Some(segment) = index.segments.back() else { return false };
        let size = u64::try_from(size_bytes).unwrap_or(u64::MAX);
        self.config.durability == Durability::Os
            && self.session.is_empty()
            && matches!(segment.postings, Postings::Open(_))
            && segment.len_bytes.saturating_add(size) <= self.config.segment_size_max_bytes
    }

    /// Writes a batch, makes it durable, shows it to the readers, and returns the offset of its
    /// first event; the others follow it one by one.
    ///
    /// # Errors
    ///
    /// [`CommitError`] says what is left.
    pub fn commit(&mut self, batch: &Batch) -> Result<u64, CommitError> {
        self.check_health()?;
        let (n_events, size_bytes) = measure(batch);
        if size_bytes > BATCH_MAX_BYTES {
            return Err(CommitError::TooLarge { size_bytes });
        }
        let first_offset = self.log.head() + 1;
        let mut outcome = self.write_batch(batch, first_offset, size_bytes);
        if self.config.on_full == OnFull::TrimOldest
            && matches!(outcome, Err(CommitError::Full(_)))
            && self.give_up_oldest()
        {
            outcome = self.write_batch(batch, first_offset, size_bytes);
        }
        outcome.map_err(|error| self.judge(error))?;
        self.log.shared.n_commits.fetch_add(1, Ordering::Relaxed);
        self.log.shared.n_events.fetch_add(n_events, Ordering::Relaxed);
        let kept_now = newest(batch);
        self.kept_now = self.kept_now.max(kept_now);
        let mut touched: Vec<ChannelId> = channels_of(batch).collect();
        touched.sort_unstable();
        touched.dedup();
        for channel in touched {
            self.trim(channel, kept_now);
        }
        self.retire();
        Ok(first_offset)
    }

    /// Applies retention by age at a time of the clock that only runs forward.
    pub fn sweep(&mut self, kept_now: u64) {
        self.kept_now = self.kept_now.max(kept_now);
        let channels: Vec<ChannelId> =
            self.log.shared.index.read().channels.keys().copied().collect();
        for channel in channels {
            self.trim(channel, kept_now);
        }
        self.retire();
    }

    /// Deletes the history of a channel; false when it holds none.
    ///
    /// # Errors
    ///
    /// As [`LogWriter::commit`]; the history is as it was.
    pub fn delete(&mut self, channel: ChannelId) -> Result<bool, CommitError> {
        self.check_health()?;
        let (name, to) = {
            let index = self.log.shared.index.read();
            let Some(known) = index.channels.get(&channel) else { return Ok(false) };
            let Some(last) = known.parts.back().map(|part| part.last) else { return Ok(false) };
            (Arc::clone(&known.name), last)
        };
        self.put(&[(trim_key(&name), Some(number(to)))])?;
        {
            let mut index = self.log.shared.index.write();
            while index.channels.get(&channel).is_some_and(|known| !known.parts.is_empty()) {
                index.trim_part(channel);
            }
        }
        self.retire();
        Ok(true)
    }

    /// Forgets channels that hold nothing; what they trimmed folds into the floor.
    ///
    /// # Errors
    ///
    /// As [`LogWriter::commit`]; the channels stay known.
    pub fn forget(&mut self, channels: &[ChannelId]) -> Result<(), CommitError> {
        self.check_health()?;
        let floor = {
            let index = self.log.shared.index.read();
            let known = channels.iter().filter_map(|id| index.channels.get(id));
            let empty = known.filter(|channel| channel.parts.is_empty());
            empty.map(|channel| channel.trimmed_to).max().unwrap_or(0).max(index.floor)
        };
        self.put(&[(KEY_FLOOR.into(), Some(number(floor)))])?;
        let mut index = self.log.shared.index.write();
        index.floor = floor;
        for id in channels {
            if let Some(channel) = index.channels.get_mut(id).filter(|held| held.parts.is_empty()) {
                channel.is_forgotten = true;
            }
        }
        Ok(())
    }

    /// Makes everything durable and notes that the log was closed whole.
    ///
    /// # Errors
    ///
    /// The next opening treats the log as one that a crash left.
    pub fn close(mut self) -> Result<(), CommitError> {
        self.check_health()?;
        let last = self.log.shared.index.read().segments.back().map(|last| last.file.clone());
        if let Some(last) = last {
            last.file.sync().map_err(CommitError::Unknown)?;
        }
        let head = self.log.head();
        self.put(&[(KEY_CLEAN.into(), Some(number(head)))])?;
        self.meta.sync().map_err(judge_meta)
    }

    fn check_health(&self) -> Result<(), CommitError> {
        if self.log.shared.is_poisoned.load(Ordering::Acquire) {
            return Err(CommitError::Poisoned);
        }
        Ok(())
    }

    /// Writes the settings and the records of a batch; when the disk is full, neither.
    fn write_batch(
        &mut self,
        batch: &Batch,
        first_offset: u64,
        size_bytes: usize,
    ) -> Result<(), CommitError> {
        if !self.session.is_empty() {
            let session = std::mem::take(&mut self.session);
            self.note_session(session).map_err(judge_meta)?;
        }
        self.meta.put_all(&batch.puts).map_err(judge_meta)?;
        if batch.groups.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let appended = self.append(batch, first_offset, size_bytes);
        // After any other failure the records may be there, and then the settings must be.
        if matches!(appended, Err(CommitError::Full(_))) && !batch.puts.is_empty() {
            self.meta.take_back().map_err(judge_meta)?;
        }
        appended
    }

    /// Counts a failure; after one that leaves the disk's state unknown nothing more is taken.
    fn judge(&self, error: CommitError) -> CommitError {
        let shared = &self.log.shared;
        match &error {
            CommitError::Full(_) => {
                shared.n_full.fetch_add(1, Ordering::Relaxed);
            }
            CommitError::Unknown(cause) => {
                shared.is_poisoned.store(true, Ordering::Release);
                let cause: &dyn std::error::Error = cause;
                tracing::error!(cause, "the disk failed: the log takes nothing more");
            }
            // Where the settings can no longer be written, nothing can.
            CommitError::Poisoned => shared.is_poisoned.store(true, Ordering::Release),
            CommitError::TooLarge { .. } => {}
        }
        error
    }

    /// Writes and syncs the records of a batch, then enters them.
    fn append(
        &mut self,
        batch: &Batch,
        first_offset: u64,
        size_bytes: usize,
    ) -> Result<(), CommitError> {
        self.make_room(size_bytes, first_offset)?;
        let (file, start, named) = {
            let index = self.log.shared.index.read();
            let Some(segment) = index.segments.back() else { return Err(CommitError::Poisoned) };
            let named: HashSet<ChannelId> = match &segment.postings {
                Postings::Open(lists) => {
                    channels_of(batch).filter(|id| lists.contains_key(id)).collect()
                }
                Postings::Sealed { .. } => HashSet::new(),
            };
            (segment.file.clone(), segment.len_bytes, named)
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.encode(batch, (&file, start, first_offset), named, &mut buffer);
        let written = write(file.file.as_ref(), &buffer, start, self.config.durability);
        if written.is_ok() {
            self.enter(batch, &buffer, start);
        }
        if buffer.capacity() <= BUFFER_KEPT_BYTES {
            self.buffer = buffer;
        }
        written
    }

    fn encode(
        &self,
        batch: &Batch,
        (file, start, first_offset): (&SegmentFile, u64, u64),
        mut named: HashSet<ChannelId>,
        buffer: &mut Vec<u8>,
    ) {
        let index = self.log.shared.index.read();
        let mut offset = first_offset;
        for group in &batch.groups {
            for (place, record) in group.iter().enumerate() {
                let name = match record.kind {
                    RecordKind::Event(id) if named.insert(id) => {
                        let new = batch.channels.iter().find(|channel| channel.id == id);
                        let known = index.channels.get(&id).map(|known| known.name.as_ref());
                        let name = known.or(new.map(|channel| channel.name.as_ref()));
                        debug_assert!(name.is_some(), "a channel's first record names it");
                        name
                    }
                    RecordKind::Event(_) | RecordKind::Note => None,
                };
                let writing = Writing {
                    batch: u32::try_from(start).unwrap_or(u32::MAX),
                    delta: u32::try_from(offset - file.base).unwrap_or(u32::MAX),
                    kind: record.kind,
                    at: record.at,
                    correction_s: record.correction_s,
                    is_more: place + 1 < group.len(),
                    name,
                    body: &record.body,
                };
                writing.encode(file.seed, buffer);
                offset += u64::from(record.kind != RecordKind::Note);
            }
        }
    }

    /// Shows the readers what was written.
    fn enter(&mut self, batch: &Batch, buffer: &[u8], start: u64) {
        let mut index = self.log.shared.index.write();
        for channel in &batch.channels {
            index.know(channel.id, &channel.name);
            if let Some(known) = index.channels.get_mut(&channel.id) {
                known.retention = channel.retention;
                known.is_forgotten = false;
            }
        }
        let Some(segment) = index.segments.back() else { return };
        let (base, seed) = (segment.base(), segment.file.seed);
        let mut rest = buffer;
        let mut position = start;
        while let Ok(record) = record::decode(rest, base, seed) {
            index.add(u32::try_from(position).unwrap_or(u32::MAX), &record);
            position += u64::try_from(record.size_bytes).unwrap_or(u64::MAX);
            rest = rest.get(record.size_bytes..).unwrap_or_default();
        }
        debug_assert!(rest.is_empty(), "what was encoded can be decoded");
        if let Some(segment) = index.segments.back_mut() {
            segment.len_bytes = position;
        }
    }

    /// Takes out of a channel what its retention does not cover.
    fn trim(&self, channel: ChannelId, kept_now: u64) {
        loop {
            let next = self.log.shared.index.read().next_trim(channel, kept_now);
            match next {
                NextTrim::Nothing => return,
                NextTrim::Look { base, position } => {
                    let oldest = self.look(base, position);
                    self.log.shared.index.write().look(channel, oldest);
                }
                NextTrim::Oldest => self.log.shared.index.write().trim_oldest(channel),
                NextTrim::Part => self.log.shared.index.write().trim_part(channel),
            }
        }
    }

    /// Reads what retention needs to know of a channel's oldest event.
    ///
    /// An event that cannot be read counts as new and empty, so that only the count of later ones
    /// takes it out.
    fn look(&self, base: u64, position: u32) -> Oldest {
        let segment = self.log.shared.index.read().segment(base).map(|held| held.file.clone());
        let mut buffer = Vec::new();
        let record = segment.as_ref().map(|segment| segment.record_at(position, &mut buffer));
        match record {
            Some(Ok(Ok(record))) => Oldest {
                offset: record.offset,
                size_bytes: u64::try_from(record.size_bytes).unwrap_or(u64::MAX),
                kept_at: record.kept_at(),
            },
            Some(Ok(Err(_)) | Err(_)) | None => {
                Oldest { offset: base, size_bytes: 0, kept_at: u64::MAX }
            }
        }
    }
}

/// Writes and syncs; a write that did not fit is cut back.
fn write(
    file: &dyn DiskFile,
    bytes: &[u8],
    start: u64,
    durability: Durability,
) -> Result<(), CommitError> {
    if let Err(error) = file.write_all_at(bytes, start) {
        // What the next write overwrites, or what a later segment follows, must not come back.
        let cut = file.set_len(start).and_then(|()| file.sync());
        return Err(cut.map_or_else(CommitError::Unknown, |()| full_or_unknown(error)));
    }
    match durability {
        Durability::Fsync => file.sync().map_err(CommitError::Unknown),
        Durability::Os => Ok(()),
    }
}

fn full_or_unknown(error: io::Error) -> CommitError {
    if is_full(&error) { CommitError::Full(error) } else { CommitError::Unknown(error) }
}

/// Returns the events of a batch and the most bytes that its records may take.
fn measure(batch: &Batch) -> (u64, usize) {
    /// Correction and length of a name.
    const OPTIONAL_BYTES: usize = 4 + 2;
    let mut n_events = 0;
    let mut size = batch.channels.iter().map(|channel| channel.name.len()).sum::<usize>();
    let mut channels = HashSet::new();
    for record in batch.groups.iter().flatten() {
        n_events += u64::from(record.kind != RecordKind::Note);
        size += HEAD_BYTES + OPTIONAL_BYTES + record.body.len();
        if let RecordKind::Event(id) = record.kind
            && channels.insert(id)
        {
            size += CHANNEL_NAME_TYPICAL_BYTES;
        }
    }
    (n_events, size)
}

/// What a name is taken to need when it is known already.
const CHANNEL_NAME_TYPICAL_BYTES: usize = 256;

fn channels_of(batch: &Batch) -> impl Iterator<Item = ChannelId> {
    batch.groups.iter().flatten().filter_map(|record| match record.kind {
        RecordKind::Event(id) => Some(id),
        RecordKind::Note => None,
    })
}

/// Returns the greatest time of a batch on the clock that only runs forward.
fn newest(batch: &Batch) -> u64 {
    let kept_at = |record: &NewRecord| record::kept_at(record.at, record.correction_s);
    batch.groups.iter().flatten().map(kept_at).max().unwrap_or(0)
}

fn trim_key(name: &str) -> Box<str> {
    format!("{KEY_TRIM}{name}").into()
}

fn number(n: u64) -> Bytes {
    Bytes::copy_from_slice(&n.to_le_bytes())
}
