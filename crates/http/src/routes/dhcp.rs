//! Leases, pools and their figures by REST.

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;
use serde_json::json;
use tidings_dhcp::lease::LeaseState;
use tidings_dhcp::network::{Snapshot, SourceHealth};
use tidings_dhcp::query::{LeaseQuery, SEARCH_MAX_BYTES, SortField, SortOrder, select, statistics};
use tidings_dhcp::service::SimulateError;

use super::export::csv;
use super::stream::{Asked, Pairs, find};
use crate::problem::Problem;
use crate::server::Peer;
use crate::state::App;
use crate::wire::running::{LeasePageJson, StatisticsJson};
use crate::wire::{LeaseJson, PoolJson, pool_usage, state_word};

/// Header that lets another machine call the notify endpoint.
const SECRET_HEADER: &str = "x-tidings-secret";
/// Parameters that turn the array of leases into a page.
const PAGE_PARAMETERS: [&str; 10] =
    ["q", "state", "source", "pool", "family", "static", "sort", "order", "limit", "cursor"];

/// Every state that a lease can be asked for by.
const STATES: [LeaseState; 9] = [
    LeaseState::Active,
    LeaseState::Expired,
    LeaseState::Released,
    LeaseState::Declined,
    LeaseState::Free,
    LeaseState::Backup,
    LeaseState::Reset,
    LeaseState::Registered,
    LeaseState::Unknown,
];

/// Lists leases: without parameters all of them as an array, else a page; CSV by `Accept`.
///
/// # Errors
///
/// `400` names the parameter; `500` while no source was ever read.
pub(super) async fn leases(
    State(app): State<App>,
    headers: HeaderMap,
    query: Asked,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let snapshot = app.dhcp.snapshot();
    refuse_unread(&snapshot, "leases")?;
    let is_csv = accepts_csv(&headers);
    let is_page = query.iter().any(|(name, _)| PAGE_PARAMETERS.contains(&name.as_str()));
    if !is_page && !is_csv {
        return Ok(versioned(&app, &headers, &snapshot, ("leases", "application/json"), || {
            let leases: Vec<LeaseJson> =
                snapshot.leases.iter().map(|view| view.as_ref().into()).collect();
            to_json(&leases)
        }));
    }
    let page = select(&snapshot.leases, &lease_query(&query)?)
        .map_err(|error| Problem::bad_parameter("cursor", error))?;
    if is_csv {
        let body = csv(page.leases.iter().map(AsRef::as_ref));
        return Ok(fresh(&app, &headers, &snapshot, ("csv", "text/csv; charset=utf-8"), body));
    }
    let body = to_json(&LeasePageJson {
        leases: page.leases.iter().map(|view| view.as_ref().into()).collect(),
        total: page.n_matching,
        next_cursor: page.next_cursor,
        version: snapshot.version,
    });
    Ok(fresh(&app, &headers, &snapshot, ("page", "application/json"), body))
}

/// Lists the pools.
///
/// # Errors
///
/// `500` while no source was ever read.
pub(super) async fn pools(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let snapshot = app.dhcp.snapshot();
    refuse_unread(&snapshot, "pools")?;
    Ok(versioned(&app, &headers, &snapshot, ("pools", "application/json"), || {
        let pools: Vec<PoolJson> = snapshot.pools.iter().map(|pool| pool.as_ref().into()).collect();
        to_json(&pools)
    }))
}

/// Lists the pools with their usage.
///
/// # Errors
///
/// `500` while no source was ever read.
pub(super) async fn usage(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let snapshot = app.dhcp.snapshot();
    refuse_unread(&snapshot, "pool usage")?;
    Ok(versioned(&app, &headers, &snapshot, ("usage", "application/json"), || {
        to_json(&pool_usage(&snapshot))
    }))
}

