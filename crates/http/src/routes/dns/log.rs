//! The query log: pages, export, live filters.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::StreamBody;
use serde::{Deserialize, Serialize};
use tidings_dns::query_log::filter::Filter;
use tidings_dns::query_log::{PAGE_ENTRIES_MAX, PageRequest, SearchError};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::super::stream::{Asked, Pairs, find};
use super::aside;
use crate::dns::export::ExportForm;
use crate::dns::wire::DnsLogEntry;
use crate::problem::Problem;
use crate::state::App;

/// Entries of a page when nobody says how many.
const LIMIT_DEFAULT: usize = 100;
/// Bytes of an export that are sent at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces of an export that wait for a slow reader.
const PIECES_MAX: usize = 4;

/// A page of the query log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DnsLogPage {
    /// Entries, newest first.
    entries: Vec<DnsLogEntry>,
    /// `cursor` of the next page; null on the last.
    next_cursor: Option<String>,
    /// Why what is on disk is missing; null when nothing is.
    trouble: Option<String>,
}

/// A filter to look through while it happens.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveRequest {
    /// The filter; empty wants everything.
    #[serde(default)]
    filter: String,
}

/// Where the entries of a live filter are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveAnswer {
    /// Channel to subscribe to; it is dropped half a minute after the last reader left.
    channel: String,
    /// The filter as it was understood; equal ones share a channel.
    filter: String,
}

/// Parses the filter of a request.
pub(super) fn filter(app: &App, text: &str) -> Result<Filter, Problem> {
    app.dns
        .filter(text, app.now_ms())
        .map_err(|error| Problem::bad_parameter("filter", &error).member("column", error.column))
}

/// Parses where a page begins.
fn before(query: &Pairs) -> Result<Option<u64>, Problem> {
    let Some(cursor) = find(query, "cursor").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let parsed = cursor.parse().map(Some);
    parsed.map_err(|_| Problem::bad_parameter("cursor", "take it from next_cursor of a page"))
}

/// Lists what a filter wants, newest first.
///
/// # Errors
///
/// `400` for a filter, with its column, a cursor or a limit that cannot be used; `409` when the
/// driver keeps no history.
pub(super) async fn page(
    State(app): State<App>,
    query: Asked,
) -> Result<Json<DnsLogPage>, Problem> {
    let Query(query) = query?;
    let filter = filter(&app, find(&query, "filter").unwrap_or_default())?;
    let n_max = match find(&query, "limit").filter(|text| !text.is_empty()) {
        None => LIMIT_DEFAULT,
        Some(text) => {
            let number = text.parse().ok().filter(|n| (1..=PAGE_ENTRIES_MAX).contains(n));
            let detail = format!("must be 1 to {PAGE_ENTRIES_MAX}");
            number.ok_or_else(|| Problem::bad_parameter("limit", detail))?
        }
    };
    let request = PageRequest { before: before(&query)?, n_max };
    let log = app.dns.log.clone();
    let page =
        aside(move || log.search(&filter, request)).await?.map_err(|error| no_history(&error))?;
    Ok(Json(DnsLogPage {
        entries: page.entries.iter().map(DnsLogEntry::from).collect(),
        next_cursor: page.next_before.map(|before| before.to_string()),
        trouble: page.trouble,
    }))
}

fn no_history(error: &SearchError) -> Problem {
    let (status, slug) = match error {
        SearchError::NoHistory => (StatusCode::CONFLICT, "dns-log-without-history"),
        SearchError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "dns-log-unavailable"),
    };
    Problem::new(status, slug).detail(error)
}

/// Writes everything that a filter wants, newest first, a piece at a time.
///
/// # Errors
///
/// `400` for a filter or form that cannot be used; `409` when the driver keeps no history.
pub(super) async fn export(State(app): State<App>, query: Asked) -> Result<Response, Problem> {
    let Query(query) = query?;
    let filter = filter(&app, find(&query, "filter").unwrap_or_default())?;
    let word = find(&query, "format").filter(|text| !text.is_empty()).unwrap_or("ndjson");
    let form = ExportForm::parse(word)
        .ok_or_else(|| Problem::bad_parameter("format", "none of ndjson, csv"))?;
    if !app.dns.log.status().driver.has_history() {
        return Err(no_history(&SearchError::NoHistory));
    }
    let before = before(&query)?;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, SearchError>>(PIECES_MAX);
    let log = app.dns.log.clone();
    // The reader's pace bounds what is read: a full channel makes the search wait.
    tokio::task::spawn_blocking(move || {
        let mut piece: Vec<u8> = form.head().into();
        let outcome = log.each(&filter, before, &mut |logged| {
            form.write(&mut piece, &logged);
            piece.len() < PIECE_BYTES
                || sender.blocking_send(Ok(std::mem::take(&mut piece).into())).is_ok()
        });
        let last = outcome.map(|()| Bytes::from(piece));
        // A reader that has gone wants no end either.
        sender.blocking_send(last).ok();
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece.map(http_body::Frame::data), receiver))
    });
    let mut response = Body::new(StreamBody::new(pieces)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = format!("attachment; filename=\"{}\"", form.file_name());
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Removes every entry.
///
/// # Errors
///
/// `503` when what is on disk stays.
pub(super) async fn clear(State(app): State<App>) -> Result<StatusCode, Problem> {
    let log = app.dns.log.clone();
    aside(move || log.clear()).await?.map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "dns-log-unavailable").detail(&error)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the channel on which a filter's entries are published as they come.
///
/// # Errors
///
/// `400` for a filter that cannot be used, `503` when too many are in use.
pub(super) async fn live(
    State(app): State<App>,
    body: Result<Json<LiveRequest>, JsonRejection>,
) -> Result<Json<LiveAnswer>, Problem> {
    let Json(request) = body.map_err(super::control::bad_body)?;
    let filter = filter(&app, &request.filter)?;
    let text = filter.to_string();
    let channel = app.dns.live.watch(filter, app.now_ms()).map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-live-filters").detail(&error)
    })?;
    Ok(Json(LiveAnswer { channel, filter: text }))
}
