//! Event-stream frames: publications and control events as the bytes of WHATWG HTML §9.2.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;

use crate::channel::ChannelPattern;
use crate::delivery::Format;
use crate::event::{EpochMillis, Publication};
use crate::position::Position;

/// End of a chunked body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// Keep-alive that no client sees.
pub(crate) const COMMENT: &str = ":\n\n";

impl Publication {
    /// Returns the frame in a format; it is encoded on first use and shared from then on.
    #[must_use]
    pub fn frame(&self, format: Format) -> Bytes {
        let cell = match format {
            Format::Envelope => &self.envelope,
            Format::Named => &self.named,
        };
        cell.get_or_init(|| match format {
            Format::Envelope => self.encode_envelope().into(),
            Format::Named => self.encode_named(self.kind.as_str()).into(),
        })
        .clone()
    }

    /// Encodes the named frame under another event name.
    #[must_use]
    pub fn encode_named(&self, name: &str) -> String {
        let data = self.data.as_str();
        let mut frame = String::with_capacity(data.len() + name.len() + 64);
        push_named(&mut frame, self.position, name, data);
        frame
    }

    fn encode_envelope(&self) -> String {
        let data = self.data.to_json();
        let mut frame = String::with_capacity(data.len() + 160);
        let names = (self.channel.as_str(), self.kind.as_str());
        push_envelope(&mut frame, self.position, names, &data, self.at);
        frame
    }
}

/// Appends a publication in the named format.
pub(crate) fn push_named(frame: &mut String, position: Option<Position>, name: &str, data: &str) {
    if let Some(position) = position {
        push(frame, format_args!("id: {position}\n"));
    }
    frame.push_str("event: ");
    frame.push_str(name);
    frame.push('\n');
    push_data(frame, data);
}

/// Appends a publication of a channel and type in the envelope; `data` is JSON.
pub(crate) fn push_envelope(
    frame: &mut String,
    position: Option<Position>,
    (channel, kind): (&str, &str),
    data: &str,
    at: EpochMillis,
) {
    if let Some(position) = position {
        push(frame, format_args!("id: {position}\n"));
    }
    frame.push_str("data: {\"type\":");
    push_json_string(frame, channel);
    frame.push_str(",\"event\":");
    push_json_string(frame, kind);
    frame.push_str(",\"data\":");
    frame.push_str(data);
    push(frame, format_args!(",\"timestamp\":{at}}}\n\n"));
}

/// What the first frame tells the client.
#[derive(Debug)]
pub(crate) struct Greeting<'a> {
    pub client_id: &'a str,
    pub message: &'a str,
    pub n_connections: usize,
    pub patterns: &'a [ChannelPattern],
    pub epoch: String,
    pub is_recovered: Option<bool>,
    pub heartbeat: Duration,
    pub version: &'a str,
    pub now: EpochMillis,
}

impl Greeting<'_> {
    /// Encodes the first frame of a stream.
    pub(crate) fn encode(&self, format: Format) -> String {
        let mut data = format!(
            "{{\"client_id\":{},\"message\":{},\"active_connections\":{},\"channels\":{},\"epoch\":{}",
            json_string(self.client_id),
            json_string(self.message),
            self.n_connections,
            json_patterns(self.patterns),
            json_string(&self.epoch),
        );
        if let Some(is_recovered) = self.is_recovered {
            push(&mut data, format_args!(",\"recovered\":{is_recovered}"));
        }
        let (heartbeat, version) = (self.heartbeat.as_secs(), json_string(self.version));
        let now = self.now;
        push(
            &mut data,
            format_args!(
                ",\"heartbeat_seconds\":{heartbeat},\"version\":{version},\"timestamp\":{now}}}"
            ),
        );
        match format {
            Format::Named => format!("event: connection_established\ndata: {data}\n\n"),
            Format::Envelope => format!(
                "data: {{\"type\":\"connected\",\"clientId\":{},\"data\":{data},\"timestamp\":{now}}}\n\n",
                json_string(self.client_id),
            ),
        }
    }
}

/// Why a client has to reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResetReason {
    /// Retention passed the position that the client came with.
    Trimmed,
    /// The position is of another life of the log.
    Epoch,
    /// The position is ahead of the log.
    Future,
    /// The log holds another publication at that position.
    Diverged,
    /// Retention passed a connected client that was too slow.
    Lagged,
    /// The id is not a position.
    BadId,
}

