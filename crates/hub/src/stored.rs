//! How events, state values and outcomes stand in the log; pure.
//!
//! ```text
//! event    flags u8   TEXT 1, TYPED 2, TTL 4, CONNECTION 8
//!          type u8 + bytes, seconds u32, client u8 + bytes   each if flagged
//!          data       to the end
//! value    at u64, kept_at u64, then as an event
//! outcome  key u8 + bytes, body hash u64, matched u64, then per event: offset u64, check u32
//! ```

use bytes::{BufMut, Bytes, BytesMut};

use crate::channel::ChannelName;
use crate::event::{Audience, Data, EpochMillis, Event, EventType, Publication};
use crate::position::{Check, Epoch, Position};

/// Prefix of the keys of state values in the log's small settings; the channel follows.
pub(crate) const KEY_STATE: &str = "state/";

const FLAG_TEXT: u8 = 1;
const FLAG_TYPED: u8 = 2;
const FLAG_TTL: u8 = 4;
const FLAG_CONNECTION: u8 = 8;

/// An event as it stands in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredEvent<'a> {
    pub kind: &'a str,
    pub data: &'a str,
    pub is_text: bool,
    pub ttl_seconds: Option<u32>,
    /// Client id of the only connection that may see it.
    pub connection: Option<&'a str>,
}

impl<'a> StoredEvent<'a> {
    /// Decodes the body of a record.
    pub(crate) fn decode(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let flags = reader.u8()?;
        let kind = if flags & FLAG_TYPED == 0 { EventType::DEFAULT } else { reader.text()? };
        let ttl_seconds = if flags & FLAG_TTL == 0 { None } else { Some(reader.u32()?) };
        let connection = if flags & FLAG_CONNECTION == 0 { None } else { Some(reader.text()?) };
        let data = std::str::from_utf8(reader.0).ok()?;
        Some(Self { kind, data, is_text: flags & FLAG_TEXT != 0, ttl_seconds, connection })
    }

    /// Returns the check of a position at which this event stands.
    pub(crate) fn check(&self, channel: &str) -> Check {
        Check::of(channel, self.kind, self.data)
    }

    /// Returns the time from which nobody is shown it any more.
    pub(crate) fn expires_at(&self, kept_at: EpochMillis) -> Option<EpochMillis> {
        self.ttl_seconds.map(|seconds| kept_at.saturating_add(u64::from(seconds) * 1_000))
    }

    /// Returns whether it is for a client.
    pub(crate) fn is_for(&self, client_id: &str) -> bool {
        self.connection.is_none_or(|connection| connection == client_id)
    }

    /// Makes the publication that it was.
    pub(crate) fn to_publication(
        self,
        channel: ChannelName,
        position: Option<Position>,
        (at, kept_at): (EpochMillis, EpochMillis),
    ) -> Option<Publication> {
        let data =
            if self.is_text { Data::Text(self.data.into()) } else { Data::Json(self.data.into()) };
        let audience = self.connection.map_or(Audience::All, |id| Audience::Connection(id.into()));
        let kind = EventType::parse(self.kind).ok()?;
        let expires_at = self.expires_at(kept_at);
        Some(Publication::new(channel, kind, data, at, position).limited(audience, expires_at))
    }
}

/// Encodes an event as the body of a record.
pub(crate) fn encode_event(event: &Event) -> Bytes {
    let mut bytes = BytesMut::with_capacity(event.data.as_str().len() + 32);
    push_event(&mut bytes, event);
    bytes.freeze()
}

fn push_event(bytes: &mut BytesMut, event: &Event) {
    let is_typed = event.kind.as_str() != EventType::DEFAULT;
    let mut flags = if matches!(event.data, Data::Text(_)) { FLAG_TEXT } else { 0 };
    flags |= if is_typed { FLAG_TYPED } else { 0 };
    flags |= if event.ttl.is_some() { FLAG_TTL } else { 0 };
    flags |= if event.audience == Audience::All { 0 } else { FLAG_CONNECTION };
    bytes.put_u8(flags);
    if is_typed {
        push_text(bytes, event.kind.as_str());
    }
    if let Some(ttl) = event.ttl {
        bytes.put_u32_le(u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX));
    }
    if let Audience::Connection(id) = &event.audience {
        push_text(bytes, id);
    }
    bytes.put_slice(event.data.as_str().as_bytes());
}

/// Appends a text of at most 255 bytes: types, keys and client ids are limited to fewer.
fn push_text(bytes: &mut BytesMut, text: &str) {
    let text = text.as_bytes().get(..255).unwrap_or(text.as_bytes());
    bytes.put_u8(u8::try_from(text.len()).unwrap_or(u8::MAX));
    bytes.put_slice(text);
}

