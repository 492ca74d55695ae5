//! What a stream yields: events, and everything a reader must know about the connection.

use std::io;
use std::time::Duration;

use crate::decode::DecodeError;
use crate::problem::Problem;

/// One thing that happened on an [`EventStream`](crate::EventStream), in order.
#[derive(Debug)]
pub enum StreamItem {
    /// A connection stands and the hub has introduced itself; state values and replay follow.
    Opened(Opened),
    /// An event of a subscribed channel.
    Event(Event),
    /// Events were missed: reload what is derived from them, then go on reading.
    Reset(Reset),
    /// The state values and the replay are complete; what follows is live.
    Ready {
        /// The patterns subscribed to.
        channels: Vec<String>,
    },
    /// The hub is alive.
    Heartbeat {
        /// Streams that the hub holds at this moment.
        active_connections: u64,
    },
    /// The connection is gone; the stream resumes by itself after `retry_in`.
    Disconnected {
        /// Why it is gone, or could not be made.
        cause: DisconnectCause,
        /// Time until the next attempt.
        retry_in: Duration,
    },
    /// The stream has ended for good; nothing follows.
    Closed {
        /// Why there will be no other attempt.
        reason: ClosedReason,
    },
}

/// What a hub says in the first frame of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Name of this connection at the hub.
    pub client_id: String,
    /// Epoch of the hub's log.
    pub epoch: Option<String>,
    /// Whether the position given was found; `None` where none was given.
    pub recovered: Option<bool>,
    /// Time between two heartbeats; `None` where the hub does not say.
    pub heartbeat: Option<Duration>,
    /// The patterns subscribed to.
    pub channels: Vec<String>,
    /// The whole frame as JSON, with the members that this type does not name.
    pub data: String,
}

/// An event of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its position; `None` for `state` and `ephemeral` channels.
    pub id: Option<String>,
    /// Its channel; `None` in the named format, which does not carry it.
    pub channel: Option<String>,
    /// Its event type.
    pub kind: String,
    /// Its payload: JSON in the envelope format; in the named format JSON or plain text.
    pub data: String,
    /// Milliseconds since the Unix epoch at the hub; `None` in the named format.
    pub timestamp_ms: Option<u64>,
}

/// A hole in what the stream delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// The channels or patterns with a hole; `None` for all of them.
    pub channels: Option<Vec<String>>,
    /// Why there is a hole.
    pub reason: ResetReason,
    /// The position before the hole, where the hub knows it.
    pub from: Option<String>,
    /// The position after the hole, where the hub knows it.
    pub to: Option<String>,
}

/// Why a hub could not deliver everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResetReason {
    /// Retention dropped events after the position given.
    Trimmed,
    /// The position is of another epoch: the log was lost, restored or reset.
    Epoch,
    /// The position lies beyond the end of the log.
    Future,
    /// The log holds another event at the position: it was rewound or restored.
    Diverged,
    /// This reader was too slow.
    Lagged,
    /// The position cannot be read.
    BadId,
    /// What the reader may see has changed.
    Grant,
    /// A reason that this version does not know.
    Other(String),
}

impl ResetReason {
    /// Parses the word on the wire; never fails, as later hubs may have more reasons.
    pub(crate) fn parse(word: String) -> Self {
        match word.as_str() {
            "trimmed" => Self::Trimmed,
            "epoch" => Self::Epoch,
            "future" => Self::Future,
            "diverged" => Self::Diverged,
            "lagged" => Self::Lagged,
            "bad_id" => Self::BadId,
            "grant" => Self::Grant,
            _ => Self::Other(word),
        }
    }

    /// Returns the word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Trimmed => "trimmed",
            Self::Epoch => "epoch",
            Self::Future => "future",
            Self::Diverged => "diverged",
            Self::Lagged => "lagged",
            Self::BadId => "bad_id",
            Self::Grant => "grant",
            Self::Other(word) => word,
        }
    }
}

/// Why a connection ended or could not be made, when another attempt follows.
#[derive(Debug, thiserror::Error)]
pub enum DisconnectCause {
    /// No connection could be made.
    #[error("connect to the hub")]
    Connect {
        /// What failed: name resolution, TCP or TLS.
        source: io::Error,
    },
    /// No answer came within [`Options::connect_timeout`](crate::Options::connect_timeout).
    #[error("no answer from the hub within {} s", after.as_secs_f64())]
    ConnectTimeout {
        /// The time allowed.
        after: Duration,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("connection to the hub broke")]
    Broken {
        /// What failed.
        source: hyper::Error,
    },
    /// The hub answered with a status that may pass.
    #[error("hub answered {0}")]
    Status(Problem),
    /// Something other than an event stream answered, such as a proxy's page.
    #[error("answer is `{content_type}`, not an event stream")]
    NotEventStream {
        /// The content type of the answer; empty where it has none.
        content_type: String,
    },
    /// The stream ended without a word.
    #[error("stream ended")]
    Ended,
    /// The hub announced the end.
    #[error("hub closed the stream: {reason}")]
    ServerClose {
        /// The word of the hub, such as `server_shutdown`.
        reason: String,
    },
    /// Nothing came for so long that the connection must be dead.
    #[error("nothing received for {} s", after.as_secs_f64())]
    Silent {
        /// The time allowed.
        after: Duration,
    },
    /// The stream exceeds a limit of the decoder.
    #[error("decode the stream")]
    Decode {
        /// The limit.
        source: DecodeError,
    },
    /// A frame is not of the format asked for.
    #[error("frame is not an envelope")]
    Malformed {
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Why no other attempt follows.
#[derive(Debug, thiserror::Error)]
pub enum ClosedReason {
    /// The hub answered 204: it wants this client to stay away.
    #[error("hub answered 204: do not come back")]
    NoContent,
    /// The hub answered with a 4xx status that will not pass by itself.
    #[error("hub answered {0}")]
    Refused(Problem),
    /// The hub sent `rejected` in the stream.
    #[error("hub rejected the subscription with status {status}: {message}")]
    Rejected {
        /// The HTTP status that the hub would have answered.
        status: u16,
        /// Its explanation; empty where it gave none.
        message: String,
    },
    /// The id to resume from does not fit into a request.
    #[error("build the request")]
    Request {
        /// What is wrong with it.
        source: http::Error,
    },
}