/// Counts for the four cards of the lease page; `tz` is the reader's time zone.
///
/// # Errors
///
/// `400` for a time zone that does not exist; `500` while no source was ever read.
pub(super) async fn figures(
    State(app): State<App>,
    headers: HeaderMap,
    query: Asked,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let snapshot = app.dhcp.snapshot();
    refuse_unread(&snapshot, "statistics")?;
    let name = find(&query, "tz").unwrap_or("UTC");
    let zone = TimeZone::get(name)
        .map_err(|_| Problem::bad_parameter("tz", format!("`{name}` is no IANA time zone")))?;
    let out_of_range = |error: jiff::Error| Problem::bad_parameter("tz", error);
    let now = Timestamp::from_second(app.now_s()).map_err(out_of_range)?.to_zoned(zone);
    let tomorrow = now.checked_add(1.day()).and_then(|time| time.start_of_day());
    let day_end = tomorrow.map_err(out_of_range)?.timestamp().as_second();
    let figures = statistics(&snapshot, day_end);
    let body = to_json(&StatisticsJson {
        total_leases: figures.total_leases,
        available_ips: u64::try_from(figures.available_ips).unwrap_or(u64::MAX),
        expiring_today: figures.expiring_today,
        device_types: figures.device_types,
        time_zone: name.to_owned(),
        version: snapshot.version,
    });
    // "Today" is part of the answer, so it is part of the tag.
    let variant = format!("day{day_end}");
    Ok(fresh(&app, &headers, &snapshot, (&variant, "application/json"), body))
}

/// Takes a server's word that its leases changed; answered before any work.
///
/// # Errors
///
/// `403` for a caller that is neither on this machine nor knows the secret.
pub(super) async fn notify(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let secret = app.config.read().notify_secret.clone();
    let given = headers.get(SECRET_HEADER).map(HeaderValue::as_bytes);
    let knows_secret =
        secret.as_deref().zip(given).is_some_and(|(want, given)| is_same(want.as_bytes(), given));
    let is_forwarded = ["x-forwarded-for", "forwarded", "x-real-ip"]
        .iter()
        .any(|name| headers.contains_key(*name));
    let is_local = peer.ip().to_canonical().is_loopback() && !is_forwarded;
    if !knows_secret && !is_local {
        let detail = format!(
            "only this machine may notify without the secret: set http.notify_secret and send it \
             as {SECRET_HEADER}"
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-local")
            .text(detail)
            .member("status_text", "error"));
    }
    app.dhcp.notify();
    Ok(Json(json!({
        "status": "success",
        "message": "Lease change notification processed successfully",
        "active_connections": app.hub.n_connections(),
    }))
    .into_response())
}

/// Makes one simulated change.
///
/// # Errors
///
/// `409` while the simulator is off or finds nothing to change, `503` while the server stops.
pub(super) async fn simulate(State(app): State<App>) -> Result<Response, Problem> {
    let step = app.dhcp.simulate().await.map_err(|error| {
        let (status, slug) = match error {
            SimulateError::Disabled => (StatusCode::CONFLICT, "simulator-off"),
            SimulateError::NothingToChange => (StatusCode::CONFLICT, "nothing-to-change"),
            SimulateError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "shutting-down"),
        };
        Problem::new(status, slug).detail(&error)
    })?;
    let kind = format!("{:?}", step.kind).to_lowercase();
    let leases: Vec<LeaseJson> =
        step.changes.iter().map(|change| change.lease().as_ref().into()).collect();
    Ok(Json(json!({ "step": kind, "leases": leases, "version": step.version })).into_response())
}

/// Parses the parameters of a page.
pub(super) fn lease_query(query: &Pairs) -> Result<LeaseQuery, Problem> {
    let text = |name: &str| {
        let found = find(query, name).filter(|text| !text.is_empty());
        match found {
            Some(text) if text.len() > SEARCH_MAX_BYTES => {
                let detail = format!("longer than {SEARCH_MAX_BYTES} bytes");
                Err(Problem::bad_parameter(name, detail))
            }
            found => Ok(found.map(str::to_owned)),
        }
    };
    let choice =
        |name: &str, expected: &str| Problem::bad_parameter(name, format!("none of {expected}"));
    Ok(LeaseQuery {
        search: text("q")?,
        state: match find(query, "state") {
            None | Some("" | "all") => None,
            Some(word) => Some(
                STATES
                    .into_iter()
                    .find(|state| state_word(*state) == word)
                    .ok_or_else(|| choice("state", &STATES.map(state_word).join(", ")))?,
            ),
        },
        source: text("source")?,
        pool: text("pool")?,
        family: match find(query, "family") {
            None | Some("") => None,
            Some("4" | "v4") => Some(4),
            Some("6" | "v6") => Some(6),
            Some(_) => return Err(choice("family", "4, 6")),
        },
        is_static: match find(query, "static") {
            None | Some("") => None,
            Some("true" | "1") => Some(true),
            Some("false" | "0") => Some(false),
            Some(_) => return Err(choice("static", "true, false")),
        },
        sort: match find(query, "sort") {
            None | Some("") => SortField::default(),
            Some(name) => SortField::parse(name).ok_or_else(|| {
                choice(
                    "sort",
                    "ip_address, mac_address, hostname, lease_time, vendor, state, pool_name, \
                     source, is_static, is_active",
                )
            })?,
        },
        order: match find(query, "order") {
            None | Some("" | "asc") => SortOrder::Ascending,
            Some("desc") => SortOrder::Descending,
            Some(_) => return Err(choice("order", "asc, desc")),
        },
        limit: match find(query, "limit") {
            None | Some("") => None,
            Some(text) => match text.parse::<usize>() {
                Ok(n) if n >= 1 => Some(n),
                Ok(_) | Err(_) => {
                    return Err(Problem::bad_parameter("limit", "not a whole number from 1"));
                }
            },
        },
        cursor: text("cursor")?,
    })
}

