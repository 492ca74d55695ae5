//! What publishers hand in, and what it is once accepted.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::channel::ChannelName;
use crate::position::Position;

/// Longest event type, in bytes.
pub const EVENT_TYPE_MAX_BYTES: usize = 128;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type EpochMillis = u64;

/// Type of an event: 1–128 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventType(Arc<str>);

/// Why a text is not an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    /// The text is empty.
    #[error("event type is empty")]
    Empty,
    /// The text is longer than [`EVENT_TYPE_MAX_BYTES`].
    #[error("event type of {n_bytes} bytes exceeds the limit of {EVENT_TYPE_MAX_BYTES}")]
    TooLong {
        /// Length of the text.
        n_bytes: usize,
    },
    /// The text holds a control character or a line separator.
    #[error("event type holds the control character {character:?}")]
    ControlCharacter {
        /// The first such character.
        character: char,
    },
}

impl EventType {
    /// Type of an event that names none.
    pub const DEFAULT: &'static str = "generic_event";

    /// Parses an event type.
    ///
    /// # Errors
    ///
    /// Empty, too long, or with a control character (it would end the line of the frame).
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        if text.is_empty() {
            return Err(EventTypeError::Empty);
        }
        if text.len() > EVENT_TYPE_MAX_BYTES {
            return Err(EventTypeError::TooLong { n_bytes: text.len() });
        }
        let is_bad = |c: &char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if let Some(character) = text.chars().find(is_bad) {
            return Err(EventTypeError::ControlCharacter { character });
        }
        Ok(Self(text.into()))
    }

    /// Returns the type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for EventType {
    /// Returns `generic_event`.
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Payload of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// JSON on one line.
    Json(Box<str>),
    /// Text; line ends are LF.
    Text(Box<str>),
}

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Text may not hold NUL, which the event stream format cannot carry.
    #[error("data holds a NUL character")]
    Nul,
    /// The payload is not JSON.
    #[error("data is not valid JSON")]
    NotJson,
}

impl Data {
    /// Takes text, turning CRLF and CR into LF as the event stream would.
    ///
    /// # Errors
    ///
    /// The text holds NUL.
    pub fn text(text: &str) -> Result<Self, DataError> {
        if text.contains('\0') {
            return Err(DataError::Nul);
        }
        if !text.contains('\r') {
            return Ok(Self::Text(text.into()));
        }
        Ok(Self::Text(text.replace("\r\n", "\n").replace('\r', "\n").into()))
    }

    /// Takes JSON: a string becomes text, anything else is written on one line, numbers kept to
    /// the letter.
    ///
    /// # Errors
    ///
    /// Not JSON, or a string that holds NUL.
    pub fn json(json: &str) -> Result<Self, DataError> {
        if json.trim_start().starts_with('"') {
            let text: Box<str> = serde_json::from_str(json).map_err(|_| DataError::NotJson)?;
            return Self::text(&text);
        }
        serde_json::from_str::<serde::de::IgnoredAny>(json).map_err(|_| DataError::NotJson)?;
        Ok(Self::Json(on_one_line(json).into()))
    }

    /// Returns the payload as it stands in the `data` of a named frame, lines joined by LF.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Json(text) | Self::Text(text) => text,
        }
    }

    /// Returns the payload as JSON: itself, or a JSON string.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Json(json) => String::from(json.as_ref()),
            Self::Text(text) => serde_json::Value::from(text.as_ref()).to_string(),
        }
    }
}

/// Removes white space between the tokens of valid JSON.
fn on_one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    let mut is_in_string = false;
    let mut is_escaped = false;
    for c in json.chars() {
        if is_in_string {
            is_in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
        } else if matches!(c, ' ' | '\t' | '\r' | '\n') {
            continue;
        } else {
            is_in_string = c == '"';
        }
        line.push(c);
    }
    line
}

/// Who may see a publication.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Audience {
    /// Every subscriber of the channel.
    #[default]
    All,
    /// The connection with this client id alone.
    Connection(Box<str>),
}

/// What a publisher hands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Channel to publish on.
    pub channel: ChannelName,
    /// Type of the event.
    pub kind: EventType,
    /// Payload.
    pub data: Data,
    /// Time after which nobody is shown the event any more; `None` is no such time.
    pub ttl: Option<Duration>,
    /// Who may see it.
    pub audience: Audience,
    /// The publisher's own id of the event; a repeat within the window is published once.
    pub key: Option<Box<str>>,
}

impl Event {
    /// Makes an event for everybody, without end and key.
    #[must_use]
    pub fn new(channel: ChannelName, kind: EventType, data: Data) -> Self {
        Self { channel, kind, data, ttl: None, audience: Audience::All, key: None }
    }
}

