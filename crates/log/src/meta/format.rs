//! The bytes of `meta.log`: its header and its records.
//!
//! All integers are little-endian. A checksum is a CRC32C over the file's salt, the record's
//! position in the file, and the bytes: what is found at another place, or comes from another
//! file, is not valid.
//!
//! ```text
//! File header            Record                       Entry
//! 0   8  "tidmeta\n"     0  4  length of the body     0  4  length of the value; all ones: removed
//! 8   4  format version  4  4  checksum of 0..4       4  2  length of the key
//! 12  8  salt            8  4  checksum of 0..8,body  6     key, value
//! 20  8  snapshot end    12    body: flags u8, entries
//! 28  4  CRC32C of 0..28
//! ```
//!
//! The records before the snapshot end were synced before the file got its name.

use bytes::Bytes;

use super::Put;

/// Longest key.
pub const KEY_SIZE_MAX_BYTES: usize = 1024;

/// Longest value: 16 MiB.
pub const VALUE_SIZE_MAX_BYTES: usize = 16 << 20;

/// Largest encoded batch of one [`super::MetaStore::put_all`]: 64 MiB.
pub const BATCH_SIZE_MAX_BYTES: usize = 64 << 20;

pub(super) const FORMAT_VERSION: u32 = 1;
pub(super) const FILE_HEADER_BYTES: usize = 32;
pub(super) const RECORD_HEADER_BYTES: usize = 12;
pub(super) const ENTRY_HEADER_BYTES: usize = 6;

/// Flag of a record: all bytes before it were durable when it was written.
const FLAG_FOLLOWS_DURABLE: u8 = 1;
const MAGIC: &[u8; 8] = b"tidmeta\n";
const REMOVED: u32 = u32::MAX;

/// What a file's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub(super) salt: u64,
    /// Position after the last record of the snapshot.
    pub(super) snapshot_end: u64,
}

/// Why the first bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    Damaged,
    Version(u32),
}

impl FileHeader {
    pub(super) fn encode(self) -> [u8; FILE_HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(FILE_HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.snapshot_end.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes.try_into().expect("the fields above are 32 bytes")
    }

    pub(super) fn decode(bytes: &[u8; FILE_HEADER_BYTES]) -> Result<Self, HeaderError> {
        let (fields, checksum) = bytes.split_at(FILE_HEADER_BYTES - 4);
        let mut fields_left = fields;
        let magic: [u8; 8] = take(&mut fields_left).ok_or(HeaderError::Damaged)?;
        let version = take(&mut fields_left).map(u32::from_le_bytes);
        let salt = take(&mut fields_left).map(u64::from_le_bytes);
        let snapshot_end = take(&mut fields_left).map(u64::from_le_bytes);
        if magic != *MAGIC || crc32c::crc32c(fields).to_le_bytes() != checksum {
            return Err(HeaderError::Damaged);
        }
        match (version, salt, snapshot_end) {
            (Some(FORMAT_VERSION), Some(salt), Some(snapshot_end)) => {
                Ok(Self { salt, snapshot_end })
            }
            (Some(version), ..) => Err(HeaderError::Version(version)),
            (None, ..) => Err(HeaderError::Damaged),
        }
    }
}

/// The start of a record whose own checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) body_len: usize,
    checksum_so_far: u32,
    body_checksum: u32,
}

impl RecordHeader {
    /// Reads a record's start; `None` when there is none at this position.
    pub(super) fn decode(
        bytes: &[u8; RECORD_HEADER_BYTES],
        salt: u64,
        position: u64,
    ) -> Option<Self> {
        let mut left = bytes.as_slice();
        let body_len = u32::from_le_bytes(take(&mut left)?);
        let header_checksum = u32::from_le_bytes(take(&mut left)?);
        let body_checksum = u32::from_le_bytes(take(&mut left)?);
        let of_len = checksum(salt, position, &body_len.to_le_bytes());
        let checksum_so_far = crc32c::crc32c_append(of_len, &of_len.to_le_bytes());
        let body_len = usize::try_from(body_len).ok()?;
        let is_valid = header_checksum == of_len && (1..=BATCH_SIZE_MAX_BYTES).contains(&body_len);
        is_valid.then_some(Self { body_len, checksum_so_far, body_checksum })
    }

