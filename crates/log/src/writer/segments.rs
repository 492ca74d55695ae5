//! Segments that begin, are sealed, and go.

use std::io;

use super::{CommitError, LogWriter, full_or_unknown, number, trim_key};
use crate::disk::{Durability, is_full, rewrite};
use crate::index::{Postings, Segment};
use crate::log::{KEY_ACCOUNTED, KEY_FLOOR};
use crate::record::{ChannelId, HEADER_BYTES_U64, Header};
use crate::recovery::{index_name, segment_name};
use crate::scan::SegmentFile;
use crate::sidecar;

/// What of the last segment an opening writes again before it syncs it.
///
/// The sync of these bytes may have failed, and a page whose sync failed once passes for written:
/// only what is written again is synced again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewriting {
    /// All before the last write was synced.
    LastWrite,
    /// The last session did not sync what it wrote.
    LastSegment,
}

impl LogWriter {
    /// Makes durable what opening found, and completes what a crash left undone.
    pub(crate) fn settle(&mut self, rewriting: Rewriting) -> io::Result<()> {
        let unsealed: Vec<u64> = {
            let index = self.log.shared.index.read();
            let n_before_last = index.segments.len().saturating_sub(1);
            let before_last = index.segments.iter().take(n_before_last);
            let open = before_last.filter(|segment| matches!(segment.postings, Postings::Open(_)));
            open.map(Segment::base).collect()
        };
        for base in unsealed {
            self.seal_if_room(base)?;
        }
        let last = {
            let index = self.log.shared.index.read();
            let last = index.segments.back();
            last.map(|last| (last.file.clone(), index.last_batch, last.len_bytes))
        };
        let Some((file, last_batch, len_bytes)) = last else {
            return self.begin_segment(self.log.head() + 1);
        };
        let rewritten_from = match rewriting {
            Rewriting::LastWrite => u64::from(last_batch).max(HEADER_BYTES_U64),
            Rewriting::LastSegment => HEADER_BYTES_U64,
        };
        // The header too: a session may have died of its sync.
        rewrite(file.file.as_ref(), 0, HEADER_BYTES_U64)?;
        rewrite(file.file.as_ref(), rewritten_from, len_bytes)?;
        file.file.sync()?;
        self.disk.sync_folder()
    }

    /// Begins a new segment when the batch does not fit into the last one.
    pub(super) fn make_room(
        &mut self,
        size_bytes: usize,
        first_offset: u64,
    ) -> Result<(), CommitError> {
        let (base, is_room) = {
            let index = self.log.shared.index.read();
            let Some(segment) = index.segments.back() else { return Err(CommitError::Poisoned) };
            let size = u64::try_from(size_bytes).unwrap_or(u64::MAX);
            let is_sealed = matches!(segment.postings, Postings::Sealed { .. });
            let fits = segment.len_bytes + size <= self.config.segment_size_max_bytes;
            (segment.base(), !is_sealed && (fits || segment.n_events() == 0))
        };
        if is_room {
            return Ok(());
        }
        // Under `Os` nothing was synced yet, and the next segment says that this one is whole.
        if self.config.durability == Durability::Os {
            let file = self.log.shared.index.read().segment(base).map(|last| last.file.clone());
            if let Some(file) = file {
                file.file.sync().map_err(CommitError::Unknown)?;
            }
        }
        self.begin_segment(first_offset).map_err(full_or_unknown)?;
        self.seal_if_room(base).map_err(CommitError::Unknown)
    }

    /// Makes the segment that the next offset goes into.
    fn begin_segment(&mut self, base: u64) -> io::Result<()> {
        let header = Header { base, salt: self.next_salt() };
        let name = segment_name(base);
        let file = self.disk.create(&name)?;
        let made = file.write_all_at(&header.encode_segment(), 0).and_then(|()| file.sync());
        if let Err(error) = made.and_then(|()| self.disk.sync_folder()) {
            // It must not come back when the segment before it has grown on.
            let removed = self.disk.remove(&name).and_then(|()| self.disk.sync_folder());
            return Err(removed.err().map_or(error, io::Error::other));
        }
        let file = SegmentFile { file, base, seed: header.seed() };
        let mut index = self.log.shared.index.write();
        index.segments.push_back(Segment::new(file, header.salt, HEADER_BYTES_U64));
        Ok(())
    }

