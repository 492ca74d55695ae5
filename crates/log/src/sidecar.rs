//! The index file of a complete segment, so that opening need not read the segment; pure.
//!
//! ```text
//! header           as of a segment, magic "TIDIDX\0"
//! last u64, len u64, at_max u64, kept_max u64
//! n u32, then per channel   id u32, events u32, trimmed u32, bytes u64, kept_max u64,
//!                           last u64, trimmed_to u64, name u16 + bytes
//! positions u32 each        the channels' runs, in the order above
//! n u32, then per block     delta u32, position u32, at_before u64
//! n u32, then per note      position u32
//! crc u32                   CRC32C of all before
//! ```

use crate::index::{Block, ChannelIndex, Index, Part, Postings, Segment};
use crate::record::{ChannelId, HEADER_BYTES, Header, read_u32, read_u64};
use crate::scan::SegmentFile;

const MAGIC: [u8; 8] = *b"TIDIDX\0\x01";

/// What a channel holds in the segment, as the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelPart {
    pub id: ChannelId,
    pub name: String,
    pub part: Part,
    /// Events of the channel up to here had been trimmed when the file was written.
    pub trimmed_to: u64,
}

/// Encodes the index of a segment; `parts` say what its channels hold.
pub(crate) fn encode(segment: &Segment, parts: &[ChannelPart]) -> Vec<u8> {
    let Postings::Sealed { positions, .. } = &segment.postings else { return Vec::new() };
    let header = Header { base: segment.base(), salt: segment.salt };
    let mut bytes = header.encode(MAGIC).to_vec();
    let mut push = |part: &[u8]| bytes.extend_from_slice(part);
    for number in [segment.last, segment.len_bytes, segment.at_max, segment.kept_max] {
        push(&number.to_le_bytes());
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    push(&count(parts.len()));
    for ChannelPart { id, name, part, trimmed_to } in parts {
        for number in [*id, part.n_events, part.n_trimmed] {
            push(&number.to_le_bytes());
        }
        for number in [part.bytes, part.kept_max, part.last, *trimmed_to] {
            push(&number.to_le_bytes());
        }
        push(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        push(name.as_bytes());
    }
    for position in positions {
        push(&position.to_le_bytes());
    }
    push(&count(segment.blocks.len()));
    for block in &segment.blocks {
        push(&block.delta.to_le_bytes());
        push(&block.position.to_le_bytes());
        push(&block.at_before.to_le_bytes());
    }
    push(&count(segment.notes.len()));
    for note in &segment.notes {
        push(&note.to_le_bytes());
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Decodes an index file; `None` when it is not that of this segment, or damaged.
pub(crate) fn decode(
    bytes: &[u8],
    file: &SegmentFile,
    salt: u64,
) -> Option<(Segment, Vec<ChannelPart>)> {
    let (checked, crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    if read_u32(crc, 0)? != crc32c::crc32c(checked) {
        return None;
    }
    let header = Header::decode(checked, MAGIC).ok()?;
    if header != (Header { base: file.base, salt }) {
        return None;
    }
    let mut reader = Reader { bytes: checked, at: HEADER_BYTES };
    let mut segment = Segment::new(file.clone(), salt, 0);
    segment.last = reader.u64()?;
    segment.len_bytes = reader.u64()?;
    segment.at_max = reader.u64()?;
    segment.kept_max = reader.u64()?;
    segment.index_bytes = u64::try_from(bytes.len()).ok()?;
    let n_channels = reader.count(46)?;
    let mut parts = Vec::with_capacity(n_channels);
    let mut runs = Vec::with_capacity(n_channels);
    let mut n_positions = 0_u32;
    for _ in 0..n_channels {
        let id = reader.u32()?;
        let (n_events, n_trimmed) = (reader.u32()?, reader.u32()?);
        let (bytes, kept_max) = (reader.u64()?, reader.u64()?);
        let (last, trimmed_to) = (reader.u64()?, reader.u64()?);
        let name = reader.text()?.to_owned();
        runs.push((id, n_positions));
        n_positions = n_positions.checked_add(n_events)?;
        segment.n_live += u64::from(n_events.checked_sub(n_trimmed)?);
        let part = Part { base: file.base, n_events, n_trimmed, bytes, kept_max, last };
        parts.push(ChannelPart { id, name, part, trimmed_to });
    }
    let n_positions = usize::try_from(n_positions).ok()?;
    let positions = reader.take(n_positions.checked_mul(4)?)?;
    let number = |bytes: &[u8]| read_u32(bytes, 0).unwrap_or_default();
    let positions = positions.chunks_exact(4).map(number).collect();
    let n_blocks = reader.count(16)?;
    segment.blocks = Vec::with_capacity(n_blocks);
    for _ in 0..n_blocks {
        let (delta, position, at_before) = (reader.u32()?, reader.u32()?, reader.u64()?);
        segment.blocks.push(Block { delta, position, at_before });
    }
    let n_notes = reader.count(4)?;
    segment.notes = reader.take(n_notes * 4)?.chunks_exact(4).map(number).collect();
    segment.postings = Postings::Sealed { runs: runs.into(), positions };
    Some((segment, parts))
}

impl Index {
    /// Returns what every channel holds in a sealed segment, in the order of its runs.
    pub(crate) fn parts_of(&self, segment: &Segment) -> Vec<ChannelPart> {
        let Postings::Sealed { runs, .. } = &segment.postings else { return Vec::new() };
        let parts = runs.iter().filter_map(|(id, _)| {
            let channel: &ChannelIndex = self.channels.get(id)?;
            let n_events = u32::try_from(segment.postings.of(*id).len()).ok()?;
            let held = channel.parts.iter().find(|part| part.base == segment.base());
            let part = held.cloned().unwrap_or(Part {
                base: segment.base(),
                n_events,
                n_trimmed: n_events,
                bytes: 0,
                kept_max: segment.kept_max,
                last: segment.last,
            });
            let name = channel.name.as_ref().to_owned();
            // Later segments tell of themselves: what they hold may not outlive a power cut.
            let trimmed_to = channel.trimmed_to.min(segment.last);
            Some(ChannelPart { id: *id, name, part, trimmed_to })
        });
        parts.collect()
    }

    /// Appends a segment that an index file describes; false when a channel's number stands for
    /// another name.
    pub(crate) fn adopt(&mut self, segment: Segment, parts: Vec<ChannelPart>) -> bool {
        self.head = self.head.max(segment.last);
        self.segments.push_back(segment);
        for ChannelPart { id, name, part, trimmed_to } in parts {
            if !self.know(id, &name) {
                return false;
            }
            let Some(channel) = self.channels.get_mut(&id) else { continue };
            channel.trimmed_to = channel.trimmed_to.max(trimmed_to);
            self.trimmed_high = self.trimmed_high.max(trimmed_to);
            if part.n_trimmed < part.n_events {
                channel.n_held += u64::from(part.n_events - part.n_trimmed);
                channel.bytes_held += part.bytes;
                channel.parts.push_back(part);
            }
        }
        true
    }
}

/// Takes numbers from bytes.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(n)?)?;
        self.at += n;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        read_u32(self.take(4)?, 0)
    }

    fn u64(&mut self) -> Option<u64> {
        read_u64(self.take(8)?, 0)
    }

    /// Reads a count of items that take at least so many bytes each.
    fn count(&mut self, item_bytes: usize) -> Option<usize> {
        let n = usize::try_from(self.u32()?).ok()?;
        (n.checked_mul(item_bytes)? <= self.bytes.len() - self.at).then_some(n)
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = self.take(2)?.first_chunk::<2>().map(|len| u16::from_le_bytes(*len))?;
        std::str::from_utf8(self.take(len.into())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Disk;
    use crate::record::{HEADER_BYTES_U64, Record, RecordKind};
    use crate::simulated::SimulatedDisk;

    #[test]
    fn a_segment_tells_of_no_trim_behind_its_own_end() {
        let file = SimulatedDisk::new().create("1").unwrap();
        let file = SegmentFile { file, base: 1, seed: 0 };
        let mut index = Index::default();
        index.segments.push_back(Segment::new(file.clone(), 0, HEADER_BYTES_U64));
        assert!(index.know(7, "orders"));
        let record = Record {
            offset: 1,
            kind: RecordKind::Event(7),
            at: 0,
            correction_s: 0,
            body: b"",
            delta: 0,
            batch: 32,
            is_more: false,
            name: None,
            size_bytes: 29,
        };
        index.add(32, &record);
        let mut sealed = index.segments[0].clone();
        sealed.seal();
        // The channel's history was deleted up to an event of a later segment.
        index.channels.get_mut(&7).unwrap().trimmed_to = 5;
        let parts = index.parts_of(&sealed);
        let (_, read) = decode(&encode(&sealed, &parts), &file, 0).unwrap();
        assert_eq!((read[0].trimmed_to, read[0].part.n_events), (1, 1));
    }
}
