//! Looking at the hub and steering it.

use axum::Json;
use axum::extract::{Path, Query, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tidings_hub::channel::{ChannelName, ChannelPattern};
use tidings_hub::event::{Data, Event, EventType};
use tidings_hub::history::{HistoryOrder, HistoryQuery, PAGE_MAX};
use tidings_hub::position::Position;
use tidings_hub::stats::ChannelStats;
use utoipa::ToSchema;

use super::stream::{Asked, Pairs, find};
use crate::problem::Problem;
use crate::state::App;
use crate::wire;
use crate::wire::hub::{
    ChannelJson, ChannelsJson, ConnectionJson, ConnectionsJson, HeldJson, HistoryJson,
};

/// Publications of a page of history when the client names no number.
const PAGE_DEFAULT: usize = 100;
/// Channels listed when the client names no number.
const CHANNELS_DEFAULT: usize = 1_000;
/// Channel of the test events.
const TEST_CHANNEL: &str = "system/test";

/// Channels to add to a stream and to take from it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(crate) struct PatchJson {
    /// Channels and patterns to follow from now on.
    add: Vec<String>,
    /// Channels and patterns to follow no more.
    remove: Vec<String>,
}

/// Figures of the hub.
pub(super) async fn stats(State(app): State<App>) -> Json<Value> {
    let stats = app.hub.stats();
    let channels = app.hub.channels();
    let connections = app.hub.connections().await;
    let rate: f64 = channels.iter().map(|channel| channel.rate).sum();
    let resets: serde_json::Map<String, Value> =
        stats.n_resets.iter().map(|(reason, n)| (reason.as_str().into(), (*n).into())).collect();
    let closed: serde_json::Map<String, Value> =
        stats.n_closed.iter().map(|(reason, n)| ((*reason).into(), (*n).into())).collect();
    let by_channel: serde_json::Map<String, Value> = channels
        .iter()
        .filter(|channel| channel.n_subscribers > 0)
        .map(|channel| (channel.name.clone(), channel.n_subscribers.into()))
        .collect();
    let refused = stats.refused;
    Json(json!({
        "connections": stats.n_connections,
        "connections_opened": stats.n_connections_opened,
        "channels": stats.n_channels,
        "subscribers": by_channel,
        "published": stats.n_published,
        "published_per_second": rate,
        "repeats": stats.n_repeats,
        "delivered": stats.n_delivered,
        "delivered_bytes": stats.delivered_bytes,
        "lag_max": connections.iter().map(|connection| connection.lag).max().unwrap_or(0),
        "dropped": stats.n_dropped,
        "resets": resets,
        "closed": closed,
        "refused": {
            "connections": refused.connections,
            "connections_per_address": refused.connections_per_address,
            "patterns": refused.patterns,
            "event_size": refused.event_size,
            "events_per_publish": refused.events_per_publish,
            "channels": refused.channels,
            "key_conflict": refused.key_conflict,
            "shutting_down": refused.shutting_down,
            "log": refused.log,
        },
        "log": {
            "size_bytes": stats.log.size_bytes,
            "segments": stats.log.n_segments,
            "first": stats.log.first,
            "commits": stats.log.n_commits,
            "events": stats.log.n_events,
            "refused_full": stats.log.n_full,
            "failed": stats.log.is_poisoned,
            "index_memory_bytes": stats.log.index_memory_bytes,
        },
        "delivery": {
            "parked": stats.shards.n_parked,
            "own_cursor": stats.shards.n_own,
            "stalled": stats.shards.n_blocked,
            "writes": stats.shards.n_writes,
            "short_writes": stats.shards.n_short_writes,
            "ring_bytes": stats.shards.ring_bytes,
            "unsent_bytes": stats.shards.tail_bytes,
            "overruns": stats.shards.n_overruns,
            "restarts": stats.shards.n_restarts,
        },
        "window_bytes": stats.window_bytes,
        "head": stats.head.to_string(),
        "epoch": stats.head.epoch.to_string(),
    }))
}

/// Lists the channels.
///
/// # Errors
///
/// `400` for a `sort` or `limit` that cannot be used.
pub(super) async fn channels(
    State(app): State<App>,
    query: Asked,
) -> Result<Json<ChannelsJson>, Problem> {
    let Query(query) = query?;
    let mut channels = app.hub.channels();
    let total = channels.len();
    let descending = |figure: fn(&ChannelStats) -> u64| {
        move |left: &ChannelStats, right: &ChannelStats| figure(right).cmp(&figure(left))
    };
    match find(&query, "sort") {
        None | Some("name") => {}
        Some("rate") => channels.sort_by(|left, right| right.rate.total_cmp(&left.rate)),
        Some("subscribers") => channels.sort_by(descending(|channel| {
            u64::try_from(channel.n_subscribers).unwrap_or(u64::MAX)
        })),
        Some("bytes") => channels.sort_by(descending(|channel| channel.published_bytes)),
        Some(_) => {
            return Err(Problem::bad_parameter("sort", "none of rate, subscribers, bytes, name"));
        }
    }
    channels.truncate(limit(&query, CHANNELS_DEFAULT, usize::MAX)?);
    let channels = channels.into_iter().map(ChannelJson::from).collect();
    Ok(Json(ChannelsJson { channels, total }))
}

