//! Events and state values as they are carried out of a log and into another one.

use bytes::Bytes;
use tidings_log::check::EventCopy;
use tidings_log::log::NewRecord;
use tidings_log::record::{ChannelId, Record, RecordKind};

use crate::channel::ChannelName;
use crate::event::{Audience, Data, EpochMillis, Event, EventType};
use crate::position::{Check, Epoch, Position};
use crate::stored::{KEY_STATE, StoredEvent, encode_event, encode_value, split_value};

/// Largest payload of an event that a log takes, in bytes.
pub const DATA_MAX_BYTES: usize = tidings_log::record::BATCH_MAX_BYTES / 2;
/// Largest payload of a state value that a log takes, in bytes.
pub const VALUE_MAX_BYTES: usize = tidings_log::meta::VALUE_SIZE_MAX_BYTES - 1_024;
/// What the keys of state values in the small settings of a log start with.
pub const STATE_PREFIX: &str = KEY_STATE;

/// An event, or the newest value of a state channel, with all that a log keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// Its channel.
    pub channel: ChannelName,
    /// Its type.
    pub kind: EventType,
    /// Its payload.
    pub data: Data,
    /// When it was accepted.
    pub at: EpochMillis,
    /// The same moment on the clock that only runs forward, which ages are measured with.
    pub kept_at: EpochMillis,
    /// Seconds after which nobody is shown it any more.
    pub ttl_seconds: Option<u32>,
    /// Client id of the only connection that may see it.
    pub connection: Option<Box<str>>,
}

/// What stands in a log and is no event that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} of channel `{channel}` is not of a form that this version knows")]
pub struct UnknownForm {
    what: &'static str,
    channel: String,
}

impl Archived {
    /// Reads an event of a log, on the channel with this name.
    ///
    /// # Errors
    ///
    /// It is not of a form that this version knows.
    pub fn of_record(channel: &str, record: &Record<'_>) -> Result<Self, UnknownForm> {
        let times = (record.at, record.kept_at());
        Self::read(channel, record.body, times)
            .ok_or_else(|| UnknownForm { what: "event", channel: channel.to_owned() })
    }

    /// Reads the value of a state channel from the small settings of a log.
    ///
    /// # Errors
    ///
    /// It is not of a form that this version knows.
    pub fn of_value(key: &str, value: &[u8]) -> Result<Self, UnknownForm> {
        let name = key.strip_prefix(KEY_STATE).unwrap_or(key);
        split_value(value)
            .and_then(|(times, body)| Self::read(name, body, times))
            .ok_or_else(|| UnknownForm { what: "value", channel: name.to_owned() })
    }

    fn read(channel: &str, body: &[u8], times: (EpochMillis, EpochMillis)) -> Option<Self> {
        let channel = ChannelName::parse(channel).ok()?;
        let stored = StoredEvent::decode(body)?;
        let publication = stored.to_publication(channel, None, times)?;
        Some(Self {
            channel: publication.channel,
            kind: publication.kind,
            data: publication.data,
            at: times.0,
            kept_at: times.1,
            ttl_seconds: stored.ttl_seconds,
            connection: stored.connection.map(Into::into),
        })
    }

    /// Returns the check of a position at which it stands.
    #[must_use]
    pub fn check(&self) -> Check {
        Check::of(self.channel.as_str(), self.kind.as_str(), self.data.as_str())
    }

    /// Makes the record of an event, for the log's channel with this number.
    ///
    /// Records measure the clock that only runs forward in whole seconds beside the wall clock.
    #[must_use]
    pub fn into_record(self, channel: ChannelId) -> NewRecord {
        let (at, kept_at) = (self.at, self.kept_at);
        let difference = i128::from(kept_at) - i128::from(at);
        NewRecord {
            kind: RecordKind::Event(channel),
            at,
            correction_s: i32::try_from(difference / 1_000).unwrap_or(0),
            body: encode_event(&self.into_event()),
        }
    }

    /// Makes the entry of a state value in the small settings of a log.
    #[must_use]
    pub fn into_value(self) -> (Box<str>, Bytes) {
        let key = format!("{KEY_STATE}{}", self.channel).into();
        let (at, kept_at) = (self.at, self.kept_at);
        (key, encode_value(&self.into_event(), at, kept_at))
    }

    fn into_event(self) -> Event {
        let ttl = self.ttl_seconds.map(|seconds| std::time::Duration::from_secs(seconds.into()));
        let audience = self.connection.map_or(Audience::All, Audience::Connection);
        Event { ttl, audience, ..Event::new(self.channel, self.kind, self.data) }
    }
}

/// Returns the position of an event that a check of a log in this epoch shows; `None` when it is
/// not of a form that this version knows.
#[must_use]
pub fn position_of(epoch: Epoch, event: &EventCopy) -> Option<Position> {
    let check = StoredEvent::decode(&event.body)?.check(&event.channel);
    Some(Position { epoch, offset: event.offset, check })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archived(kept_at: EpochMillis) -> Archived {
        Archived {
            channel: ChannelName::parse("a/b").unwrap(),
            kind: EventType::parse("made").unwrap(),
            data: Data::json("{\"n\":1.0}").unwrap(),
            at: 1_795_217_100_123,
            kept_at,
            ttl_seconds: Some(60),
            connection: Some("c".into()),
        }
    }

    #[test]
    fn a_state_value_is_read_as_written() {
        let value = archived(1_795_217_100_777);
        let (key, bytes) = value.clone().into_value();
        assert_eq!(&*key, "state/a/b");
        assert_eq!(Archived::of_value(&key, &bytes), Ok(value));
        assert!(Archived::of_value(&key, &bytes[..20]).is_err());
    }

    #[test]
    fn a_record_holds_what_was_archived() {
        for correction_s in [0, 3_600, -3_600] {
            let kept_at = tidings_log::record::kept_at(1_795_217_100_123, correction_s);
            let record = archived(kept_at).into_record(7);
            assert_eq!(record.kind, RecordKind::Event(7));
            assert_eq!((record.at, record.correction_s), (1_795_217_100_123, correction_s));
            let stored = StoredEvent::decode(&record.body).unwrap();
            assert_eq!((stored.kind, stored.data, stored.is_text), ("made", "{\"n\":1.0}", false));
            assert_eq!((stored.ttl_seconds, stored.connection), (Some(60), Some("c")));
        }
    }
}
