//! Writes the answers of the resolver and the entries that tell of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Asker, Miss, Resolver, Settings};
use crate::cache::Stored;
use crate::entry::{Status, Transport};
use crate::name;
use crate::record_type::RecordType;
use crate::ring::{Record, RingWriter};
use crate::verdict::Reason;
use crate::wire::query::Query;
use crate::wire::write::{self, Options};
use crate::wire::{HEADER_BYTES, MESSAGE_MAX_BYTES, code, extended, flag};

/// Room in which one answer after the other is written.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The answer.
    pub(crate) out: Vec<u8>,
    /// The question's name as text.
    pub(super) text: String,
}

/// What is told of an answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: Status,
    pub(super) code: u16,
    pub(super) reason: Option<Reason>,
    pub(super) upstream: Option<Arc<str>>,
    pub(super) addresses: Arc<[IpAddr]>,
    pub(super) is_authentic: bool,
}

impl Told {
    pub(super) fn new(status: Status, code: u16) -> Self {
        let addresses = Arc::new([]);
        Self { status, code, reason: None, upstream: None, addresses, is_authentic: false }
    }

    pub(super) fn of(stored: &Stored, status: Status) -> Self {
        Self {
            status,
            code: stored.response_code.into(),
            reason: None,
            upstream: stored.upstream.clone(),
            addresses: Arc::clone(&stored.addresses),
            is_authentic: stored.is_authentic,
        }
    }

    pub(super) fn because(self, reason: Option<Reason>) -> Self {
        Self { reason, ..self }
    }
}

/// How old an answer of the cache is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Age {
    /// So many seconds.
    Seconds(u32),
    /// Past its time: every record gets this TTL.
    Stale { ttl_s: u32 },
}

/// Copies a stored answer and makes it one to this question.
pub(super) fn copy(out: &mut Vec<u8>, query: &Query<'_>, stored: &Stored, age: Age) {
    out.clear();
    out.extend_from_slice(&stored.wire);
    let wants_authentic = query.wants_dnssec() || query.has(flag::AUTHENTIC);
    let mut flags = flag::RESPONSE
        | flag::RECURSION_AVAILABLE
        | (query.flags & (flag::RECURSION_DESIRED | flag::CHECKING_DISABLED))
        | u16::from(stored.response_code & 0xf);
    if stored.is_authentic && wants_authentic && matches!(age, Age::Seconds(_)) {
        flags |= flag::AUTHENTIC;
    }
    if let Some(head) = out.first_chunk_mut::<4>() {
        let [id_high, id_low] = query.id.to_be_bytes();
        let [flags_high, flags_low] = flags.to_be_bytes();
        *head = [id_high, id_low, flags_high, flags_low];
    }
    // The question's own letters: equal but for their case, so of equal length.
    if let Some(place) = out.get_mut(HEADER_BYTES..HEADER_BYTES + query.question.len()) {
        place.copy_from_slice(query.question);
    }
    for at in &stored.ttl_offsets {
        let place = out.get_mut(usize::from(*at)..).and_then(<[u8]>::first_chunk_mut);
        if let Some(place) = place {
            let ttl_s = match age {
                Age::Seconds(age_s) => u32::from_be_bytes(*place).saturating_sub(age_s),
                Age::Stale { ttl_s } => ttl_s,
            };
            *place = ttl_s.to_be_bytes();
        }
    }
}

impl Resolver {
    /// Ends an answer: cookie, extended error, size, padding.
    pub(super) fn seal(
        &self,
        out: &mut Vec<u8>,
        query: &Query<'_>,
        (code, extended_error): (u16, Option<(u16, &str)>),
        (asker, settings): (&Asker, &Settings),
    ) {
        let cookie = query.edns.and_then(|edns| edns.cookie).map(|cookie| {
            let now_s = u32::try_from((asker.at_ms / 1_000) & 0xffff_ffff).unwrap_or(0);
            self.secret.cookie(cookie.client, asker.client.ip(), now_s)
        });
        let is_encrypted = matches!(asker.transport, Transport::Tls | Transport::Https);
        let options = Options {
            udp_size: settings.udp_size_max,
            cookie: cookie.as_ref().map(<[u8; _]>::as_slice),
            extended_error,
            is_padded: is_encrypted && query.edns.is_some_and(|edns| edns.is_padded),
        };
        let size_max_bytes = match (asker.transport, query.edns) {
            (Transport::Udp, None) => write::UDP_SIZE_MIN.into(),
            (Transport::Udp, Some(edns)) => {
                edns.udp_size.clamp(write::UDP_SIZE_MIN, settings.udp_size_max).into()
            }
            (Transport::Tcp | Transport::Tls | Transport::Https, _) => MESSAGE_MAX_BYTES,
        };
        write::end(out, query, code, &options, size_max_bytes);
    }

    /// Hands the entry of an answer to the log.
    pub(super) fn tell(
        ring: &RingWriter,
        asker: &Asker,
        (name, kind): (Arc<str>, RecordType),
        told: Told,
    ) {
        let duration_us = asker.start.elapsed().as_micros();
        ring.push(Record {
            at_ms: asker.at_ms,
            client: asker.client,
            transport: asker.transport,
            name,
            kind,
            response_code: told.code,
            status: told.status,
            reason: told.reason,
            upstream: told.upstream,
            duration_us: u32::try_from(duration_us).unwrap_or(u32::MAX),
            addresses: told.addresses,
            is_authentic: told.is_authentic,
        });
    }

    /// Answers a question that found no place to wait.
    pub(super) fn overflow(&self, miss: &Miss) -> Vec<u8> {
        self.counters.overflows.fetch_add(1, Ordering::Relaxed);
        let mut out = Vec::new();
        let Ok(query) = Query::parse(&miss.message) else { return out };
        let settings = self.settings.load();
        let text = "too many questions wait for upstreams";
        let extended_error = Some((extended::NETWORK_ERROR, text));
        write::begin(&mut out, &query, code::SERVER_FAILURE);
        let parts = (code::SERVER_FAILURE, extended_error);
        self.seal(&mut out, &query, parts, (&miss.asker, &settings));
        let name = name::to_text(query.name.as_wire()).into();
        let told = Told::new(Status::Failed, code::SERVER_FAILURE);
        Self::tell(&self.ring.load(), &miss.asker, (name, query.kind), told);
        out
    }
}
