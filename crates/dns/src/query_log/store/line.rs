//! An entry as one line of JSON, for the file that people read with other tools.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::entry::{ADDRESSES_MAX, Entry, Status, Transport};
use crate::query_log::{Logged, words};
use crate::record_type::RecordType;
use crate::verdict::{ListId, Reason};

/// A line; fields that are not known are passed over, so that an older Tidings reads a newer file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    sequence: u64,
    at_ms: u64,
    client: IpAddr,
    client_port: u16,
    #[serde(borrow)]
    transport: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    rcode: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<u16>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    rule: Option<Cow<'a, str>>,
    #[serde(rename = "line", skip_serializing_if = "Option::is_none")]
    rule_at: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    upstream: Option<Cow<'a, str>>,
    duration_us: u32,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    authentic: bool,
}

impl<'a> Line<'a> {
    /// Describes an entry.
    pub(super) fn of(logged: &'a Logged) -> Self {
        let entry = &logged.entry;
        let reason = entry.reason.as_ref();
        Self {
            sequence: logged.sequence,
            at_ms: entry.at_ms,
            client: entry.client,
            client_port: entry.client_port,
            transport: entry.transport.word().into(),
            name: entry.name.as_ref().into(),
            kind: entry.kind.to_string().into(),
            rcode: words::response_code(entry.response_code).into(),
            status: entry.status.word().into(),
            list: reason.map(|reason| reason.list.0),
            rule: reason.map(|reason| reason.rule.as_ref().into()),
            rule_at: reason.and_then(|reason| reason.line),
            upstream: entry.upstream.as_deref().map(Into::into),
            duration_us: entry.duration_us,
            addresses: entry.addresses.clone(),
            authentic: entry.is_authentic,
        }
    }

    /// Returns the entry; `None` when a word is not known.
    pub(super) fn logged(self) -> Option<Logged> {
        let reason = self.list.zip(self.rule).map(|(list, rule)| Reason {
            list: ListId(list),
            rule: Arc::from(rule),
            line: self.rule_at,
        });
        let mut addresses = self.addresses;
        addresses.truncate(ADDRESSES_MAX);
        let entry = Entry {
            at_ms: self.at_ms,
            client: self.client,
            client_port: self.client_port,
            transport: Transport::parse(&self.transport)?,
            name: Arc::from(self.name),
            kind: RecordType::parse(&self.kind).ok()?,
            response_code: words::parse_response_code(&self.rcode)?,
            status: Status::parse(&self.status)?,
            reason,
            upstream: self.upstream.map(Arc::from),
            duration_us: self.duration_us,
            addresses,
            is_authentic: self.authentic,
        };
        Some(Logged::new(self.sequence, entry))
    }
}
