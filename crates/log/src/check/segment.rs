//! Reading all of one segment, and going on behind what is damaged.

use std::io;

use super::index_file::{self, IndexState};
use super::seed;
use super::{
    CheckError, Context, Damage, Extent, GoodEnd, Lost, Remedy, SegmentReport, Unnamed, channel_of,
    file_error,
};
use crate::disk::{Disk, DiskFile};
use crate::record::{self, BadHeader, HEAD_BYTES, HEADER_BYTES, Header, Record, read_u32};
use crate::recovery::{Tail, index_name, is_followed, segment_name};
use crate::scan::{Scanner, SegmentFile, Step};

/// Bytes read at once.
const READ_BYTES: usize = 1_048_576;
/// Most places of damage that are told of one segment; behind them everything counts as damaged.
const DAMAGES_MAX: usize = 10_000;

/// Reads a segment, whose base is followed by that of the next one.
pub(super) fn walk(
    disk: &dyn Disk,
    (base, next): (u64, Option<u64>),
    tail: Tail,
    context: &mut Context<'_>,
) -> Result<SegmentReport, CheckError> {
    let failed = file_error(base);
    let file = disk.open(&segment_name(base)).map_err(&failed)?;
    let len_bytes = file.len_bytes().map_err(&failed)?;
    let mut report = SegmentReport::new(base, len_bytes);
    let index = index_file::read(disk, base)
        .map_err(|source| CheckError::Io { file: index_name(base), source })?;
    report.has_index = index.is_some();
    let head = context.head;
    let header = read_header(file.as_ref(), base).map_err(&failed)?;
    let is_headed = header.is_ok();
    let salt = match header {
        Ok(header) => Some(header.salt),
        Err(BadHeader::Version(version)) => {
            return Err(CheckError::Version { file: report.file, version: version.into() });
        }
        Err(BadHeader::Damaged) if tail != Tail::Whole && len_bytes <= to_u64(HEADER_BYTES) => {
            // Its making was cut short; the next start removes it.
            report.torn_bytes = len_bytes;
            return Ok(report);
        }
        Err(BadHeader::Damaged) => index_file::salt(index.as_deref(), base),
    };
    let seed = match salt {
        Some(salt) => Some(Header { base, salt }.seed()),
        None => find_seed(file.as_ref()).map_err(&failed)?,
    };
    let mut walker = Walker {
        file: SegmentFile { file, base, seed: seed.unwrap_or(0) },
        len_bytes,
        tail,
        report,
        context,
        group_start: None,
        good: GoodEnd { position: to_u64(HEADER_BYTES), head },
        pending: Pending::default(),
        is_in_damage: false,
        is_given_up: false,
    };
    let is_out_of_order = base <= head;
    if is_out_of_order || !is_headed {
        walker.good.position = 0;
    }
    if is_out_of_order {
        walker.damage(0, "it begins before the end of the segment before it");
    } else if !is_headed {
        walker.damage(0, "the header is damaged");
    }
    walker.report.is_broken = is_out_of_order || !is_headed;
    walker.report.seed = seed.filter(|_| !is_out_of_order);
    if walker.report.seed.is_some() {
        walker.read_all().map_err(&failed)?;
    } else {
        walker.is_given_up = !is_out_of_order;
    }
    let state = walker.compare_index(index.as_deref(), salt).map_err(&failed)?;
    walker.finish(next, &state);
    (walker.context.progress)(len_bytes % to_u64(READ_BYTES));
    Ok(walker.report)
}

/// Finds what the checksums start from in a segment whose header is damaged.
fn find_seed(file: &dyn DiskFile) -> io::Result<Option<u32>> {
    let mut bytes = vec![0; HEAD_BYTES];
    loop {
        let n_read = file.read_at(&mut bytes, 0)?;
        let needed = seed::needed_bytes(bytes.get(..n_read).unwrap_or_default());
        if n_read < bytes.len() || needed <= n_read {
            return Ok(seed::find(bytes.get(..n_read).unwrap_or_default()));
        }
        bytes.resize(needed, 0);
    }
}

fn read_header(file: &dyn DiskFile, base: u64) -> io::Result<Result<Header, BadHeader>> {
    let mut bytes = [0; HEADER_BYTES];
    let n_read = file.read_at(&mut bytes, 0)?;
    let header = Header::decode_segment(bytes.get(..n_read).unwrap_or_default());
    Ok(match header {
        Ok(header) if header.base != base => Err(BadHeader::Damaged),
        header => header,
    })
}

struct Walker<'a, 'b> {
    file: SegmentFile,
    len_bytes: u64,
    tail: Tail,
    report: SegmentReport,
    context: &'a mut Context<'b>,
    /// Where the group began whose end was not seen yet.
    group_start: Option<u32>,
    /// End of the last whole group.
    good: GoodEnd,
    pending: Pending,
    /// Whether no good record was seen since the last damage.
    is_in_damage: bool,
    /// Whether good records may stand where nothing was read.
    is_given_up: bool,
}

