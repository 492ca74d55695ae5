//! What to subscribe to, and how.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;

use crate::backoff::RandomSource;
use crate::decode::{EVENT_SIZE_MAX_BYTES, LINE_SIZE_MAX_BYTES};

/// How the hub writes publications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// The event type as the SSE event and the bare payload; without channel and time.
    #[default]
    Named,
    /// One JSON object with channel, event type, payload and time.
    Envelope,
}

/// Where the first connection starts reading.
///
/// As soon as the stream has a position, that counts instead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Start {
    /// With what happens from now on.
    #[default]
    Live,
    /// Behind the position of an earlier stream.
    ///
    /// That is its [`last_event_id`](crate::EventStream::last_event_id).
    After(String),
    /// With the oldest publication that the hub still has.
    Earliest,
    /// With the first publication at or after a time, in the form that the hub documents.
    Since(String),
    /// With the last so many publications.
    Tail(u32),
}

/// Everything an [`EventStream`](crate::EventStream) needs to know.
pub struct Options {
    /// `http` or `https` URL; one without a path stands for the hub's `/api/sse/stream`.
    pub url: String,
    /// Channels and patterns; empty for all that the hub lets this client see.
    pub channels: Vec<String>,
    /// How the hub writes publications.
    pub format: Format,
    /// Where the first connection starts reading.
    pub start: Start,
    /// Time between heartbeats to ask for, in whole seconds; `None` leaves it to the hub.
    pub heartbeat: Option<Duration>,
    /// Headers of every request, such as `Authorization`.
    pub headers: HeaderMap,
    /// PEM file with the certificate authorities to trust; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// Time from the start of an attempt to the head of the answer.
    pub connect_timeout: Duration,
    /// Longest line accepted, in bytes.
    pub line_size_max_bytes: usize,
    /// Largest event data accepted, in bytes.
    pub event_size_max_bytes: usize,
    /// Where the jitter of the back-off comes from.
    pub random: RandomSource,
}

impl Options {
    /// Subscribes to everything from now on, in the named format, with the default limits.
    #[must_use]
    pub fn new(url: impl Into<String>, random: RandomSource) -> Self {
        Self {
            url: url.into(),
            channels: Vec::new(),
            format: Format::default(),
            start: Start::default(),
            heartbeat: None,
            headers: HeaderMap::new(),
            ca_file: None,
            connect_timeout: Duration::from_secs(15),
            line_size_max_bytes: LINE_SIZE_MAX_BYTES,
            event_size_max_bytes: EVENT_SIZE_MAX_BYTES,
            random,
        }
    }
}

impl fmt::Debug for Options {
    /// Leaves out the headers, which may hold a token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("url", &self.url)
            .field("channels", &self.channels)
            .field("format", &self.format)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}
