//! Loading a log: what its last session left, its segments, and what they do not tell any more.

use bytes::Bytes;

use crate::disk::{Disk, Durability};
use crate::index::Index;
use crate::meta::{MetaStore, Put};
use crate::record::read_u64;
use crate::recovery::{self, Opened, SegmentError, Tail, base_of, segment_name};
use crate::writer::Rewriting;

use super::{
    KEY_ACCOUNTED, KEY_CLEAN, KEY_EPOCH, KEY_FLOOR, KEY_SESSION, KEY_TRIM, LogEnvironment,
    OpenError,
};

/// Start of the note of a session that does not sync what it writes.
const NOTE_OS: &str = "os ";
/// Start of the note of a session that does.
const NOTE_FSYNC: &str = "fsync ";

/// How the session before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastSession {
    /// It was closed whole.
    Closed,
    /// It died; all that it acknowledged was synced.
    Synced,
    /// It died; all that it wrote is with the operating system, which still runs.
    Cached,
    /// The machine died, and nothing of it was synced.
    Unsynced,
}

impl LastSession {
    pub(super) fn read(meta: &MetaStore, environment: &LogEnvironment) -> Self {
        let note = meta.get(KEY_SESSION).map(Bytes::as_ref).unwrap_or_default();
        if meta.get(KEY_CLEAN).is_some() {
            return Self::Closed;
        }
        match note.strip_prefix(NOTE_OS.as_bytes()) {
            None => Self::Synced,
            Some(boot_id) if boot_id.is_empty() || boot_id != environment.boot_id.as_bytes() => {
                Self::Unsynced
            }
            Some(_) => Self::Cached,
        }
    }

    /// Returns what may be at the end of the last segment.
    pub(super) fn tail(self) -> Tail {
        match self {
            Self::Closed => Tail::Whole,
            Self::Synced | Self::Cached => Tail::Torn,
            Self::Unsynced => Tail::Unsynced,
        }
    }

    pub(super) fn rewriting(self) -> Rewriting {
        match self {
            Self::Closed | Self::Synced | Self::Unsynced => Rewriting::LastWrite,
            Self::Cached => Rewriting::LastSegment,
        }
    }
}

/// Returns what is noted of a session that begins.
pub(super) fn session_puts(
    epoch: u64,
    durability: Durability,
    environment: &LogEnvironment,
) -> [Put; 3] {
    let note = match durability {
        Durability::Fsync => NOTE_FSYNC,
        Durability::Os => NOTE_OS,
    };
    let session = format!("{note}{}", environment.boot_id);
    [
        (KEY_EPOCH.into(), Some(Bytes::copy_from_slice(&epoch.to_le_bytes()))),
        (KEY_SESSION.into(), Some(session.into())),
        (KEY_CLEAN.into(), None),
    ]
}

/// Lowers the offsets that are noted to the last that the log holds.
///
/// Without syncs the settings may outlive the events, and the next ones get the same offsets.
pub(super) fn lower_beyond_head(meta: &MetaStore, head: u64) -> Vec<Put> {
    let trims = meta.with_prefix(KEY_TRIM).map(|(key, _)| key);
    let keys = trims.chain([KEY_FLOOR, KEY_ACCOUNTED]).filter(|key| number(meta, key) > head);
    let head = Bytes::copy_from_slice(&head.to_le_bytes());
    keys.map(|key| (key.into(), Some(head.clone()))).collect()
}

pub(super) fn number(meta: &MetaStore, key: &str) -> u64 {
    meta.get(key).and_then(|value| read_u64(value, 0)).unwrap_or(0)
}

/// Loads all segments, oldest first; true when there is none.
pub(super) fn load_segments(
    disk: &dyn Disk,
    index: &mut Index,
    tail: Tail,
) -> Result<bool, OpenError> {
    let names = disk.list().map_err(OpenError::Io)?;
    let mut bases: Vec<u64> = names.iter().filter_map(|name| base_of(name)).collect();
    bases.sort_unstable();
    for name in &names {
        let is_orphan = name.strip_suffix(".idx").is_some_and(|stem| {
            base_of(&format!("{stem}.log")).is_some_and(|base| bases.binary_search(&base).is_err())
        });
        if is_orphan || name.strip_suffix(".tmp").is_some() {
            disk.remove(name).map_err(OpenError::Io)?;
        }
    }
    let last = bases.last().copied();
    if let Some(first) = bases.first() {
        index.head = first.saturating_sub(1);
    }
    for base in bases {
        let file = segment_name(base);
        let damaged = |position, after, reason| {
            Err(OpenError::Damaged { file: segment_name(base), position, after, reason })
        };
        if base != index.head + 1 && !(base > index.head && base <= index.floor + 1) {
            return damaged(0, index.head, "a segment is missing before it");
        }
        index.head = index.head.max(base.saturating_sub(1));
        let tail = if Some(base) == last { tail } else { Tail::Whole };
        match recovery::open_segment(disk, index, base, tail) {
            Ok(Opened::Segment { cut_bytes: 0 }) => {}
            Ok(Opened::Segment { cut_bytes }) => {
                tracing::warn!(
                    file,
                    cut_bytes,
                    head = index.head,
                    "a write that a crash cut short was removed; it was never acknowledged"
                );
            }
            Ok(Opened::Unmade) => {
                disk.remove(&file).map_err(OpenError::Io)?;
                disk.sync_folder().map_err(OpenError::Io)?;
            }
            Err(SegmentError::Damaged { position, after, reason }) => {
                return damaged(position, after, reason);
            }
            Err(SegmentError::Version(version)) => {
                return Err(OpenError::Version { file, version });
            }
            Err(SegmentError::Io(error)) => return Err(OpenError::Io(error)),
        }
    }
    Ok(index.segments.is_empty())
}

/// Checks that what a clean stop left is still there.
pub(super) fn check_clean(meta: &MetaStore, index: &Index) -> Result<(), OpenError> {
    let is_whole = meta.get(KEY_CLEAN).is_none() || number(meta, KEY_CLEAN) <= index.head;
    let Some(segment) = index.segments.back().filter(|_| !is_whole) else { return Ok(()) };
    Err(OpenError::Damaged {
        file: segment_name(segment.base()),
        position: segment.len_bytes,
        after: index.head,
        reason: "the end is missing, though the log was closed whole",
    })
}

/// Takes over what channels trimmed that no segment tells any more.
pub(super) fn load_trims(meta: &MetaStore, index: &mut Index) {
    index.floor = index.floor.min(index.head);
    let removed_to = index.segments.front().map_or(0, |segment| segment.base() - 1);
    if number(meta, KEY_ACCOUNTED) < removed_to {
        index.floor = index.floor.max(removed_to);
    }
    let mut next_id = index.channels.keys().max().map_or(0, |id| id + 1);
    for (key, value) in meta.with_prefix(KEY_TRIM) {
        let name = key.strip_prefix(KEY_TRIM).unwrap_or(key);
        let id = index.by_name.get(name).copied().unwrap_or(next_id);
        index.know(id, name);
        next_id = next_id.max(id + 1);
        if let Some(channel) = index.channels.get_mut(&id) {
            let trimmed_to = read_u64(value, 0).unwrap_or(0).min(index.head);
            channel.trimmed_to = channel.trimmed_to.max(trimmed_to);
            index.trimmed_high = index.trimmed_high.max(channel.trimmed_to);
        }
    }
}
