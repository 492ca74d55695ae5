//! The lines that `tidings log export` writes and `tidings log import` reads; pure.
//!
//! Members are never taken away or given another meaning within a version of the format.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use serde_json::value::RawValue;
use tidings_hub::archive::{Archived, DATA_MAX_BYTES, VALUE_MAX_BYTES};
use tidings_hub::channel::ChannelName;
use tidings_hub::event::{Data, EventType};
use tidings_hub::position::{Epoch, Position};
use tidings_log::record::kept_at;

/// Name of the format in the first line.
const FORMAT: &str = "tidings-log";
/// Version of the format.
const VERSION: u64 = 1;
/// Longest client id that an event can be for, in bytes.
const CONNECTION_MAX_BYTES: usize = 255;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Life of the log; `None` when its positions were valid no more.
    pub(super) epoch: Option<Epoch>,
    /// Where the export begins; `None` is the oldest event.
    pub(super) after: Option<Position>,
    /// The last event of the log.
    pub(super) to: Option<Position>,
    /// Channels and patterns; empty is all.
    pub(super) channels: Vec<String>,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// The first.
    Header {
        /// Life of the log that was exported.
        epoch: Option<String>,
    },
    /// An event.
    Event(Archived, Option<Position>),
    /// The newest value of a state channel.
    State(Archived),
    /// The last.
    End {
        /// Events before it.
        n_events: u64,
        /// State values before it.
        n_states: u64,
    },
}

/// Why a text is no line of the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", field.map(|field| format!("member `{field}`: ")).unwrap_or_default())]
pub(super) struct LineError {
    field: Option<&'static str>,
    reason: String,
}

/// Writes the first line.
pub(super) fn header(header: &Header) -> String {
    let text = |position: Option<Position>| position.map(|position| position.to_string());
    let (after, to) = (text(header.after), text(header.to));
    let epoch = header.epoch.map(|epoch| epoch.to_string());
    let mut line = format!(
        "{{\"record\":\"header\",\"format\":\"{FORMAT}\",\"version\":{VERSION},\"epoch\":{},\
         \"after\":{},\"to\":{}",
        Value::from(epoch),
        Value::from(after),
        Value::from(to)
    );
    if !header.channels.is_empty() {
        push(&mut line, "channels", &Value::from(header.channels.clone()));
    }
    line.push('}');
    line
}

/// Writes an event.
pub(super) fn event(event: &Archived, position: Option<Position>) -> String {
    let mut line = String::from("{\"record\":\"event\"");
    if let Some(position) = position {
        push(&mut line, "position", &position.to_string().into());
    }
    push_rest(&mut line, event, "logged");
    line
}

/// Writes the newest value of a state channel.
pub(super) fn state(state: &Archived) -> String {
    let mut line = String::from("{\"record\":\"state\"");
    push_rest(&mut line, state, "state");
    line
}

/// Writes the last line.
pub(super) fn end(n_events: u64, n_states: u64) -> String {
    format!("{{\"record\":\"end\",\"events\":{n_events},\"states\":{n_states}}}")
}

fn push(line: &mut String, name: &str, value: &Value) {
    write!(line, ",\"{name}\":{value}").ok();
}

fn push_rest(line: &mut String, event: &Archived, class: &str) {
    push(line, "channel", &event.channel.as_str().into());
    push(line, "class", &class.into());
    push(line, "type", &event.kind.as_str().into());
    push(line, "time", &event.at.into());
    if event.kept_at != event.at {
        push(line, "kept_at", &event.kept_at.into());
    }
    if let Some(seconds) = event.ttl_seconds {
        push(line, "ttl_seconds", &seconds.into());
    }
    if let Some(connection) = &event.connection {
        push(line, "connection", &connection.as_ref().into());
    }
    match &event.data {
        // As it was accepted: on one line, numbers to the letter.
        Data::Json(json) => {
            line.push_str(",\"data\":");
            line.push_str(json);
        }
        Data::Text(text) => push(line, "text", &text.as_ref().into()),
    }
    line.push('}');
}

/// Reads a line.
///
/// # Errors
///
/// Names the member that is wrong, and how.
pub(super) fn parse(line: &str) -> Result<Line, LineError> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(line).map_err(|error| {
        let (column, error) = (error.column(), error.to_string());
        let reason = error.split(" at line ").next().unwrap_or_default();
        LineError { field: None, reason: format!("no JSON object: {reason} (column {column})") }
    })?;
    let mut members = Members(members);
    let record: String = members.needed("record", "a text")?;
    let line = match record.as_str() {
        "header" => members.header()?,
        "event" => {
            let position = members.position()?;
            let event = members.archived("logged", DATA_MAX_BYTES)?;
            check_event(&event, position)?;
            Line::Event(event, position)
        }
        "state" => Line::State(members.archived("state", VALUE_MAX_BYTES)?),
        "end" => Line::End {
            n_events: members.needed("events", "a whole number")?,
            n_states: members.needed("states", "a whole number")?,
        },
        other => {
            let reason = format!("`{other}` is none of header, event, state and end");
            return Err(LineError { field: Some("record"), reason });
        }
    };
    match members.0.into_keys().next() {
        None => Ok(line),
        Some(name) => Err(LineError { field: None, reason: format!("unknown member `{name}`") }),
    }
}

