//! What is known of the log in memory: where records stand, and what each channel holds; pure.
//!
//! An event costs 4 bytes in its channel's list of positions; every [`BLOCK_BYTES`] of a segment
//! cost 16 more. Offsets are found by block, then by reading on.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::record::{ChannelId, Record, RecordKind};
use crate::scan::SegmentFile;

/// Least distance between two known offsets of a segment.
pub(crate) const BLOCK_BYTES: u32 = 8_192;

/// What a channel keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Most events kept.
    pub events_max: u64,
    /// Longest time that an event is kept.
    pub age_max: Duration,
    /// Most bytes of records kept.
    pub bytes_max: u64,
}

impl Default for Retention {
    /// Keeps everything.
    fn default() -> Self {
        Self { events_max: u64::MAX, age_max: Duration::MAX, bytes_max: u64::MAX }
    }
}

impl Retention {
    fn age_max_ms(&self) -> u64 {
        u64::try_from(self.age_max.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A place in a segment from which reading on finds what comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Offset, from the segment's base, of the first event at or after `position`.
    pub delta: u32,
    pub position: u32,
    /// Greatest wall time of all records of the segment before it.
    pub at_before: u64,
}

/// Positions of the events of each channel in one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Postings {
    /// Of the segment that is written.
    Open(HashMap<ChannelId, Vec<u32>>),
    /// Of a segment that is complete: the start of each channel's run, ordered by channel.
    Sealed { runs: Box<[(ChannelId, u32)]>, positions: Box<[u32]> },
}

impl Postings {
    /// Returns the channels with events in the segment, in no order.
    pub(crate) fn channels(&self) -> Vec<ChannelId> {
        match self {
            Self::Open(lists) => lists.keys().copied().collect(),
            Self::Sealed { runs, .. } => runs.iter().map(|(id, _)| *id).collect(),
        }
    }

    /// Returns a channel's positions in the segment, ascending.
    pub(crate) fn of(&self, channel: ChannelId) -> &[u32] {
        match self {
            Self::Open(lists) => lists.get(&channel).map_or(&[], Vec::as_slice),
            Self::Sealed { runs, positions } => {
                let Ok(index) = runs.binary_search_by_key(&channel, |(id, _)| *id) else {
                    return &[];
                };
                let start = runs.get(index).map_or(0, |(_, start)| *start);
                let end = runs.get(index + 1).map(|(_, start)| *start);
                let at = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
                positions.get(at(start)..end.map_or(positions.len(), at)).unwrap_or_default()
            }
        }
    }
}

/// What is known of one segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub file: SegmentFile,
    pub salt: u64,
    /// Last offset in it; `base - 1` before the first event.
    pub last: u64,
    /// Bytes that are committed.
    pub len_bytes: u64,
    /// Bytes of its index file, 0 when there is none.
    pub index_bytes: u64,
    /// Greatest wall time in it.
    pub at_max: u64,
    /// Greatest time on the clock that only runs forward.
    pub kept_max: u64,
    pub blocks: Vec<Block>,
    pub postings: Postings,
    /// Positions of the notes.
    pub notes: Vec<u32>,
    /// Events that retention has not taken.
    pub n_live: u64,
}

impl Segment {
    pub(crate) fn new(file: SegmentFile, salt: u64, len_bytes: u64) -> Self {
        let last = file.base.saturating_sub(1);
        Self {
            file,
            salt,
            last,
            len_bytes,
            index_bytes: 0,
            at_max: 0,
            kept_max: 0,
            blocks: Vec::new(),
            postings: Postings::Open(HashMap::new()),
            notes: Vec::new(),
            n_live: 0,
        }
    }

    pub(crate) fn base(&self) -> u64 {
        self.file.base
    }

    pub(crate) fn n_events(&self) -> u64 {
        (self.last + 1).saturating_sub(self.base())
    }