/// An event as it was accepted; its frames are encoded once and shared.
#[derive(Debug)]
pub struct Publication {
    /// Channel it was published on.
    pub channel: ChannelName,
    /// Type of the event.
    pub kind: EventType,
    /// Payload.
    pub data: Data,
    /// When it was accepted.
    pub at: EpochMillis,
    /// Its place in the log; `None` on state and ephemeral channels.
    pub position: Option<Position>,
    /// Time from which nobody is shown it any more, on the hub's clock that only runs forward.
    pub expires_at: Option<EpochMillis>,
    /// Who may see it.
    pub audience: Audience,
    /// When the hub took it, for the histogram of delivery times.
    pub(crate) accepted: Instant,
    pub(crate) envelope: OnceLock<Bytes>,
    pub(crate) named: OnceLock<Bytes>,
}

impl Publication {
    /// Makes a publication for everybody, without end.
    pub(crate) fn new(
        channel: ChannelName,
        kind: EventType,
        data: Data,
        at: EpochMillis,
        position: Option<Position>,
    ) -> Self {
        Self {
            channel,
            kind,
            data,
            at,
            position,
            expires_at: None,
            audience: Audience::All,
            accepted: Instant::now(),
            envelope: OnceLock::new(),
            named: OnceLock::new(),
        }
    }

    /// Limits who may see it and until when.
    pub(crate) fn limited(self, audience: Audience, expires_at: Option<EpochMillis>) -> Self {
        Self { expires_at, audience, ..self }
    }

    /// Returns whether the publication is still to be shown at `now`.
    #[must_use]
    pub fn is_due(&self, now: EpochMillis) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Returns whether a client may see the publication.
    #[must_use]
    pub fn is_for(&self, client_id: &str) -> bool {
        match &self.audience {
            Audience::All => true,
            Audience::Connection(id) => id.as_ref() == client_id,
        }
    }

    /// Returns what the publication counts against the memory of the log, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        /// Record, index entry and one encoded frame besides the payload.
        const OVERHEAD_BYTES: usize = 256;
        OVERHEAD_BYTES + 2 * self.data.as_str().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_refuse_control_characters() {
        #[rustfmt::skip]
        let cases = [
            ("plain",           "lease_added".to_owned(), Ok(())),
            ("spaces",          "a b".to_owned(),         Ok(())),
            ("longest",         "x".repeat(128),          Ok(())),
            ("empty",           String::new(),            Err(EventTypeError::Empty)),
            ("too long",        "x".repeat(129),          Err(EventTypeError::TooLong { n_bytes: 129 })),
            ("newline",         "a\nb".to_owned(),        Err(EventTypeError::ControlCharacter { character: '\n' })),
            ("NUL",             "a\0".to_owned(),         Err(EventTypeError::ControlCharacter { character: '\0' })),
            ("line separator",  "a\u{2028}".to_owned(),   Err(EventTypeError::ControlCharacter { character: '\u{2028}' })),
        ];
        for (name, text, expected) in cases {
            assert_eq!(EventType::parse(&text).map(|_| ()), expected, "case: {name}");
        }
    }

    #[test]
    fn data_becomes_one_line() {
        let json = |text: &str| Ok(Data::Json(text.into()));
        let text = |text: &str| Ok(Data::Text(text.into()));
        #[rustfmt::skip]
        let cases = [
            ("object",               "{ \"a\" : 1 }",               json("{\"a\":1}")),
            ("pretty",               "{\r\n\t\"a\": [1,\n 2]\n}",   json("{\"a\":[1,2]}")),
            ("space in a string",    "{\"a b\": \" c \\\" d \"}",   json("{\"a b\":\" c \\\" d \"}")),
            ("escaped backslash",    "[\"\\\\\", 1]",               json("[\"\\\\\",1]")),
            ("number to the letter", "1.0e2",                       json("1.0e2")),
            ("null",                 "null",                        json("null")),
            ("string is text",       "\"two\\nlines\"",             text("two\nlines")),
            ("carriage returns",     "\"a\\r\\nb\\rc\"",            text("a\nb\nc")),
            ("NUL in a string",      "\"\\u0000\"",                 Err(DataError::Nul)),
            ("not JSON",             "{",                           Err(DataError::NotJson)),
            ("two values",           "1 2",                         Err(DataError::NotJson)),
            ("empty",                "",                            Err(DataError::NotJson)),
        ];
        for (name, input, expected) in cases {
            assert_eq!(Data::json(input), expected, "case: {name}");
        }
    }
}
