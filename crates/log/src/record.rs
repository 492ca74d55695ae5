//! The bytes of a record and of a segment's header; pure.
//!
//! ```text
//! record                                   segment header
//!  0  len u32       bytes from 8 on         0  "TIDLOG\0" and format version u8
//!  4  crc u32       CRC32C of the same      8  base u64     first offset of the segment
//!  8  batch u32     start of its write     16  salt u64     seeds the CRC of the records
//! 12  at u64        wall clock, ms         24  zero u32
//! 20  channel u32   u32::MAX is a note     28  crc u32      CRC32C of the above
//! 24  delta u32     offset - base
//! 28  flags u8      MORE, NAMED, CORRECTED
//! 29  correction i32, name u16 + bytes (each if flagged), body
//! ```
//!
//! All numbers are little-endian. The salt keeps bytes that a publisher chose, or that an older
//! file left behind, from passing for a record.

/// Number of a channel in a log.
pub type ChannelId = u32;

/// Longest record, and longest write, in bytes.
pub const BATCH_MAX_BYTES: usize = 64 * 1_048_576;

/// Length of a segment's header.
pub(crate) const HEADER_BYTES: usize = 32;
/// The same as a position.
pub(crate) const HEADER_BYTES_U64: u64 = 32;
/// Length of what every record has.
pub(crate) const HEAD_BYTES: usize = 29;
/// Bytes before those that `len` counts.
pub(crate) const PREFIX_BYTES: usize = 8;
/// Channel number of a note.
const NOTE_CHANNEL: ChannelId = ChannelId::MAX;
/// The next record belongs to the same group.
const FLAG_MORE: u8 = 1;
/// The channel's name stands in the record.
const FLAG_NAMED: u8 = 2;
/// A correction of the clock stands in the record.
const FLAG_CORRECTED: u8 = 4;
const SEGMENT_MAGIC: [u8; 8] = *b"TIDLOG\0\x01";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// Has an offset and belongs to a channel.
    Event(ChannelId),
    /// Has no offset; its owner's own memory beside the events.
    Note,
}

/// A record as it stands in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Offset of the event; for a note, of the next event.
    pub offset: u64,
    /// What it is.
    pub kind: RecordKind,
    /// Wall clock when it was written, in milliseconds since 1970.
    pub at: u64,
    /// Seconds that bring `at` onto the clock that only runs forward.
    pub correction_s: i32,
    /// Its owner's bytes.
    pub body: &'a [u8],
    pub(crate) delta: u32,
    pub(crate) batch: u32,
    pub(crate) is_more: bool,
    pub(crate) name: Option<&'a str>,
    pub(crate) size_bytes: usize,
}

impl Record<'_> {
    /// Returns its time on the clock that only runs forward, in milliseconds.
    #[must_use]
    pub fn kept_at(&self) -> u64 {
        kept_at(self.at, self.correction_s)
    }
}

/// Returns a wall time on the clock that only runs forward, in milliseconds.
#[must_use]
pub fn kept_at(at: u64, correction_s: i32) -> u64 {
    at.saturating_add_signed(i64::from(correction_s) * 1_000)
}

/// What is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub batch: u32,
    pub delta: u32,
    pub kind: RecordKind,
    pub at: u64,
    pub correction_s: i32,
    pub is_more: bool,
    pub name: Option<&'a str>,
    pub body: &'a [u8],
}