    /// Whether some of its notes may be younger than this at a time of the clock that only runs
    /// forward.
    pub(crate) fn has_notes_after(&self, kept_now: u64, age_ms: u64) -> bool {
        let is_young = || self.kept_max.saturating_add(age_ms) > kept_now;
        age_ms > 0 && !self.notes.is_empty() && is_young()
    }

    /// Enters a record that follows all others.
    fn add(&mut self, position: u32, record: &Record<'_>) {
        let is_new_block = self
            .blocks
            .last()
            .is_none_or(|block| position.saturating_sub(block.position) >= BLOCK_BYTES);
        if is_new_block {
            let at_before = self.at_max;
            self.blocks.push(Block { delta: record.delta, position, at_before });
        }
        self.at_max = self.at_max.max(record.at);
        self.kept_max = self.kept_max.max(record.kept_at());
        match record.kind {
            RecordKind::Note => self.notes.push(position),
            RecordKind::Event(channel) => {
                self.last = record.offset;
                self.n_live += 1;
                if let Postings::Open(lists) = &mut self.postings {
                    lists.entry(channel).or_default().push(position);
                }
            }
        }
    }

    /// Returns a position from which reading on finds an offset.
    pub(crate) fn position_before(&self, offset: u64) -> Option<u32> {
        let delta = u32::try_from(offset.checked_sub(self.base())?).ok()?;
        let n_before = self.blocks.partition_point(|block| block.delta <= delta);
        self.blocks.get(n_before.checked_sub(1)?).map(|block| block.position)
    }

    /// Returns a position from which reading on finds the first record at or after a wall time.
    pub(crate) fn position_at(&self, time: u64) -> Option<u32> {
        let n_before = self.blocks.partition_point(|block| block.at_before < time);
        self.blocks.get(n_before.saturating_sub(1)).map(|block| block.position)
    }

    /// Returns the first block after a position: where reading goes on after damage.
    pub(crate) fn block_after(&self, position: u32) -> Option<Block> {
        let next = self.blocks.partition_point(|block| block.position <= position);
        self.blocks.get(next).copied()
    }

    /// Brings the lists of positions into their final form.
    pub(crate) fn seal(&mut self) {
        let Postings::Open(lists) = &mut self.postings else { return };
        let mut lists: Vec<(ChannelId, Vec<u32>)> = lists.drain().collect();
        lists.sort_unstable_by_key(|(channel, _)| *channel);
        let mut positions = Vec::with_capacity(lists.iter().map(|(_, list)| list.len()).sum());
        let mut runs = Vec::with_capacity(lists.len());
        for (channel, list) in lists {
            runs.push((channel, u32::try_from(positions.len()).unwrap_or(u32::MAX)));
            positions.extend(list);
        }
        self.postings = Postings::Sealed { runs: runs.into(), positions: positions.into() };
        self.blocks.shrink_to_fit();
        self.notes.shrink_to_fit();
    }
}

/// What a channel holds in one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub base: u64,
    pub n_events: u32,
    pub n_trimmed: u32,
    /// Bytes of the records that are held.
    pub bytes: u64,
    pub kept_max: u64,
    pub last: u64,
}

/// The oldest event that a channel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oldest {
    pub offset: u64,
    pub size_bytes: u64,
    pub kept_at: u64,
}

/// What is known of one channel.
#[derive(Debug, Clone)]
pub(crate) struct ChannelIndex {
    pub name: Arc<str>,
    pub retention: Retention,
    /// Events up to here are gone, or count as gone.
    pub trimmed_to: u64,
    pub n_held: u64,
    pub bytes_held: u64,
    pub parts: VecDeque<Part>,
    pub oldest: Option<Oldest>,
    /// Nobody uses it any more; it goes with the last segment that names it.
    pub is_forgotten: bool,
}

impl ChannelIndex {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            retention: Retention::default(),
            trimmed_to: 0,
            n_held: 0,
            bytes_held: 0,
            parts: VecDeque::new(),
            oldest: None,
            is_forgotten: false,
        }
    }
}