impl ResetReason {
    /// Every reason, in the order of the variants.
    pub const ALL: [Self; 6] =
        [Self::Trimmed, Self::Epoch, Self::Future, Self::Diverged, Self::Lagged, Self::BadId];

    /// Returns the word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::Epoch => "epoch",
            Self::Future => "future",
            Self::Diverged => "diverged",
            Self::Lagged => "lagged",
            Self::BadId => "bad_id",
        }
    }
}

/// Encodes `reset`; `channels` `None` is all of them.
pub(crate) fn reset(
    reason: ResetReason,
    channels: Option<&[String]>,
    from: &str,
    to: Position,
) -> String {
    let channels = channels
        .map_or_else(|| "null".to_owned(), |names| json_list(names.iter().map(String::as_str)));
    let (reason, from) = (reason.as_str(), json_string(from));
    format!(
        "id: {to}\nevent: reset\ndata: {{\"channels\":{channels},\"reason\":\"{reason}\",\
         \"from\":{from},\"to\":\"{to}\"}}\n\n"
    )
}

/// Encodes a block that moves the client's last event id and fires no event.
pub(crate) fn id_only(position: Position) -> String {
    format!("id: {position}\n\n")
}

/// Encodes `ready`: the subscription is live.
pub(crate) fn ready(patterns: &[ChannelPattern]) -> String {
    format!("event: ready\ndata: {{\"channels\":{}}}\n\n", json_patterns(patterns))
}

/// Encodes a heartbeat.
pub(crate) fn heartbeat(format: Format, now: EpochMillis, n_connections: usize) -> String {
    match format {
        Format::Envelope => format!(
            "data: {{\"type\":\"system/heartbeat\",\"event\":\"heartbeat\",\"data\":{{\
             \"timestamp\":{now},\"status\":\"alive\",\"active_connections\":{n_connections}}},\
             \"timestamp\":{now}}}\n\n"
        ),
        Format::Named => format!(
            "event: heartbeat\ndata: {{\"timestamp\":{}.{:03},\"active_connections\":\
             {n_connections}}}\n\n",
            now / 1000,
            now % 1000,
        ),
    }
}

/// Encodes `dropped`: how many ephemeral publications this client lost.
pub(crate) fn dropped(n_dropped: u64) -> String {
    format!("event: dropped\ndata: {{\"dropped\":{n_dropped}}}\n\n")
}

/// Encodes the end of a stream.
pub(crate) fn close(reason: &str, retry: Duration) -> String {
    format!("{}event: connection_close\ndata: {{\"reason\":\"{reason}\"}}\n\n", retry_line(retry))
}

/// Encodes the time that a client waits before it reconnects.
pub(crate) fn retry_line(retry: Duration) -> String {
    format!("retry: {}\n\n", retry.as_millis())
}

/// Appends bytes as one chunk of HTTP/1.1 (RFC 9112 §7.1); there is at least one.
pub fn push_chunk(bytes: &mut Vec<u8>, data: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut head = [b'0'; 16];
    let mut at = head.len();
    let mut rest = data.len();
    while rest > 0 {
        at -= 1;
        if let (Some(place), Some(digit)) = (head.get_mut(at), DIGITS.get(rest % 16)) {
            *place = *digit;
        }
        rest /= 16;
    }
    bytes.reserve(data.len() + 20);
    bytes.extend_from_slice(head.get(at..).unwrap_or_default());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
}

/// Writes `data:` lines and the end of the frame.
fn push_data(frame: &mut String, data: &str) {
    for line in data.split('\n') {
        frame.push_str("data: ");
        frame.push_str(line);
        frame.push('\n');
    }
    frame.push('\n');
}

/// Appends a JSON string.
fn push_json_string(frame: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        frame.push('"');
        frame.push_str(text);
        frame.push('"');
    } else {
        frame.push_str(&json_string(text));
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json_patterns(patterns: &[ChannelPattern]) -> String {
    json_list(patterns.iter().map(ChannelPattern::as_str))
}

fn json_list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<serde_json::Value>().to_string()
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_sized_in_hexadecimal() {
        for (n_bytes, head) in [(1, "1\r\n"), (15, "f\r\n"), (16, "10\r\n"), (255, "ff\r\n")] {
            let mut bytes = Vec::new();
            push_chunk(&mut bytes, &vec![b'x'; n_bytes]);
            assert_eq!(bytes, [head, &"x".repeat(n_bytes), "\r\n"].concat().into_bytes());
        }
    }
}
