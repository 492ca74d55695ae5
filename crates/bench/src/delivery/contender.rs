//! The servers that are compared, and how each is asked to subscribe and to publish.

use std::fmt;

/// A server that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// One plain `send()` per event and subscriber.
    Bare,
    /// Our server; an event is acknowledged when the operating system has it.
    Tidings,
    /// Our server; an event is acknowledged when it is on stable storage.
    TidingsFsync,
    /// axum's Server-Sent Events, fed by tokio's broadcast channel.
    Axum,
    /// nginx with nchan, one worker.
    Nchan,
    /// The Durable Streams server, without syncs.
    DurableStreams,
    /// better-sse on Node.js.
    BetterSse,
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "bare",
            Self::Tidings => "tidings",
            Self::TidingsFsync => "tidings, fsync",
            Self::Axum => "axum, tokio broadcast",
            Self::Nchan => "nginx, nchan",
            Self::DurableStreams => "durable-streams",
            Self::BetterSse => "better-sse",
        })
    }
}

impl Contender {
    /// Returns a request that subscribes to channels (separated by commas); `more` is added to it.
    ///
    /// The servers that are not ours have one channel, whatever its name.
    pub(crate) fn subscribe(self, channels: &str, more: &str) -> Vec<u8> {
        let target = match self {
            Self::Bare | Self::Tidings | Self::TidingsFsync | Self::Axum => {
                format!("/api/sse/stream?format=named&heartbeat=30&channels={channels}{more}")
            }
            Self::Nchan | Self::BetterSse => "/subscribe".to_owned(),
            Self::DurableStreams => format!("{DURABLE_STREAM}?offset=now&live=sse"),
        };
        format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n")
            .into_bytes()
    }

    /// Returns what a stream shows when it gets all that is published from then on.
    ///
    /// Of other servers only the end of the head is known to come.
    pub(crate) fn ready_mark(self) -> &'static [u8] {
        match self {
            Self::Bare | Self::Tidings | Self::TidingsFsync => b"event: ready\n",
            Self::Axum | Self::Nchan | Self::DurableStreams | Self::BetterSse => b"\r\n\r\n",
        }
    }

    /// Returns a request that publishes one event.
    pub(crate) fn publish(self, channel: &str, payload: &str) -> Vec<u8> {
        match self {
            Self::Bare | Self::Tidings | Self::TidingsFsync | Self::Axum => {
                post("/api/sse/events", "application/json", &event(channel, payload))
            }
            Self::Nchan => post("/publish", "text/plain", payload),
            Self::BetterSse => post("/publish", "application/json", payload),
            // The stream is one text, hence each event ends its line.
            Self::DurableStreams => post(DURABLE_STREAM, "text/plain", &format!("{payload}\n")),
        }
    }

    /// Returns a request that publishes several events, all or none, to one of ours.
    pub(crate) fn publish_all(self, channels: &[String], payload: &str) -> Vec<u8> {
        debug_assert!(
            matches!(self, Self::Bare | Self::Tidings | Self::TidingsFsync),
            "only ours take several events"
        );
        let events: Vec<String> = channels.iter().map(|channel| event(channel, payload)).collect();
        post("/api/sse/events", "application/json", &format!("[{}]", events.join(",")))
    }
}

/// Path of the stream of the Durable Streams server.
pub(crate) const DURABLE_STREAM: &str = "/bench";

fn event(channel: &str, payload: &str) -> String {
    format!("{{\"channel\":\"{channel}\",\"type\":\"bench\",\"data\":{payload}}}")
}

fn post(path: &str, kind: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
