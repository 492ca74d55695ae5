//! Some thousand entries of the log as bytes: dictionaries of what repeats, then columns.
//!
//! ```text
//! dictionary  what a search reads of every block
//!   u8 version, u32 rows, u64 first time, u64 last time, u8 width of times, u8 of durations,
//!   u8 statuses, u8 transports (one bit each), u32 least and greatest duration
//!   names      u32 count, u32 bytes, u16 length each, the names with a line feed after each
//!   clients    u32 count, address each (u8 4 or 6, octets)
//!   types      u32 count, u16 each
//!   rcodes     u32 count, u16 each
//!   upstreams  u32 count, text each (u16 length, UTF-8)
//!   reasons    u32 count, each u16 list, u32 line (0 is none), text
//! rows        what it reads of the blocks that may hold something: one column after the other
//!   name, client, type, rcode, upstream + 1, reason + 1: index of one byte, or of two when the
//!   dictionary has more than 255 entries; u8 status, transport and AD; time since the first;
//!   duration
//! rest        what only entries that are shown need, deflated
//!   u16 port each, u16 index of addresses each; u32 count, each u8 number of addresses, addresses
//! ```
//!
//! Numbers are little-endian.

use std::collections::HashMap;
use std::hash::Hash;
use std::io::Write;
use std::net::IpAddr;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::entry::{ADDRESSES_MAX, Entry};
use crate::query_log::bytes::{put_address, put_count, put_text, put_u16};
use crate::record_type::RecordType;
use crate::verdict::ListId;

mod read;

pub(crate) use read::{Column, Dictionary, Rest, Rows, decode, entry, status_of, transport_of};

/// Most entries of a block; every index fits two bytes.
pub const ENTRIES_MAX: usize = 4_096;
/// Version of the form.
const VERSION: u8 = 1;
/// Bit of the flags that says that an upstream vouches for the answer.
pub(crate) const AUTHENTIC_BIT: u8 = 1 << 6;
/// Bits of the flags that hold the status.
const STATUS_BITS: u8 = 0x0f;
/// Place of the transport in the flags.
const TRANSPORT_SHIFT: u8 = 4;

/// Entries as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// First time, milliseconds since 1970.
    pub from_ms: u64,
    /// Last time.
    pub to_ms: u64,
    /// What a search reads of every block.
    pub dictionary: Vec<u8>,
    /// What it reads of the blocks that may hold something.
    pub rows: Vec<u8>,
    /// What entries that are shown need.
    pub rest: Vec<u8>,
}

impl Encoded {
    /// Returns the size on disk in bytes, without what the database adds.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.dictionary.len() + self.rows.len() + self.rest.len()
    }
}

/// What repeats, in the order of its first appearance.
struct Distinct<Value> {
    indexes: HashMap<Value, u16>,
    values: Vec<Value>,
}

impl<Value: Hash + Eq + Clone> Distinct<Value> {
    fn new() -> Self {
        Self { indexes: HashMap::new(), values: Vec::new() }
    }

    fn index(&mut self, value: Value) -> u16 {
        if let Some(index) = self.indexes.get(&value) {
            return *index;
        }
        let index = u16::try_from(self.values.len()).unwrap_or(u16::MAX);
        self.values.push(value.clone());
        self.indexes.insert(value, index);
        index
    }
}

/// Returns the width of indexes below a number.
fn index_width(n_values: usize) -> usize {
    if n_values <= 256 { 1 } else { 2 }
}

/// Returns the width of numbers up to one.
fn number_width(greatest: u32) -> usize {
    if u16::try_from(greatest).is_ok() { 2 } else { 4 }
}

/// Adds numbers of a width.
fn put_column(to: &mut Vec<u8>, numbers: impl Iterator<Item = u32>, width: usize) {
    for number in numbers {
        let bytes = number.to_le_bytes();
        to.extend_from_slice(bytes.get(..width).unwrap_or(&bytes));
    }
}

/// What repeats in some entries, and the indexes of it by row.
struct Tables<'a> {
    names: Distinct<&'a str>,
    clients: Distinct<IpAddr>,
    kinds: Distinct<RecordType>,
    response_codes: Distinct<u16>,
    upstreams: Distinct<&'a str>,
    reasons: Distinct<(ListId, Option<u32>, &'a str)>,
    /// Name, client, type, response code, upstream + 1, reason + 1.
    columns: [Vec<u32>; 6],
}