/// Events of the group whose end was not seen yet.
#[derive(Debug, Default)]
struct Pending {
    n_events: u64,
    /// Offset and position of the first and the last.
    first: Option<(u64, u32)>,
    last: Option<(u64, u32)>,
}

impl Walker<'_, '_> {
    fn read_all(&mut self) -> io::Result<()> {
        let file = self.file.clone();
        let mut scanner = Scanner::whole(&file, self.len_bytes, READ_BYTES);
        let mut told = 0;
        loop {
            match scanner.step()? {
                Step::Record(position, record) => {
                    self.take(position, &record);
                    let n_read = u64::from(position) / to_u64(READ_BYTES);
                    if n_read > told {
                        (self.context.progress)((n_read - told) * to_u64(READ_BYTES));
                        told = n_read;
                    }
                }
                Step::End => return Ok(()),
                Step::Bad(position) => {
                    if self.is_torn(position)? {
                        self.tear();
                        return Ok(());
                    }
                    self.damage(position.into(), "a record is damaged");
                    self.report.is_broken = true;
                    let is_enough = self.report.damages.len() >= DAMAGES_MAX;
                    match find_record(&file, position.saturating_add(1), self.len_bytes)? {
                        Some(next) if !is_enough => {
                            scanner = Scanner::new(&file, next, self.len_bytes, READ_BYTES);
                        }
                        Some(_) => {
                            self.is_given_up = true;
                            return Ok(());
                        }
                        None => return Ok(()),
                    }
                }
            }
        }
    }

    /// Enters a good record, if it stands where it may.
    fn take(&mut self, position: u32, record: &Record<'_>) {
        let channel = channel_of(record.kind);
        if channel.is_some() && record.offset <= self.context.head {
            self.report.is_broken = true;
            return self.damage(position.into(), "an offset stands there twice");
        }
        if let (Some(id), Some(name)) = (channel, record.name) {
            let known = self.context.names.entry(id).or_insert_with(|| name.into());
            if known.as_ref() != name {
                self.report.is_broken = true;
                return self.damage(position.into(), "a channel's number stands for another name");
            }
        }
        if record.offset > self.context.head + 1 {
            self.gap(position.into(), record.offset - 1, "an offset is missing");
        }
        self.is_in_damage = false;
        let end = u64::from(position) + to_u64(record.size_bytes);
        match self.report.extents.last_mut() {
            Some(extent) if extent.to == u64::from(position) => extent.to = end,
            Some(_) | None => self.report.extents.push(Extent { from: position, to: end }),
        }
        if let Some(id) = channel {
            self.context.head = record.offset;
            let place = (record.offset, position);
            self.pending.n_events += 1;
            self.pending.first.get_or_insert(place);
            self.pending.last = Some(place);
            if !self.context.names.contains_key(&id) {
                let unnamed = self.report.unnamed.entry(id).or_insert(Unnamed {
                    position: position.into(),
                    first: record.offset,
                    last: record.offset,
                    good: self.good,
                });
                unnamed.last = record.offset;
            }
        }
        if record.is_more {
            self.group_start.get_or_insert(position);
        } else {
            self.group_start = None;
            self.settle();
            self.good = GoodEnd { position: end, head: self.context.head };
        }
    }

    /// Counts the events of the group as good.
    fn settle(&mut self) {
        let Pending { n_events, first, last } = std::mem::take(&mut self.pending);
        let (Some(first), Some(last)) = (first, last) else { return };
        let base = self.file.base;
        self.report.n_events += n_events;
        self.report.first.get_or_insert(first.0);
        self.report.last = Some(last.0);
        self.context.first.get_or_insert((base, first.1));
        self.context.last = Some((base, last.1));
    }

    /// Decides whether bad bytes are what is left of a write that was cut short.
    fn is_torn(&self, position: u32) -> io::Result<bool> {
        match self.tail {
            Tail::Whole => Ok(false),
            Tail::Torn => Ok(!is_followed(&self.file, position, self.len_bytes)?),
            Tail::Unsynced => Ok(true),
        }
    }

    /// Leaves out what stands behind the last whole group: it was never acknowledged.
    fn tear(&mut self) {
        self.report.torn_bytes = self.len_bytes - self.good.position;
        self.context.head = self.good.head;
        self.pending = Pending::default();
        self.group_start = None;
        let end = self.good.position;
        self.report.extents.retain(|extent| u64::from(extent.from) < end);
        if let Some(last) = self.report.extents.last_mut() {
            last.to = last.to.min(end);
        }
    }

