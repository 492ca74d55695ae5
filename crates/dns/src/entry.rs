//! What is known of one answered question: the record that the log, the statistics and the live
//! view are made of.

use std::net::IpAddr;
use std::sync::Arc;

use crate::record_type::RecordType;
use crate::verdict::Reason;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A TCP connection.
    Tcp,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// An upstream answered.
    Forwarded,
    /// The cache answered.
    Cached,
    /// The cache answered past its time, as no upstream did (RFC 8767).
    Stale,
    /// A rule blocked it.
    Blocked,
    /// A rule answered it.
    Rewritten,
    /// A local name: a host, or a lease.
    Local,
    /// Refused by access list, rate or form.
    Refused,
    /// No upstream answered, or the resolver failed.
    Failed,
}

/// One answered question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When the question came, milliseconds since 1970.
    pub at_ms: u64,
    /// Who asked.
    pub client: IpAddr,
    /// From which port.
    pub client_port: u16,
    /// How it came.
    pub transport: Transport,
    /// The name in lower case, presentation format, without the final dot; the root is empty.
    pub name: Arc<str>,
    /// The type that was asked for.
    pub kind: RecordType,
    /// Response code of the answer, extended by EDNS (RFC 6891 §6.1.3).
    pub response_code: u16,
    /// What became of it.
    pub status: Status,
    /// The rule that decided, when one did.
    pub reason: Option<Reason>,
    /// The upstream that answered, by its name.
    pub upstream: Option<Arc<str>>,
    /// From the question's arrival to the answer's departure, in microseconds.
    pub duration_us: u32,
    /// The first addresses of the answer, at most [`ADDRESSES_MAX`].
    pub addresses: Vec<IpAddr>,
    /// Whether an upstream vouches for the answer (AD, RFC 4035 §3.2.3).
    pub is_authentic: bool,
}

impl Entry {
    /// Returns whether a rule let the question through: one decided, and neither blocked nor
    /// answered.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        let is_other = matches!(self.status, Status::Blocked | Status::Rewritten | Status::Refused);
        self.reason.is_some() && !is_other
    }
}

/// Most addresses that an entry keeps of an answer.
pub const ADDRESSES_MAX: usize = 4;