impl Writing<'_> {
    /// Returns the length of the record in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        let correction = if self.correction_s == 0 { 0 } else { 4 };
        HEAD_BYTES + correction + self.name.map_or(0, |name| 2 + name.len()) + self.body.len()
    }

    /// Appends the record; `seed` is that of the segment.
    ///
    /// Lengths were checked against [`BATCH_MAX_BYTES`] and the length of a name.
    pub(crate) fn encode(&self, seed: u32, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        let len = u32::try_from(self.size_bytes() - PREFIX_BYTES).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.batch.to_le_bytes());
        bytes.extend_from_slice(&self.at.to_le_bytes());
        let channel = match self.kind {
            RecordKind::Event(channel) => channel,
            RecordKind::Note => NOTE_CHANNEL,
        };
        bytes.extend_from_slice(&channel.to_le_bytes());
        bytes.extend_from_slice(&self.delta.to_le_bytes());
        let mut flags = 0;
        flags |= if self.is_more { FLAG_MORE } else { 0 };
        flags |= if self.name.is_some() { FLAG_NAMED } else { 0 };
        flags |= if self.correction_s == 0 { 0 } else { FLAG_CORRECTED };
        bytes.push(flags);
        if self.correction_s != 0 {
            bytes.extend_from_slice(&self.correction_s.to_le_bytes());
        }
        if let Some(name) = self.name {
            let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.extend_from_slice(self.body);
        let checked = bytes.get(start + PREFIX_BYTES..).unwrap_or_default();
        let crc = crc32c::crc32c_append(seed, checked).to_le_bytes();
        if let Some(place) = bytes.get_mut(start + 4..start + PREFIX_BYTES) {
            place.copy_from_slice(&crc);
        }
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// The bytes end before the record does.
    #[error("the record is cut short")]
    Short {
        /// Bytes that the whole record has.
        needed_bytes: usize,
    },
    /// The length is none that a record can have.
    #[error("a record of {len} bytes cannot be")]
    Length {
        /// The length field.
        len: u32,
    },
    /// The checksum differs.
    #[error("the checksum differs")]
    Checksum,
    /// The checksum is right and the content is not: another program wrote it.
    #[error("the content is not that of a record")]
    Content,
}

/// Returns the whole length of the record that starts with `bytes`.
pub(crate) fn size_of(bytes: &[u8]) -> Result<usize, BadRecord> {
    let Some(len) = read_u32(bytes, 0) else {
        return Err(BadRecord::Short { needed_bytes: PREFIX_BYTES });
    };
    let size = usize::try_from(len).unwrap_or(usize::MAX).saturating_add(PREFIX_BYTES);
    if !(HEAD_BYTES..=BATCH_MAX_BYTES).contains(&size) {
        return Err(BadRecord::Length { len });
    }
    Ok(size)
}

/// Decodes the record that `bytes` starts with; `base` and `seed` are those of the segment.
pub(crate) fn decode(bytes: &[u8], base: u64, seed: u32) -> Result<Record<'_>, BadRecord> {
    let size_bytes = size_of(bytes)?;
    let Some(record) = bytes.get(..size_bytes) else {
        return Err(BadRecord::Short { needed_bytes: size_bytes });
    };
    let (prefix, checked) = record.split_at(PREFIX_BYTES);
    if read_u32(prefix, 4) != Some(crc32c::crc32c_append(seed, checked)) {
        return Err(BadRecord::Checksum);
    }
    decode_checked(record, base).ok_or(BadRecord::Content)
}

fn decode_checked(record: &[u8], base: u64) -> Option<Record<'_>> {
    let channel = read_u32(record, 20)?;
    let delta = read_u32(record, 24)?;
    let flags = *record.get(28)?;
    let mut rest = record.get(HEAD_BYTES..)?;
    let mut correction_s = 0;
    if flags & FLAG_CORRECTED != 0 {
        let (correction, after) = rest.split_first_chunk::<4>()?;
        (correction_s, rest) = (i32::from_le_bytes(*correction), after);
    }
    let mut name = None;
    if flags & FLAG_NAMED != 0 {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let (text, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        (name, rest) = (Some(std::str::from_utf8(text).ok()?), after);
    }
    Some(Record {
        offset: base.checked_add(u64::from(delta))?,
        kind: if channel == NOTE_CHANNEL { RecordKind::Note } else { RecordKind::Event(channel) },
        at: read_u64(record, 12)?,
        correction_s,
        body: rest,
        delta,
        batch: read_u32(record, 8)?,
        is_more: flags & FLAG_MORE != 0,
        name,
        size_bytes: record.len(),
    })
}

