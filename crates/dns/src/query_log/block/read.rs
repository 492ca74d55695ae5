//! Reads blocks of the log, whole or only the parts that a search needs.

use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use super::{
    AUTHENTIC_BIT, ENTRIES_MAX, Encoded, STATUS_BITS, TRANSPORT_SHIFT, VERSION, index_width,
};
use crate::entry::{ADDRESSES_MAX, Entry, Status, Transport};
use crate::query_log::bytes::{Cut, Reader};
use crate::record_type::RecordType;
use crate::verdict::{ListId, Reason};

/// Most bytes that the deflated part may become.
const REST_MAX_BYTES: u64 = 2 << 20;

/// The first part of a block, understood.
#[derive(Debug)]
pub(crate) struct Dictionary<'a> {
    pub n_rows: usize,
    pub from_ms: u64,
    pub to_ms: u64,
    pub at_width: usize,
    pub duration_width: usize,
    pub statuses: u8,
    pub transports: u8,
    pub durations_us: (u32, u32),
    /// The names, a line feed after each.
    pub names: &'a str,
    /// End of each name in `names`, its line feed left out.
    pub name_ends: Vec<usize>,
    pub clients: Vec<IpAddr>,
    pub kinds: Vec<RecordType>,
    pub response_codes: Vec<u16>,
    pub upstreams: Vec<&'a str>,
    pub reasons: Vec<(ListId, Option<u32>, &'a str)>,
}

/// The second part of a block: columns of indexes and numbers.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub name: Column<'a>,
    pub client: Column<'a>,
    pub kind: Column<'a>,
    pub response_code: Column<'a>,
    pub upstream: Column<'a>,
    pub reason: Column<'a>,
    pub flags: Column<'a>,
    pub at: Column<'a>,
    pub duration: Column<'a>,
}

/// The third part of a block.
#[derive(Debug)]
pub(crate) struct Rest {
    pub ports: Vec<u16>,
    pub address_indexes: Vec<u16>,
    pub addresses: Vec<Vec<IpAddr>>,
}

/// Numbers of one, two or four bytes, one a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl<'a> Column<'a> {
    /// Returns the number of a row.
    pub(crate) fn get(&self, row: usize) -> Option<usize> {
        let start = row.checked_mul(self.width)?;
        let bytes = self.bytes.get(start..start + self.width)?;
        let number = bytes.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        usize::try_from(number).ok()
    }

    /// Clears the hits whose number fails a test.
    pub(crate) fn keep(&self, hits: &mut [bool], test: impl Fn(usize) -> bool) {
        match self.width {
            1 => {
                for (hit, byte) in hits.iter_mut().zip(self.bytes) {
                    *hit = *hit && test(usize::from(*byte));
                }
            }
            2 => {
                let (pairs, _) = self.bytes.as_chunks::<2>();
                for (hit, pair) in hits.iter_mut().zip(pairs) {
                    *hit = *hit && test(usize::from(u16::from_le_bytes(*pair)));
                }
            }
            _ => {
                let (quads, _) = self.bytes.as_chunks::<4>();
                for (hit, quad) in hits.iter_mut().zip(quads) {
                    let number = u32::from_le_bytes(*quad);
                    *hit = *hit && usize::try_from(number).is_ok_and(&test);
                }
            }
        }
    }

    fn read(reader: &mut Reader<'a>, n_rows: usize, width: usize) -> Result<Self, Cut> {
        let bytes = reader.take(n_rows.checked_mul(width).ok_or(Cut)?)?;
        Ok(Self { bytes, width })
    }
}

impl<'a> Dictionary<'a> {
    /// Reads the first part of a block.
    ///
    /// # Errors
    ///
    /// The bytes are damaged, or of a later version.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Cut> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(Cut);
        }
        let n_rows = reader.count()?;
        let (from_ms, to_ms) = (reader.u64()?, reader.u64()?);
        let (at_width, duration_width) = (reader.u8()?.into(), reader.u8()?.into());
        if n_rows > ENTRIES_MAX || [at_width, duration_width].iter().any(|w| ![2, 4].contains(w)) {
            return Err(Cut);
        }
        let (statuses, transports) = (reader.u8()?, reader.u8()?);
        let durations_us = (reader.u32()?, reader.u32()?);
        let (names, name_ends) = names(&mut reader)?;
        let clients = reader.many(Reader::address)?;
        let kinds = reader.many(|reader| reader.u16().map(RecordType))?;
        let response_codes = reader.many(Reader::u16)?;
        let upstreams = reader.many(Reader::text)?;
        let reasons = reader.many(|reader| {
            let (list, line) = (ListId(reader.u16()?), reader.u32()?);
            Ok((list, (line > 0).then_some(line), reader.text()?))
        })?;
        Ok(Self {
            n_rows,
            from_ms,
            to_ms,
            at_width,
            duration_width,
            statuses,
            transports,
            durations_us,
            names,
            name_ends,
            clients,
            kinds,
            response_codes,
            upstreams,
            reasons,
        })
    }

    /// Returns a name by its index.
    pub(crate) fn name(&self, index: usize) -> Option<&'a str> {
        let start = match index.checked_sub(1) {
            Some(before) => self.name_ends.get(before)? + 1,
            None => 0,
        };
        self.names.get(start..*self.name_ends.get(index)?)
    }
}