/// Refuses to show emptiness for sources that were never read.
pub(super) fn refuse_unread(snapshot: &Snapshot, what: &str) -> Result<(), Problem> {
    let is_unread = !snapshot.sources.is_empty()
        && snapshot.sources.iter().all(|source| source.read_at.is_none());
    if !is_unread {
        return Ok(());
    }
    let reasons: Vec<&str> =
        snapshot.sources.iter().filter_map(|source| source.reason.as_deref()).collect();
    let reason = reasons.join("; ");
    if reason.is_empty() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "source-starting");
        let retry_after = Some(std::time::Duration::from_secs(1));
        return Err(Problem { retry_after, ..problem.text("the lease file is being read") });
    }
    let error = if reason.to_lowercase().contains("permission") {
        "Permission denied accessing DHCP lease file".to_owned()
    } else if what == "leases" {
        "Unable to read DHCP lease file".to_owned()
    } else {
        format!("Internal server error while retrieving DHCP {what}")
    };
    Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "source-unreadable")
        .text(reason.clone())
        .member("error", error)
        .member("details", reason))
}

/// Answers with a body that is serialised once per version.
fn versioned(
    app: &App,
    headers: &HeaderMap,
    snapshot: &Snapshot,
    (resource, kind): (&'static str, &'static str),
    encode: impl FnOnce() -> Bytes,
) -> Response {
    let tag = entity_tag(app, snapshot, resource);
    if is_held(headers, &tag) {
        return unchanged(snapshot, &tag);
    }
    let body = app.bodies.get(resource, snapshot.version, encode);
    with_version(snapshot, &tag, kind, body)
}

/// Answers with a body made for this request; `variant` tells it from others of the version.
fn fresh(
    app: &App,
    headers: &HeaderMap,
    snapshot: &Snapshot,
    (variant, kind): (&str, &'static str),
    body: Bytes,
) -> Response {
    let tag = entity_tag(app, snapshot, variant);
    if is_held(headers, &tag) {
        return unchanged(snapshot, &tag);
    }
    with_version(snapshot, &tag, kind, body)
}

fn entity_tag(app: &App, snapshot: &Snapshot, variant: &str) -> String {
    format!("\"{}-{}-{variant}\"", app.start_id, snapshot.version)
}

/// Returns whether the client holds the version with this tag.
fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    let held = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    held.unwrap_or_default().split(',').any(|held| {
        let held = held.trim();
        held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag
    })
}

fn unchanged(snapshot: &Snapshot, tag: &str) -> Response {
    let mut response = with_version(snapshot, tag, "application/json", Bytes::new());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

fn with_version(snapshot: &Snapshot, tag: &str, kind: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert("x-tidings-version", snapshot.version.into());
    if snapshot.sources.iter().any(|source| source.health == SourceHealth::Stale) {
        headers.insert("x-tidings-stale", HeaderValue::from_static("true"));
    }
    response
}

fn to_json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn accepts_csv(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/csv"))
}

/// Compares in a time that does not depend on where the two differ.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let differences =
        left.iter().zip(right).fold(0, |differences, (left, right)| differences | (left ^ right));
    left.len() == right.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_compared_whole() {
        assert!(is_same(b"secret", b"secret"));
        for other in [&b"secreT"[..], b"secre", b"secrets", b""] {
            assert!(!is_same(b"secret", other));
        }
    }
}