impl<'a> Tables<'a> {
    fn of(entries: &[&'a Entry]) -> Self {
        let mut tables = Self {
            names: Distinct::new(),
            clients: Distinct::new(),
            kinds: Distinct::new(),
            response_codes: Distinct::new(),
            upstreams: Distinct::new(),
            reasons: Distinct::new(),
            columns: Default::default(),
        };
        for entry in entries {
            let reason = entry.reason.as_ref();
            let reason = reason.map(|reason| (reason.list, reason.line, reason.rule.as_ref()));
            let upstream = entry.upstream.as_deref();
            let indexes = [
                tables.names.index(entry.name.as_ref()).into(),
                tables.clients.index(entry.client).into(),
                tables.kinds.index(entry.kind).into(),
                tables.response_codes.index(entry.response_code).into(),
                upstream.map_or(0, |name| u32::from(tables.upstreams.index(name)) + 1),
                reason.map_or(0, |reason| u32::from(tables.reasons.index(reason)) + 1),
            ];
            tables.columns.iter_mut().zip(indexes).for_each(|(column, index)| column.push(index));
        }
        tables
    }

    fn put_dictionaries(&self, to: &mut Vec<u8>) {
        put_names(to, &self.names.values);
        put_count(to, self.clients.values.len());
        self.clients.values.iter().for_each(|client| put_address(to, *client));
        put_count(to, self.kinds.values.len());
        self.kinds.values.iter().for_each(|kind| put_u16(to, kind.0));
        put_count(to, self.response_codes.values.len());
        self.response_codes.values.iter().for_each(|code| put_u16(to, *code));
        put_count(to, self.upstreams.values.len());
        self.upstreams.values.iter().for_each(|name| put_text(to, name));
        put_count(to, self.reasons.values.len());
        for (list, line, rule) in &self.reasons.values {
            put_u16(to, list.0);
            to.extend(line.unwrap_or(0).to_le_bytes());
            put_text(to, rule);
        }
    }

    fn put_columns(&self, to: &mut Vec<u8>) {
        let n_values = [
            self.names.values.len(),
            self.clients.values.len(),
            self.kinds.values.len(),
            self.response_codes.values.len(),
            self.upstreams.values.len() + 1,
            self.reasons.values.len() + 1,
        ];
        for (column, n_values) in self.columns.iter().zip(n_values) {
            put_column(to, column.iter().copied(), index_width(n_values));
        }
    }
}

/// Encodes entries, at most [`ENTRIES_MAX`] of them and at least one.
#[must_use]
pub fn encode(entries: &[&Entry]) -> Encoded {
    debug_assert!((1..=ENTRIES_MAX).contains(&entries.len()), "a block holds some thousands");
    let from_ms = entries.iter().map(|entry| entry.at_ms).min().unwrap_or(0);
    let to_ms = entries.iter().map(|entry| entry.at_ms).max().unwrap_or(0);
    let durations = entries.iter().map(|entry| entry.duration_us);
    let (least_us, greatest_us) =
        (durations.clone().min().unwrap_or(0), durations.clone().max().unwrap_or(0));
    let at_width = number_width(u32::try_from(to_ms - from_ms).unwrap_or(u32::MAX));
    let duration_width = number_width(greatest_us);
    let bits = |index: fn(&Entry) -> u8| entries.iter().fold(0, |set, e| set | 1 << index(e));

    let tables = Tables::of(entries);
    let mut dictionary = vec![VERSION];
    put_count(&mut dictionary, entries.len());
    dictionary.extend(from_ms.to_le_bytes());
    dictionary.extend(to_ms.to_le_bytes());
    dictionary.extend([at_width, duration_width].map(|width| u8::try_from(width).unwrap_or(4)));
    dictionary.extend([bits(|entry| entry.status.index()), bits(|entry| entry.transport.index())]);
    dictionary.extend(least_us.to_le_bytes());
    dictionary.extend(greatest_us.to_le_bytes());
    tables.put_dictionaries(&mut dictionary);

    let mut rows = Vec::new();
    tables.put_columns(&mut rows);
    rows.extend(entries.iter().map(|entry| flags(entry)));
    let since = |entry: &&Entry| u32::try_from(entry.at_ms - from_ms).unwrap_or(u32::MAX);
    put_column(&mut rows, entries.iter().map(since), at_width);
    put_column(&mut rows, durations, duration_width);
    Encoded { from_ms, to_ms, dictionary, rows, rest: encode_rest(entries) }
}

/// Adds names, a line feed after each.
fn put_names(to: &mut Vec<u8>, names: &[&str]) {
    put_count(to, names.len());
    put_count(to, names.iter().map(|name| name.len() + 1).sum());
    for name in names {
        put_u16(to, u16::try_from(name.len()).unwrap_or(u16::MAX));
    }
    for name in names {
        to.extend_from_slice(name.as_bytes());
        to.push(b'\n');
    }
}

fn flags(entry: &Entry) -> u8 {
    let authentic = if entry.is_authentic { AUTHENTIC_BIT } else { 0 };
    entry.status.index() | entry.transport.index() << TRANSPORT_SHIFT | authentic
}

fn encode_rest(entries: &[&Entry]) -> Vec<u8> {
    let mut addresses = Distinct::new();
    let mut plain = Vec::new();
    for entry in entries {
        put_u16(&mut plain, entry.client_port);
    }
    for entry in entries {
        put_u16(&mut plain, addresses.index(entry.addresses.as_slice()));
    }
    put_count(&mut plain, addresses.values.len());
    for of_one in &addresses.values {
        let kept = of_one.get(..of_one.len().min(ADDRESSES_MAX)).unwrap_or_default();
        plain.push(u8::try_from(kept.len()).unwrap_or(0));
        for address in kept {
            put_address(&mut plain, *address);
        }
    }
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    deflated.write_all(&plain).and_then(|()| deflated.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
