//! Reading the log: forwards for replay, backwards for history, and where a time or a tail begins.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::ControlFlow;

use crate::index::Segment;
use crate::log::Log;
use crate::record::{BadRecord, ChannelId, HEADER_BYTES, Record, RecordKind};
use crate::recovery::segment_name;
use crate::scan::{Scanner, SegmentFile, Step};

/// Bytes read at once from the disk.
const READ_BYTES: usize = 262_144;
/// A channel list is used when it names fewer than one in so many of a segment's events.
const SPARSE_RATIO: u64 = 8;
/// Most positions that are taken from the index at once.
const POSITIONS_MAX: usize = 4_096;

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read {file}")]
pub struct ReadError {
    /// The segment.
    pub file: String,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Whose events are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Channels<'a> {
    /// Every channel's.
    All,
    /// These channels'; others' may be shown as well.
    Only(&'a [ChannelId]),
}

/// How far a scan came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Every wanted event up to here was shown.
    pub offset: u64,
    /// Events up to here are gone, as their channels' `trimmed_to` say; nothing was shown.
    pub gone_to: Option<u64>,
    /// Events up to here cannot be read, because the segment is damaged.
    pub lost_to: Option<u64>,
}

/// What a scan shows events to; [`ControlFlow::Break`] ends it after the event.
pub type Visit<'a> = dyn FnMut(&Record<'_>) -> ControlFlow<()> + 'a;

/// The part of a segment that a scan has to read.
struct Plan {
    file: SegmentFile,
    from: u32,
    end: u64,
    /// Last offset in it.
    last: u64,
    /// Positions to look at, instead of all.
    positions: Option<Vec<u32>>,
    /// Whether `positions` reach the end of the segment.
    is_complete: bool,
}

