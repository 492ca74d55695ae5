//! Publishes events to a hub, once however often the network makes it try.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};

use crate::backoff::{Backoff, RandomSource};
use crate::endpoint::{Endpoint, EndpointError, ExchangeError};
use crate::problem::{PROBLEM_SIZE_MAX_BYTES, Problem};
use crate::wire::{DataBody, EventBody, PublishedBody};

#[cfg(test)]
mod tests;

/// Where a hub takes events when the URL does not say.
const DEFAULT_PATH: &str = "/api/sse/events";

/// How often one publish is tried.
pub const ATTEMPTS_MAX: u32 = 5;

/// Time for one attempt, from the connection to the end of the answer.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// Longest `Retry-After` waited for; a hub that asks for more gets no other attempt.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Largest answer read.
const ANSWER_SIZE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The payload of an event.
#[derive(Debug, Clone)]
pub enum EventData {
    /// JSON, sent as it is written.
    Json(Box<RawValue>),
    /// Text, which the hub treats like a JSON string.
    Text(String),
}

impl EventData {
    /// Checks that `text` is JSON and takes it as it is written.
    ///
    /// # Errors
    ///
    /// It is not JSON.
    pub fn json(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self::Json)
    }
}

/// An event to publish.
#[derive(Debug, Clone)]
pub struct PublishEvent {
    /// Where it is published.
    pub channel: String,
    /// Its event type; `None` for the hub's default.
    pub kind: Option<String>,
    /// Its payload.
    pub data: EventData,
    /// How long the hub may keep it, in whole seconds; `None` for the channel's retention.
    pub ttl: Option<Duration>,
}

/// What a hub did with the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The position of each event in the order given; `None` on channels without a log.
    pub positions: Vec<Option<String>>,
    /// How many deliveries to present subscribers that means.
    pub matched: u64,
}

