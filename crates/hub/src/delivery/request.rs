//! What a client asks for, and why it may be refused or sent away.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::channel::ChannelPattern;
use crate::event::EpochMillis;

/// How publications are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Unnamed events that carry channel and type in their data.
    Envelope,
    /// Events named by their type.
    Named,
}

/// Where a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With what comes next.
    Live,
    /// After this id, as the client gave it.
    After(String),
    /// With the oldest publication held.
    Earliest,
    /// With the first publication accepted at or after this time.
    Since(EpochMillis),
    /// With the last so many publications of its channels.
    Tail(u32),
}

/// Event types and the names that they go by in the named format.
pub type Renames = &'static [(&'static str, &'static str)];

/// What a token allows; the streams that came with it share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Channels and patterns that may be subscribed to.
    pub subscribe: Vec<ChannelPattern>,
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct SubscribeRequest {
    /// Id of the stream, from [`crate::Hub::new_client_id`].
    pub client_id: String,
    /// Channels and patterns; empty is every channel.
    pub patterns: Vec<ChannelPattern>,
    /// Format of the stream.
    pub format: Format,
    /// Event types that go by another name in the named format.
    pub rename: Renames,
    /// Where the stream begins.
    pub start: Start,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Text of the first frame.
    pub message: &'static str,
    /// Address of the client, counted against `hub.connections_per_address_max`.
    pub peer: Option<IpAddr>,
    /// What the client's token allows; `None` without one.
    pub grants: Option<Arc<Grants>>,
    /// When the client's token expires, which ends the stream.
    pub expires_at: Option<EpochMillis>,
}

impl SubscribeRequest {
    /// Returns the name that an event type goes by in the named format.
    pub(crate) fn renamed<'a>(&'a self, kind: &'a str) -> &'a str {
        self.rename.iter().find(|(from, _)| *from == kind).map_or(kind, |(_, to)| to)
    }
}

/// Why a stream was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The hub holds `hub.connections_max` streams.
    #[error("{limit} connections are open, which is the limit")]
    TooManyConnections {
        /// The limit.
        limit: usize,
    },
    /// The address holds `hub.connections_per_address_max` streams.
    #[error("{limit} connections from this address are open, which is the limit")]
    TooManyFromAddress {
        /// The limit.
        limit: usize,
    },
    /// The subscription holds more than `hub.patterns_per_subscription_max`.
    #[error("{n_patterns} channels and patterns exceed the limit of {limit}")]
    TooManyPatterns {
        /// Patterns asked for.
        n_patterns: usize,
        /// The limit.
        limit: usize,
    },
    /// The server stops.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Why the hub ends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The server stops.
    ServerShutdown,
    /// An operator ended the stream.
    Kicked,
    /// The stream lived for `hub.connection_lifetime_max`.
    MaxLifetime,
    /// The token that the client came with has expired.
    TokenExpired,
    /// The client took nothing for `hub.stall_timeout`, or held too much memory.
    SlowConsumer,
}

impl CloseReason {
    /// Every reason, in the order of the variants.
    pub const ALL: [Self; 5] = [
        Self::ServerShutdown,
        Self::Kicked,
        Self::MaxLifetime,
        Self::TokenExpired,
        Self::SlowConsumer,
    ];

    /// Returns the word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServerShutdown => "server_shutdown",
            Self::Kicked => "kicked",
            Self::MaxLifetime => "max_lifetime",
            Self::TokenExpired => "token_expired",
            Self::SlowConsumer => "slow_consumer",
        }
    }
}
