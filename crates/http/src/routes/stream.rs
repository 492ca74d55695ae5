//! Opening event streams.

use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use tidings_hub::channel::ChannelPattern;
use tidings_hub::delivery::{Format, Start, SubscribeRequest};

use crate::handover::{StreamBody, StreamSlot};
use crate::problem::Problem;
use crate::server::Peer;
use crate::state::App;
use crate::wire;

/// Seconds between heartbeats that a client may ask for.
const HEARTBEAT_SECONDS: std::ops::RangeInclusive<u64> = 5..=120;

/// Names that `style=hyphen` gives to the lease events.
const HYPHEN_NAMES: &[(&str, &str)] = &[
    ("lease_added", "lease-added"),
    ("lease_updated", "lease-updated"),
    ("lease_renewed", "lease-updated"),
    ("lease_removed", "lease-removed"),
    ("lease_expired", "lease-removed"),
];

/// Query of a request, in its order; a name may come several times.
pub(super) type Pairs = Vec<(String, String)>;

/// What the handlers of streams take from a request.
pub(super) type Asked = Result<Query<Pairs>, QueryRejection>;

/// Opens a stream of chosen channels.
///
/// # Errors
///
/// `400` for a parameter that cannot be used; otherwise as `SubscribeError` maps onto [`Problem`].
pub(super) async fn stream(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    version: Version,
    headers: HeaderMap,
    query: Asked,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let format = match find(&query, "format") {
        None | Some("envelope") => Format::Envelope,
        Some("named") => Format::Named,
        Some(other) => {
            let detail = format!("`{other}` is neither envelope nor named");
            return Err(Problem::bad_parameter("format", detail));
        }
    };
    let default_seconds = match format {
        Format::Envelope => 30,
        Format::Named => 5,
    };
    let request = SubscribeRequest {
        client_id: app.hub.new_client_id(),
        patterns: patterns(&query)?,
        format,
        rename: &[],
        start: start(&headers, &query)?,
        heartbeat: heartbeat(&query, default_seconds)?,
        message: "Successfully connected to the event stream",
        peer: Some(peer.ip()),
        grants: None,
        expires_at: None,
    };
    open(&app, request, version)
}

/// Opens the stream of the lease page.
///
/// # Errors
///
/// As [`stream`].
pub(super) async fn lease_stream(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    version: Version,
    headers: HeaderMap,
    query: Asked,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let names: &[&str] = match find(&query, "events") {
        None | Some("changed") => &[wire::LEASES],
        Some("detail") => &[wire::LEASES, wire::LEASE_CHANGES],
        Some(other) => {
            let detail = format!("`{other}` is not detail");
            return Err(Problem::bad_parameter("events", detail));
        }
    };
    let rename = match find(&query, "style") {
        None | Some("underscore") => &[],
        Some("hyphen") => HYPHEN_NAMES,
        Some(other) => {
            let detail = format!("`{other}` is neither hyphen nor underscore");
            return Err(Problem::bad_parameter("style", detail));
        }
    };
    let request = SubscribeRequest {
        client_id: app.hub.new_client_id(),
        patterns: names.iter().filter_map(|name| ChannelPattern::parse(name).ok()).collect(),
        format: Format::Named,
        rename,
        start: start(&headers, &query)?,
        heartbeat: heartbeat(&query, 30)?,
        message: "Successfully connected to lease updates stream",
        peer: Some(peer.ip()),
        grants: None,
        expires_at: None,
    };
    open(&app, request, version)
}

/// Answers with the head of the stream; the hub writes the rest.
fn open(app: &App, request: SubscribeRequest, version: Version) -> Result<Response, Problem> {
    let subscription = app.hub.subscribe(request)?;
    tracing::debug!(client_id = subscription.client_id(), "stream opened");
    let slot = StreamSlot::new(subscription);
    let mut response = Response::new(Body::new(StreamBody(slot.clone())));
    response.extensions_mut().insert(slot);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "text/event-stream; charset=utf-8");
    set(header::CACHE_CONTROL, "no-cache, no-store, no-transform");
    set(header::HeaderName::from_static("x-accel-buffering"), "no");
    if version < Version::HTTP_2 {
        set(header::CONNECTION, "close");
    }
    Ok(response)
}

/// Returns the first value of a parameter.
pub(super) fn find<'a>(query: &'a Pairs, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Parses `channels` (a comma list) and `channel` (repeatable).
fn patterns(query: &Pairs) -> Result<Vec<ChannelPattern>, Problem> {
    let mut patterns: Vec<ChannelPattern> = Vec::new();
    for (name, value) in query {
        let texts: Vec<&str> = match name.as_str() {
            "channels" => value.split(',').map(str::trim).filter(|text| !text.is_empty()).collect(),
            "channel" => vec![value],
            _ => continue,
        };
        for text in texts {
            let pattern = ChannelPattern::parse(text)
                .map_err(|error| Problem::bad_parameter(name, format!("`{text}`: {error}")))?;
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
    }
    Ok(patterns)
}

/// Decides where the stream starts: the header, then the query.
fn start(headers: &HeaderMap, query: &Pairs) -> Result<Start, Problem> {
    if let Some(id) = headers.get("last-event-id")
        && !id.is_empty()
    {
        // An id that is not text cannot be one of ours: it is answered with a reset.
        return Ok(Start::After(String::from_utf8_lossy(id.as_bytes()).into_owned()));
    }
    if let Some(id) = find(query, "last_event_id").filter(|id| !id.is_empty()) {
        return Ok(if id == "earliest" { Start::Earliest } else { Start::After(id.to_owned()) });
    }
    if let Some(value) = find(query, "earliest")
        && matches!(value, "" | "1" | "true")
    {
        return Ok(Start::Earliest);
    }
    if let Some(value) = find(query, "since") {
        let time = wire::parse_time_ms(value).ok_or_else(|| {
            Problem::bad_parameter("since", "neither RFC 3339 time nor seconds since 1970")
        })?;
        return Ok(Start::Since(time));
    }
    match find(query, "tail") {
        None => Ok(Start::Live),
        Some(value) => {
            let n = value.parse();
            n.map(Start::Tail).map_err(|_| Problem::bad_parameter("tail", "not a whole number"))
        }
    }
}

fn heartbeat(query: &Pairs, default_seconds: u64) -> Result<Duration, Problem> {
    let Some(value) = find(query, "heartbeat") else {
        return Ok(Duration::from_secs(default_seconds));
    };
    let seconds = value.parse().ok().filter(|seconds| HEARTBEAT_SECONDS.contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let (least, most) = (HEARTBEAT_SECONDS.start(), HEARTBEAT_SECONDS.end());
        Problem::bad_parameter("heartbeat", format!("not within {least} and {most} seconds"))
    })
}
