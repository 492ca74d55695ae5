//! Turns a walked response into what the cache keeps, or says what is wrong with it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::Stored;
use crate::config::CacheConfig;
use crate::name::{self, Name};
use crate::network;
use crate::record_type::RecordType;
use crate::wire::response::{Record, Response};
use crate::wire::{CLASS_IN, HEADER_BYTES, code, extended, flag};

/// Longest chain of canonical names that is followed.
const CHAIN_MAX: usize = 32;
/// Most addresses that are kept for rules and log.
const ADDRESSES_MAX: usize = 32;

/// The bounds of time that an answer is kept, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) ttl_min: u32,
    pub(crate) ttl_max: u32,
    pub(crate) negative_ttl_max: u32,
    pub(crate) failure_ttl: u32,
}

impl Times {
    pub(crate) fn new(config: &CacheConfig) -> Self {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Self {
            ttl_min: seconds(config.ttl_min),
            ttl_max: seconds(config.ttl_max),
            negative_ttl_max: seconds(config.negative_ttl_max),
            failure_ttl: seconds(config.failure_ttl),
        }
    }
}

/// Names of the internet that may lead into this network.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rebinding<'a> {
    /// Every name may.
    Allowed,
    /// Only these, and what is below them.
    RefusedBut(&'a [Name]),
}

