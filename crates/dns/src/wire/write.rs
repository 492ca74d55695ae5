//! Writes answers: header, question, records, and the OPT record at the end.

use std::net::IpAddr;

use super::query::Query;
use super::{HEADER_BYTES, flag};
use crate::record_type::RecordType;

/// A pointer to the question's name, which always stands after the header.
pub(crate) const QUESTION_NAME: [u8; 2] = [0xc0, 0x0c];
/// Least size of a datagram that every client takes.
pub(crate) const UDP_SIZE_MIN: u16 = 512;
/// Encrypted answers are filled up to a multiple of this (RFC 8467 §4.1).
const PADDING_BLOCK_BYTES: usize = 468;
const OPTION_COOKIE: u16 = 10;
const OPTION_PADDING: u16 = 12;
const OPTION_EXTENDED_ERROR: u16 = 15;
/// Bytes of an OPT record without options.
const OPT_BYTES: usize = 11;

/// What goes into the OPT record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// Largest datagram that we take.
    pub(crate) udp_size: u16,
    /// Cookie of client and server.
    pub(crate) cookie: Option<&'a [u8]>,
    /// Code and text (RFC 8914).
    pub(crate) extended_error: Option<(u16, &'a str)>,
    /// Whether the answer is filled up; only where it is encrypted.
    pub(crate) is_padded: bool,
}

/// Begins the answer to a question: header and question.
pub(crate) fn begin(out: &mut Vec<u8>, query: &Query<'_>, code: u16) {
    let flags = flag::RESPONSE
        | flag::RECURSION_AVAILABLE
        | (query.flags & (flag::RECURSION_DESIRED | flag::CHECKING_DISABLED))
        | (code & 0xf);
    header(out, query.id, flags, 1);
    out.extend_from_slice(query.question);
}

/// Writes a whole answer that has a code and nothing else.
pub(crate) fn code_alone(out: &mut Vec<u8>, id: u16, flags: u16, (code, question): (u16, &[u8])) {
    let kept = flags & (0x7800 | flag::RECURSION_DESIRED | flag::CHECKING_DISABLED);
    let flags = flag::RESPONSE | flag::RECURSION_AVAILABLE | kept | (code & 0xf);
    header(out, id, flags, u16::from(!question.is_empty()));
    out.extend_from_slice(question);
}

fn header(out: &mut Vec<u8>, id: u16, flags: u16, n_questions: u16) {
    out.clear();
    for word in [id, flags, n_questions, 0, 0, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Where a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Answer,
    Authority,
    Additional,
}

/// Adds a record of class IN; `owner` and `data` are in wire form.
pub(crate) fn record(
    out: &mut Vec<u8>,
    section: Section,
    owner: &[u8],
    (kind, ttl_s): (RecordType, u32),
    data: &[u8],
) {
    let Ok(length) = u16::try_from(data.len()) else { return };
    out.extend_from_slice(owner);
    out.extend_from_slice(&kind.0.to_be_bytes());
    out.extend_from_slice(&super::CLASS_IN.to_be_bytes());
    out.extend_from_slice(&ttl_s.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(data);
    count(out, section);
}

/// Adds an A or AAAA record of the question's name.
pub(crate) fn address(out: &mut Vec<u8>, address: IpAddr, ttl_s: u32) {
    match address {
        IpAddr::V4(address) => {
            let kind = (RecordType::A, ttl_s);
            record(out, Section::Answer, &QUESTION_NAME, kind, &address.octets());
        }
        IpAddr::V6(address) => {
            let kind = (RecordType::AAAA, ttl_s);
            record(out, Section::Answer, &QUESTION_NAME, kind, &address.octets());
        }
    }
}

/// Adds the SOA record that says how long an absence may be kept (RFC 2308 §3).
pub(crate) fn absence(out: &mut Vec<u8>, ttl_s: u32) {
    /// `localhost.` and `nobody.invalid.` (RFC 6303 §3).
    const NAMES: &[u8] = b"\x09localhost\x00\x06nobody\x07invalid\x00";
    let mut data = NAMES.to_vec();
    for number in [1, 3_600, 1_200, 604_800, ttl_s] {
        data.extend_from_slice(&u32::to_be_bytes(number));
    }
    record(out, Section::Authority, &QUESTION_NAME, (RecordType::SOA, ttl_s), &data);
}

/// Raises the count of a section by one.
fn count(out: &mut [u8], section: Section) {
    let at = match section {
        Section::Answer => 6,
        Section::Authority => 8,
        Section::Additional => 10,
    };
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = u16::from_be_bytes(*place).saturating_add(1).to_be_bytes();
    }
}

/// Ends an answer: cuts it when it is over `size_max_bytes`, and speaks EDNS when the question did.
pub(crate) fn end(
    out: &mut Vec<u8>,
    query: &Query<'_>,
    code: u16,
    options: &Options<'_>,
    size_max_bytes: usize,
) {
    let opt_bytes = query.edns.map_or(0, |_| OPT_BYTES + options_bytes(options));
    if out.len() + opt_bytes > size_max_bytes {
        truncate(out, query);
    }
    if let Some(edns) = &query.edns {
        let flags = if edns.wants_dnssec { 0x80 } else { 0 };
        opt(out, (code, flags), options);
    }
}

/// Ends an answer of a code alone.
pub(crate) fn end_code(out: &mut Vec<u8>, code: u16, udp_size: u16) {
    opt(out, (code, 0), &Options { udp_size, ..Options::default() });
}

/// Leaves header and question and says that there is more.
pub(crate) fn truncate(out: &mut Vec<u8>, query: &Query<'_>) {
    out.truncate(HEADER_BYTES + query.question.len());
    let Some(head) = out.first_chunk_mut::<HEADER_BYTES>() else { return };
    let flags = u16::from_be_bytes([head[2], head[3]]) | flag::TRUNCATED;
    [head[2], head[3]] = flags.to_be_bytes();
    head[6..].fill(0);
}

fn options_bytes(options: &Options<'_>) -> usize {
    options.cookie.map_or(0, |cookie| 4 + cookie.len())
        + options.extended_error.map_or(0, |(_, text)| 6 + text.len())
}

fn opt(out: &mut Vec<u8>, (code, flags): (u16, u8), options: &Options<'_>) {
    let [_, code_high] = (code >> 4).to_be_bytes();
    let [size_high, size_low] = options.udp_size.to_be_bytes();
    out.extend_from_slice(&[0, 0, 41, size_high, size_low, code_high, 0, flags, 0]);
    let length_at = out.len();
    out.extend_from_slice(&[0, 0]);
    if let Some(cookie) = options.cookie {
        option(out, OPTION_COOKIE, &[cookie]);
    }
    if let Some((code, text)) = options.extended_error {
        option(out, OPTION_EXTENDED_ERROR, &[&code.to_be_bytes(), text.as_bytes()]);
    }
    if options.is_padded {
        let n_bytes = (out.len() + 4).next_multiple_of(PADDING_BLOCK_BYTES) - out.len() - 4;
        option(out, OPTION_PADDING, &[&vec![0; n_bytes]]);
    }
    let length = out.len() - length_at - 2;
    if let (Some(place), Ok(length)) =
        (out.get_mut(length_at..).and_then(<[u8]>::first_chunk_mut), u16::try_from(length))
    {
        *place = length.to_be_bytes();
    }
    count(out, Section::Additional);
}

fn option(out: &mut Vec<u8>, option: u16, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let Ok(length) = u16::try_from(length) else { return };
    out.extend_from_slice(&option.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}