    pub(super) fn is_body(self, body: &[u8]) -> bool {
        body.len() == self.body_len
            && crc32c::crc32c_append(self.checksum_so_far, body) == self.body_checksum
    }
}

/// What stands before a record, as its writer knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Durable,
    Unknown,
}

/// Returns how many bytes an entry takes.
pub(super) fn entry_bytes(key: &str, value: Option<&Bytes>) -> usize {
    ENTRY_HEADER_BYTES + key.len() + value.map_or(0, Bytes::len)
}

/// A record being made.
#[derive(Debug)]
pub(super) struct RecordBuilder {
    bytes: Vec<u8>,
}

impl RecordBuilder {
    pub(super) fn new(before: Before) -> Self {
        let mut bytes = vec![0; RECORD_HEADER_BYTES];
        bytes.push(match before {
            Before::Durable => FLAG_FOLLOWS_DURABLE,
            Before::Unknown => 0,
        });
        Self { bytes }
    }

    /// Adds an entry; its sizes are within the limits.
    pub(super) fn push(&mut self, key: &str, value: Option<&Bytes>) {
        debug_assert!(key.len() <= KEY_SIZE_MAX_BYTES, "keys are checked before");
        let value_len = value.map_or(REMOVED, |value| u32::try_from(value.len()).unwrap_or(0));
        self.bytes.extend_from_slice(&value_len.to_le_bytes());
        self.bytes.extend_from_slice(&u16::try_from(key.len()).unwrap_or(0).to_le_bytes());
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.extend_from_slice(value.map(Bytes::as_ref).unwrap_or_default());
    }

    pub(super) fn body_len(&self) -> usize {
        self.bytes.len() - RECORD_HEADER_BYTES
    }

    /// Returns the record's bytes for its place in the file.
    pub(super) fn finish(mut self, salt: u64, position: u64) -> Vec<u8> {
        let (header, body) = self.bytes.split_at_mut(RECORD_HEADER_BYTES);
        let body_len = u32::try_from(body.len()).unwrap_or(0).to_le_bytes();
        let of_len = checksum(salt, position, &body_len);
        let so_far = crc32c::crc32c_append(of_len, &of_len.to_le_bytes());
        let of_body = crc32c::crc32c_append(so_far, body);
        let fields = [body_len, of_len.to_le_bytes(), of_body.to_le_bytes()];
        header.copy_from_slice(fields.as_flattened());
        self.bytes
    }
}

/// Reads a body whose checksum is right; `None` when it is of no known form.
pub(super) fn decode_body(mut body: &[u8]) -> Option<(Before, Vec<Put>)> {
    let before = match take(&mut body)? {
        [0] => Before::Unknown,
        [FLAG_FOLLOWS_DURABLE] => Before::Durable,
        _ => return None,
    };
    let mut puts = Vec::new();
    while !body.is_empty() {
        let value_len = u32::from_le_bytes(take(&mut body)?);
        let key_len = usize::from(u16::from_le_bytes(take(&mut body)?));
        let (key, rest) = body.split_at_checked(key_len)?;
        let key = std::str::from_utf8(key).ok()?;
        body = rest;
        let mut value = None;
        if value_len != REMOVED {
            let (bytes, rest) = body.split_at_checked(usize::try_from(value_len).ok()?)?;
            value = Some(Bytes::copy_from_slice(bytes));
            body = rest;
        }
        puts.push((key.into(), value));
    }
    Some((before, puts))
}

fn checksum(salt: u64, position: u64, bytes: &[u8]) -> u32 {
    let of_place = crc32c::crc32c([salt.to_le_bytes(), position.to_le_bytes()].as_flattened());
    crc32c::crc32c_append(of_place, bytes)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