/// Why events are not known to be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The events or the key cannot be written into a request; nothing was sent.
    #[error("build the publish request")]
    Request {
        /// What is wrong.
        source: http::Error,
    },
    /// The events cannot be written as JSON; nothing was sent.
    #[error("encode the events")]
    Encode {
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The hub refused the events; none of them was published.
    #[error("hub answered {0}")]
    Refused(Problem),
    /// The last attempt failed too; the events may or may not have been published.
    ///
    /// Publishing them again with the same key is safe.
    #[error("no success in {n_attempts} attempts")]
    GaveUp {
        /// How many attempts were made.
        n_attempts: u32,
        /// Why the last one failed.
        source: AttemptFailure,
    },
    /// The hub said that it published the events, but its answer cannot be read.
    #[error("read the answer of the hub")]
    Answer {
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Why one attempt failed in a way that may pass.
#[derive(Debug, thiserror::Error)]
pub enum AttemptFailure {
    /// No connection could be made.
    #[error("connect to the hub")]
    Connect {
        /// What failed: name resolution, TCP or TLS.
        source: std::io::Error,
    },
    /// The connection broke before the answer.
    #[error("connection to the hub broke")]
    Broken {
        /// What failed.
        source: hyper::Error,
    },
    /// The answer did not come within [`ATTEMPT_TIMEOUT`].
    #[error("no answer from the hub within {} s", ATTEMPT_TIMEOUT.as_secs())]
    Timeout,
    /// The hub answered 408, 429 or 5xx.
    #[error("hub answered {0}")]
    Status(Problem),
}

/// Publishes to one hub.
pub struct Publisher {
    endpoint: Endpoint,
    headers: HeaderMap,
    random: RandomSource,
}

impl Publisher {
    /// Prepares publishing to `url`; one without a path stands for the hub's `/api/sse/events`.
    ///
    /// `headers` go with every request, such as `Authorization`. Over `https` the authorities of
    /// `ca_file` are trusted, or the system's where it is `None`. `random` spreads the retries.
    ///
    /// # Errors
    ///
    /// The URL or the file of certificate authorities cannot be used.
    pub fn new(
        url: &str,
        headers: HeaderMap,
        ca_file: Option<&Path>,
        random: RandomSource,
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::parse(url, DEFAULT_PATH, ca_file)?;
        Ok(Self { endpoint, headers, random })
    }

    /// Publishes all of `events` or none, and returns when the hub has answered.
    ///
    /// The hub publishes at most once per `idempotency_key`, so the key must be new for every set
    /// of events. Attempts that fail in the network or with 408, 429 or 5xx are repeated with the
    /// same key, [`ATTEMPTS_MAX`] times in all. Not cancel-safe in the sense that a dropped future
    /// leaves open whether the events were published; the same key may be used again.
    ///
    /// # Errors
    ///
    /// As [`PublishError`] says, with what is known about the events.
    pub async fn publish(
        &mut self,
        events: &[PublishEvent],
        idempotency_key: &str,
    ) -> Result<Published, PublishError> {
        let body = encode(events).map_err(|source| PublishError::Encode { source })?;
        let key = HeaderValue::try_from(idempotency_key)
            .map_err(|error| PublishError::Request { source: error.into() })?;
        let mut backoff = Backoff::default();
        let mut n_attempts = 0;
        loop {
            let request = self.request(body.clone(), key.clone())?;
            n_attempts += 1;
            let (source, floor) = match timeout(ATTEMPT_TIMEOUT, self.attempt(request)).await {
                Ok(Attempt::Done(result)) => return result,
                Ok(Attempt::MayPass { failure, floor }) => (failure, floor),
                Err(_elapsed) => (AttemptFailure::Timeout, Duration::ZERO),
            };
            if n_attempts == ATTEMPTS_MAX || floor > RETRY_AFTER_MAX {
                return Err(PublishError::GaveUp { n_attempts, source });
            }
            sleep(backoff.next_delay((self.random)(), floor)).await;
        }
    }

    fn request(&self, body: Bytes, key: HeaderValue) -> Result<Request<Full<Bytes>>, PublishError> {
        let mut request = self
            .endpoint
            .request(&[])
            .method(Method::POST)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, application/problem+json")
            .body(Full::new(body))
            .map_err(|source| PublishError::Request { source })?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert("idempotency-key", key);
        Ok(request)
    }

    async fn attempt(&self, request: Request<Full<Bytes>>) -> Attempt {
        let may_pass = |failure| Attempt::MayPass { failure, floor: Duration::ZERO };
        let mut exchange = match self.endpoint.exchange(request).await {
            Ok(exchange) => exchange,
            Err(ExchangeError::Connect { source }) => {
                return may_pass(AttemptFailure::Connect { source });
            }
            Err(ExchangeError::Http { source }) => {
                return may_pass(AttemptFailure::Broken { source });
            }
        };
        let status = exchange.head.status;
        if status.is_success() {
            let body = match exchange.read_body(ANSWER_SIZE_MAX_BYTES).await {
                Ok(body) => body,
                Err(source) => return may_pass(AttemptFailure::Broken { source }),
            };
            return Attempt::Done(
                serde_json::from_slice(&body)
                    .map(|PublishedBody { positions, matched }| Published { positions, matched })
                    .map_err(|source| PublishError::Answer { source }),
            );
        }
        let floor = exchange.retry_after();
        // The status says enough where its explanation is torn.
        let body = exchange.read_body(PROBLEM_SIZE_MAX_BYTES).await.unwrap_or_default();
        let problem = Problem::parse(status.as_u16(), &body);
        let is_passing = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        if is_passing {
            return Attempt::MayPass { failure: AttemptFailure::Status(problem), floor };
        }
        Attempt::Done(Err(PublishError::Refused(problem)))
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Publisher").finish_non_exhaustive()
    }
}

/// How one attempt ended.
enum Attempt {
    Done(Result<Published, PublishError>),
    MayPass { failure: AttemptFailure, floor: Duration },
}

fn encode(events: &[PublishEvent]) -> Result<Bytes, serde_json::Error> {
    let bodies: Vec<EventBody<'_>> = events
        .iter()
        .map(|event| EventBody {
            channel: &event.channel,
            kind: event.kind.as_deref(),
            data: match &event.data {
                EventData::Json(json) => DataBody::Json(json),
                EventData::Text(text) => DataBody::Text(text),
            },
            ttl_seconds: event.ttl.map(|ttl| ttl.as_secs()),
        })
        .collect();
    serde_json::to_vec(&bodies).map(Bytes::from)
}