/// Makes what is kept of a response to the question of `name`.
///
/// Everything additional is left out: nobody asked for it, and it may be forged. The caller has
/// compared the question.
pub(crate) fn ingest(
    message: &[u8],
    response: &Response<'_>,
    (name, upstream): (&Name, &Arc<str>),
    (times, rebinding): (Times, Rebinding<'_>),
) -> Stored {
    let chain = chain(response, name);
    let addresses: Vec<IpAddr> =
        response.answers.iter().filter_map(|record| response.address(record)).collect();
    if leads_inside(&addresses, name, rebinding) {
        return Stored::code(
            response.question,
            name,
            (code::NX_DOMAIN, extended::FILTERED, times.failure_ttl),
        );
    }
    let mut wire = message.get(..response.additional_at).unwrap_or(message).to_vec();
    let kept = flag::RESPONSE | flag::RECURSION_AVAILABLE | (response.code & 0xf);
    let counts = wire.get(4..10).map(<[u8]>::to_vec).unwrap_or_default();
    wire.splice(..HEADER_BYTES, head(kept, &counts));
    let ttl_s = lifetime(response, &chain, times);
    let records = || response.answers.iter().chain(&response.authority);
    for record in records() {
        let ttl_s = record_ttl(response, record, times).min(times.ttl_max);
        if let Some(place) = wire.get_mut(record.ttl_at..).and_then(<[u8]>::first_chunk_mut) {
            *place = ttl_s.to_be_bytes();
        }
    }
    let is_good = matches!(response.code, code::NO_ERROR | code::NX_DOMAIN);
    Stored {
        wire: wire.into(),
        ttl_offsets: records().filter_map(|record| u16::try_from(record.ttl_at).ok()).collect(),
        response_code: u8::try_from(response.code & 0xf).unwrap_or(0),
        ttl_s,
        name: name.to_string().into(),
        addresses: addresses.into_iter().take(ADDRESSES_MAX).collect(),
        chain: chain.into_iter().skip(1).map(|name| name.to_string().into()).collect(),
        upstream: Some(Arc::clone(upstream)),
        is_authentic: response.flags & flag::AUTHENTIC != 0,
        extended_error: if is_good { None } else { response.extended_error },
    }
}

/// Returns a header with the id 0; `counts` are those of question, answer and authority.
fn head(flags: u16, counts: &[u8]) -> Vec<u8> {
    let mut head = vec![0, 0];
    head.extend_from_slice(&flags.to_be_bytes());
    head.extend_from_slice(counts);
    head.resize(HEADER_BYTES, 0);
    head
}

/// Returns the names that the answer goes through, the question's own first.
fn chain(response: &Response<'_>, name: &Name) -> Vec<Name> {
    let mut chain = vec![name.clone()];
    while chain.len() <= CHAIN_MAX {
        let last = chain.last().unwrap_or(name);
        let alias = response.answers.iter().find(|record| {
            record.kind == RecordType::CNAME && record.class == CLASS_IN && record.owner == *last
        });
        let Some(target) = alias.and_then(|alias| response.target(alias)) else { break };
        if chain.contains(&target) {
            break;
        }
        chain.push(target);
    }
    chain
}

/// Returns how many seconds an answer may be kept.
fn lifetime(response: &Response<'_>, chain: &[Name], times: Times) -> u32 {
    if !matches!(response.code, code::NO_ERROR | code::NX_DOMAIN) {
        return times.failure_ttl;
    }
    let answers = response.answers.iter();
    let least = answers.clone().map(|record| clamped(record.ttl_s, times)).min();
    let is_alias = |record: &&Record| record.kind == RecordType::CNAME;
    let is_signature = |record: &&Record| record.kind.0 == 46;
    let has_records = answers
        .filter(|record| !is_alias(record) && !is_signature(record))
        .any(|record| chain.last() == Some(&record.owner))
        || (response.question.ends_with(&[0, 5, 0, 1]) && !response.answers.is_empty());
    if has_records && response.code == code::NO_ERROR {
        return least.unwrap_or(0);
    }
    let negative = negative_ttl(response).map(|ttl_s| ttl_s.min(times.negative_ttl_max));
    match (least, negative) {
        (Some(least), Some(negative)) => least.min(negative),
        (None, Some(negative)) => negative,
        // Without the SOA nobody says how long an absence holds (RFC 2308 §5).
        (_, None) => 0,
    }
}

/// Returns how long an absence holds: the SOA's own TTL or its last field, the lesser.
fn negative_ttl(response: &Response<'_>) -> Option<u32> {
    let soa = response.authority.iter().find(|record| record.kind == RecordType::SOA)?;
    let minimum = response.data(soa).last_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
    Some(sane(soa.ttl_s).min(minimum))
}

/// Returns the TTL that a record is served with.
fn record_ttl(response: &Response<'_>, record: &Record, times: Times) -> u32 {
    let is_in_authority = response.authority.iter().any(|other| other.ttl_at == record.ttl_at);
    match negative_ttl(response) {
        Some(negative) if is_in_authority && record.kind == RecordType::SOA => {
            negative.min(times.negative_ttl_max)
        }
        _ => clamped(record.ttl_s, times),
    }
}

fn clamped(ttl_s: u32, times: Times) -> u32 {
    sane(ttl_s).clamp(times.ttl_min, times.ttl_max)
}

/// A TTL with its first bit set is 0 (RFC 2181 §8).
fn sane(ttl_s: u32) -> u32 {
    if ttl_s > u32::MAX / 2 { 0 } else { ttl_s }
}

fn leads_inside(addresses: &[IpAddr], name: &Name, rebinding: Rebinding<'_>) -> bool {
    match rebinding {
        Rebinding::Allowed => false,
        Rebinding::RefusedBut(allowed) => {
            let is_inside =
                |address: &IpAddr| network::is_private(*address) || address.is_unspecified();
            addresses.iter().any(is_inside)
                && !allowed.iter().any(|allowed| name.is_within(allowed))
        }
    }
}

impl Stored {
    /// Makes an answer of a response code alone: of what is refused here, or has failed.
    ///
    /// `extended_error` 0 says nothing more.
    pub(crate) fn code(
        question: &[u8],
        name: &Name,
        (code, extended_error, ttl_s): (u16, u16, u32),
    ) -> Self {
        let flags = flag::RESPONSE | flag::RECURSION_AVAILABLE | (code & 0xf);
        let mut wire = head(flags, &[0, 1, 0, 0, 0, 0]);
        wire.extend_from_slice(question);
        Self {
            wire: wire.into(),
            ttl_offsets: Box::default(),
            response_code: u8::try_from(code & 0xf).unwrap_or(2),
            ttl_s,
            name: name::to_text(name.as_wire()).into(),
            addresses: Arc::new([]),
            chain: Box::default(),
            upstream: None,
            is_authentic: false,
            extended_error: (extended_error != 0).then_some(extended_error),
        }
    }
}