/// What retention has to do next on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextTrim {
    /// Nothing is over its limit.
    Nothing,
    /// The oldest event has to be looked at first: it stands in this segment at this place.
    Look { base: u64, position: u32 },
    /// The oldest event goes.
    Oldest,
    /// Everything in the oldest segment goes.
    Part,
}

/// Segments and channels.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub segments: VecDeque<Segment>,
    pub channels: HashMap<ChannelId, ChannelIndex>,
    pub by_name: HashMap<Arc<str>, ChannelId>,
    /// Events of channels that are forgotten may be missing up to here.
    pub floor: u64,
    /// Last committed offset.
    pub head: u64,
    /// Greatest `trimmed_to` of any channel.
    pub trimmed_high: u64,
    /// Where in the last segment the last write began.
    pub last_batch: u32,
}

impl Index {
    /// Returns the segment with this base.
    pub(crate) fn segment(&self, base: u64) -> Option<&Segment> {
        let index = self.segments.binary_search_by_key(&base, Segment::base).ok()?;
        self.segments.get(index)
    }

    /// Returns the index of the segment that holds an offset, or of the first after it.
    pub(crate) fn segment_index(&self, offset: u64) -> usize {
        self.segments.partition_point(|segment| segment.last < offset)
    }

    /// Makes a channel known; returns false when the number stands for another name.
    pub(crate) fn know(&mut self, id: ChannelId, name: &str) -> bool {
        if let Some(known) = self.channels.get(&id) {
            return known.name.as_ref() == name;
        }
        let name: Arc<str> = name.into();
        self.by_name.insert(Arc::clone(&name), id);
        self.channels.insert(id, ChannelIndex::new(name));
        true
    }

    /// Enters a record that was committed to the last segment.
    ///
    /// Its channel is known.
    pub(crate) fn add(&mut self, position: u32, record: &Record<'_>) {
        let Some(segment) = self.segments.back_mut() else { return };
        segment.add(position, record);
        self.last_batch = record.batch;
        let base = segment.base();
        self.head = self.head.max(segment.last);
        let RecordKind::Event(id) = record.kind else { return };
        let n_before = segment.postings.of(id).len().saturating_sub(1);
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let size = u64::try_from(record.size_bytes).unwrap_or(u64::MAX);
        channel.n_held += 1;
        channel.bytes_held += size;
        if channel.parts.back().is_none_or(|part| part.base != base) {
            // All that it had in this segment may have been trimmed already.
            let n_trimmed = u32::try_from(n_before).unwrap_or(u32::MAX);
            channel.parts.push_back(Part {
                base,
                n_events: n_trimmed,
                n_trimmed,
                bytes: 0,
                kept_max: 0,
                last: 0,
            });
        }
        if let Some(part) = channel.parts.back_mut() {
            part.n_events += 1;
            part.bytes += size;
            part.kept_max = part.kept_max.max(record.kept_at());
            part.last = record.offset;
        }
    }

    /// Decides what retention does next on a channel at a time of the clock that only runs
    /// forward.
    pub(crate) fn next_trim(&self, id: ChannelId, kept_now: u64) -> NextTrim {
        let Some(channel) = self.channels.get(&id) else { return NextTrim::Nothing };
        let Some(part) = channel.parts.front() else { return NextTrim::Nothing };
        let kept = &channel.retention;
        let n_part = u64::from(part.n_events - part.n_trimmed);
        let age_max = kept.age_max_ms();
        let is_old = |kept_at: u64| kept_now.saturating_sub(kept_at) > age_max;
        if channel.n_held - n_part >= kept.events_max
            || channel.bytes_held - part.bytes >= kept.bytes_max
            || is_old(part.kept_max)
            || part.last <= channel.trimmed_to
        {
            return NextTrim::Part;
        }
        let is_over = channel.n_held > kept.events_max || channel.bytes_held > kept.bytes_max;
        match channel.oldest {
            Some(oldest) if is_over || is_old(oldest.kept_at) => NextTrim::Oldest,
            Some(oldest) if oldest.offset <= channel.trimmed_to => NextTrim::Oldest,
            Some(_) => NextTrim::Nothing,
            None => {
                let n_trimmed = usize::try_from(part.n_trimmed).unwrap_or(usize::MAX);
                let segment = self.segment(part.base);
                let position = segment.and_then(|segment| segment.postings.of(id).get(n_trimmed));
                position.map_or(NextTrim::Part, |position| NextTrim::Look {
                    base: part.base,
                    position: *position,
                })
            }
        }
    }

