//! Reading `meta.log` back: what it holds, where it ends, and whether that end is honest.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;

use crate::disk::DiskFile;

use super::format::{
    self, Before, FILE_HEADER_BYTES, FileHeader, HeaderError, RECORD_HEADER_BYTES, RecordHeader,
};
use super::{FILE_NAME, MetaError, Put, apply};

/// How much is looked through at once for a record after bad bytes.
const SEARCH_BYTES: usize = 1 << 16;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) header: FileHeader,
    pub(super) entries: BTreeMap<Box<str>, Bytes>,
    /// Position of the first byte that no record's writer knew to be durable.
    pub(super) unsure_from: u64,
    /// Position after the last record.
    pub(super) end: u64,
    /// Bytes after `end`, of records that were never finished.
    pub(super) torn_bytes: u64,
}

/// A valid record.
pub(super) struct Found {
    pub(super) position: u64,
    pub(super) end: u64,
    pub(super) before: Before,
    pub(super) puts: Vec<Put>,
}

/// A file whose header is known.
pub(super) struct Source<'a> {
    pub(super) file: &'a dyn DiskFile,
    pub(super) len_bytes: u64,
    pub(super) salt: u64,
}

/// Reads a whole file, changing nothing.
///
/// Bad bytes with nothing valid behind them are a torn tail: the last write had not been synced.
/// A valid record behind them that knew all before it to be durable tells of damage.
pub(super) fn recover(file: &dyn DiskFile) -> Result<Recovered, MetaError> {
    let len_bytes = file.len_bytes().map_err(reading)?;
    let mut header_bytes = [0; FILE_HEADER_BYTES];
    file.read_at(&mut header_bytes, 0).map_err(reading)?;
    let header = FileHeader::decode(&header_bytes).map_err(|error| match error {
        HeaderError::Damaged => damaged(0, "the file header is not valid"),
        HeaderError::Version(found) => MetaError::Version { found },
    })?;
    let source = Source { file, len_bytes, salt: header.salt };
    let mut entries = BTreeMap::new();
    let mut unsure_from = header.snapshot_end;
    let mut end = u64::try_from(FILE_HEADER_BYTES).unwrap_or(0);
    while let Some(found) = source.record_at(end)? {
        apply(&mut entries, &found.puts);
        if found.before == Before::Durable {
            unsure_from = found.position;
        }
        end = found.end;
    }
    if end < header.snapshot_end {
        return Err(damaged(end, "a record of the snapshot is not valid"));
    }
    let mut search_from = end + 1;
    while let Some(found) = source.record_from(search_from)? {
        if found.before == Before::Durable {
            return Err(damaged(end, "a record is not valid, but one behind it is"));
        }
        search_from = found.end;
    }
    Ok(Recovered { header, entries, unsure_from, end, torn_bytes: len_bytes - end })
}

impl Source<'_> {
    /// Reads the record at a position; `None` when there is no valid one.
    pub(super) fn record_at(&self, position: u64) -> Result<Option<Found>, MetaError> {
        let mut header = [0; RECORD_HEADER_BYTES];
        let n_read = self.file.read_at(&mut header, position).map_err(reading)?;
        if n_read < RECORD_HEADER_BYTES {
            return Ok(None);
        }
        let Some(header) = RecordHeader::decode(&header, self.salt, position) else {
            return Ok(None);
        };
        self.body_of(header, position)
    }

    fn body_of(&self, header: RecordHeader, position: u64) -> Result<Option<Found>, MetaError> {
        let body_position = position + to_u64(RECORD_HEADER_BYTES);
        let end = body_position + to_u64(header.body_len);
        if end > self.len_bytes {
            return Ok(None);
        }
        let mut body = vec![0; header.body_len];
        let n_read = self.file.read_at(&mut body, body_position).map_err(reading)?;
        if n_read < body.len() || !header.is_body(&body) {
            return Ok(None);
        }
        let (before, puts) = format::decode_body(&body)
            .ok_or_else(|| damaged(position, "a valid record has no known form"))?;
        Ok(Some(Found { position, end, before, puts }))
    }

    /// Searches the first valid record at or behind a position.
    pub(super) fn record_from(&self, mut position: u64) -> Result<Option<Found>, MetaError> {
        let mut buffer = vec![0; SEARCH_BYTES];
        loop {
            let n_read = self.file.read_at(&mut buffer, position).map_err(reading)?;
            let read = buffer.get(..n_read).unwrap_or_default();
            let mut place = position;
            for window in read.windows(RECORD_HEADER_BYTES) {
                let header: Option<&[u8; RECORD_HEADER_BYTES]> = window.first_chunk();
                let header = header.and_then(|h| RecordHeader::decode(h, self.salt, place));
                if let Some(header) = header
                    && let Some(found) = self.body_of(header, place)?
                {
                    return Ok(Some(found));
                }
                place += 1;
            }
            if place == position {
                return Ok(None);
            }
            position = place;
        }
    }
}

fn damaged(position: u64, reason: &'static str) -> MetaError {
    MetaError::Damaged { file: FILE_NAME, position, reason }
}

fn reading(source: io::Error) -> MetaError {
    MetaError::Io { doing: "read", source }
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