/// What a segment's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub base: u64,
    pub salt: u64,
}

/// Why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Cut short, or overwritten.
    Damaged,
    /// Written by a version that this one does not know.
    Version(u8),
}

impl Header {
    pub(crate) fn encode(self, magic: [u8; 8]) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&magic);
        bytes.extend_from_slice(&self.base.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.try_into().unwrap_or([0; HEADER_BYTES])
    }

    pub(crate) fn encode_segment(self) -> [u8; HEADER_BYTES] {
        self.encode(SEGMENT_MAGIC)
    }

    pub(crate) fn decode(bytes: &[u8], magic: [u8; 8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; HEADER_BYTES] =
            bytes.first_chunk::<HEADER_BYTES>().ok_or(BadHeader::Damaged)?;
        let (checked, crc) = bytes.split_at(HEADER_BYTES - 4);
        if read_u32(crc, 0) != Some(crc32c::crc32c(checked)) {
            return Err(BadHeader::Damaged);
        }
        let (name, version) = (checked.get(..7), checked.get(7).copied().unwrap_or(0));
        if name != magic.get(..7) {
            return Err(BadHeader::Damaged);
        }
        if Some(&version) != magic.get(7) {
            return Err(BadHeader::Version(version));
        }
        let number = |at| read_u64(checked, at).ok_or(BadHeader::Damaged);
        Ok(Self { base: number(8)?, salt: number(16)? })
    }

    pub(crate) fn decode_segment(bytes: &[u8]) -> Result<Self, BadHeader> {
        Self::decode(bytes, SEGMENT_MAGIC)
    }

    /// Returns what the checksums of the segment's records start from.
    pub(crate) fn seed(self) -> u32 {
        crc32c::crc32c(&self.salt.to_le_bytes())
    }
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}

pub(crate) fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_read_as_written_and_no_flipped_bit_passes(
            at: u64, correction_s: i32, channel in 0..NOTE_CHANNEL, delta: u32, batch: u32,
            is_more: bool, name in proptest::option::of("[a-z/]{1,40}"),
            body in proptest::collection::vec(any::<u8>(), 0..200), seed: u32, bit: usize,
        ) {
            let writing = Writing {
                batch, delta, kind: RecordKind::Event(channel), at, correction_s, is_more,
                name: name.as_deref(), body: &body,
            };
            let mut bytes = Vec::new();
            writing.encode(seed, &mut bytes);
            prop_assert_eq!(bytes.len(), writing.size_bytes());

            let read = decode(&bytes, 7, seed).unwrap();

            prop_assert_eq!(read.offset, 7 + u64::from(delta));
            prop_assert_eq!(read.kind, RecordKind::Event(channel));
            prop_assert_eq!((read.at, read.correction_s), (at, correction_s));
            prop_assert_eq!((read.batch, read.is_more), (batch, is_more));
            prop_assert_eq!((read.name, read.body), (name.as_deref(), body.as_slice()));
            let bit = bit % (8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(&bytes, 7, seed).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            decode(&bytes, u64::MAX, 0).ok();
            Header::decode_segment(&bytes).ok();
        }
    }

    #[test]
    fn headers_tell_damage_from_another_version() {
        let header = Header { base: 5, salt: 9 };
        let bytes = header.encode_segment();
        assert_eq!(Header::decode_segment(&bytes), Ok(header));
        assert_eq!(Header::decode_segment(&bytes[..31]), Err(BadHeader::Damaged));
        let newer = header.encode(*b"TIDLOG\0\x02");
        assert_eq!(Header::decode_segment(&newer), Err(BadHeader::Version(2)));
        for bit in 0..8 * HEADER_BYTES {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode_segment(&flipped).is_err(), "bit {bit}");
        }
    }
}