    /// Notes what was found at the place of a channel's oldest event.
    pub(crate) fn look(&mut self, id: ChannelId, oldest: Oldest) {
        if let Some(channel) = self.channels.get_mut(&id) {
            channel.oldest = Some(oldest);
        }
    }

    /// Takes the oldest event out of a channel.
    pub(crate) fn trim_oldest(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let Some(oldest) = channel.oldest.take() else { return };
        let Some(part) = channel.parts.front_mut() else { return };
        let base = part.base;
        part.n_trimmed += 1;
        part.bytes = part.bytes.saturating_sub(oldest.size_bytes);
        channel.trimmed_to = channel.trimmed_to.max(oldest.offset);
        self.trimmed_high = self.trimmed_high.max(oldest.offset);
        channel.n_held -= 1;
        channel.bytes_held = channel.bytes_held.saturating_sub(oldest.size_bytes);
        if part.n_trimmed == part.n_events {
            channel.bytes_held = channel.bytes_held.saturating_sub(part.bytes);
            channel.parts.pop_front();
        }
        self.lessen(base, 1);
    }

    /// Takes everything out of a channel that stands in its oldest segment.
    pub(crate) fn trim_part(&mut self, id: ChannelId) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let Some(part) = channel.parts.pop_front() else { return };
        let n_events = u64::from(part.n_events - part.n_trimmed);
        channel.oldest = None;
        channel.trimmed_to = channel.trimmed_to.max(part.last);
        self.trimmed_high = self.trimmed_high.max(part.last);
        channel.n_held -= n_events;
        channel.bytes_held = channel.bytes_held.saturating_sub(part.bytes);
        self.lessen(part.base, n_events);
    }

    fn lessen(&mut self, base: u64, n_events: u64) {
        if let Ok(index) = self.segments.binary_search_by_key(&base, Segment::base)
            && let Some(segment) = self.segments.get_mut(index)
        {
            segment.n_live = segment.n_live.saturating_sub(n_events);
        }
    }

    /// Returns the channels that hold something in a segment.
    pub(crate) fn channels_in(&self, base: u64) -> Vec<ChannelId> {
        let holds = |channel: &ChannelIndex| channel.parts.iter().any(|part| part.base == base);
        let channels = self.channels.iter().filter(|(_, channel)| holds(channel));
        channels.map(|(id, _)| *id).collect()
    }

    /// Returns whether a segment but the oldest names a channel.
    pub(crate) fn is_named_later(&self, id: ChannelId) -> bool {
        self.segments.iter().skip(1).any(|segment| !segment.postings.of(id).is_empty())
    }

    /// Returns the bytes of all segments and their indexes.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len_bytes + segment.index_bytes).sum()
    }

    /// Returns the bytes of memory that the index takes, but for names and maps.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let of_segment = |segment: &Segment| {
            let positions = match &segment.postings {
                Postings::Open(lists) => lists.values().map(|list| 4 * list.capacity()).sum(),
                Postings::Sealed { runs, positions } => 8 * runs.len() + 4 * positions.len(),
            };
            size_of::<Block>() * segment.blocks.capacity()
                + 4 * segment.notes.capacity()
                + positions
        };
        let of_channel = |channel: &ChannelIndex| size_of::<Part>() * channel.parts.capacity();
        let bytes: usize = self.segments.iter().map(of_segment).sum::<usize>()
            + self.channels.values().map(of_channel).sum::<usize>();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}
