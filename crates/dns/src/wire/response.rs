//! Walks an upstream's response: every name, every length, nothing behind the end.

use std::net::IpAddr;

use super::{CLASS_IN, HEADER_BYTES, Reader, flag};
use crate::name::Name;
use crate::record_type::RecordType;

/// Code of the extended error among EDNS options (RFC 8914 §2).
const OPTION_EXTENDED_ERROR: u16 = 15;

/// A response that was walked from end to end.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    message: &'a [u8],
    pub(crate) flags: u16,
    /// The question as it stands: name in its own case, type, class.
    pub(crate) question: &'a [u8],
    pub(crate) answers: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    /// Where the additional section begins.
    pub(crate) additional_at: usize,
    /// Records of the additional section.
    pub(crate) n_additional: usize,
    /// Response code, extended by EDNS.
    pub(crate) code: u16,
    /// First extended error.
    pub(crate) extended_error: Option<u16>,
}

/// Where a record of a response stands.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) owner: Name,
    pub(crate) kind: RecordType,
    pub(crate) class: u16,
    pub(crate) ttl_s: u32,
    pub(crate) ttl_at: usize,
    data_at: usize,
    data_length: usize,
}

impl<'a> Response<'a> {
    /// Walks a message; `None` when it is no response, is malformed, or holds more.
    pub(crate) fn walk(message: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(message, 0);
        reader.take(2)?;
        let flags = reader.u16()?;
        let n_questions = reader.u16()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?];
        if flags & flag::RESPONSE == 0 || flags & 0x7800 != 0 || n_questions != 1 {
            return None;
        }
        reader.name()?;
        reader.take(4)?;
        let question = message.get(HEADER_BYTES..reader.at())?;
        let answers = records(&mut reader, message, counts[0])?;
        let authority = records(&mut reader, message, counts[1])?;
        let additional_at = reader.at();
        let additional = records(&mut reader, message, counts[2])?;
        if !reader.is_at_end() {
            return None;
        }
        let mut response = Self {
            message,
            flags,
            question,
            answers,
            authority,
            additional_at,
            n_additional: additional.len(),
            code: flags & 0xf,
            extended_error: None,
        };
        if let Some(opt) = additional.iter().find(|record| record.kind == RecordType::OPT) {
            let [high, ..] = opt.ttl_s.to_be_bytes();
            response.code |= u16::from(high) << 4;
            response.extended_error = extended_error(response.data(opt));
        }
        Some(response)
    }

    /// Returns a record's data as it stands, its names perhaps compressed.
    pub(crate) fn data(&self, record: &Record) -> &'a [u8] {
        self.message.get(record.data_at..record.data_at + record.data_length).unwrap_or_default()
    }

    /// Returns the name in a record's data: the target of a CNAME.
    pub(crate) fn target(&self, record: &Record) -> Option<Name> {
        let name = Reader::new(self.message, record.data_at).name()?;
        Some(Name::from_wire(name.as_wire()))
    }

    /// Returns the address of an A or AAAA record.
    pub(crate) fn address(&self, record: &Record) -> Option<IpAddr> {
        let data = self.data(record);
        if record.class != CLASS_IN {
            return None;
        }
        match record.kind {
            RecordType::A => Some(IpAddr::from(<[u8; 4]>::try_from(data).ok()?)),
            RecordType::AAAA => Some(IpAddr::from(<[u8; 16]>::try_from(data).ok()?)),
            _ => None,
        }
    }

    /// Returns a record's data with every name whole, to stand in another message.
    pub(crate) fn whole_data(&self, record: &Record) -> Option<Vec<u8>> {
        let Some((n_before, n_names)) = names_in(record.kind) else {
            return Some(self.data(record).to_vec());
        };
        let mut reader = Reader::new(self.message, record.data_at);
        let mut whole = reader.take(n_before)?.to_vec();
        for _ in 0..n_names {
            whole.extend_from_slice(reader.name()?.as_wire());
        }
        let end = record.data_at + record.data_length;
        whole.extend_from_slice(self.message.get(reader.at()..end)?);
        Some(whole)
    }
}

fn records(reader: &mut Reader<'_>, message: &[u8], n_records: u16) -> Option<Vec<Record>> {
    let mut records = Vec::with_capacity(usize::from(n_records).min(64));
    for _ in 0..n_records {
        let owner = Name::from_wire(reader.name()?.as_wire());
        let (kind, class) = (RecordType(reader.u16()?), reader.u16()?);
        let ttl_at = reader.at();
        let ttl_s = reader.u32()?;
        let data_length = usize::from(reader.u16()?);
        let data_at = reader.at();
        reader.take(data_length)?;
        check_data(message, kind, (data_at, data_length))?;
        records.push(Record { owner, kind, class, ttl_s, ttl_at, data_at, data_length });
    }
    Some(records)
}

/// Checks the lengths and names of the data of the types that this program looks into or whose
/// names may be compressed.
fn check_data(message: &[u8], kind: RecordType, (at, length): (usize, usize)) -> Option<()> {
    let expected = match kind {
        RecordType::A => Some(4),
        RecordType::AAAA => Some(16),
        _ => None,
    };
    if expected.is_some_and(|expected| expected != length) {
        return None;
    }
    let Some((n_before, n_names)) = names_in(kind) else { return Some(()) };
    let mut reader = Reader::new(message, at);
    reader.take(n_before)?;
    for _ in 0..n_names {
        reader.name()?;
    }
    let n_after = if kind == RecordType::SOA { 20 } else { 0 };
    (reader.at() + n_after == at + length).then_some(())
}

/// Returns how many bytes and then names the data of a type begins with, where the names may be
/// compressed (RFC 3597 §4, and DNAME, SRV and NAPTR of those who compress what they must not).
fn names_in(kind: RecordType) -> Option<(usize, usize)> {
    match kind.0 {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME.
        2..=5 | 7..=9 | 12 | 39 => Some((0, 1)),
        // SOA, MINFO, RP.
        6 | 14 | 17 => Some((0, 2)),
        // MX, AFSDB, RT, KX.
        15 | 18 | 21 | 36 => Some((2, 1)),
        // PX.
        26 => Some((2, 2)),
        // SRV.
        33 => Some((6, 1)),
        _ => None,
    }
}

fn extended_error(options: &[u8]) -> Option<u16> {
    let mut reader = Reader::new(options, 0);
    while !reader.is_at_end() {
        let option = reader.u16()?;
        let length = reader.u16()?;
        let value = reader.take(length.into())?;
        if option == OPTION_EXTENDED_ERROR {
            return Reader::new(value, 0).u16();
        }
    }
    None
}
