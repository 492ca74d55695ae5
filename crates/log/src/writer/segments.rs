//! Segments that begin, are sealed, and go.

use std::io;

use super::{CommitError, LogWriter, full_or_unknown, number, trim_key};
use crate::disk::Durability;
use crate::index::{Postings, Segment};
use crate::log::KEY_ACCOUNTED;
use crate::record::{HEADER_BYTES, Header};
use crate::recovery::{index_name, segment_name};
use crate::scan::SegmentFile;
use crate::sidecar;

impl LogWriter {
    /// Makes durable what opening found, and completes what a crash left undone.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        let unsealed: Vec<u64> = {
            let index = self.log.shared.index.read();
            let n_before_last = index.segments.len().saturating_sub(1);
            let before_last = index.segments.iter().take(n_before_last);
            let open = before_last.filter(|segment| matches!(segment.postings, Postings::Open(_)));
            open.map(Segment::base).collect()
        };
        for base in unsealed {
            self.seal(base)?;
        }
        let last = {
            let index = self.log.shared.index.read();
            let last = index.segments.back();
            last.map(|last| (last.file.clone(), index.last_batch, last.len_bytes))
        };
        let Some((file, last_batch, len_bytes)) = last else {
            return self.begin_segment(self.log.head() + 1);
        };
        // The sync of the last write may have failed, and a page that failed once passes for
        // written: only what is written again is synced again.
        let n_bytes = len_bytes.saturating_sub(last_batch.into());
        let mut bytes = vec![0; usize::try_from(n_bytes).unwrap_or(usize::MAX)];
        if last_batch > 0 && file.file.read_at(&mut bytes, last_batch.into())? == bytes.len() {
            file.file.write_all_at(&bytes, last_batch.into())?;
        }
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
        // The index file is for a quick start only; without it the segment is read.
        if let Err(error) = self.seal(base) {
            let cause: &dyn std::error::Error = &error;
            tracing::warn!(cause, file = index_name(base), "index file not written");
        }
        Ok(())
    }

    /// Makes the segment that the next offset goes into.
    fn begin_segment(&mut self, base: u64) -> io::Result<()> {
        let header = Header { base, salt: self.next_salt() };
        let name = segment_name(base);
        let file = self.disk.create(&name)?;
        let made = file.write_all_at(&header.encode_segment(), 0).and_then(|()| file.sync());
        if let Err(error) = made.and_then(|()| self.disk.sync_folder()) {
            self.disk.remove(&name)?;
            return Err(error);
        }
        let len_bytes = u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX);
        let file = SegmentFile { file, base, seed: header.seed() };
        let mut index = self.log.shared.index.write();
        index.segments.push_back(Segment::new(file, header.salt, len_bytes));
        Ok(())
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
        loop {
            let is_due = {
                let index = self.log.shared.index.read();
                let is_over = index.size_bytes() > self.config.size_max_bytes;
                index.segments.front().is_some_and(|first| first.n_live == 0 || is_over)
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
    fn remove_first(&mut self) -> io::Result<()> {
        let (base, last, channels) = {
            let index = self.log.shared.index.read();
            let Some(first) = index.segments.front() else { return Ok(()) };
            (first.base(), first.last, first.postings.channels())
        };
        let mut puts = Vec::with_capacity(channels.len() + 1);
        let mut forgotten = Vec::new();
        {
            let index = self.log.shared.index.read();
            for id in channels {
                let Some(channel) = index.channels.get(&id) else { continue };
                let is_over = channel.is_forgotten && !index.is_named_later(id);
                let trimmed_to = (!is_over).then(|| number(channel.trimmed_to));
                puts.push((trim_key(&channel.name), trimmed_to));
                forgotten.extend(is_over.then_some(id));
            }
        }
        puts.push((KEY_ACCOUNTED.into(), Some(number(last))));
        // Without room for it the next start takes the whole segment for a hole of everybody.
        if let Err(error) = self.put(&puts) {
            let cause: &dyn std::error::Error = &error;
            tracing::warn!(cause, "what channels trimmed was not noted");
        }
        self.disk.remove(&segment_name(base))?;
        self.disk.sync_folder()?;
        {
            let mut index = self.log.shared.index.write();
            index.segments.pop_front();
            for id in forgotten {
                if let Some(channel) = index.channels.remove(&id) {
                    index.by_name.remove(&channel.name);
                }
            }
        }
        match self.disk.remove(&index_name(base)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns a number that nobody outside can guess (`SplitMix64` over a random seed).
    fn next_salt(&mut self) -> u64 {
        self.salt_state = self.salt_state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.salt_state ^ (self.salt_state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