/// Checks what the members of an event say of each other.
fn check_event(event: &Archived, position: Option<Position>) -> Result<(), LineError> {
    if position.is_some_and(|position| position.check != event.check()) {
        return refuse("position", "the event is not the one that was exported: it was changed");
    }
    let difference_ms = i128::from(event.kept_at) - i128::from(event.at);
    let correction_s = i32::try_from(difference_ms / 1_000);
    if correction_s.is_ok_and(|correction_s| kept_at(event.at, correction_s) == event.kept_at) {
        return Ok(());
    }
    refuse("kept_at", "must be whole seconds from `time`, at most 68 years")
}

fn refuse<T>(field: &'static str, reason: impl Into<String>) -> Result<T, LineError> {
    Err(LineError { field: Some(field), reason: reason.into() })
}

/// The members of a line that were not read yet.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl Members<'_> {
    fn optional<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &'static str,
        wanted: &str,
    ) -> Result<Option<T>, LineError> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        let parsed = serde_json::from_str(value.get());
        parsed.map(Some).or_else(|_| refuse(name, format!("must be {wanted}")))
    }

    fn needed<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &'static str,
        wanted: &str,
    ) -> Result<T, LineError> {
        match self.optional(name, wanted)? {
            Some(value) => Ok(value),
            None => refuse(name, "is missing"),
        }
    }

    fn header(&mut self) -> Result<Line, LineError> {
        let format: String = self.needed("format", "a text")?;
        if format != FORMAT {
            return refuse("format", format!("must be `{FORMAT}`"));
        }
        let version: u64 = self.needed("version", "a whole number")?;
        if version != VERSION {
            return refuse("version", format!("this program knows version {VERSION} only"));
        }
        let epoch: Option<Option<String>> = self.optional("epoch", "a text or null")?;
        let _: Option<Option<String>> = self.optional("after", "a text or null")?;
        let _: Option<Option<String>> = self.optional("to", "a text or null")?;
        let _: Option<Vec<String>> = self.optional("channels", "a list of texts")?;
        Ok(Line::Header { epoch: epoch.flatten() })
    }

    fn position(&mut self) -> Result<Option<Position>, LineError> {
        let text: Option<String> = self.optional("position", "a text")?;
        let Some(text) = text else { return Ok(None) };
        match Position::parse(&text) {
            Some(position) => Ok(Some(position)),
            None => refuse("position", "must be <epoch>-<offset>-<check>"),
        }
    }

    fn archived(&mut self, class: &str, size_max_bytes: usize) -> Result<Archived, LineError> {
        let channel: String = self.needed("channel", "a text")?;
        let channel =
            ChannelName::parse(&channel).or_else(|error| refuse("channel", error.to_string()))?;
        let found: String = self.needed("class", "a text")?;
        if found != class {
            return refuse("class", format!("must be `{class}` here"));
        }
        let kind: String = self.needed("type", "a text")?;
        let kind = EventType::parse(&kind).or_else(|error| refuse("type", error.to_string()))?;
        let at: u64 = self.needed("time", "milliseconds since 1970, a whole number")?;
        let kept_at: Option<u64> = self.optional("kept_at", "milliseconds, a whole number")?;
        let ttl_seconds: Option<u32> = self.optional("ttl_seconds", "a whole number")?;
        let connection: Option<Box<str>> = self.optional("connection", "a text")?;
        let is_long = |id: &str| id.is_empty() || id.len() > CONNECTION_MAX_BYTES;
        if connection.as_deref().is_some_and(is_long) {
            return refuse("connection", format!("must be 1 to {CONNECTION_MAX_BYTES} bytes"));
        }
        let data = self.data(size_max_bytes)?;
        let kept_at = kept_at.unwrap_or(at);
        Ok(Archived { channel, kind, data, at, kept_at, ttl_seconds, connection })
    }

    /// Reads `data`, which is JSON, or `text`.
    fn data(&mut self, size_max_bytes: usize) -> Result<Data, LineError> {
        let text: Option<String> = self.optional("text", "a text")?;
        let (name, data) = match (self.0.remove("data"), text) {
            (Some(json), None) => {
                ("data", Data::json(json.get()).or_else(|error| refuse("data", error.to_string()))?)
            }
            (None, Some(text)) => {
                ("text", Data::text(&text).or_else(|error| refuse("text", error.to_string()))?)
            }
            (None, None) => return refuse("data", "is missing, and so is `text`"),
            (Some(_), Some(_)) => {
                return refuse("data", "stands beside `text`: one of them must go");
            }
        };
        let size_bytes = data.as_str().len();
        if size_bytes > size_max_bytes {
            let reason = format!("{size_bytes} bytes exceed the limit of {size_max_bytes}");
            return refuse(name, reason);
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archived(data: Data) -> Archived {
        Archived {
            channel: ChannelName::parse("orders/1").unwrap(),
            kind: EventType::parse("paid \"in\" cash").unwrap(),
            data,
            at: 1_767_225_600_000,
            kept_at: 1_767_225_600_000,
            ttl_seconds: None,
            connection: None,
        }
    }

    fn position(event: &Archived) -> Position {
        Position { epoch: Epoch::from_random(9), offset: 7, check: event.check() }
    }

    #[test]
    fn what_is_written_is_read() {
        let plain = archived(Data::json("{\"n\":1.00,\"deep\":[[[\"\\u2028\"]]]}").unwrap());
        let full = Archived {
            kept_at: plain.at - 3_600_000,
            ttl_seconds: Some(5),
            connection: Some("client".into()),
            ..archived(Data::text("two\nlines \u{2028} \u{1} \u{1f600}").unwrap())
        };
        for event in [plain, full] {
            let at = Some(position(&event));
            let line = super::event(&event, at);
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(parse(&line), Ok(Line::Event(event.clone(), at)), "{line}");
            assert_eq!(parse(&super::event(&event, None)), Ok(Line::Event(event.clone(), None)));
            let value = Archived { kept_at: event.at + 1, ..event };
            assert_eq!(parse(&state(&value)), Ok(Line::State(value)));
        }
        assert_eq!(parse(&end(3, 4)), Ok(Line::End { n_events: 3, n_states: 4 }));
        let epoch = Some(Epoch::from_random(1));
        let channels = vec!["a/**".to_owned()];
        let line = header(&Header { epoch, after: None, to: None, channels });
        let epoch = epoch.map(|epoch| epoch.to_string());
        assert_eq!(parse(&line), Ok(Line::Header { epoch }), "{line}");
        let line = header(&Header { epoch: None, after: None, to: None, channels: Vec::new() });
        assert_eq!(parse(&line), Ok(Line::Header { epoch: None }), "{line}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = event(&archived(Data::json("{\"a\":1}").unwrap()), None);
        let with = |from: &str, to: &str| {
            assert!(good.contains(from), "{from} stands in {good}");
            good.replace(from, to)
        };
        let exported = archived(Data::json("1").unwrap());
        let changed =
            event(&exported, Some(position(&exported))).replace("\"data\":1", "\"data\":2");
        #[rustfmt::skip]
        let cases = [
            ("no JSON",          "nonsense".to_owned(),                                   "no JSON object"),
            ("cut short",        good[..50].to_owned(),                                   "no JSON object"),
            ("a list",           "[]".to_owned(),                                         "no JSON object"),
            ("no record",        "{}".to_owned(),                                         "`record`: is missing"),
            ("other record",     with("\"event\"", "\"thing\""),                          "`record`: `thing`"),
            ("no channel",       with("\"channel\":\"orders/1\",", ""),                   "`channel`: is missing"),
            ("bad channel",      with("orders/1", "a//b"),                                "`channel`"),
            ("a pattern",        with("orders/1", "a/*"),                                 "`channel`"),
            ("other class",      with("logged", "state"),                                 "`class`: must be `logged`"),
            ("no type",          with("\"type\"", "\"kind\""),                            "`type`: is missing"),
            ("empty type",       with("paid \\\"in\\\" cash", ""),                        "`type`"),
            ("time as text",     with("1767225600000", "\"now\""),                        "`time`: must be milliseconds"),
            ("negative time",    with("1767225600000", "-1"),                             "`time`"),
            ("half seconds",     with(",\"data\"", ",\"kept_at\":1767225600500,\"data\""), "`kept_at`: must be whole seconds"),
            ("long connection",  with(",\"data\"", ",\"connection\":\"\",\"data\""),      "`connection`"),
            ("no data",          with(",\"data\":{\"a\":1}", ""),                         "`data`: is missing"),
            ("data and text",    with(",\"data\"", ",\"text\":\"x\",\"data\""),           "`data`: stands beside"),
            ("NUL in a text",    with("\"data\":{\"a\":1}", "\"text\":\"\\u0000\""),      "`text`"),
            ("bad position",     with(",\"channel\"", ",\"position\":\"7\",\"channel\""), "`position`: must be"),
            ("changed event",    changed,                                                 "`position`: the event"),
            ("unknown member",   with(",\"data\"", ",\"colour\":1,\"data\""),             "unknown member `colour`"),
            ("other format",     "{\"record\":\"header\",\"format\":\"x\"}".to_owned(),   "`format`"),
            ("later version",    header(&Header { epoch: None, after: None, to: None, channels: Vec::new() }).replace(":1,", ":2,"), "`version`"),
            ("end without count", "{\"record\":\"end\",\"events\":1}".to_owned(),         "`states`: is missing"),
        ];
        for (name, line, expected) in cases {
            let error = parse(&line).expect_err(name).to_string();
            assert!(error.contains(expected), "case: {name}: {error}");
        }
    }
}
