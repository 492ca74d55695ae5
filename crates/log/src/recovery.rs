//! Opening a segment: from its index file, or by reading it and telling a torn tail from damage.
//!
//! A write that a crash cut short was never acknowledged, so what is left of it is cut off. Every
//! record says where its write began, and a write begins only after the one before it is durable:
//! bad bytes with a record of a later write behind them were good once, and are damage.

use std::io;

use crate::disk::Disk;
use crate::index::{Index, Segment};
use crate::record::{self, BATCH_MAX_BYTES, BadHeader, HEADER_BYTES, Header, Record, RecordKind};
use crate::scan::{Scanner, SegmentFile, Step};
use crate::sidecar;

/// Bytes read at once while a segment is opened.
const READ_BYTES: usize = 1_048_576;

/// What may follow the last good record of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing: a later segment was begun after this one was durable.
    Whole,
    /// A write that was cut short.
    Torn,
    /// Anything: the machine died while nothing was synced.
    Unsynced,
}

/// Why a segment cannot be opened.
#[derive(Debug)]
pub(crate) enum SegmentError {
    Damaged { position: u64, after: u64, reason: &'static str },
    Version(u8),
    Io(io::Error),
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A segment that was opened.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It ends with its last good record; so many bytes behind it were cut off.
    Segment { cut_bytes: u64 },
    /// Its making was cut short and it holds nothing.
    Unmade,
}

/// Returns the name of the segment that begins with an offset.
pub(crate) fn segment_name(base: u64) -> String {
    format!("{base:020}.log")
}

/// Returns the name of its index file.
pub(crate) fn index_name(base: u64) -> String {
    format!("{base:020}.idx")
}

/// Returns the first offset of the segment with this name; `None` for other files.
pub(crate) fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())?
}

/// Opens a segment and appends it to the index.
pub(crate) fn open_segment(
    disk: &dyn Disk,
    index: &mut Index,
    base: u64,
    tail: Tail,
) -> Result<Opened, SegmentError> {
    let file = disk.open(&segment_name(base))?;
    let len_bytes = file.len_bytes()?;
    let mut header = [0; HEADER_BYTES];
    let n_read = file.read_at(&mut header, 0)?;
    let header = match Header::decode_segment(header.get(..n_read).unwrap_or_default()) {
        Ok(header) if header.base == base => header,
        Ok(_) => return Err(damaged(0, base, "the header is that of another segment")),
        Err(BadHeader::Version(version)) => return Err(SegmentError::Version(version)),
        // The header is durable before the first record is written.
        Err(BadHeader::Damaged)
            if tail != Tail::Whole
                && n_read <= HEADER_BYTES
                && len_bytes <= to_u64(HEADER_BYTES) =>
        {
            return Ok(Opened::Unmade);
        }
        Err(BadHeader::Damaged) => return Err(damaged(0, base, "the header is damaged")),
    };
    let file = SegmentFile { file, base, seed: header.seed() };
    if let Some((segment, parts)) = read_index(disk, &file, header.salt)?
        && segment.len_bytes == len_bytes
    {
        return if index.adopt(segment, parts) {
            Ok(Opened::Segment { cut_bytes: 0 })
        } else {
            Err(damaged(0, base, "a channel's number stands for another name"))
        };
    }
    let end = read_segment(index, &file, header.salt, len_bytes, tail)?;
    if end < len_bytes {
        file.file.set_len(end)?;
    }
    Ok(Opened::Segment { cut_bytes: len_bytes - end })
}

fn damaged(position: u64, after: u64, reason: &'static str) -> SegmentError {
    SegmentError::Damaged { position, after, reason }
}

