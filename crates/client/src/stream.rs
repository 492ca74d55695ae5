//! A stream of events that survives its connections: resume, back-off and watchdog.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use tokio::time::{Instant, Sleep, sleep};

use crate::backoff::{Backoff, RandomSource, STABLE_AFTER};
use crate::decode::{DecodeError, Decoder, Frame};
use crate::endpoint::{Endpoint, EndpointError, Exchange, ExchangeError, encode_parameter};
use crate::item::{ClosedReason, DisconnectCause, StreamItem};
use crate::options::{Format, Options, Start};
use crate::problem::{PROBLEM_SIZE_MAX_BYTES, Problem};
use crate::stream::interpret::{Block, Meaning, interpret};

mod interpret;
#[cfg(test)]
mod tests;

/// Where a hub's stream is when the URL does not say.
const DEFAULT_PATH: &str = "/api/sse/stream";

/// Time between heartbeats assumed until the hub has said.
const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(30);

/// Longest time between heartbeats believed.
const HEARTBEAT_MAX: Duration = Duration::from_hours(1);

/// Time that a hub gets to end the connection after `connection_close`.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A subscription to a hub that reconnects and resumes by itself.
///
/// ```text
///                   +--------------- time is up ----------------+
///                   v                                           |
/// connect() --> Connecting --200--> Reading --end, silence--> Waiting
///                   |  \______ network error, 408, 429, 5xx ____^
///                   |                  |
///                   +-- 204, 4xx --> Closed <-- rejected
/// ```
///
/// All of its work is done inside [`next`](Self::next); dropping the stream closes its connection.
pub struct EventStream {
    endpoint: Endpoint,
    parameters: Vec<String>,
    start: Start,
    headers: HeaderMap,
    format: Format,
    connect_timeout: Duration,
    line_size_max_bytes: usize,
    event_size_max_bytes: usize,
    random: RandomSource,
    backoff: Backoff,
    /// The reconnection time that the hub asked for, zero while it has not.
    server_retry: Duration,
    /// The position behind the last item handed out; `None` while there is none.
    last_event_id: Option<String>,
    phase: Phase,
}

enum Phase {
    Connecting(Pin<Box<dyn Future<Output = Result<Exchange, AttemptError>> + Send>>),
    Reading(Box<Reading>),
    Waiting(Pin<Box<Sleep>>),
    Closed,
}

/// A connection that delivers.
struct Reading {
    exchange: Exchange,
    decoder: Decoder,
    /// Decoded but not handed out; no more than one read of the socket holds.
    frames: VecDeque<Frame>,
    failure: Option<DecodeError>,
    opened_at: Instant,
    /// Longest silence allowed.
    patience: Duration,
    watchdog: Pin<Box<Sleep>>,
    /// The hub's word for the end that it has announced.
    announced: Option<String>,
}

enum AttemptError {
    Retry { cause: DisconnectCause, floor: Duration },
    Stop(ClosedReason),
}

