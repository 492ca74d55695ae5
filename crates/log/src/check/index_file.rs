//! Comparing an index file with the segment that it describes.

use std::io;

use crate::disk::Disk;
use crate::index::{Index, Segment};
use crate::record::ChannelId;
use crate::recovery::index_name;
use crate::scan::{Scanner, SegmentFile, Step};
use crate::sidecar::{self, ChannelPart};

/// Bytes read at once.
const READ_BYTES: usize = 1_048_576;
/// Longest index file: four bytes an event and a few more a block are far less than a segment.
const SIZE_MAX_BYTES: u64 = 4 << 30;

/// What an index file is worth.
#[derive(Debug)]
pub(super) enum IndexState {
    /// There is none.
    None,
    /// It says what the segment holds; or the segment is damaged and it may be right.
    Good { names: Vec<(ChannelId, Box<str>)>, trims: Vec<(Box<str>, u64)> },
    /// It is that of a segment of another length; the server does not use it.
    Ignored,
    /// Its checksum differs; the server does not use it.
    Damaged,
    /// It says something else, and the server would believe it.
    Wrong,
}

/// Reads the index file of a segment; `None` when there is none.
pub(super) fn read(disk: &dyn Disk, base: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(&index_name(base)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len_bytes = file.len_bytes()?.min(SIZE_MAX_BYTES);
    let mut bytes = vec![0; usize::try_from(len_bytes).unwrap_or(usize::MAX)];
    let n_read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(n_read);
    Ok(Some(bytes))
}

/// Returns the salt of a segment whose own header is damaged.
pub(super) fn salt(index: Option<&[u8]>, base: u64) -> Option<u64> {
    let header = sidecar::header(index?)?;
    (header.base == base).then_some(header.salt)
}

/// Compares an index file with a segment, which is read again if it is whole.
pub(super) fn compare(
    bytes: &[u8],
    (file, salt): (&SegmentFile, u64),
    len_bytes: u64,
    is_whole: bool,
) -> io::Result<IndexState> {
    let Some((said, parts)) = sidecar::decode(bytes, file, salt) else {
        return Ok(IndexState::Damaged);
    };
    if is_whole && said.len_bytes != len_bytes {
        return Ok(IndexState::Ignored);
    }
    if is_whole {
        let (segment, index) = rebuild(file, salt, len_bytes)?;
        let is_part = |part: &ChannelPart| is_right(part, &segment, &index);
        if !is_same(&said, &segment) || !parts.iter().all(is_part) {
            return Ok(IndexState::Wrong);
        }
    }
    let trims = parts.iter().map(|part| (part.name.as_str().into(), part.trimmed_to)).collect();
    let names = parts.iter().map(|part| (part.id, part.name.as_str().into())).collect();
    Ok(IndexState::Good { names, trims })
}

/// Makes the index of a segment of its records.
fn rebuild(file: &SegmentFile, salt: u64, len_bytes: u64) -> io::Result<(Segment, Index)> {
    let mut index = Index::default();
    index.segments.push_back(Segment::new(file.clone(), salt, len_bytes));
    let mut scanner = Scanner::whole(file, len_bytes, READ_BYTES);
    while let Step::Record(position, record) = scanner.step()? {
        if let Some(id) = super::channel_of(record.kind) {
            // Without a name it is known from an earlier segment, or told as damage.
            index.know(id, record.name.unwrap_or_default());
        }
        index.add(position, &record);
    }
    let mut segment = index.segments.pop_back().unwrap_or_else(|| Segment::new(file.clone(), 0, 0));
    segment.seal();
    Ok((segment, index))
}

fn is_same(said: &Segment, segment: &Segment) -> bool {
    said.last == segment.last
        && said.at_max == segment.at_max
        && said.kept_max == segment.kept_max
        && said.blocks == segment.blocks
        && said.notes == segment.notes
        && said.postings == segment.postings
}

/// Compares what an index file says of a channel; what retention took is its own business.
fn is_right(part: &ChannelPart, segment: &Segment, index: &Index) -> bool {
    let Some(channel) = index.channels.get(&part.id) else { return false };
    let n_events = segment.postings.of(part.id).len();
    let is_named = channel.name.is_empty() || channel.name.as_ref() == part.name;
    let last = channel.parts.back().map_or(0, |held| held.last);
    let is_all_gone = part.part.n_trimmed == part.part.n_events;
    is_named
        && usize::try_from(part.part.n_events).is_ok_and(|said| said == n_events)
        && (is_all_gone || part.part.last == last)
}