impl Log {
    /// Shows the events after one offset, up to and with another, in order.
    ///
    /// Events that retention has taken may still be shown while their segment is there; whoever
    /// must not show them compares with the channel's `trimmed_to`.
    ///
    /// # Errors
    ///
    /// The disk failed; what was shown until then was right.
    pub fn scan(
        &self,
        after: u64,
        until: u64,
        channels: Channels<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<Reached, ReadError> {
        let mut reached = after;
        while reached < until {
            let Some(plan) = self.plan(reached, channels) else { break };
            let before = plan.file.base - 1;
            if before > reached {
                let gone_to = (reached == after).then(|| before.min(until));
                return Ok(Reached { offset: reached, gone_to, lost_to: None });
            }
            let mut cursor = Cursor { reached, until, is_ended: false };
            let read = match &plan.positions {
                None => scan_all(&plan, &mut cursor, visit),
                Some(positions) => scan_positions(&plan, positions, &mut cursor, visit),
            };
            let bad =
                read.map_err(|source| ReadError { file: segment_name(plan.file.base), source })?;
            reached = cursor.reached;
            if let Some(position) = bad {
                let lost_to = self.end_of_damage(plan.file.base, position).max(reached + 1);
                tracing::error!(
                    file = segment_name(plan.file.base),
                    position,
                    lost_to,
                    "a record is damaged; run `tidings log check`"
                );
                return Ok(Reached { offset: reached, gone_to: None, lost_to: Some(lost_to) });
            }
            if cursor.is_ended {
                break;
            }
            if plan.is_complete {
                reached = reached.max(plan.last.min(until));
            }
        }
        Ok(Reached { offset: reached, gone_to: None, lost_to: None })
    }

    /// Shows a channel's events before an offset, newest first.
    ///
    /// # Errors
    ///
    /// The disk failed. Damaged records are left out.
    pub fn scan_back(
        &self,
        channel: ChannelId,
        before: u64,
        visit: &mut Visit<'_>,
    ) -> Result<(), ReadError> {
        let mut end = before;
        let mut buffer = Vec::new();
        loop {
            let (file, positions) = {
                let index = self.shared.index.read();
                let held = index.segments.iter().rev().find(|segment| {
                    segment.base() < end && !segment.postings.of(channel).is_empty()
                });
                let Some(segment) = held else { return Ok(()) };
                let bound = segment
                    .position_before(end)
                    .and_then(|position| segment.block_after(position))
                    .map_or(u32::MAX, |block| block.position);
                let positions = segment.postings.of(channel);
                let n = positions.partition_point(|position| *position < bound);
                (segment.file.clone(), positions.get(..n).unwrap_or_default().to_vec())
            };
            for position in positions.into_iter().rev() {
                let record = file
                    .record_at(position, &mut buffer)
                    .map_err(|source| ReadError { file: segment_name(file.base), source })?;
                if let Ok(record) = record
                    && record.offset < end
                    && visit(&record).is_break()
                {
                    return Ok(());
                }
            }
            end = file.base;
        }
    }

    /// Reads the event at an offset; `None` when it is not there, or damaged.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn record<T>(
        &self,
        offset: u64,
        read: impl FnOnce(&Record<'_>) -> T,
    ) -> Result<Option<T>, ReadError> {
        let mut read = Some(read);
        let mut found = None;
        self.scan(offset.saturating_sub(1), offset, Channels::All, &mut |record| {
            if record.offset == offset
                && let Some(read) = read.take()
            {
                found = Some(read(record));
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Returns the offset before the first event that was written at or after a wall time.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn offset_before(&self, time: u64) -> Result<u64, ReadError> {
        let place = {
            let index = self.shared.index.read();
            let mut segments = index.segments.iter();
            segments.find(|segment| segment.at_max >= time).and_then(|segment| {
                let from = segment.position_at(time)?;
                Some((segment.file.clone(), from, segment.len_bytes, segment.last))
            })
        };
        let Some((file, from, end, last)) = place else { return Ok(self.head()) };
        let mut scanner = Scanner::new(&file, from, end, READ_BYTES);
        loop {
            let step = scanner
                .step()
                .map_err(|source| ReadError { file: segment_name(file.base), source })?;
            match step {
                // A note stands before the event whose offset it names.
                Step::Record(_, record) if record.at >= time => return Ok(record.offset - 1),
                Step::Record(..) => {}
                Step::End | Step::Bad(..) => return Ok(last),
            }
        }
    }

    /// Returns the offset before the last `n` events that some channels hold.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn offset_before_tail(&self, channels: &[ChannelId], n: u32) -> Result<u64, ReadError> {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        let oldest = {
            let index = self.shared.index.read();
            // The `n` newest places, the oldest of them on top.
            let mut newest: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
            for channel in channels {
                let Some(known) = index.channels.get(channel) else { continue };
                let mut n_left = n;
                for part in known.parts.iter().rev() {
                    let Some(segment) = index.segment(part.base) else { continue };
                    let trimmed = usize::try_from(part.n_trimmed).unwrap_or(usize::MAX);
                    let held = segment.postings.of(*channel).get(trimmed..).unwrap_or_default();
                    for position in held.iter().rev().take(n_left) {
                        newest.push(Reverse((part.base, *position)));
                        if newest.len() > n {
                            newest.pop();
                        }
                    }
                    n_left = n_left.saturating_sub(held.len());
                }
            }
            newest.pop().and_then(|Reverse((base, position))| {
                Some((index.segment(base)?.file.clone(), position))
            })
        };
        let Some((file, position)) = oldest.filter(|_| n > 0) else { return Ok(self.head()) };
        let mut buffer = Vec::new();
        let record = file.record_at(position, &mut buffer);
        let record =
            record.map_err(|source| ReadError { file: segment_name(file.base), source })?;
        Ok(record.map_or(self.head(), |record| record.offset - 1))
    }

    /// Shows the notes that were written at or after a time of the clock that only runs forward,
    /// oldest first.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn notes(&self, kept_after: u64, visit: &mut Visit<'_>) -> Result<(), ReadError> {
        let places: Vec<(SegmentFile, Vec<u32>)> = {
            let index = self.shared.index.read();
            let recent = index.segments.iter().filter(|segment| segment.kept_max >= kept_after);
            recent.map(|segment| (segment.file.clone(), segment.notes.clone())).collect()
        };
        let mut buffer = Vec::new();
        for (file, positions) in places {
            for position in positions {
                let record = file
                    .record_at(position, &mut buffer)
                    .map_err(|source| ReadError { file: segment_name(file.base), source })?;
                if let Ok(record) = record
                    && record.kept_at() >= kept_after
                    && visit(&record).is_break()
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Says what has to be read of the segment that holds what follows an offset.
    fn plan(&self, after: u64, channels: Channels<'_>) -> Option<Plan> {
        let index = self.shared.index.read();
        let segment = index.segments.get(index.segment_index(after + 1))?;
        let first = u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX);
        let from = segment.position_before(after + 1).unwrap_or(first);
        let (positions, is_complete) = match channels {
            Channels::Only(ids) => positions_of(segment, ids, from),
            Channels::All => (None, true),
        };
        Some(Plan {
            file: segment.file.clone(),
            from,
            end: segment.len_bytes,
            last: segment.last,
            positions,
            is_complete,
        })
    }

    /// Returns the last offset that may be lost with a bad record at a position.
    fn end_of_damage(&self, base: u64, position: u32) -> u64 {
        let index = self.shared.index.read();
        let Some(segment) = index.segment(base) else { return base };
        let next = segment.block_after(position);
        next.map_or(segment.last, |block| (base + u64::from(block.delta)).saturating_sub(1))
    }
}

/// Returns the positions of some channels' events from a position on, ascending, and whether they
/// are all; `None` when reading everything is quicker.
fn positions_of(segment: &Segment, ids: &[ChannelId], from: u32) -> (Option<Vec<u32>>, bool) {
    let lists: Vec<&[u32]> = ids.iter().map(|id| segment.postings.of(*id)).collect();
    let n_wanted: usize = lists.iter().map(|list| list.len()).sum();
    let n_wanted = u64::try_from(n_wanted).unwrap_or(u64::MAX);
    if n_wanted.saturating_mul(SPARSE_RATIO) >= segment.n_events() {
        return (None, true);
    }
    let ahead = |list: &&[u32]| list.partition_point(|position| *position < from);
    let mut heads: BinaryHeap<Reverse<(u32, usize, usize)>> = BinaryHeap::new();
    for (which, list) in lists.iter().enumerate() {
        let next = ahead(list);
        if let Some(position) = list.get(next) {
            heads.push(Reverse((*position, which, next)));
        }
    }
    let mut positions = Vec::new();
    while let Some(Reverse((position, which, place))) = heads.pop() {
        if positions.len() == POSITIONS_MAX {
            return (Some(positions), false);
        }
        positions.push(position);
        let next = lists.get(which).and_then(|list| list.get(place + 1));
        if let Some(next) = next {
            heads.push(Reverse((*next, which, place + 1)));
        }
    }
    (Some(positions), true)
}

/// Where a scan stands.
struct Cursor {
    reached: u64,
    until: u64,
    is_ended: bool,
}

impl Cursor {
    /// Shows an event if it is due; true when the scan is over.
    fn show(&mut self, record: &Record<'_>, visit: &mut Visit<'_>) -> bool {
        if record.kind == RecordKind::Note || record.offset <= self.reached {
            return false;
        }
        if record.offset > self.until {
            self.reached = self.until;
            self.is_ended = true;
            return true;
        }
        self.reached = record.offset;
        self.is_ended = visit(record).is_break();
        self.is_ended
    }
}

/// Reads everything; returns the position of the first bad record.
fn scan_all(plan: &Plan, cursor: &mut Cursor, visit: &mut Visit<'_>) -> io::Result<Option<u32>> {
    /// What an event takes, roughly: a few bytes are read for a few events.
    const EVENT_BYTES: u64 = 512;
    let wanted_bytes = EVENT_BYTES.saturating_mul(cursor.until - cursor.reached);
    let read_bytes = usize::try_from(wanted_bytes).unwrap_or(READ_BYTES).clamp(8_192, READ_BYTES);
    let mut scanner = Scanner::new(&plan.file, plan.from, plan.end, read_bytes);
    loop {
        match scanner.step()? {
            Step::Record(_, record) => {
                if cursor.show(&record, visit) {
                    return Ok(None);
                }
            }
            Step::End => return Ok(None),
            Step::Bad(position) => return Ok(Some(position)),
        }
    }
}

/// Reads the records at some positions; returns the position of the first bad one.
fn scan_positions(
    plan: &Plan,
    positions: &[u32],
    cursor: &mut Cursor,
    visit: &mut Visit<'_>,
) -> io::Result<Option<u32>> {
    let mut buffer = Vec::new();
    for position in positions {
        let record: Result<Record<'_>, BadRecord> = plan.file.record_at(*position, &mut buffer)?;
        let Ok(record) = record else { return Ok(Some(*position)) };
        if cursor.show(&record, visit) {
            return Ok(None);
        }
    }
    Ok(None)
}