impl EventStream {
    /// Prepares a stream; the first [`next`](Self::next) connects.
    ///
    /// Reads the file of certificate authorities, so it may block for the time of a small file.
    ///
    /// # Errors
    ///
    /// The URL, a channel or the file of certificate authorities cannot be used.
    pub fn connect(options: Options) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::parse(&options.url, DEFAULT_PATH, options.ca_file.as_deref())?;
        let mut parameters = Vec::new();
        if !options.channels.is_empty() {
            let channels = encode_parameter(&options.channels.join(","));
            parameters.push(format!("channels={channels}"));
        }
        parameters.push(match options.format {
            Format::Named => "format=named".to_owned(),
            Format::Envelope => "format=envelope".to_owned(),
        });
        if let Some(heartbeat) = options.heartbeat {
            parameters.push(format!("heartbeat={}", heartbeat.as_secs()));
        }
        let last_event_id = match &options.start {
            Start::After(id) => Some(id.clone()),
            Start::Live | Start::Earliest | Start::Since(_) | Start::Tail(_) => None,
        };
        let mut stream = Self {
            endpoint,
            parameters,
            start: options.start,
            headers: options.headers,
            format: options.format,
            connect_timeout: options.connect_timeout,
            line_size_max_bytes: options.line_size_max_bytes,
            event_size_max_bytes: options.event_size_max_bytes,
            random: options.random,
            backoff: Backoff::default(),
            server_retry: Duration::ZERO,
            last_event_id,
            phase: Phase::Closed,
        };
        let request = stream.request().map_err(|source| EndpointError::Request { source })?;
        stream.phase = stream.attempt(request);
        Ok(stream)
    }

    /// Returns what happens next; `None` behind [`StreamItem::Closed`].
    ///
    /// Cancel-safe: all progress is kept in the stream, so that a `select!` branch that loses
    /// loses no item.
    pub async fn next(&mut self) -> Option<StreamItem> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Returns the position behind the last item handed out, to resume from with [`Start::After`].
    ///
    /// `None` while there is no position: nothing logged was received and none was given.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        loop {
            match &mut self.phase {
                Phase::Connecting(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                    Ok(exchange) => self.phase = Phase::Reading(Box::new(self.reading(exchange))),
                    Err(AttemptError::Retry { cause, floor }) => {
                        return Poll::Ready(Some(self.wait(cause, floor)));
                    }
                    Err(AttemptError::Stop(reason)) => return Poll::Ready(Some(self.stop(reason))),
                },
                Phase::Reading(reading) => {
                    let item = match ready!(reading.poll_frame(cx)) {
                        Ok(frame) => self.take(frame),
                        Err(cause) => Some(self.disconnect(cause)),
                    };
                    if item.is_some() {
                        return Poll::Ready(item);
                    }
                }
                Phase::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    match self.request() {
                        Ok(request) => self.phase = self.attempt(request),
                        Err(source) => {
                            let reason = ClosedReason::Request { source };
                            return Poll::Ready(Some(self.stop(reason)));
                        }
                    }
                }
                Phase::Closed => return Poll::Ready(None),
            }
        }
    }

    /// Takes one frame of the current connection; `None` if the caller need not know.
    fn take(&mut self, frame: Frame) -> Option<StreamItem> {
        let block = match frame {
            Frame::Comment => return None,
            Frame::Retry(milliseconds) => {
                self.server_retry = Duration::from_millis(milliseconds);
                return None;
            }
            Frame::IdOnly(id) => {
                self.move_to(id);
                return None;
            }
            Frame::Event { id, kind, data } => Block { id, kind, data },
        };
        let id = block.id.clone();
        let meaning = match interpret(self.format, block) {
            Ok(meaning) => meaning,
            // The position stays before the bad frame, so that it is not skipped in silence.
            Err(source) => return Some(self.disconnect(DisconnectCause::Malformed { source })),
        };
        if let Some(id) = id {
            self.move_to(id);
        }
        match meaning {
            Meaning::Item(item) => {
                if let (StreamItem::Opened(opened), Phase::Reading(reading)) =
                    (&item, &mut self.phase)
                {
                    reading.patience = patience(opened.heartbeat.unwrap_or(HEARTBEAT_DEFAULT));
                    reading.pat_watchdog();
                }
                Some(item)
            }
            Meaning::Rejected { status, message } => {
                Some(self.stop(ClosedReason::Rejected { status, message }))
            }
            Meaning::ServerClose { reason } => {
                // A `retry:` may follow, so the stream is read to its end.
                if let Phase::Reading(reading) = &mut self.phase {
                    reading.announced = Some(reason);
                    reading.patience = CLOSE_GRACE;
                    reading.pat_watchdog();
                }
                None
            }
        }
    }

    /// Moves the position; an empty id takes it back, as the standard has it.
    fn move_to(&mut self, id: String) {
        self.last_event_id = if id.is_empty() { None } else { Some(id) };
    }

    fn reading(&self, exchange: Exchange) -> Reading {
        let patience = patience(HEARTBEAT_DEFAULT);
        Reading {
            exchange,
            decoder: Decoder::with_limits(self.line_size_max_bytes, self.event_size_max_bytes),
            frames: VecDeque::new(),
            failure: None,
            opened_at: Instant::now(),
            patience,
            watchdog: Box::pin(sleep(patience)),
            announced: None,
        }
    }

    /// Leaves the current connection.
    fn disconnect(&mut self, cause: DisconnectCause) -> StreamItem {
        let mut cause = cause;
        if let Phase::Reading(reading) = &mut self.phase {
            if reading.opened_at.elapsed() >= STABLE_AFTER {
                self.backoff.reset();
            }
            if let Some(reason) = reading.announced.take() {
                cause = DisconnectCause::ServerClose { reason };
            }
        }
        self.wait(cause, Duration::ZERO)
    }

    fn wait(&mut self, cause: DisconnectCause, floor: Duration) -> StreamItem {
        let retry_in = self.backoff.next_delay((self.random)(), floor.max(self.server_retry));
        self.phase = Phase::Waiting(Box::pin(sleep(retry_in)));
        StreamItem::Disconnected { cause, retry_in }
    }

    fn stop(&mut self, reason: ClosedReason) -> StreamItem {
        self.phase = Phase::Closed;
        StreamItem::Closed { reason }
    }

    fn attempt(&self, request: Request<Full<Bytes>>) -> Phase {
        let endpoint = self.endpoint.clone();
        let after = self.connect_timeout;
        Phase::Connecting(Box::pin(async move {
            match tokio::time::timeout(after, open(&endpoint, request)).await {
                Ok(result) => result,
                Err(_elapsed) => Err(AttemptError::Retry {
                    cause: DisconnectCause::ConnectTimeout { after },
                    floor: Duration::ZERO,
                }),
            }
        }))
    }

    /// Builds the request for the position where the stream is now.
    fn request(&self) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut parameters = self.parameters.clone();
        let mut resume = None;
        match (&self.last_event_id, &self.start) {
            (Some(id), _) => match HeaderValue::try_from(id) {
                Ok(value) => resume = Some(value),
                // Only control characters get here; the query can carry even those.
                Err(_) => parameters.push(format!("last_event_id={}", encode_parameter(id))),
            },
            (None, Start::Live | Start::After(_)) => {}
            (None, Start::Earliest) => parameters.push("earliest=true".to_owned()),
            (None, Start::Since(time)) => {
                parameters.push(format!("since={}", encode_parameter(time)));
            }
            (None, Start::Tail(n_events)) => parameters.push(format!("tail={n_events}")),
        }
        let mut request = self
            .endpoint
            .request(&parameters)
            .header(header::ACCEPT, "text/event-stream")
            .header(header::CACHE_CONTROL, "no-store")
            .body(Full::default())?;
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        if let Some(resume) = resume {
            headers.insert("last-event-id", resume);
        }
        Ok(request)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Connecting(_) => "connecting",
            Phase::Reading(_) => "reading",
            Phase::Waiting(_) => "waiting",
            Phase::Closed => "closed",
        };
        formatter
            .debug_struct("EventStream")
            .field("phase", &phase)
            .field("last_event_id", &self.last_event_id)
            .finish_non_exhaustive()
    }
}