    /// Seals a segment; a full disk leaves it without an index file.
    ///
    /// The index file is for a quick start only: without it the segment is read.
    fn seal_if_room(&mut self, base: u64) -> io::Result<()> {
        match self.seal(base) {
            Err(error) if is_full(&error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, file = index_name(base), "index file not written");
                Ok(())
            }
            sealed => sealed,
        }
    }

    /// Brings a segment into its final form and writes its index file.
    fn seal(&mut self, base: u64) -> io::Result<()> {
        let bytes = {
            let mut index = self.log.shared.index.write();
            let Ok(place) = index.segments.binary_search_by_key(&base, Segment::base) else {
                return Ok(());
            };
            let Some(segment) = index.segments.get_mut(place) else { return Ok(()) };
            segment.seal();
            let Some(segment) = index.segments.get(place) else { return Ok(()) };
            sidecar::encode(segment, &index.parts_of(segment))
        };
        let name = index_name(base);
        let temporary = format!("{name}.tmp");
        let write = || {
            let file = self.disk.create(&temporary)?;
            file.write_all_at(&bytes, 0)?;
            file.sync()?;
            self.disk.rename(&temporary, &name)?;
            self.disk.sync_folder()
        };
        if let Err(error) = write() {
            self.disk.remove(&temporary).ok();
            return Err(error);
        }
        let mut index = self.log.shared.index.write();
        if let Ok(place) = index.segments.binary_search_by_key(&base, Segment::base)
            && let Some(segment) = index.segments.get_mut(place)
        {
            segment.index_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Removes the oldest segments: those that hold nothing any more, and those over the ceiling.
    pub(super) fn retire(&mut self) {
        let notes_age_ms = self.config.notes_age_max.as_millis();
        let notes_age_ms = u64::try_from(notes_age_ms).unwrap_or(u64::MAX);
        while self.check_health().is_ok() {
            let is_due = {
                let index = self.log.shared.index.read();
                let is_over = index.size_bytes() > self.config.size_max_bytes;
                let holds_nothing = |first: &Segment| {
                    first.n_live == 0 && !first.has_notes_after(self.kept_now, notes_age_ms)
                };
                index.segments.front().is_some_and(|first| is_over || holds_nothing(first))
            };
            if !is_due || !self.give_up_oldest() {
                return;
            }
        }
    }

    /// Removes the oldest segment with all that it holds; false when that is the only one, or
    /// when the disk does not let it go.
    pub(super) fn give_up_oldest(&mut self) -> bool {
        {
            let mut index = self.log.shared.index.write();
            let Some(base) = index.segments.front().map(Segment::base) else { return false };
            if index.segments.len() < 2 {
                return false;
            }
            for channel in index.channels_in(base) {
                index.trim_part(channel);
            }
        }
        let removed = self.remove_first();
        if let Err(error) = &removed {
            let cause: &dyn std::error::Error = error;
            tracing::warn!(cause, "the oldest segment was not removed");
        }
        removed.is_ok()
    }

    /// Removes the oldest segment, of which nothing is live; what channels trimmed is kept first.
    fn remove_first(&mut self) -> Result<(), CommitError> {
        let Some((base, forgotten)) = self.note_trims()? else { return Ok(()) };
        self.disk.remove(&segment_name(base)).map_err(CommitError::Unknown)?;
        {
            let mut index = self.log.shared.index.write();
            index.segments.pop_front();
            for id in forgotten {
                if let Some(channel) = index.channels.remove(&id) {
                    index.by_name.remove(&channel.name);
                }
            }
        }
        // Else a power cut could bring it back when the next one is gone.
        if let Err(error) = self.disk.sync_folder() {
            return Err(self.judge(CommitError::Unknown(error)));
        }
        match self.disk.remove(&index_name(base)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, file = index_name(base), "index file left over");
            }
            Ok(()) | Err(_) => {}
        }
        Ok(())
    }

    /// Notes what the channels of the oldest segment trimmed; returns the segment's base and the
    /// channels that go with it.
    ///
    /// Without room for the note the next start takes the whole segment for a hole of everybody.
    fn note_trims(&mut self) -> Result<Option<(u64, Vec<ChannelId>)>, CommitError> {
        let mut puts = Vec::new();
        let mut forgotten = Vec::new();
        let base = {
            let index = self.log.shared.index.read();
            let Some(first) = index.segments.front() else { return Ok(None) };
            self.unnoted.extend(first.postings.channels());
            for id in &self.unnoted {
                let Some(channel) = index.channels.get(id) else { continue };
                let is_over = channel.is_forgotten && !index.is_named_later(*id);
                let trimmed_to = (!is_over).then(|| number(channel.trimmed_to));
                puts.push((trim_key(&channel.name), trimmed_to));
                forgotten.extend(is_over.then_some(*id));
            }
            // A hole of everybody that an opening found is not told by the note any more.
            puts.push((KEY_FLOOR.into(), Some(number(index.floor))));
            puts.push((KEY_ACCOUNTED.into(), Some(number(first.last))));
            first.base()
        };
        match self.put(&puts) {
            Ok(()) => self.unnoted.clear(),
            Err(error @ (CommitError::Unknown(_) | CommitError::Poisoned)) => return Err(error),
            Err(error @ (CommitError::Full(_) | CommitError::TooLarge { .. })) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(cause, "what channels trimmed was not noted");
            }
        }
        Ok(Some((base, forgotten)))
    }

    /// Returns a number that nobody outside can guess (`SplitMix64` over a random seed).
    fn next_salt(&mut self) -> u64 {
        self.salt_state = self.salt_state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.salt_state ^ (self.salt_state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
