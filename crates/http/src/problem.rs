//! Errors on the wire: `application/problem+json` (RFC 9457).

use std::error::Error;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tidings_hub::delivery::SubscribeError;
use tidings_hub::history::{DeleteError, HistoryError};
use tidings_hub::publish::{PublishError, PublishRefusal};
use tidings_hub::{CommitError, PatchError};

/// Where the problem types are explained.
const TYPE_BASE: &str = "/api/v1/docs#problem-";
/// What a client waits that is refused for a limit of connections.
const CONNECTIONS_RETRY: Duration = Duration::from_secs(5);

/// What a publisher waits when the log had no room.
const PUBLISH_RETRY: Duration = Duration::from_secs(1);

/// An error as the client reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Status of the response.
    pub status: StatusCode,
    /// Stable name of the kind of problem.
    pub slug: &'static str,
    /// What happened this time.
    pub detail: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// Extension members.
    pub members: Map<String, Value>,
}

impl Problem {
    /// Makes a problem of a kind.
    #[must_use]
    pub fn new(status: StatusCode, slug: &'static str) -> Self {
        Self { status, slug, detail: None, retry_after: None, members: Map::new() }
    }

    /// Says what happened this time: the error and its causes.
    #[must_use]
    pub fn detail(mut self, error: &dyn Error) -> Self {
        let mut detail = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            detail = format!("{detail}: {error}");
            cause = error.source();
        }
        self.detail = Some(detail);
        self
    }

    /// Says in words what happened this time.
    #[must_use]
    pub fn text(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an extension member.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// A parameter of the request that cannot be used.
    #[must_use]
    pub fn bad_parameter(name: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parameter-invalid")
            .text(format!("{name}: {detail}"))
            .member("parameter", name)
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> Value {
        let title = self.slug.replace('-', " ");
        let mut body = Map::new();
        body.insert("type".into(), format!("{TYPE_BASE}{}", self.slug).into());
        body.insert("title".into(), title.clone().into());
        body.insert("status".into(), self.status.as_u16().into());
        if let Some(detail) = &self.detail {
            body.insert("detail".into(), detail.clone().into());
        }
        body.insert("error".into(), self.detail.clone().unwrap_or(title).into());
        for (name, value) in &self.members {
            body.insert(name.clone(), value.clone());
        }
        Value::Object(body)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, after.as_secs().max(1).into());
        }
        response
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        let (status, slug) = match &error.reason {
            PublishRefusal::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "event-too-large"),
            PublishRefusal::TooManyEvents { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too-many-events")
            }
            PublishRefusal::TooManyChannels { .. } => {
                (StatusCode::INSUFFICIENT_STORAGE, "too-many-channels")
            }
            PublishRefusal::KeyLength { .. } | PublishRefusal::KeyCharacter => {
                (StatusCode::BAD_REQUEST, "idempotency-key-invalid")
            }
            PublishRefusal::KeyConflict => (StatusCode::CONFLICT, "idempotency-key-conflict"),
            PublishRefusal::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting-down"),
            PublishRefusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "log-busy"),
            PublishRefusal::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "storage-full"),
            PublishRefusal::Unknown => (StatusCode::SERVICE_UNAVAILABLE, "publish-unknown"),
            PublishRefusal::Failed => (StatusCode::SERVICE_UNAVAILABLE, "log-failed"),
        };
        let is_later = matches!(error.reason, PublishRefusal::Busy | PublishRefusal::StorageFull);
        let problem = Self::new(status, slug).text(error.reason.to_string());
        let retry_after = is_later.then_some(PUBLISH_RETRY);
        Self { retry_after, ..problem.member("index", error.index) }
    }
}

impl From<SubscribeError> for Problem {
    fn from(error: SubscribeError) -> Self {
        let (status, slug) = match &error {
            SubscribeError::TooManyConnections { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "too-many-connections")
            }
            SubscribeError::TooManyFromAddress { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "too-many-connections-from-address")
            }
            SubscribeError::TooManyPatterns { .. } => {
                (StatusCode::BAD_REQUEST, "too-many-patterns")
            }
            SubscribeError::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting-down"),
        };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(CONNECTIONS_RETRY);
        Self { retry_after, ..Self::new(status, slug).detail(&error) }
    }
}

impl From<PatchError> for Problem {
    fn from(error: PatchError) -> Self {
        let (status, slug) = match &error {
            PatchError::NotFound => (StatusCode::NOT_FOUND, "connection-not-found"),
            PatchError::TooManyPatterns { .. } => (StatusCode::BAD_REQUEST, "too-many-patterns"),
        };
        Self::new(status, slug).detail(&error)
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        let (status, slug) = match &error {
            HistoryError::UnknownChannel { .. } => (StatusCode::NOT_FOUND, "channel-not-found"),
            HistoryError::OtherEpoch => (StatusCode::GONE, "position-of-other-epoch"),
            HistoryError::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting-down"),
            // The cause is ours, so the client learns only the slug; the log has the chain.
            HistoryError::Read(cause) => {
                let cause: &dyn Error = cause;
                tracing::error!(cause, "history not read");
                (StatusCode::SERVICE_UNAVAILABLE, "log-unreadable")
            }
        };
        Self::new(status, slug).detail(&error)
    }
}

impl From<DeleteError> for Problem {
    fn from(error: DeleteError) -> Self {
        let (status, slug) = match &error {
            DeleteError::UnknownChannel { .. } => (StatusCode::NOT_FOUND, "channel-not-found"),
            DeleteError::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting-down"),
            DeleteError::Log(CommitError::Full(_)) => {
                (StatusCode::INSUFFICIENT_STORAGE, "storage-full")
            }
            DeleteError::Log(cause) => {
                let cause: &dyn Error = cause;
                tracing::error!(cause, "history not deleted");
                (StatusCode::SERVICE_UNAVAILABLE, "log-failed")
            }
        };
        Self::new(status, slug).detail(&error)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "query-invalid").text(rejection.body_text())
    }
}
