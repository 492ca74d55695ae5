//! An answer as it is kept: wire form without its additional section, and what is known of it.

use std::net::IpAddr;
use std::sync::Arc;

/// An answer of an upstream, or the failure to get one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Header, question, answer and authority; the id is 0 and nothing is additional.
    pub(crate) wire: Box<[u8]>,
    /// Where in `wire` the TTL of each record stands.
    pub(crate) ttl_offsets: Box<[u16]>,
    /// Response code.
    pub(crate) response_code: u8,
    /// Seconds that it may be used.
    pub(crate) ttl_s: u32,
    /// The name that was asked for, for the log.
    pub(crate) name: Arc<str>,
    /// The first addresses, for the log.
    pub(crate) addresses: Arc<[IpAddr]>,
    /// The canonical names that the answer goes through, for the filter.
    pub(crate) chain: Box<[Arc<str>]>,
    /// The upstream that answered; `None` is none.
    pub(crate) upstream: Option<Arc<str>>,
    /// Whether the upstream vouches for it (AD).
    pub(crate) is_authentic: bool,
    /// What else there is to say of it (RFC 8914).
    pub(crate) extended_error: Option<u16>,
}

impl Stored {
    /// Returns whether it says what is, or that it is not; anything else is a failure.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.response_code, 0 | 3)
    }

    /// Returns the bytes that it takes of the cache.
    pub(crate) fn size_bytes(&self) -> usize {
        /// Allocations of an entry beside the bytes that are counted one by one.
        const OVERHEAD_BYTES: usize = 320;
        let chain: usize = self.chain.iter().map(|name| name.len() + 32).sum();
        OVERHEAD_BYTES
            + self.wire.len()
            + self.ttl_offsets.len() * 2
            + self.name.len()
            + self.addresses.len() * 17
            + chain
    }
}
