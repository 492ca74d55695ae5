//! Publishing over HTTP.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tidings_hub::channel::ChannelName;
use tidings_hub::event::{Audience, Data, Event, EventType};
use tidings_hub::position::Position;
use tidings_hub::publish::Published;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::App;

/// Most lines of one NDJSON request.
const LINES_MAX: usize = 10_000;

/// An event as a publisher sends it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventJson {
    /// Channel to publish on.
    channel: String,
    /// Type of the event; `generic_event` when missing.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Any JSON; a string is sent as text.
    #[schema(value_type = Value)]
    data: Box<RawValue>,
    /// Seconds after which nobody is shown the event any more.
    ttl_seconds: Option<u32>,
    /// `"all"` or `{"connection": CLIENT_ID}`.
    #[schema(value_type = Option<Value>)]
    audience: Option<Value>,
    /// The publisher's id of the event; a repeat is published once.
    id: Option<String>,
}

/// Answer to an accepted request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublishedJson {
    /// One per event; null on state and ephemeral channels.
    positions: Vec<Option<String>>,
    /// Streams that follow the channels, summed over the events.
    matched: usize,
}

/// Publishes one event, an array (all or none), or NDJSON lines (each on its own).
///
/// # Errors
///
/// `400` names the field, and in an array the index; otherwise as `PublishError` maps onto
/// [`Problem`].
pub(super) async fn publish(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let text = std::str::from_utf8(&body).map_err(|_| bad_body("the body is not UTF-8"))?;
    if matches!(kind, "application/x-ndjson" | "application/jsonl" | "application/ndjson") {
        if headers.contains_key("idempotency-key") {
            let problem = Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-invalid");
            return Err(
                problem.text("Idempotency-Key: lines are published each on its own; use id")
            );
        }
        return publish_lines(&app, text).await;
    }
    let key = match headers.get("idempotency-key") {
        None => None,
        Some(value) => Some(value.to_str().map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-invalid")
                .text("Idempotency-Key: not visible ASCII")
        })?),
    };
    let events = if text.trim_start().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(bad_body)?;
        let parsed = items.iter().enumerate().map(|(index, item)| {
            parse(item.get()).map_err(|problem| problem.member("index", index))
        });
        parsed.collect::<Result<Vec<Event>, Problem>>()?
    } else {
        vec![parse(text)?]
    };
    let published = app.hub.publish(events, key.map(Into::into)).await?;
    Ok((StatusCode::CREATED, Json(to_wire(&published))).into_response())
}

/// Publishes every line on its own.
async fn publish_lines(app: &App, text: &str) -> Result<Response, Problem> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    if lines.clone().count() > LINES_MAX {
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-many-events");
        return Err(problem.text(format!("more than {LINES_MAX} lines")));
    }
    let mut results: Vec<Value> = Vec::new();
    for line in lines {
        let outcome = match parse(line) {
            Ok(event) => app.hub.publish(vec![event], None).await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        results.push(match outcome {
            Ok(published) => {
                let position = published.positions.first().copied().flatten();
                let position = position.map(|position| position.to_string());
                serde_json::json!({ "position": position, "matched": published.matched })
            }
            Err(problem) => problem.body(),
        });
    }
    Ok(Json(serde_json::json!({ "results": results })).into_response())
}

/// Parses one event.
fn parse(json: &str) -> Result<Event, Problem> {
    let event: EventJson = serde_json::from_str(json).map_err(bad_body)?;
    let channel =
        ChannelName::parse(&event.channel).map_err(|error| bad_field("channel", &error))?;
    let kind = match &event.kind {
        None => EventType::default(),
        Some(kind) => EventType::parse(kind).map_err(|error| bad_field("type", &error))?,
    };
    let data = Data::json(event.data.get()).map_err(|error| bad_field("data", &error))?;
    Ok(Event {
        channel,
        kind,
        data,
        ttl: event.ttl_seconds.map(|seconds| Duration::from_secs(seconds.into())),
        audience: audience(event.audience.as_ref())?,
        key: event.id.map(Into::into),
    })
}

fn audience(value: Option<&Value>) -> Result<Audience, Problem> {
    let refuse = |detail: &str| Problem::bad_parameter("audience", detail);
    match value {
        None | Some(Value::Null) => Ok(Audience::All),
        Some(Value::String(text)) if text == "all" => Ok(Audience::All),
        Some(Value::Object(fields)) if fields.len() == 1 => match fields.get("connection") {
            Some(Value::String(id)) => Ok(Audience::Connection(id.as_str().into())),
            _ => Err(refuse("only {\"connection\": CLIENT_ID}; subjects and roles need tokens")),
        },
        Some(_) => Err(refuse("neither \"all\" nor {\"connection\": CLIENT_ID}")),
    }
}

fn bad_body(error: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "body-invalid").text(error.to_string())
}

fn bad_field(name: &str, error: &dyn std::error::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "event-invalid")
        .text(format!("{name}: {error}"))
        .member("field", name)
}

fn to_wire(published: &Published) -> PublishedJson {
    let text = |position: &Option<Position>| position.map(|position| position.to_string());
    PublishedJson {
        positions: published.positions.iter().map(text).collect(),
        matched: published.matched,
    }
}