/// Shows a channel's history; the path ends in `/events`.
///
/// # Errors
///
/// `404` for an unknown channel, `410` for a position of another epoch, `400` for a parameter.
pub(super) async fn history(
    State(app): State<App>,
    Path(path): Path<String>,
    query: Asked,
) -> Result<Json<HistoryJson>, Problem> {
    let Query(query) = query?;
    let channel = channel_of(&path)?;
    let position = |name: &str| match find(&query, name).filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => Position::parse(text)
            .map(Some)
            .ok_or_else(|| Problem::bad_parameter(name, format!("`{text}` is not a position"))),
    };
    let kind = match find(&query, "type") {
        None => None,
        Some(text) => {
            Some(EventType::parse(text).map_err(|error| Problem::bad_parameter("type", error))?)
        }
    };
    let order = match find(&query, "order") {
        None | Some("asc" | "oldest") => HistoryOrder::OldestFirst,
        Some("desc" | "newest") => HistoryOrder::NewestFirst,
        Some(_) => return Err(Problem::bad_parameter("order", "neither oldest nor newest")),
    };
    let history = HistoryQuery {
        after: position("after")?,
        before: position("before")?,
        kind,
        order,
        limit: limit(&query, PAGE_DEFAULT, PAGE_MAX)?,
    };
    let page = app.hub.history(&channel, history).await?;
    let next = page.next.filter(|_| page.has_more).map(|position| position.to_string());
    Ok(Json(HistoryJson {
        channel: channel.as_str().to_owned(),
        events: page.publications.iter().map(|held| HeldJson::from(held.as_ref())).collect(),
        next,
        trimmed: page.is_trimmed,
        head: page.head.to_string(),
    }))
}

/// Deletes a channel's history, or the value of a state channel; the path ends in `/events`.
///
/// # Errors
///
/// `404` for an unknown channel, `507` when the disk is full.
pub(super) async fn delete_history(
    State(app): State<App>,
    Path(path): Path<String>,
) -> Result<StatusCode, Problem> {
    app.hub.delete_history(&channel_of(&path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the channel out of `NAME/events`.
fn channel_of(path: &str) -> Result<ChannelName, Problem> {
    let name = path.strip_suffix("/events").ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "not-found")
            .text("a channel's history is at /api/sse/channels/NAME/events")
    })?;
    ChannelName::parse(name).map_err(|error| Problem::bad_parameter("channel", error))
}

/// Lists the open streams.
pub(super) async fn connections(State(app): State<App>) -> Json<ConnectionsJson> {
    let connections = app.hub.connections().await.into_iter().map(ConnectionJson::from).collect();
    Json(ConnectionsJson { connections })
}

/// Changes the channels of an open stream.
///
/// # Errors
///
/// `400` names the pattern; otherwise as `PatchError` maps onto [`Problem`].
pub(super) async fn patch(
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: PatchJson = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "body-invalid").text(error.to_string())
    })?;
    let parse = |field: &'static str, texts: &[String]| {
        let parsed = texts.iter().map(|text| {
            ChannelPattern::parse(text)
                .map_err(|error| Problem::bad_parameter(field, format!("`{text}`: {error}")))
        });
        parsed.collect::<Result<Vec<ChannelPattern>, Problem>>()
    };
    let (add, remove) = (parse("add", &body.add)?, parse("remove", &body.remove)?);
    let patterns = app.hub.patch(&id, add, remove).await?;
    let names: Vec<&str> = patterns.iter().map(ChannelPattern::as_str).collect();
    Ok(Json(json!({ "channels": names })))
}

/// Ends a stream.
///
/// # Errors
///
/// `404` when there is none with this id.
pub(super) async fn kick(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    if app.hub.kick(&id) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let problem = Problem::new(StatusCode::NOT_FOUND, "connection-not-found");
    Err(problem.text("no open connection has this id"))
}

/// Publishes three test events.
///
/// # Errors
///
/// As `PublishError` maps onto [`Problem`].
pub(super) async fn test(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let timestamp = wire::time_ms(app.now_ms());
    let mut events = Vec::new();
    for n in 1..=3 {
        let channel = ChannelName::parse(TEST_CHANNEL)
            .map_err(|error| Problem::bad_parameter("channel", error))?;
        let kind =
            EventType::parse("test").map_err(|error| Problem::bad_parameter("type", error))?;
        let data = json!({ "message": format!("Test event {n}"), "timestamp": timestamp });
        let data =
            Data::json(&data.to_string()).map_err(|error| Problem::bad_parameter("data", error))?;
        events.push(Event::new(channel, kind, data));
    }
    app.hub.publish(events, None).await?;
    let channels: Vec<String> = app.hub.channels().into_iter().map(|held| held.name).collect();
    Ok(Json(json!({
        "success": true,
        "message": "Test events sent",
        "stats": { "totalClients": app.hub.n_connections(), "channels": channels },
    })))
}

/// Parses `limit`, at most `most`.
fn limit(query: &Pairs, default: usize, most: usize) -> Result<usize, Problem> {
    match find(query, "limit") {
        None => Ok(default),
        Some(text) => match text.parse::<usize>() {
            Ok(n) if n >= 1 => Ok(n.min(most)),
            Ok(_) | Err(_) => Err(Problem::bad_parameter("limit", "not a whole number from 1")),
        },
    }
}
