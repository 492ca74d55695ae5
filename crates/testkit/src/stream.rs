//! An open event stream as a test sees it: events with deadlines, checked ids and raw bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tidings_client::decode::{Decoder, Frame};
use tokio::time::Instant;

use crate::http::{EXCHANGE_TIMEOUT, Failure, Incoming, Request, Response};

/// Time that the methods without a timeout of their own wait.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Raw bytes kept from the start of a stream.
pub const RAW_SIZE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// An event as it arrived.
#[derive(Debug, Clone)]
pub struct StreamEvent {
    /// The `id` of its block.
    pub id: Option<String>,
    /// Its `event` field; `message` without one.
    pub kind: String,
    /// Its data.
    pub data: String,
    /// When its bytes were read from the socket.
    pub received_at: Instant,
}

impl StreamEvent {
    /// Returns the data as JSON.
    ///
    /// # Panics
    ///
    /// It is no JSON; the message shows it.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data)
            .unwrap_or_else(|error| panic!("data is no JSON ({error}): {self:?}"))
    }
}

/// Why a stream did not open.
#[derive(Debug, Clone)]
pub enum OpenError {
    /// The server answered, but not with an event stream.
    Refused(Response),
    /// The connection broke or timed out before the answer.
    Broken(String),
}

/// Why there is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoEvent {
    /// None came in time.
    Timeout,
    /// The server ended the stream properly.
    Ended,
    /// The connection broke.
    Broken(String),
}

/// An open event stream.
///
/// Every id is checked as it is read: within one epoch those of events strictly increase, and a
/// block of only an id never goes back. Only a `reset` may carry a position of another epoch.
#[derive(Debug)]
pub struct RawStream {
    incoming: Incoming,
    decoder: Decoder,
    arrived: VecDeque<Arrived>,
    last_event_id: String,
    raw: Vec<u8>,
    n_comments: usize,
    retry_ms: Option<u64>,
    ids: Ids,
}

impl RawStream {
    /// Opens `target` (path and query) with additional headers.
    ///
    /// # Panics
    ///
    /// The answer is not a 200 with an event stream.
    #[must_use]
    #[track_caller]
    pub fn open(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        match Self::try_open(address, target, headers) {
            Ok(stream) => stream,
            Err(OpenError::Refused(response)) => {
                panic!("GET http://{address}{target} is no event stream: {response:?}")
            }
            Err(OpenError::Broken(what)) => panic!("GET http://{address}{target}: {what}"),
        }
    }

