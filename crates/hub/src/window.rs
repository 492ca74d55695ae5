//! The newest publications, in memory: the shared sequence that every cursor walks.
//!
//! All classes stand in one order of acceptance, numbered by `seq` without a hole; logged
//! publications have an offset besides. What is pushed out at the old end is read from the log, if
//! it is there; a publication that nobody may be shown any more (superseded, dropped) leaves an
//! entry without a publication until then.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use tidings_log::record::ChannelId;

use crate::event::Publication;
use crate::id_map::IdMap;
use crate::position::{Check, Epoch, Position};

/// Most ephemeral publications remembered that are gone, to count what a slow client lost.
const LOST_MAX: usize = 65_536;
/// Entries that are passed over in the time in which one is found by its channel, roughly.
const SPARSE_RATIO: u64 = 16;

/// What an entry takes beside its publication.
const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<u64>();

/// One accepted publication, or what is left of it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Offset of the last logged publication up to and with this one.
    pub offset: u64,
    pub channel: ChannelId,
    pub kind: EntryKind,
    pub publication: Option<Arc<Publication>>,
}

impl Entry {
    /// Offset of the last logged publication before this one.
    pub(crate) fn offset_before(&self) -> u64 {
        self.offset - u64::from(matches!(self.kind, EntryKind::Logged(_)))
    }
}

/// Class of an entry, with the check of a logged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Logged(Check),
    State,
    Ephemeral,
}

/// A place in the sequence: what a cursor has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub seq: u64,
    pub offset: u64,
    /// Check of the publication at `offset`, when it is known.
    pub check: Option<Check>,
}

/// The entries, oldest first, and both ends.
#[derive(Debug)]
pub(crate) struct Window {
    entries: VecDeque<Entry>,
    /// Numbers of each channel's entries, ascending.
    postings: IdMap<ChannelId, VecDeque<u64>>,
    epoch: Epoch,
    size_bytes: usize,
    size_max_bytes: usize,
    /// What was pushed out.
    base: Place,
    head: Place,
    /// Ephemeral publications that were pushed out.
    lost: VecDeque<(u64, ChannelId)>,
}

impl Window {
    /// Makes an empty window over a log that ends at an offset, with the check of what stands
    /// there, if it is known.
    pub(crate) fn new(
        epoch: Epoch,
        offset: u64,
        check: Option<Check>,
        size_max_bytes: usize,
    ) -> Self {
        let end = Place { seq: 0, offset, check };
        Self {
            entries: VecDeque::new(),
            postings: IdMap::default(),
            epoch,
            size_bytes: 0,
            size_max_bytes,
            base: end,
            head: end,
            lost: VecDeque::new(),
        }
    }

    pub(crate) fn set_size_max(&mut self, size_max_bytes: usize) {
        self.size_max_bytes = size_max_bytes;
        self.shrink();
    }

    /// Everything before it was pushed out.
    pub(crate) fn base(&self) -> Place {
        self.base
    }

    /// The last publication.
    pub(crate) fn head(&self) -> Place {
        self.head
    }

    /// Position of the last logged publication.
    pub(crate) fn head_position(&self) -> Position {
        self.position_of(self.head)
    }

    /// Position of a place; a check that is not known reads as zero, which is only right where it
    /// is never compared.
    pub(crate) fn position_of(&self, place: Place) -> Position {
        let check = place.check.unwrap_or_default();
        Position { epoch: self.epoch, offset: place.offset, check }
    }

    /// Returns the position of the n-th logged publication from now on, from 1.
    pub(crate) fn position_ahead(&self, n: u64, check: Check) -> Position {
        Position { epoch: self.epoch, offset: self.head.offset + n, check }
    }

    /// Bytes that the entries take.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Appends a publication and returns its number.
    pub(crate) fn push(
        &mut self,
        channel: ChannelId,
        kind: EntryKind,
        publication: Arc<Publication>,
    ) -> u64 {
        self.head.seq += 1;
        if let EntryKind::Logged(check) = kind {
            self.head.offset += 1;
            self.head.check = Some(check);
        }
        self.size_bytes += ENTRY_BYTES + publication.size_bytes();
        self.postings.entry(channel).or_default().push_back(self.head.seq);
        let publication = Some(publication);
        self.entries.push_back(Entry { offset: self.head.offset, channel, kind, publication });
        self.shrink();
        self.head.seq
    }

