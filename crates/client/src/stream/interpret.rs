//! What a frame of a hub means, in both formats; pure.
//!
//! A control frame carries no id, `reset` aside. In the named format an event type may collide with
//! the name of a control frame; a frame is a control only if it also has that control's shape.

use std::time::Duration;

use serde::Deserialize;

use crate::item::{Event, Opened, Reset, ResetReason, StreamItem};
use crate::options::Format;
use crate::wire::{Beat, Close, Envelope, Established, Hole, Rejection, Subscribed};

/// Event type of a block without an `event` field.
const UNNAMED: &str = "message";

/// What the reader of a stream must do about a frame.
#[derive(Debug)]
pub(super) enum Meaning {
    /// Hand it to the caller.
    Item(StreamItem),
    /// Close for good: the hub refuses this client.
    Rejected { status: u16, message: String },
    /// Expect the end of this connection.
    ServerClose { reason: String },
}

/// The fields of one event block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) id: Option<String>,
    pub(super) kind: String,
    pub(super) data: String,
}

/// Says what a block means.
///
/// # Errors
///
/// The block should be an envelope and is not.
pub(super) fn interpret(format: Format, block: Block) -> Result<Meaning, serde_json::Error> {
    if let Some(control) = control(&block) {
        return Ok(control);
    }
    match format {
        Format::Envelope if block.kind == UNNAMED => open_envelope(block),
        Format::Envelope | Format::Named => {
            let Block { id, kind, data } = block;
            let event = Event { id, channel: None, kind, data, timestamp_ms: None };
            Ok(Meaning::Item(StreamItem::Event(event)))
        }
    }
}

/// Recognises a control frame by its name and its shape.
fn control(block: &Block) -> Option<Meaning> {
    let Block { id, kind, data } = block;
    if id.is_some() && kind != "reset" {
        return None;
    }
    let item = match kind.as_str() {
        "connection_established" => StreamItem::Opened(opened(data)?),
        "ready" => {
            let Subscribed { channels } = shape(data)?;
            StreamItem::Ready { channels }
        }
        "heartbeat" => heartbeat(data)?,
        "reset" => {
            let Hole { channels, reason, from, to } = shape(data)?;
            StreamItem::Reset(Reset { channels, reason: ResetReason::parse(reason), from, to })
        }
        "rejected" => {
            let Rejection { status, message } = shape(data)?;
            return Some(Meaning::Rejected { status, message: message.unwrap_or_default() });
        }
        "connection_close" => {
            let Close { reason } = shape(data)?;
            return Some(Meaning::ServerClose { reason });
        }
        _ => return None,
    };
    Some(Meaning::Item(item))
}

fn open_envelope(block: Block) -> Result<Meaning, serde_json::Error> {
    let envelope: Envelope<'_> = serde_json::from_str(&block.data)?;
    let data = envelope.data.get();
    let control = match (block.id.is_some(), envelope.channel.as_str()) {
        (false, "connected") if envelope.client_id.is_some() => {
            opened(data).map(StreamItem::Opened)
        }
        (false, "system/heartbeat") => heartbeat(data),
        _ => None,
    };
    let item = control.unwrap_or_else(|| {
        StreamItem::Event(Event {
            data: data.to_owned(),
            id: block.id,
            channel: Some(envelope.channel),
            kind: envelope.event.unwrap_or_else(|| "generic_event".to_owned()),
            timestamp_ms: envelope.timestamp,
        })
    });
    Ok(Meaning::Item(item))
}

fn opened(data: &str) -> Option<Opened> {
    let Established { client_id, epoch, recovered, heartbeat_seconds, channels } = shape(data)?;
    Some(Opened {
        client_id,
        epoch,
        recovered,
        heartbeat: heartbeat_seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
        channels,
        data: data.to_owned(),
    })
}

fn heartbeat(data: &str) -> Option<StreamItem> {
    let Beat { active_connections } = shape(data)?;
    Some(StreamItem::Heartbeat { active_connections })
}

