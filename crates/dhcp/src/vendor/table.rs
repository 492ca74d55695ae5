//! The vendor table in memory and packed: sorted prefixes and one pool of names.
//!
//! Packed form (deflate, RFC 1951, of the following; all numbers LEB128 without sign):
//!
//! ```text
//! "TVT1"                      magic
//! n_names  { length, UTF-8 }  names, each once
//! 3 x (24, 28, 36 bits)       levels:
//!   n_blocks { prefix minus the prefix before it, index of the name }
//! ```

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::csv::VendorRow;

const MAGIC: &[u8] = b"TVT1";
/// Largest unpacked table accepted; the one of 2022 has 1.2 MB.
const UNPACKED_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Bits of a hardware address.
const ADDRESS_BITS: u8 = 48;
/// Lengths of registered blocks in bits, longest first, as they are looked up.
const LEVEL_BITS: [u8; 3] = [36, 28, 24];

/// Why bytes are no packed vendor table.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not deflated data, or too much of it.
    #[error("vendor table cannot be unpacked")]
    Inflate {
        /// What the decompressor says.
        source: std::io::Error,
    },
    /// The unpacked bytes are not a vendor table, or one of another version.
    #[error("not a vendor table of this version")]
    Magic,
    /// The table ends early or contradicts itself.
    #[error("vendor table is damaged at byte {at}")]
    Damaged {
        /// Bytes from the end of the unpacked table.
        at: usize,
    },
}

/// Blocks by prefix; see [`super::VendorTable`].
#[derive(Debug)]
pub(super) struct Table {
    /// In the order of [`LEVEL_BITS`].
    levels: [Level; 3],
    /// Every name once, one after the other.
    pool: Box<str>,
    /// Where each name ends in `pool`.
    ends: Box<[u32]>,
}

/// The blocks of one length, sorted by prefix.
#[derive(Debug, Default)]
struct Level {
    prefixes: Box<[u64]>,
    names: Box<[u32]>,
}

impl Table {
    pub(super) fn from_rows(rows: Vec<VendorRow>) -> Self {
        let mut blocks: [BTreeMap<u64, u32>; 3] = Default::default();
        let mut indexes: HashMap<Box<str>, u32> = HashMap::new();
        let mut pool = String::new();
        let mut ends = Vec::new();
        for row in rows {
            let Some(level) = LEVEL_BITS.iter().position(|bits| *bits == row.bits) else {
                continue;
            };
            let name = *indexes.entry(row.name).or_insert_with_key(|name| {
                pool.push_str(name);
                ends.push(small(pool.len()));
                small(ends.len() - 1)
            });
            if let Some(blocks) = blocks.get_mut(level) {
                blocks.insert(row.prefix, name);
            }
        }
        let levels = blocks.map(|blocks| {
            let (prefixes, names): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
            Level { prefixes: prefixes.into(), names: names.into() }
        });
        Self { levels, pool: pool.into(), ends: ends.into() }
    }

    pub(super) fn find(&self, address: u64) -> Option<&str> {
        LEVEL_BITS.iter().zip(&self.levels).find_map(|(bits, level)| {
            let at = level.prefixes.binary_search(&(address >> (ADDRESS_BITS - bits))).ok()?;
            self.name(*level.names.get(at)?)
        })
    }

    pub(super) fn n_blocks(&self) -> usize {
        self.levels.iter().map(|level| level.prefixes.len()).sum()
    }

    pub(super) fn rows(&self) -> Vec<VendorRow> {
        let mut rows = Vec::with_capacity(self.n_blocks());
        for (bits, level) in LEVEL_BITS.iter().zip(&self.levels) {
            rows.extend(level.prefixes.iter().zip(&level.names).filter_map(|(prefix, name)| {
                let name = self.name(*name)?.into();
                Some(VendorRow { bits: *bits, prefix: *prefix, name })
            }));
        }
        rows
    }

    fn name(&self, index: u32) -> Option<&str> {
        let index = usize::try_from(index).ok()?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let end = *self.ends.get(index)?;
        self.pool.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut unpacked = Vec::new();
        DeflateDecoder::new(bytes)
            .take(UNPACKED_MAX_BYTES)
            .read_to_end(&mut unpacked)
            .map_err(|source| DecodeError::Inflate { source })?;
        let Some(rest) = unpacked.strip_prefix(MAGIC) else {
            return Err(DecodeError::Magic);
        };
        let mut numbers = Unpacked { rest };
        numbers.table().ok_or(DecodeError::Damaged { at: numbers.rest.len() })
    }
}

/// Packs rows for [`super::VendorTable::decode`].
///
/// # Panics
///
/// Never: writing to memory does not fail.
#[must_use]
pub fn encode(rows: Vec<VendorRow>) -> Vec<u8> {
    let table = Table::from_rows(rows);
    let mut bytes = MAGIC.to_vec();
    push_number(&mut bytes, wide(table.ends.len()));
    for name in (0..small(table.ends.len())).filter_map(|index| table.name(index)) {
        push_number(&mut bytes, wide(name.len()));
        bytes.extend_from_slice(name.as_bytes());
    }
    for level in &table.levels {
        push_number(&mut bytes, wide(level.prefixes.len()));
        let mut before = 0;
        for (prefix, name) in level.prefixes.iter().zip(&level.names) {
            push_number(&mut bytes, prefix - before);
            push_number(&mut bytes, u64::from(*name));
            before = *prefix;
        }
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f | 0x80).expect("masked to eight bits"));
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("less than 0x80"));
}

/// A length or index of the table; registries are far below 2^32 blocks.
fn small(length: usize) -> u32 {
    u32::try_from(length).expect("the size limits keep tables below 2^32 names and bytes")
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).expect("usize is at most 64 bits wide")
}

/// What is left of an unpacked table.
struct Unpacked<'bytes> {
    rest: &'bytes [u8],
}

impl Unpacked<'_> {
    fn table(&mut self) -> Option<Table> {
        let n_names = self.length()?;
        let mut pool = String::new();
        let mut ends = Vec::new();
        for _ in 0..n_names {
            let len_bytes = self.length()?;
            let (name, rest) = self.rest.split_at_checked(len_bytes)?;
            pool.push_str(std::str::from_utf8(name).ok()?);
            ends.push(u32::try_from(pool.len()).ok()?);
            self.rest = rest;
        }
        let mut levels: [Level; 3] = Default::default();
        for level in &mut levels {
            *level = self.level(n_names)?;
        }
        self.rest.is_empty().then(|| Table { levels, pool: pool.into(), ends: ends.into() })
    }

    fn level(&mut self, n_names: usize) -> Option<Level> {
        let n_blocks = self.length()?;
        let mut prefixes = Vec::new();
        let mut names = Vec::new();
        let mut prefix = 0_u64;
        for _ in 0..n_blocks {
            prefix = prefix.checked_add(self.number()?)?;
            let name = u32::try_from(self.number()?).ok()?;
            if usize::try_from(name).ok()? >= n_names {
                return None;
            }
            prefixes.push(prefix);
            names.push(name);
        }
        Some(Level { prefixes: prefixes.into(), names: names.into() })
    }

    /// A count of things that each take at least one byte, so damage cannot ask for more memory
    /// than there are bytes.
    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.number()?).ok()?;
        (length <= self.rest.len()).then_some(length)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}
