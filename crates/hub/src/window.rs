//! The shared sequence of publications that every cursor walks.
//!
//! All classes stand in one order of acceptance, numbered by `seq`; logged publications have an
//! offset besides. A publication that nobody may be shown any more (trimmed, superseded, dropped)
//! leaves an entry without a publication, which [`Window::compact`] takes away later.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::{EpochMillis, Publication};
use crate::position::{Check, Epoch, Position};

/// Number of a channel, never used twice.
pub(crate) type ChannelId = u32;

/// Most entries without a publication that are kept to count what a slow client lost.
const EMPTY_ENTRIES_MAX: usize = 65_536;

/// One accepted publication, or what is left of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub seq: u64,
    /// Offset of the last logged publication up to and with this one.
    pub offset: u64,
    pub at: EpochMillis,
    pub channel: ChannelId,
    pub kind: EntryKind,
    pub publication: Option<Arc<Publication>>,
}

/// Class of an entry, with the check of a logged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Logged(Check),
    State,
    Ephemeral,
}

/// The entries, oldest first, and the head of the log.
#[derive(Debug)]
pub(crate) struct Window {
    entries: VecDeque<Entry>,
    n_empty: usize,
    epoch: Epoch,
    head_seq: u64,
    head_offset: u64,
    head_check: Check,
}

impl Window {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            entries: VecDeque::new(),
            n_empty: 0,
            epoch,
            head_seq: 0,
            head_offset: 0,
            head_check: Check::default(),
        }
    }

    /// Number of the last publication, 0 before the first.
    pub(crate) fn head_seq(&self) -> u64 {
        self.head_seq
    }

    /// Position of the last logged publication.
    pub(crate) fn head(&self) -> Position {
        Position { epoch: self.epoch, offset: self.head_offset, check: self.head_check }
    }

    /// Returns the position that the next logged publication will have.
    pub(crate) fn next_position(&self, check: Check) -> Position {
        Position { epoch: self.epoch, offset: self.head_offset + 1, check }
    }

    /// Appends a publication and returns its number.
    pub(crate) fn push(
        &mut self,
        channel: ChannelId,
        kind: EntryKind,
        publication: Arc<Publication>,
    ) -> u64 {
        self.head_seq += 1;
        if let EntryKind::Logged(check) = kind {
            self.head_offset += 1;
            self.head_check = check;
        }
        self.entries.push_back(Entry {
            seq: self.head_seq,
            offset: self.head_offset,
            at: publication.at,
            channel,
            kind,
            publication: Some(publication),
        });
        self.head_seq
    }

    /// Iterates over the entries after `seq`.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let start = self.entries.partition_point(|entry| entry.seq <= seq);
        self.entries.range(start..)
    }

    /// Returns the entry with this number, if it is still there.
    pub(crate) fn entry(&self, seq: u64) -> Option<&Entry> {
        let index = self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
        self.entries.get(index)
    }

    /// Returns the number of the last entry at or before an offset, 0 when there is none.
    pub(crate) fn seq_at(&self, offset: u64) -> u64 {
        let end = self.entries.partition_point(|entry| entry.offset <= offset);
        end.checked_sub(1).and_then(|last| self.entries.get(last)).map_or(0, |entry| entry.seq)
    }

    /// Returns the check of a logged publication, if it is still known.
    pub(crate) fn check_at(&self, offset: u64) -> Option<Check> {
        if offset == self.head_offset {
            return Some(self.head_check);
        }
        let start = self.entries.partition_point(|entry| entry.offset < offset);
        match self.entries.get(start) {
            Some(Entry { offset: found, kind: EntryKind::Logged(check), .. })
                if *found == offset =>
            {
                Some(*check)
            }
            _ => None,
        }
    }

    /// Returns the position of an offset; the check of a forgotten publication reads as zero,
    /// which is never compared.
    pub(crate) fn position_at(&self, offset: u64) -> Position {
        let check = self.check_at(offset).unwrap_or_default();
        Position { epoch: self.epoch, offset, check }
    }

    /// Returns the offset before the first entry accepted at or after a time.
    pub(crate) fn offset_before(&self, time: EpochMillis) -> u64 {
        let first = self.entries.iter().find(|entry| entry.at >= time);
        first.map_or(self.head_offset, |entry| match entry.kind {
            EntryKind::Logged(_) => entry.offset - 1,
            EntryKind::State | EntryKind::Ephemeral => entry.offset,
        })
    }

    /// Takes the publication out of an entry.
    pub(crate) fn empty(&mut self, seq: u64) -> Option<Arc<Publication>> {
        let index = self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
        let publication = self.entries.get_mut(index)?.publication.take()?;
        self.n_empty += 1;
        while self.entries.front().is_some_and(|entry| entry.publication.is_none())
            && self.n_empty > EMPTY_ENTRIES_MAX
        {
            self.entries.pop_front();
            self.n_empty -= 1;
        }
        Some(publication)
    }

    /// Drops the oldest entries without a publication beyond those kept to count losses.
    pub(crate) fn compact(&mut self) {
        if self.n_empty <= 2 * EMPTY_ENTRIES_MAX {
            return;
        }
        let mut n_surplus = self.n_empty - EMPTY_ENTRIES_MAX;
        self.entries.retain(|entry| {
            let is_surplus = entry.publication.is_none() && n_surplus > 0;
            n_surplus -= usize::from(is_surplus);
            !is_surplus
        });
        self.n_empty = EMPTY_ENTRIES_MAX;
    }
}
