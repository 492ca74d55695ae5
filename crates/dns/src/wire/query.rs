//! What a client sends: header, one question, and what EDNS says.

use super::{CLASS_IN, HEADER_BYTES, NameBuffer, Reader, code, flag};
use crate::record_type::RecordType;

/// Bytes of a client's cookie (RFC 7873 §4).
pub(crate) const CLIENT_COOKIE_BYTES: usize = 8;
/// Fewest and most bytes of a cookie with the server's part.
const WHOLE_COOKIE_BYTES: std::ops::RangeInclusive<usize> = 16..=40;
const OPTION_COOKIE: u16 = 10;
const OPTION_PADDING: u16 = 12;
/// Types that are for other things than questions: TKEY, TSIG, IXFR, AXFR, MAILB, MAILA.
const META_TYPES: std::ops::RangeInclusive<u16> = 249..=254;

/// A question that can be answered.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    /// Id of the message.
    pub(crate) id: u16,
    /// Second word of the header.
    pub(crate) flags: u16,
    /// The question as it came: name in its own case, type, class.
    pub(crate) question: &'a [u8],
    /// The name in lower case.
    pub(crate) name: NameBuffer,
    /// The type that is asked for.
    pub(crate) kind: RecordType,
    /// What EDNS says; `None` without it.
    pub(crate) edns: Option<Edns<'a>>,
}

/// What EDNS says (RFC 6891).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Edns<'a> {
    /// Largest datagram that the client takes.
    pub(crate) udp_size: u16,
    /// Whether records of DNSSEC are wanted.
    pub(crate) wants_dnssec: bool,
    /// The client's cookie, with the server's part if there is one.
    pub(crate) cookie: Option<Cookie<'a>>,
    /// Whether the client pads (RFC 7830).
    pub(crate) is_padded: bool,
}

/// A cookie of a question (RFC 7873).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookie<'a> {
    pub(crate) client: [u8; CLIENT_COOKIE_BYTES],
    /// What the client has from us; empty is nothing.
    pub(crate) server: &'a [u8],
}

/// A message that gets no proper answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswerable<'a> {
    /// No message, or itself an answer: silence, lest two servers talk to each other for ever.
    Silence,
    /// A response code and nothing else.
    Code {
        id: u16,
        flags: u16,
        code: u16,
        /// The question, as far as it could be read.
        question: &'a [u8],
        /// Whether the answer speaks EDNS.
        has_edns: bool,
    },
}

impl<'a> Query<'a> {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// Says how a message is answered that holds no question for us.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Unanswerable<'a>> {
        let mut reader = Reader::new(message, 0);
        let Some([id, flags, n_questions, n_answers, n_authority, n_additional]) =
            header(&mut reader)
        else {
            return Err(Unanswerable::Silence);
        };
        if flags & flag::RESPONSE != 0 {
            return Err(Unanswerable::Silence);
        }
        let refuse =
            |code, question| Err(Unanswerable::Code { id, flags, code, question, has_edns: false });
        if flags & 0x7800 != 0 {
            return refuse(code::NOT_IMPLEMENTED, &[][..]);
        }
        if n_questions != 1 {
            return refuse(code::FORMAT_ERROR, &[]);
        }
        let Some((name, kind, class)) = question(&mut reader) else {
            return refuse(code::FORMAT_ERROR, &[]);
        };
        let question = message.get(HEADER_BYTES..reader.at()).unwrap_or_default();
        if class != CLASS_IN || META_TYPES.contains(&kind.0) {
            return refuse(code::REFUSED, question);
        }
        if n_answers != 0 || n_authority != 0 || kind == RecordType::OPT || kind.0 == 0 {
            return refuse(code::FORMAT_ERROR, question);
        }
        let edns = match additional(&mut reader, n_additional) {
            Ok(edns) if reader.is_at_end() => edns,
            Ok(_) => return refuse(code::FORMAT_ERROR, question),
            Err(code) => {
                let has_edns = code == code::BAD_VERSION;
                return Err(Unanswerable::Code { id, flags, code, question, has_edns });
            }
        };
        Ok(Self { id, flags, question, name, kind, edns })
    }

    /// Returns whether records of DNSSEC are wanted.
    pub(crate) fn wants_dnssec(&self) -> bool {
        self.edns.is_some_and(|edns| edns.wants_dnssec)
    }

    /// Returns whether a flag is set.
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

fn header(reader: &mut Reader<'_>) -> Option<[u16; 6]> {
    let mut words = [0; 6];
    for word in &mut words {
        *word = reader.u16()?;
    }
    Some(words)
}

/// Reads the one question; its name has no pointer, as nothing stands before it.
fn question(reader: &mut Reader<'_>) -> Option<(NameBuffer, RecordType, u16)> {
    let start = reader.at();
    let name = reader.name()?;
    let has_pointer = reader.at() - start != name.as_wire().len();
    (!has_pointer).then_some(())?;
    Some((name, RecordType(reader.u16()?), reader.u16()?))
}

/// Reads the additional section; the error is a response code.
fn additional<'a>(reader: &mut Reader<'a>, n_records: u16) -> Result<Option<Edns<'a>>, u16> {
    let mut edns = None;
    for _ in 0..n_records {
        let record = record(reader).ok_or(code::FORMAT_ERROR)?;
        if record.kind != RecordType::OPT {
            continue;
        }
        if edns.is_some() || record.name.as_wire() != [0] {
            return Err(code::FORMAT_ERROR);
        }
        let [_, version, flags_high, _] = record.ttl.to_be_bytes();
        if version != 0 {
            return Err(code::BAD_VERSION);
        }
        let mut parsed = Edns {
            udp_size: record.class,
            wants_dnssec: flags_high & 0x80 != 0,
            ..Edns::default()
        };
        options(record.data, &mut parsed).ok_or(code::FORMAT_ERROR)?;
        edns = Some(parsed);
    }
    Ok(edns)
}

fn options<'a>(data: &'a [u8], edns: &mut Edns<'a>) -> Option<()> {
    let mut reader = Reader::new(data, 0);
    while !reader.is_at_end() {
        let option = reader.u16()?;
        let length = reader.u16()?;
        let value = reader.take(length.into())?;
        match option {
            OPTION_COOKIE => {
                let (client, server) = value.split_first_chunk()?;
                if !server.is_empty() && !WHOLE_COOKIE_BYTES.contains(&value.len()) {
                    return None;
                }
                edns.cookie = Some(Cookie { client: *client, server });
            }
            OPTION_PADDING => edns.is_padded = true,
            _ => {}
        }
    }
    Some(())
}

struct Record<'a> {
    name: NameBuffer,
    kind: RecordType,
    class: u16,
    ttl: u32,
    data: &'a [u8],
}

fn record<'a>(reader: &mut Reader<'a>) -> Option<Record<'a>> {
    let name = reader.name()?;
    let (kind, class, ttl) = (RecordType(reader.u16()?), reader.u16()?, reader.u32()?);
    let length = reader.u16()?;
    Some(Record { name, kind, class, ttl, data: reader.take(length.into())? })
}