    /// Iterates over the entries after `seq`, with their numbers.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let start = usize::try_from(seq.saturating_sub(self.base.seq)).unwrap_or(usize::MAX);
        let start = start.min(self.entries.len());
        let first = self.base.seq + 1 + u64::try_from(start).unwrap_or(0);
        (first..).zip(self.entries.range(start..))
    }

    /// Iterates over the entries after `seq` up to `end` that are of some channels, with their
    /// numbers, in order; nothing when it is quicker to iterate over all.
    pub(crate) fn after_of<'a>(
        &'a self,
        seq: u64,
        end: u64,
        channels: impl ExactSizeIterator<Item = &'a ChannelId>,
    ) -> Option<impl Iterator<Item = (u64, &'a Entry)>> {
        let n_passed = end.saturating_sub(seq);
        let n_channels = u64::try_from(channels.len()).unwrap_or(u64::MAX);
        if n_channels.saturating_mul(SPARSE_RATIO) > n_passed {
            return None;
        }
        let mut n_wanted = 0;
        let mut next: BinaryHeap<Reverse<(u64, ChannelId, usize)>> = BinaryHeap::new();
        for channel in channels {
            let Some(numbers) = self.postings.get(channel) else { continue };
            let first = numbers.partition_point(|number| *number <= seq);
            n_wanted += u64::try_from(numbers.len() - first).unwrap_or(u64::MAX);
            if let Some(number) = numbers.get(first).filter(|number| **number <= end) {
                next.push(Reverse((*number, *channel, first)));
            }
        }
        if n_wanted.saturating_mul(SPARSE_RATIO) > n_passed {
            return None;
        }
        Some(std::iter::from_fn(move || {
            let Reverse((seq, channel, place)) = next.pop()?;
            let following = self.postings.get(&channel).and_then(|held| held.get(place + 1));
            if let Some(number) = following.filter(|number| **number <= end) {
                next.push(Reverse((*number, channel, place + 1)));
            }
            let index = usize::try_from(seq.checked_sub(self.base.seq + 1)?).ok()?;
            Some((seq, self.entries.get(index)?))
        }))
    }

    /// Returns the number of the logged publication with an offset in the window; that of the base
    /// for one at or before it.
    pub(crate) fn seq_of(&self, offset: u64) -> u64 {
        if offset <= self.base.offset {
            return self.base.seq;
        }
        let n_before = self.entries.partition_point(|entry| entry.offset < offset);
        self.base.seq + 1 + u64::try_from(n_before).unwrap_or(0)
    }

    /// Returns the check of a logged publication, if it is known here.
    pub(crate) fn check_at(&self, offset: u64) -> Option<Check> {
        for end in [self.base, self.head] {
            if offset == end.offset {
                return end.check;
            }
        }
        let (_, entry) = self.after(self.seq_of(offset).checked_sub(1)?).next()?;
        match entry.kind {
            EntryKind::Logged(check) if entry.offset == offset => Some(check),
            EntryKind::Logged(_) | EntryKind::State | EntryKind::Ephemeral => None,
        }
    }

    /// Takes the publication out of an entry, if it is still there.
    pub(crate) fn empty(&mut self, seq: u64) {
        let Some(index) = seq.checked_sub(self.base.seq + 1) else { return };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let entry = self.entries.get_mut(index);
        if let Some(publication) = entry.and_then(|entry| entry.publication.take()) {
            self.size_bytes -= publication.size_bytes();
        }
    }

    /// Counts the ephemeral publications of some channels that were pushed out after `seq`.
    pub(crate) fn n_lost(&self, seq: u64, is_followed: impl Fn(ChannelId, u64) -> bool) -> u64 {
        let start = self.lost.partition_point(|(lost, _)| *lost <= seq);
        let lost = self.lost.range(start..).filter(|(seq, channel)| is_followed(*channel, *seq));
        u64::try_from(lost.count()).unwrap_or(u64::MAX)
    }

    /// Pushes out the oldest entries over the limit.
    fn shrink(&mut self) {
        while self.size_bytes > self.size_max_bytes {
            let Some(entry) = self.entries.pop_front() else { return };
            self.size_bytes -= ENTRY_BYTES;
            self.size_bytes -= entry.publication.map_or(0, |publication| publication.size_bytes());
            if let Some(numbers) = self.postings.get_mut(&entry.channel) {
                let number = numbers.pop_front();
                debug_assert_eq!(number, Some(self.base.seq + 1), "the oldest is its channel's");
                if numbers.is_empty() {
                    self.postings.remove(&entry.channel);
                }
            }
            self.base.seq += 1;
            self.base.offset = entry.offset;
            match entry.kind {
                EntryKind::Logged(check) => self.base.check = Some(check),
                EntryKind::Ephemeral => {
                    if self.lost.len() == LOST_MAX {
                        self.lost.pop_front();
                    }
                    self.lost.push_back((self.base.seq, entry.channel));
                }
                EntryKind::State => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::ChannelName;
    use crate::event::{Data, EventType};

    /// Pushes entries, the n-th of the channel that `channel_of` says.
    fn window(size_max_bytes: usize, n: u64, channel_of: impl Fn(u64) -> u32) -> Window {
        let epoch = Epoch::from_random(1);
        let mut window = Window::new(epoch, 0, None, size_max_bytes);
        let name = ChannelName::parse("a").unwrap();
        let kind = EventType::parse("b").unwrap();
        for n in 0..n {
            let data = Data::Text("c".into());
            let publication = Publication::new(name.clone(), kind.clone(), data, n, None);
            let kind = EntryKind::Logged(Check::default());
            window.push(channel_of(n), kind, Arc::new(publication));
        }
        window
    }

    #[test]
    fn entries_of_channels_are_those_among_all() {
        let channel_of = |n: u64| u32::try_from((n * n + n / 3) % 97).unwrap();
        let windows = [
            ("whole", window(usize::MAX, 5_000, channel_of)),
            ("old end pushed out", window(600_000, 5_000, channel_of)),
        ];
        for (name, window) in windows {
            assert_eq!(name == "whole", window.base().seq == 0, "case: {name}");
            for (seq, end) in [(0, 5_000), (2_500, 4_999), (4_000, 5_000), (4_000, 4_001)] {
                let seq = seq.max(window.base().seq);
                let followed = [3, 4, 50, 200];
                let Some(found) = window.after_of(seq, end, followed.iter()) else {
                    assert!(end - seq < 500, "case: {name}, {seq} to {end}");
                    continue;
                };
                let found: Vec<(u64, u64)> = found.map(|(seq, held)| (seq, held.offset)).collect();
                let all = window.after(seq).take_while(|(seq, _)| *seq <= end);
                let wanted = all.filter(|(_, held)| followed.contains(&held.channel));
                let wanted: Vec<(u64, u64)> =
                    wanted.map(|(seq, held)| (seq, held.offset)).collect();
                assert_eq!(found, wanted, "case: {name}, {seq} to {end}");
                assert!(!found.is_empty(), "case: {name}, {seq} to {end}");
            }
        }
    }

    #[test]
    fn channels_without_entries_are_forgotten() {
        let window = window(100_000, 10_000, |n| u32::try_from(n).unwrap());
        assert_eq!(window.postings.len(), window.entries.len());
        assert!(window.entries.len() < 1_000);
    }

    #[test]
    fn everything_is_passed_when_much_of_it_is_wanted() {
        let window = window(usize::MAX, 1_000, |n| u32::from(n % 4 == 0));
        let busy = [1];
        assert!(window.after_of(0, 1_000, busy.iter()).is_none());
        let absent = [7];
        assert_eq!(window.after_of(0, 1_000, absent.iter()).map(Iterator::count), Some(0));
    }
}
