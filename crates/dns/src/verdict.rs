//! What the filter says of a question, and which rule says so.

use std::net::IpAddr;
use std::sync::Arc;

use crate::record_type::RecordType;

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListId(pub u16);

impl ListId {
    /// The rules that people wrote themselves.
    pub const OWN: Self = Self(0);
    /// The switches of safe search.
    pub const SAFE_SEARCH: Self = Self(u16::MAX);
    /// The mode in which what is not let through is blocked.
    pub const STRICT: Self = Self(u16::MAX - 1);
}

/// Which rule decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The list that holds the rule.
    pub list: ListId,
    /// The rule as it is written, or the name that a compiled list matched.
    pub rule: Arc<str>,
    /// Line of the rule in its list, from 1; `None` where a compiled list does not keep it.
    pub line: Option<u32>,
}

/// How a blocked question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlockAnswer {
    /// NXDOMAIN, with the SOA that makes it cacheable.
    #[default]
    NxDomain,
    /// NOERROR without records of the type.
    NoData,
    /// `0.0.0.0` for A, `::` for AAAA, no data for the rest.
    NullAddress,
    /// REFUSED.
    Refused,
    /// Own addresses for A and AAAA, no data for the rest.
    Own {
        /// Answer to A.
        v4: Option<std::net::Ipv4Addr>,
        /// Answer to AAAA.
        v6: Option<std::net::Ipv6Addr>,
    },
}

/// One record, or the absence of records, that a rule puts in place of what the name has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// An address; of the family that was asked for, or no data.
    Address(IpAddr),
    /// Another name, which is resolved in its place.
    CanonicalName(Arc<str>),
    /// A record of another type, its data in presentation format (RFC 1035 §5.1).
    Record {
        /// Its type.
        kind: RecordType,
        /// Its data.
        data: Arc<str>,
    },
    /// This response code and no records (RFC 1035 §4.1.1).
    ResponseCode(u8),
}

/// What the filter says of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No rule matches.
    Pass,
    /// A rule lets it through, whatever blocks it.
    Allowed(Reason),
    /// A rule blocks it.
    Blocked {
        /// The rule.
        reason: Reason,
        /// How to answer; `None` leaves it to the setting.
        answer: Option<BlockAnswer>,
    },
    /// Rules answer it.
    Rewritten {
        /// The first of the rules.
        reason: Reason,
        /// What to answer with, never empty.
        rewrites: Vec<Rewrite>,
    },
    /// A rule says not to answer at all.
    Dropped(Reason),
}