/// Encodes the newest value of a state channel.
pub(crate) fn encode_value(event: &Event, at: EpochMillis, kept_at: EpochMillis) -> Bytes {
    let mut bytes = BytesMut::with_capacity(event.data.as_str().len() + 48);
    bytes.put_u64_le(at);
    bytes.put_u64_le(kept_at);
    push_event(&mut bytes, event);
    bytes.freeze()
}

/// Decodes the newest value of a state channel.
pub(crate) fn decode_value(channel: ChannelName, bytes: &[u8]) -> Option<Publication> {
    let (times, body) = split_value(bytes)?;
    StoredEvent::decode(body)?.to_publication(channel, None, times)
}

/// Splits the newest value of a state channel into its times and the event.
pub(crate) fn split_value(bytes: &[u8]) -> Option<((EpochMillis, EpochMillis), &[u8])> {
    let mut reader = Reader(bytes);
    let times = (reader.u64()?, reader.u64()?);
    Some((times, reader.0))
}

/// What a publish request with a key was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredOutcome {
    pub key: Box<str>,
    pub body_hash: u64,
    pub matched: usize,
    pub positions: Vec<Option<Position>>,
}

impl StoredOutcome {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.key.len() + 17 + 12 * self.positions.len());
        push_text(&mut bytes, &self.key);
        bytes.put_u64_le(self.body_hash);
        bytes.put_u64_le(u64::try_from(self.matched).unwrap_or(u64::MAX));
        for position in &self.positions {
            bytes.put_u64_le(position.map_or(0, |position| position.offset));
            bytes.put_u32_le(position.map_or(0, |position| position.check.bits()));
        }
        bytes.freeze()
    }

    /// Decodes the body of a note; `epoch` is that of the log.
    pub(crate) fn decode(body: &[u8], epoch: Epoch) -> Option<Self> {
        let mut reader = Reader(body);
        let key = reader.text()?.into();
        let body_hash = reader.u64()?;
        let matched = usize::try_from(reader.u64()?).ok()?;
        let mut positions = Vec::new();
        while !reader.0.is_empty() {
            let (offset, check) = (reader.u64()?, Check::from_bits(reader.u32()?));
            positions.push((offset > 0).then_some(Position { epoch, offset, check }));
        }
        Some(Self { key, body_hash, matched, positions })
    }
}

/// Takes numbers and texts from bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*chunk)
    }

    fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = usize::from(self.u8()?);
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn event(kind: Option<&str>, data: Data, ttl: Option<u32>, client: Option<&str>) -> Event {
        let channel = ChannelName::parse("a/b").unwrap();
        let kind = kind.map_or_else(EventType::default, |kind| EventType::parse(kind).unwrap());
        Event {
            ttl: ttl.map(|seconds| Duration::from_secs(seconds.into())),
            audience: client.map_or(Audience::All, |id| Audience::Connection(id.into())),
            ..Event::new(channel, kind, data)
        }
    }

    proptest! {
        #[test]
        fn an_event_is_read_as_written(
            kind in proptest::option::of("[a-z]{1,128}"), text: String, is_text: bool,
            ttl: Option<u32>, client in proptest::option::of("[0-9a-f-]{36}"),
        ) {
            let data = if is_text { Data::Text(text.into()) } else { Data::Json(text.into()) };
            let event = event(kind.as_deref(), data, ttl, client.as_deref());
            let bytes = encode_event(&event);
            let read = StoredEvent::decode(&bytes).unwrap();
            let publication =
                read.to_publication(event.channel.clone(), None, (5, 1_000)).unwrap();
            prop_assert_eq!(&publication.kind, &event.kind);
            prop_assert_eq!(&publication.data, &event.data);
            prop_assert_eq!(&publication.audience, &event.audience);
            let end = ttl.map(|ttl| 1_000 + u64::from(ttl) * 1_000);
            prop_assert_eq!(publication.expires_at, end);
            let value = encode_value(&event, 7, 8);
            let value = decode_value(event.channel.clone(), &value).unwrap();
            prop_assert_eq!((value.at, &value.data), (7, &event.data));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            StoredEvent::decode(&bytes);
            StoredOutcome::decode(&bytes, Epoch::from_random(1));
            decode_value(ChannelName::parse("a").unwrap(), &bytes);
        }
    }

    #[test]
    fn an_outcome_is_read_as_written() {
        let epoch = Epoch::from_random(3);
        let check = Check::of("a", "b", "c");
        let outcome = StoredOutcome {
            key: "request k".into(),
            body_hash: u64::MAX,
            matched: 3,
            positions: vec![Some(Position { epoch, offset: 9, check }), None],
        };
        assert_eq!(StoredOutcome::decode(&outcome.encode(), epoch), Some(outcome));
    }
}