fn shape<'a, Shape: Deserialize<'a>>(data: &'a str) -> Option<Shape> {
    serde_json::from_str(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpret_cases() {
        use Format::{Envelope, Named};
        const HELLO: &str = r#"{"client_id":"c1","channels":["a"],"epoch":"e","recovered":true,"heartbeat_seconds":5,"version":"1"}"#;
        let hello_envelope =
            format!(r#"{{"type":"connected","clientId":"c1","data":{HELLO},"timestamp":1}}"#);
        #[rustfmt::skip]
        let cases = [
            ("hello",                  Named,    None,      "connection_established", HELLO,             "Opened(Opened { client_id: \"c1\""),
            ("hello in an envelope",   Envelope, None,      "message",   hello_envelope.as_str(),        "Opened(Opened { client_id: \"c1\""),
            ("ready",                  Envelope, None,      "ready",     r#"{"channels":["a"]}"#,        "Ready { channels: [\"a\"] }"),
            ("ready with an id",       Named,    Some("1"), "ready",     r#"{"channels":["a"]}"#,        "Event(Event { id: Some(\"1\"), channel: None, kind: \"ready\""),
            ("ready of another shape", Named,    None,      "ready",     "true",                         "Event(Event { id: None, channel: None, kind: \"ready\""),
            ("heartbeat",              Named,    None,      "heartbeat", r#"{"timestamp":1,"active_connections":3}"#, "Heartbeat { active_connections: 3 }"),
            ("heartbeat in envelope",  Envelope, None,      "message",   r#"{"type":"system/heartbeat","data":{"timestamp":1,"status":"alive","active_connections":3},"timestamp":1}"#, "Heartbeat { active_connections: 3 }"),
            ("reset of all",           Named,    Some("9"), "reset",     r#"{"channels":null,"reason":"epoch","to":"9"}"#, "Reset(Reset { channels: None, reason: Epoch, from: None, to: Some(\"9\") })"),
            ("reset of some",          Envelope, None,      "reset",     r#"{"channels":["a"],"reason":"bad_id"}"#, "Reset(Reset { channels: Some([\"a\"]), reason: BadId"),
            ("reset of a later hub",   Named,    None,      "reset",     r#"{"channels":[],"reason":"moon"}"#, "Reset(Reset { channels: Some([]), reason: Other(\"moon\")"),
            ("event",                  Named,    Some("1"), "lease",     "{\"a\":1}",                    "Event(Event { id: Some(\"1\"), channel: None, kind: \"lease\", data: \"{\\\"a\\\":1}\""),
            ("event in an envelope",   Envelope, Some("1"), "message",   r#"{"type":"a/b","event":"x","data":[1, 2],"timestamp":7}"#, "Event(Event { id: Some(\"1\"), channel: Some(\"a/b\"), kind: \"x\", data: \"[1, 2]\", timestamp_ms: Some(7) })"),
            ("named in envelope",      Envelope, None,      "later",     "x",                            "Event(Event { id: None, channel: None, kind: \"later\""),
            ("channel `connected`",    Envelope, None,      "message",   r#"{"type":"connected","event":"x","data":1}"#, "Event(Event { id: None, channel: Some(\"connected\")"),
        ];
        for (name, format, id, kind, data, expected) in cases {
            let id = id.map(str::to_owned);
            let block = Block { id, kind: kind.to_owned(), data: data.to_owned() };
            let meaning = format!("{:?}", interpret(format, block).unwrap());
            let expected = format!("Item({expected}");
            assert!(meaning.starts_with(&expected), "case: {name}: {meaning}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_an_error() {
        for data in ["", "x", "{}", "[]", r#"{"type":"a"}"#, r#"{"type":1,"data":1}"#] {
            let block = Block { id: None, kind: UNNAMED.to_owned(), data: data.to_owned() };
            assert!(interpret(Format::Envelope, block).is_err(), "case: {data}");
        }
    }
}