    /// Notes damage; bad bytes that follow each other are one.
    fn damage(&mut self, position: u64, reason: &'static str) {
        // What the group has so far is kept by a repair that skips the damage.
        self.group_start = None;
        self.settle();
        if self.is_in_damage {
            return;
        }
        self.is_in_damage = true;
        self.report.damages.push(Damage {
            file: self.report.file.clone(),
            position,
            reason,
            lost: Lost::Nothing,
            remedy: Remedy::Repair,
            good: self.good,
        });
    }

    /// Notes that the offsets behind the head up to `last` are missing.
    fn gap(&mut self, position: u64, last: u64, reason: &'static str) {
        let first = self.context.head + 1;
        self.context.head = last;
        if last <= self.context.floor {
            // A repair left them out, and subscribers are told.
            return;
        }
        self.damage(position, reason);
        if let Some(damage) = self.report.damages.last_mut() {
            damage.lost = Lost::Offsets { first, last };
        }
    }

    fn compare_index(&mut self, index: Option<&[u8]>, salt: Option<u64>) -> io::Result<IndexState> {
        let (Some(bytes), Some(salt)) = (index, salt) else { return Ok(IndexState::None) };
        let is_whole = self.report.damages.is_empty() && self.report.torn_bytes == 0;
        let state = index_file::compare(bytes, (&self.file, salt), self.len_bytes, is_whole)?;
        if let IndexState::Good { names, trims } = &state {
            self.report.is_indexed = true;
            for (id, name) in names {
                self.context.index_names.entry(*id).or_insert_with(|| name.clone());
            }
            for (name, trimmed_to) in trims {
                let known = self.context.trims.entry(name.clone()).or_default();
                *known = (*known).max(*trimmed_to);
            }
        }
        Ok(state)
    }

    /// Looks at the end of the segment and at what follows it.
    fn finish(&mut self, next: Option<u64>, index: &IndexState) {
        if let Some(start) = self.group_start {
            if self.tail == Tail::Whole {
                self.damage(start.into(), "the end is missing");
                self.report.is_broken = true;
            } else {
                self.tear();
            }
        }
        self.settle();
        let end = self.len_bytes;
        let is_indexed = self.report.is_indexed;
        match (next, self.context.clean) {
            (Some(next), _) if next > self.context.head + 1 => {
                let is_whole = is_indexed && self.report.damages.is_empty();
                let missing = segment_name(self.context.head + 1);
                self.gap(end, next - 1, "the end, or a segment behind it, is missing");
                if let Some(damage) = self.report.damages.last_mut().filter(|_| is_whole) {
                    damage.file = missing;
                    damage.position = 0;
                    damage.reason = "the segment is missing";
                }
            }
            (None, Some(clean)) if clean > self.context.head => {
                self.gap(end, clean, "the end is missing, though the log was closed whole");
            }
            (None, None) if self.is_given_up => {
                if let Some(damage) = self.report.damages.last_mut() {
                    damage.lost = Lost::From(self.context.head + 1);
                }
            }
            _ => {}
        }
        let wrong = match index {
            IndexState::None | IndexState::Good { .. } => return,
            IndexState::Ignored => ("the index file does not fit its segment", Remedy::Start),
            IndexState::Damaged => ("the index file is damaged", Remedy::Start),
            IndexState::Wrong => ("the index file says something else", Remedy::Repair),
        };
        let (reason, remedy) = wrong;
        let file = index_name(self.file.base);
        let (lost, good) = (Lost::Nothing, self.good);
        self.report.damages.push(Damage { file, position: 0, reason, lost, remedy, good });
    }
}

/// Searches the first good record at or behind a position.
fn find_record(file: &SegmentFile, from: u32, len_bytes: u64) -> io::Result<Option<u32>> {
    let mut buffer = vec![0; READ_BYTES + HEAD_BYTES];
    let mut record = Vec::new();
    let mut position = from;
    while u64::from(position) < len_bytes {
        let n_read = file.file.read_at(&mut buffer, position.into())?;
        let read = buffer.get(..n_read).unwrap_or_default();
        for head in read.windows(HEAD_BYTES).take(READ_BYTES) {
            if is_plausible(head, position, len_bytes)
                && file.record_at(position, &mut record)?.is_ok()
            {
                return Ok(Some(position));
            }
            position += 1;
        }
        if n_read < buffer.len() {
            break;
        }
    }
    Ok(None)
}

/// Tells bytes that are no record at little cost.
fn is_plausible(head: &[u8], position: u32, len_bytes: u64) -> bool {
    /// All flags that a record can have.
    const FLAGS: u8 = 7;
    let Ok(size) = record::size_of(head) else { return false };
    let is_within = u64::from(position) + to_u64(size) <= len_bytes;
    let is_begun = read_u32(head, 8).is_some_and(|batch| batch <= position);
    is_within && is_begun && head.get(28).is_some_and(|flags| flags & !FLAGS == 0)
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