    /// Opens `target` as [`open`](Self::open) does, where a server may be gone.
    ///
    /// # Errors
    ///
    /// There is no answer, or another than a 200 with an event stream.
    pub fn try_open(
        address: SocketAddr,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, OpenError> {
        let headers = [&[("Accept", "text/event-stream")], headers].concat();
        let request = Request { method: "GET", target, headers: &headers, body: &[] };
        let deadline = Instant::now() + EXCHANGE_TIMEOUT;
        let broken = |failure: Failure| OpenError::Broken(failure.to_string());
        let mut incoming = Incoming::open(address, request, deadline).map_err(broken)?;
        let content_type = incoming.head.header("content-type").unwrap_or_default();
        if incoming.head.status != 200 || !content_type.starts_with("text/event-stream") {
            return Err(incoming.read_whole(deadline).map_or_else(broken, OpenError::Refused));
        }
        Ok(Self {
            incoming,
            decoder: Decoder::new(),
            arrived: VecDeque::new(),
            last_event_id: String::new(),
            raw: Vec::new(),
            n_comments: 0,
            retry_ms: None,
            ids: Ids::default(),
        })
    }

    /// Returns status and headers of the answer; its body is empty.
    #[must_use]
    pub fn head(&self) -> &Response {
        &self.incoming.head
    }

    /// Returns the bytes read so far, transfer encoding removed, up to [`RAW_SIZE_MAX_BYTES`].
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Returns how many comments were read so far.
    #[must_use]
    pub fn n_comments(&self) -> usize {
        self.n_comments
    }

    /// Returns the last `retry:` read, in milliseconds.
    #[must_use]
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Returns the position behind the last event returned, empty while there is none.
    ///
    /// A block of only an id counts as soon as the event behind it is asked for.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Returns the next event of any kind.
    ///
    /// # Errors
    ///
    /// None came within `timeout`, or the stream is over.
    ///
    /// # Panics
    ///
    /// An id does not increase, or the stream exceeds the limits of the decoder.
    #[track_caller]
    pub fn next_event(&mut self, timeout: Duration) -> Result<StreamEvent, NoEvent> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.arrived.pop_front() {
                Some(Arrived::Event(event)) => {
                    if let Some(id) = &event.id {
                        self.last_event_id.clone_from(id);
                    }
                    return Ok(event);
                }
                Some(Arrived::Cursor(id)) => {
                    self.last_event_id = id;
                    continue;
                }
                None => {}
            }
            match self.incoming.read(deadline) {
                Ok(Some(bytes)) => self.decode(&bytes),
                Ok(None) => return Err(NoEvent::Ended),
                Err(Failure::Timeout) => return Err(NoEvent::Timeout),
                Err(Failure::Broken(what)) => return Err(NoEvent::Broken(what)),
            }
        }
    }

    /// Returns the next event of type `kind`, skipping all others.
    ///
    /// # Panics
    ///
    /// None comes within [`PATIENCE`]; the message shows what was skipped.
    #[track_caller]
    pub fn expect_event(&mut self, kind: &str) -> StreamEvent {
        let deadline = Instant::now() + PATIENCE;
        let mut skipped = Vec::new();
        loop {
            match self.next_event(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) if event.kind == kind => return event,
                Ok(event) => skipped.push(event),
                Err(no_event) => panic!("no `{kind}`: {no_event:?} behind {skipped:#?}"),
            }
        }
    }

    /// Returns all events before `ready`, which is read too.
    ///
    /// # Panics
    ///
    /// `ready` does not come within [`PATIENCE`].
    #[track_caller]
    pub fn collect_until_ready(&mut self) -> Vec<StreamEvent> {
        let deadline = Instant::now() + PATIENCE;
        let mut events = Vec::new();
        loop {
            match self.next_event(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) if event.kind == "ready" => return events,
                Ok(event) => events.push(event),
                Err(no_event) => panic!("no `ready`: {no_event:?} behind {events:#?}"),
            }
        }
    }

    /// Returns the events until the stream ends, and how it ended.
    ///
    /// # Panics
    ///
    /// It is still open after `timeout`.
    #[track_caller]
    pub fn collect_until_end(&mut self, timeout: Duration) -> (Vec<StreamEvent>, NoEvent) {
        let deadline = Instant::now() + timeout;
        let mut events = Vec::new();
        loop {
            match self.next_event(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => events.push(event),
                Err(NoEvent::Timeout) => panic!("stream is still open behind {events:#?}"),
                Err(no_event) => return (events, no_event),
            }
        }
    }

    #[track_caller]
    fn decode(&mut self, bytes: &[u8]) {
        let received_at = Instant::now();
        let n_kept = bytes.len().min(RAW_SIZE_MAX_BYTES - self.raw.len());
        self.raw.extend(bytes.iter().take(n_kept));
        let mut frames = Vec::new();
        let result = self.decoder.decode(bytes, &mut frames);
        for frame in frames {
            match frame {
                Frame::Comment => self.n_comments += 1,
                Frame::Retry(milliseconds) => self.retry_ms = Some(milliseconds),
                Frame::IdOnly(id) => {
                    self.ids.check(&id, Step::Cursor);
                    self.arrived.push_back(Arrived::Cursor(id));
                }
                Frame::Event { id, kind, data } => {
                    if let Some(id) = &id {
                        let step = if kind == "reset" { Step::Reset } else { Step::Event };
                        self.ids.check(id, step);
                    }
                    let event = StreamEvent { id, kind, data, received_at };
                    self.arrived.push_back(Arrived::Event(event));
                }
            }
        }
        if let Err(error) = result {
            panic!("{error}");
        }
    }
}

/// What was decoded but not returned.
#[derive(Debug)]
enum Arrived {
    Event(StreamEvent),
    Cursor(String),
}

/// What carries an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Event,
    Cursor,
    Reset,
}

/// The place in the log that a stream has reached.
#[derive(Debug, Default)]
struct Ids {
    last: Option<String>,
}

impl Ids {
    #[track_caller]
    fn check(&mut self, id: &str, step: Step) {
        let (epoch, offset) = parse_id(id);
        if let (Some(last), Step::Event | Step::Cursor) = (&self.last, step) {
            let (last_epoch, last_offset) = parse_id(last);
            assert_eq!(epoch, last_epoch, "epoch changes without a reset: {last} then {id}");
            let is_forward = offset > last_offset || step == Step::Cursor && offset == last_offset;
            assert!(is_forward, "ids must increase: {last} then {id}");
        }
        self.last = Some(id.to_owned());
    }
}

/// Splits `<epoch>-<offset>-<check>`.
#[track_caller]
fn parse_id(id: &str) -> (&str, u64) {
    let mut parts = id.split('-');
    match (parts.next(), parts.next().map(str::parse), parts.next(), parts.next()) {
        (Some(epoch), Some(Ok(offset)), Some(_check), None) => (epoch, offset),
        _ => panic!("`{id}` is no position `<epoch>-<offset>-<check>`"),
    }
}