impl Reading {
    /// Returns the next frame, or why there is none.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, DisconnectCause>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Poll::Ready(Ok(frame));
            }
            if let Some(source) = self.failure {
                return Poll::Ready(Err(DisconnectCause::Decode { source }));
            }
            // Bytes before the watchdog: after a suspension both are due, and the bytes are a sign
            // of life.
            match self.exchange.poll_data(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    let mut frames = Vec::from(mem::take(&mut self.frames));
                    self.failure = self.decoder.decode(&chunk, &mut frames).err();
                    self.frames = frames.into();
                    if self.announced.is_none() {
                        self.pat_watchdog();
                    }
                }
                Poll::Ready(Some(Err(source))) => {
                    return Poll::Ready(Err(DisconnectCause::Broken { source }));
                }
                Poll::Ready(None) => return Poll::Ready(Err(DisconnectCause::Ended)),
                Poll::Pending => {
                    ready!(self.watchdog.as_mut().poll(cx));
                    return Poll::Ready(Err(DisconnectCause::Silent { after: self.patience }));
                }
            }
        }
    }

    fn pat_watchdog(&mut self) {
        self.watchdog.as_mut().reset(Instant::now() + self.patience);
    }
}

/// Returns the longest silence to bear from a hub with this time between heartbeats.
fn patience(heartbeat: Duration) -> Duration {
    heartbeat.min(HEARTBEAT_MAX) * 2 + Duration::from_secs(5)
}

/// Makes one attempt; succeeds when an event stream answers.
async fn open(
    endpoint: &Endpoint,
    request: Request<Full<Bytes>>,
) -> Result<Exchange, AttemptError> {
    let retry = |cause, floor| Err(AttemptError::Retry { cause, floor });
    let mut exchange = match endpoint.exchange(request).await {
        Ok(exchange) => exchange,
        Err(ExchangeError::Connect { source }) => {
            return retry(DisconnectCause::Connect { source }, Duration::ZERO);
        }
        Err(ExchangeError::Http { source }) => {
            return retry(DisconnectCause::Broken { source }, Duration::ZERO);
        }
    };
    match exchange.head.status {
        StatusCode::OK => {
            let content_type = exchange.head.headers.get(header::CONTENT_TYPE);
            let content_type =
                content_type.map(HeaderValue::as_bytes).unwrap_or_default().to_ascii_lowercase();
            let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
            if essence.trim_ascii() == b"text/event-stream" {
                return Ok(exchange);
            }
            // A login page of the network or a proxy that starts up: it may pass.
            let content_type = String::from_utf8_lossy(&content_type).into_owned();
            retry(DisconnectCause::NotEventStream { content_type }, Duration::ZERO)
        }
        StatusCode::NO_CONTENT => Err(AttemptError::Stop(ClosedReason::NoContent)),
        status => {
            let floor = exchange.retry_after();
            // The status says enough where its explanation is torn.
            let body = exchange.read_body(PROBLEM_SIZE_MAX_BYTES).await.unwrap_or_default();
            let problem = Problem::parse(status.as_u16(), &body);
            let may_pass =
                matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
            if status.is_client_error() && !may_pass {
                return Err(AttemptError::Stop(ClosedReason::Refused(problem)));
            }
            retry(DisconnectCause::Status(problem), floor)
        }
    }
}