/// Reads the names and where each ends.
fn names<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, Vec<usize>), Cut> {
    let (n_names, n_bytes) = (reader.count()?, reader.count()?);
    if n_names > ENTRIES_MAX {
        return Err(Cut);
    }
    let mut ends = Vec::with_capacity(n_names);
    let mut end = 0;
    for _ in 0..n_names {
        end += usize::from(reader.u16()?);
        ends.push(end);
        end += 1;
    }
    let names = std::str::from_utf8(reader.take(n_bytes)?).map_err(|_| Cut)?;
    if end != n_bytes {
        return Err(Cut);
    }
    Ok((names, ends))
}

impl<'a> Rows<'a> {
    /// Reads the second part of a block.
    ///
    /// # Errors
    ///
    /// The bytes are damaged.
    pub(crate) fn decode(bytes: &'a [u8], dictionary: &Dictionary<'_>) -> Result<Self, Cut> {
        let mut reader = Reader::new(bytes);
        let n_rows = dictionary.n_rows;
        let mut index = |n_values| Column::read(&mut reader, n_rows, index_width(n_values));
        Ok(Self {
            name: index(dictionary.name_ends.len())?,
            client: index(dictionary.clients.len())?,
            kind: index(dictionary.kinds.len())?,
            response_code: index(dictionary.response_codes.len())?,
            upstream: index(dictionary.upstreams.len() + 1)?,
            reason: index(dictionary.reasons.len() + 1)?,
            flags: Column::read(&mut reader, n_rows, 1)?,
            at: Column::read(&mut reader, n_rows, dictionary.at_width)?,
            duration: Column::read(&mut reader, n_rows, dictionary.duration_width)?,
        })
    }
}

impl Rest {
    /// Reads the third part of a block.
    ///
    /// # Errors
    ///
    /// The bytes are damaged.
    pub(crate) fn decode(bytes: &[u8], n_rows: usize) -> Result<Self, Cut> {
        let mut plain = Vec::new();
        let mut inflated = DeflateDecoder::new(bytes).take(REST_MAX_BYTES);
        inflated.read_to_end(&mut plain).map_err(|_| Cut)?;
        let mut reader = Reader::new(&plain);
        let numbers = |reader: &mut Reader<'_>| {
            (0..n_rows).map(|_| reader.u16()).collect::<Result<Vec<u16>, Cut>>()
        };
        let (ports, address_indexes) = (numbers(&mut reader)?, numbers(&mut reader)?);
        let addresses = reader.many(|reader| {
            let n_addresses = usize::from(reader.u8()?);
            (0..n_addresses.min(ADDRESSES_MAX)).map(|_| reader.address()).collect()
        })?;
        Ok(Self { ports, address_indexes, addresses })
    }
}

/// Returns the status that flags hold.
pub(crate) fn status_of(flags: usize) -> Option<Status> {
    Status::ALL.get(flags & usize::from(STATUS_BITS)).copied()
}

/// Returns the transport that flags hold.
pub(crate) fn transport_of(flags: usize) -> Option<Transport> {
    Transport::ALL.get(flags >> TRANSPORT_SHIFT & 3).copied()
}

/// Puts one entry together; `None` for a row or an index that there is not.
pub(crate) fn entry(
    row: usize,
    dictionary: &Dictionary<'_>,
    rows: &Rows<'_>,
    rest: &Rest,
) -> Option<Entry> {
    let flags = rows.flags.get(row)?;
    let upstream = match rows.upstream.get(row)?.checked_sub(1) {
        Some(index) => Some(Arc::from(*dictionary.upstreams.get(index)?)),
        None => None,
    };
    let reason = match rows.reason.get(row)?.checked_sub(1) {
        Some(index) => {
            let (list, line, rule) = dictionary.reasons.get(index)?;
            Some(Reason { list: *list, rule: Arc::from(*rule), line: *line })
        }
        None => None,
    };
    let addresses = rest.addresses.get(usize::from(*rest.address_indexes.get(row)?))?;
    Some(Entry {
        at_ms: dictionary.from_ms.checked_add(u64::try_from(rows.at.get(row)?).ok()?)?,
        client: *dictionary.clients.get(rows.client.get(row)?)?,
        client_port: *rest.ports.get(row)?,
        transport: transport_of(flags)?,
        name: Arc::from(dictionary.name(rows.name.get(row)?)?),
        kind: *dictionary.kinds.get(rows.kind.get(row)?)?,
        response_code: *dictionary.response_codes.get(rows.response_code.get(row)?)?,
        status: status_of(flags)?,
        reason,
        upstream,
        duration_us: u32::try_from(rows.duration.get(row)?).ok()?,
        addresses: addresses.clone(),
        is_authentic: flags & usize::from(AUTHENTIC_BIT) != 0,
    })
}

/// Decodes every entry of a block.
///
/// # Errors
///
/// The bytes are damaged.
pub(crate) fn decode(encoded: &Encoded) -> Result<Vec<Entry>, Cut> {
    let dictionary = Dictionary::decode(&encoded.dictionary)?;
    let rows = Rows::decode(&encoded.rows, &dictionary)?;
    let rest = Rest::decode(&encoded.rest, dictionary.n_rows)?;
    let entries = (0..dictionary.n_rows).map(|row| entry(row, &dictionary, &rows, &rest));
    entries.collect::<Option<Vec<Entry>>>().ok_or(Cut)
}
