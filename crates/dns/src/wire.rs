//! Messages in wire form (RFC 1035 §4): reading what clients and upstreams send, writing answers.

pub(crate) mod query;
pub(crate) mod response;
pub(crate) mod write;

use crate::name::NAME_MAX_BYTES;

/// Length of a message's header.
pub(crate) const HEADER_BYTES: usize = 12;
/// Largest message.
pub(crate) const MESSAGE_MAX_BYTES: usize = 65_535;
/// Class of the internet.
pub(crate) const CLASS_IN: u16 = 1;

/// Bits of the header's second word.
pub(crate) mod flag {
    /// It is a response.
    pub(crate) const RESPONSE: u16 = 0x8000;
    /// Cut to fit.
    pub(crate) const TRUNCATED: u16 = 0x0200;
    /// Recursion is wanted.
    pub(crate) const RECURSION_DESIRED: u16 = 0x0100;
    /// Recursion is offered.
    pub(crate) const RECURSION_AVAILABLE: u16 = 0x0080;
    /// Validated (RFC 4035 §3.2.3).
    pub(crate) const AUTHENTIC: u16 = 0x0020;
    /// Validation is not wanted (RFC 4035 §3.2.2).
    pub(crate) const CHECKING_DISABLED: u16 = 0x0010;
}

/// Response codes (registry "DNS RCODEs" of IANA).
pub(crate) mod code {
    pub(crate) const NO_ERROR: u16 = 0;
    pub(crate) const FORMAT_ERROR: u16 = 1;
    pub(crate) const SERVER_FAILURE: u16 = 2;
    pub(crate) const NX_DOMAIN: u16 = 3;
    pub(crate) const NOT_IMPLEMENTED: u16 = 4;
    pub(crate) const REFUSED: u16 = 5;
    pub(crate) const BAD_VERSION: u16 = 16;
}

/// Extended errors (RFC 8914 §4).
pub(crate) mod extended {
    pub(crate) const STALE: u16 = 3;
    pub(crate) const BLOCKED: u16 = 15;
    pub(crate) const FILTERED: u16 = 17;
    pub(crate) const PROHIBITED: u16 = 18;
    pub(crate) const STALE_NX_DOMAIN: u16 = 19;
    pub(crate) const NOT_AUTHORITATIVE: u16 = 20;
    pub(crate) const NO_REACHABLE_AUTHORITY: u16 = 22;
    pub(crate) const NETWORK_ERROR: u16 = 23;
}

/// Reads numbers and bytes one after the other; `None` once the message ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8], at: usize) -> Self {
        Self { message, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.message.len()
    }

    pub(crate) fn take(&mut self, n_bytes: usize) -> Option<&'a [u8]> {
        let bytes = self.message.get(self.at..self.at.checked_add(n_bytes)?)?;
        self.at += n_bytes;
        Some(bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        let bytes = self.message.get(self.at..)?.first_chunk()?;
        self.at += 2;
        Some(u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        let bytes = self.message.get(self.at..)?.first_chunk()?;
        self.at += 4;
        Some(u32::from_be_bytes(*bytes))
    }

    /// Reads a name, following pointers, into lower case.
    ///
    /// Each pointer must lead to before where its name began, so that none goes round; `None`
    /// also for a name over its limit.
    pub(crate) fn name(&mut self) -> Option<NameBuffer> {
        let mut name = NameBuffer::default();
        let mut at = self.at;
        let mut start = self.at;
        let mut end = None;
        loop {
            let length = *self.message.get(at)?;
            match length {
                0 => {
                    name.push(&[0])?;
                    self.at = end.unwrap_or(at + 1);
                    return Some(name);
                }
                1..=63 => {
                    name.push(self.message.get(at..=at + usize::from(length))?)?;
                    at += usize::from(length) + 1;
                }
                0xc0.. => {
                    let low = *self.message.get(at + 1)?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    end = end.or(Some(at + 2));
                    if target >= start {
                        return None;
                    }
                    start = target;
                    at = target;
                }
                // 0x40 and 0x80 were for label types that are history (RFC 6891 §5).
                64..=0xbf => return None,
            }
        }
    }
}

/// A name in wire form and lower case, without an allocation.
#[derive(Clone)]
pub(crate) struct NameBuffer {
    bytes: [u8; NAME_MAX_BYTES],
    length: usize,
}

impl NameBuffer {
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let place = self.bytes.get_mut(self.length..self.length + bytes.len())?;
        place.copy_from_slice(bytes);
        place.make_ascii_lowercase();
        self.length += bytes.len();
        Some(())
    }

    pub(crate) fn as_wire(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Default for NameBuffer {
    fn default() -> Self {
        Self { bytes: [0; NAME_MAX_BYTES], length: 0 }
    }
}

impl std::fmt::Debug for NameBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NameBuffer({})", crate::name::to_text(self.as_wire()))
    }
}

/// Reads a message as one of a client and as one of an upstream, and makes and copies answers: what
/// the fuzzer calls, as everything that touches foreign bytes lies on this way.
pub(crate) fn read_every_way(message: &[u8]) {
    let mut out = Vec::new();
    match query::Query::parse(message) {
        Ok(query) => {
            write::begin(&mut out, &query, code::NO_ERROR);
            write::absence(&mut out, 60);
            let options = write::Options { udp_size: 1_232, is_padded: true, ..Default::default() };
            write::end(&mut out, &query, code::NO_ERROR, &options, MESSAGE_MAX_BYTES);
            let walked = response::Response::walk(&out);
            assert!(walked.is_some(), "an answer of ours can be walked");
        }
        Err(query::Unanswerable::Code { id, flags, code, question, .. }) => {
            write::code_alone(&mut out, id, flags, (code, question));
        }
        Err(query::Unanswerable::Silence) => {}
    }
    let Some(response) = response::Response::walk(message) else { return };
    for record in response.answers.iter().chain(&response.authority) {
        let whole = response.whole_data(record);
        assert!(whole.is_some(), "what was walked can be read");
    }
}

#[cfg(test)]
mod tests;
