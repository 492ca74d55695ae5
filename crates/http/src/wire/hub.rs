//! Shapes of what the hub shows of itself: channels, histories, open streams.

use serde::Serialize;
use serde_json::Value;
use tidings_hub::config::ChannelClass;
use tidings_hub::delivery::Format;
use tidings_hub::event::{Data, Publication};
use tidings_hub::stats::{ChannelStats, ConnectionStats};
use utoipa::ToSchema;

/// Channels, sorted as asked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Channels)]
pub struct ChannelsJson {
    /// The channels, at most as many as asked for.
    pub channels: Vec<ChannelJson>,
    /// Channels in all.
    pub total: usize,
}

/// A channel and its figures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Channel)]
pub struct ChannelJson {
    /// Name of the channel.
    pub name: String,
    /// `logged`, `state` or `ephemeral`.
    pub class: &'static str,
    /// Streams that follow it.
    pub subscribers: usize,
    /// Publications ever accepted.
    pub published: u64,
    /// Payload bytes ever accepted.
    pub bytes: u64,
    /// Publications per second over the last 10 seconds.
    pub rate: f64,
    /// Publications held.
    pub held: u64,
    /// Bytes held.
    pub held_bytes: u64,
    /// When the last publication was accepted, in milliseconds since 1970.
    pub touched_at: u64,
}

impl From<ChannelStats> for ChannelJson {
    fn from(channel: ChannelStats) -> Self {
        Self {
            name: channel.name,
            class: match channel.class {
                ChannelClass::Logged => "logged",
                ChannelClass::State => "state",
                ChannelClass::Ephemeral => "ephemeral",
            },
            subscribers: channel.n_subscribers,
            published: channel.n_published,
            bytes: channel.published_bytes,
            rate: channel.rate,
            held: channel.n_held,
            held_bytes: channel.held_bytes,
            touched_at: channel.touched_at,
        }
    }
}

/// A page of a channel's history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
pub struct HistoryJson {
    /// Name of the channel.
    pub channel: String,
    /// Publications held, in the order asked for.
    pub events: Vec<HeldJson>,
    /// Position to ask the next page with; null after the last.
    pub next: Option<String>,
    /// Whether older publications are gone.
    pub trimmed: bool,
    /// Position of the hub's last logged publication.
    pub head: String,
}

/// A publication that is held.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Held)]
pub struct HeldJson {
    /// Its position; null on state channels.
    pub position: Option<String>,
    /// Type of the event.
    pub r#type: String,
    /// The payload.
    pub data: Value,
    /// When it was accepted, in milliseconds since 1970.
    pub timestamp: u64,
}

impl From<&Publication> for HeldJson {
    fn from(publication: &Publication) -> Self {
        Self {
            position: publication.position.map(|position| position.to_string()),
            r#type: publication.kind.as_str().to_owned(),
            data: match &publication.data {
                Data::Json(json) => serde_json::from_str(json).unwrap_or(Value::Null),
                Data::Text(text) => text.as_ref().into(),
            },
            timestamp: publication.at,
        }
    }
}

/// The open streams.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connections)]
pub struct ConnectionsJson {
    /// One per stream.
    pub connections: Vec<ConnectionJson>,
}

/// An open stream and its figures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connection)]
pub struct ConnectionJson {
    /// Id that the first frame told the client.
    pub client_id: String,
    /// Address of the client.
    pub address: Option<String>,
    /// `envelope` or `named`.
    pub format: &'static str,
    /// Channels and patterns of the subscription.
    pub channels: Vec<String>,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at: u64,
    /// Publications written.
    pub delivered: u64,
    /// Bytes written.
    pub delivered_bytes: u64,
    /// Publications that its cursor has not passed yet.
    pub lag: u64,
    /// Seconds for which its socket has taken nothing.
    pub stalled_seconds: u64,
    /// Ephemeral publications lost.
    pub dropped: u64,
    /// Resets sent.
    pub resets: u64,
}

impl From<ConnectionStats> for ConnectionJson {
    fn from(connection: ConnectionStats) -> Self {
        Self {
            client_id: connection.client_id,
            address: connection.peer.map(|peer| peer.to_string()),
            format: match connection.format {
                Format::Envelope => "envelope",
                Format::Named => "named",
            },
            channels: connection.patterns,
            opened_at: connection.opened_at,
            delivered: connection.n_delivered,
            delivered_bytes: connection.delivered_bytes,
            lag: connection.lag,
            stalled_seconds: connection.stalled_s,
            dropped: connection.n_dropped,
            resets: connection.n_resets,
        }
    }
}