fn read_index(
    disk: &dyn Disk,
    file: &SegmentFile,
    salt: u64,
) -> Result<Option<(Segment, Vec<sidecar::ChannelPart>)>, SegmentError> {
    let sidecar = match disk.open(&index_name(file.base)) {
        Ok(sidecar) => sidecar,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // A segment's index is never longer than the segment; more is not read.
    let len_bytes = sidecar.len_bytes()?.min(file.file.len_bytes()?.saturating_mul(2));
    let mut bytes = vec![0; usize::try_from(len_bytes).unwrap_or(usize::MAX)];
    let n_read = sidecar.read_at(&mut bytes, 0)?;
    Ok(sidecar::decode(bytes.get(..n_read).unwrap_or_default(), file, salt))
}

/// Reads a segment into the index and returns where its last whole group ends.
fn read_segment(
    index: &mut Index,
    file: &SegmentFile,
    salt: u64,
    len_bytes: u64,
    tail: Tail,
) -> Result<u64, SegmentError> {
    let header_end = to_u64(HEADER_BYTES);
    index.segments.push_back(Segment::new(file.clone(), salt, header_end));
    let mut scanner = Scanner::whole(file, len_bytes, READ_BYTES);
    // Where the group begins whose end was not seen yet.
    let mut group_start: Option<u32> = None;
    let mut good_end = header_end;
    loop {
        match scanner.step()? {
            Step::Record(position, record) => {
                let end = u64::from(position) + to_u64(record.size_bytes);
                if record.is_more {
                    group_start.get_or_insert(position);
                } else if let Some(start) = group_start.take() {
                    read_group(index, file, start, end)?;
                    good_end = end;
                } else {
                    enter(index, position, &record)?;
                    good_end = end;
                }
            }
            Step::End => break,
            Step::Bad(position) => {
                let is_damage = match tail {
                    Tail::Whole => true,
                    Tail::Torn => is_followed(file, position, len_bytes)?,
                    Tail::Unsynced => false,
                };
                if is_damage {
                    return Err(damaged(position.into(), index.head, "a record is damaged"));
                }
                break;
            }
        }
    }
    if tail == Tail::Whole && good_end < len_bytes {
        return Err(damaged(good_end, index.head, "the end is missing"));
    }
    if let Some(segment) = index.segments.back_mut() {
        segment.len_bytes = good_end;
    }
    Ok(good_end)
}

/// Enters the records of a group that is whole.
fn read_group(
    index: &mut Index,
    file: &SegmentFile,
    start: u32,
    end: u64,
) -> Result<(), SegmentError> {
    let mut scanner = Scanner::new(file, start, end, READ_BYTES);
    loop {
        match scanner.step()? {
            Step::Record(position, record) => enter(index, position, &record)?,
            Step::End => return Ok(()),
            Step::Bad(position) => {
                return Err(damaged(position.into(), index.head, "a record changed"));
            }
        }
    }
}

/// Enters a record that was read, after a look at what it must agree with.
fn enter(index: &mut Index, position: u32, record: &Record<'_>) -> Result<(), SegmentError> {
    if let RecordKind::Event(channel) = record.kind {
        // Only a repair leaves offsets out, and it raises the floor over them.
        let is_next = record.offset == index.head + 1
            || (record.offset > index.head && record.offset <= index.floor + 1);
        if !is_next {
            return Err(damaged(position.into(), index.head, "an offset is missing"));
        }
        let is_known = match record.name {
            Some(name) => index.know(channel, name),
            None => index.channels.contains_key(&channel),
        };
        if !is_known {
            return Err(damaged(position.into(), index.head, "a channel's name is missing"));
        }
    }
    index.add(position, record);
    Ok(())
}

/// Returns whether a record of a write that began behind a position follows it.
pub(crate) fn is_followed(file: &SegmentFile, position: u32, len_bytes: u64) -> io::Result<bool> {
    let from = u64::from(position) + 1;
    // Not more than one write can have been on its way.
    let n_bytes = len_bytes.saturating_sub(from).min(to_u64(2 * BATCH_MAX_BYTES));
    let mut bytes = vec![0; usize::try_from(n_bytes).unwrap_or(usize::MAX)];
    let n_read = file.file.read_at(&mut bytes, from)?;
    bytes.truncate(n_read);
    let is_later = |start: usize| {
        let candidate = bytes.get(start..)?;
        let batch = record::read_u32(candidate, 8)?;
        let here = from + to_u64(start);
        let is_plausible = batch > position && u64::from(batch) <= here;
        (is_plausible && record::decode(candidate, file.base, file.seed).is_ok()).then_some(())
    };
    Ok((0..bytes.len()).any(|start| is_later(start).is_some()))
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
