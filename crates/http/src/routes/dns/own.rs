//! Status, settings, upstreams and cache, as our own paths have them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tidings_dns::cache::{CacheQuery, Flush, PAGE_MAX};
use tidings_dns::name::Name;
use tidings_dns::record_type::RecordType;
use utoipa::ToSchema;

use super::super::stream::{Asked, Pairs, find};
use super::control::bad_body;
use crate::dns::rules::wire::PauseJson;
use crate::dns::settings::patch_of_dns;
use crate::dns::{DnsParts, actions};
use crate::problem::Problem;
use crate::state::App;
use crate::wire::time_ms;

/// Entries of a page of the cache when nobody says how many.
const LIMIT_DEFAULT: usize = 100;

/// Whether the resolver runs, and how it does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DnsStatusJson {
    /// Whether it answers.
    running: bool,
    /// Where it listens.
    addresses: Vec<ListenJson>,
    /// Since when it runs or is stopped, UTC.
    since: String,
    /// Why the last start or change failed.
    error: Option<String>,
    /// How the query log does.
    log: LogStatusJson,
    /// How the cache does.
    cache: CacheStatusJson,
    /// What is paused.
    pauses: Vec<PauseJson>,
}

/// An address that is listened on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsListenAddress)]
pub(crate) struct ListenJson {
    /// Address and port.
    address: String,
    /// `udp`, `tcp` or `tls`.
    transport: &'static str,
}

/// How the query log does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsLogStatus)]
pub(crate) struct LogStatusJson {
    /// `sqlite`, `file`, `inmemory` or `console`.
    driver: &'static str,
    /// Entries on disk.
    entries: u64,
    /// Bytes on disk.
    size_bytes: u64,
    /// Entries in memory.
    recent: usize,
    /// Entries that wait for the disk.
    waiting: usize,
    /// Entries that were lost, by where.
    lost: LostJson,
    /// Why nothing is kept on disk; null when all is well.
    error: Option<String>,
}

/// Entries that were lost.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsLogLost)]
pub(crate) struct LostJson {
    /// Before anybody read them.
    rings: u64,
    /// On their way to the disk.
    disk: u64,
    /// On their way to the live view.
    live: u64,
}

/// How the cache does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsCacheStatus)]
pub(crate) struct CacheStatusJson {
    /// Answers.
    entries: usize,
    /// Bytes.
    size_bytes: usize,
    /// Questions that it answered.
    hits: u64,
    /// Questions that it answered past their time.
    stale: u64,
    /// Answers that were asked for again shortly before their end.
    prefetched: u64,
    /// Questions that it could not answer.
    misses: u64,
    /// Answers that went to make room.
    evicted: u64,
}

/// An upstream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsUpstream)]
pub(crate) struct UpstreamHealthJson {
    /// Its name.
    name: String,
    /// Whether it is asked; one that keeps failing is left alone for a while.
    up: bool,
    /// Mean time of its answers of late in milliseconds.
    latency_ms: Option<f64>,
    /// Questions asked.
    questions: u64,
    /// Answers.
    answers: u64,
    /// Failures.
    failures: u64,
    /// The last failure.
    last_error: Option<String>,
    /// When it was asked last, UTC.
    last_used: Option<String>,
}

/// A cached answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsCacheEntry)]
pub(crate) struct CacheEntryJson {
    /// The name.
    name: String,
    /// The type.
    #[serde(rename = "type")]
    kind: String,
    /// Response code.
    rcode: String,
    /// Seconds left; negative when it stands in past its time.
    ttl: i64,
    /// Seconds that it had when it came.
    ttl_initial: u32,
    /// Questions that it answered.
    hits: u32,
    /// Bytes.
    size_bytes: usize,
    /// Its first addresses.
    addresses: Vec<String>,
    /// Its canonical names.
    chain: Vec<String>,
    /// Who answered.
    upstream: Option<String>,
    /// Whether the upstream vouches for it.
    authentic: bool,
}

/// Tells whether the resolver runs, and how log and cache do.
pub(super) async fn status(State(app): State<App>) -> Json<DnsStatusJson> {
    Json(status_of(&app.dns))
}

fn status_of(parts: &DnsParts) -> DnsStatusJson {
    let status = parts.dns.status();
    let log = parts.log.status();
    let cache = parts.dns.cache().stats();
    let address = |found: &tidings_dns::service::ListenAddress| ListenJson {
        address: found.address.to_string(),
        transport: found.transport.word(),
    };
    DnsStatusJson {
        running: status.is_running,
        addresses: status.addresses.iter().map(address).collect(),
        since: time_ms(status.since_ms),
        error: status.error,
        log: LogStatusJson {
            driver: log.driver.word(),
            entries: log.n_entries,
            size_bytes: log.size_bytes,
            recent: log.n_recent,
            waiting: log.n_waiting,
            lost: LostJson {
                rings: log.n_ring_dropped,
                disk: log.n_lost,
                live: log.n_live_dropped,
            },
            error: log.error,
        },
        cache: CacheStatusJson {
            entries: cache.n_entries,
            size_bytes: cache.size_bytes,
            hits: cache.n_hits,
            stale: cache.n_stale,
            prefetched: cache.n_prefetched,
            misses: cache.n_misses,
            evicted: cache.n_evicted,
        },
        pauses: parts.rules.pauses_json((parts.clock)()).pauses,
    }
}

/// Starts the resolver; nothing happens when it runs.
///
/// # Errors
///
/// `409` when an address is taken; the answer says who holds it.
pub(super) async fn start(State(app): State<App>) -> Result<Json<DnsStatusJson>, Problem> {
    if !app.dns.dns.status().is_running {
        actions::start(&app.dns).await?;
    }
    Ok(Json(status_of(&app.dns)))
}

/// Stops the resolver; nothing happens when it is stopped.
pub(super) async fn stop(State(app): State<App>) -> Json<DnsStatusJson> {
    actions::stop(&app.dns).await;
    Json(status_of(&app.dns))
}

/// Shows the settings in effect, with the names that the configuration file has.
pub(super) async fn settings(State(app): State<App>) -> Json<Value> {
    Json(json!(*app.dns.dns.config()))
}

/// Changes settings (RFC 7396); `null` takes one back to what the configuration file says.
///
/// # Errors
///
/// `400` names what does not fit, `409` an address that is taken, `503` a disk that refuses.
pub(super) async fn patch_settings(
    State(app): State<App>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(patch) = body.map_err(bad_body)?;
    actions::set(&app.dns, &patch_of_dns(&Value::Object(patch)), app.now_ms()).await?;
    Ok(Json(json!(*app.dns.dns.config())))
}

/// Lists the upstreams with their health.
pub(super) async fn upstreams(State(app): State<App>) -> Json<Value> {
    let upstreams = app.dns.dns.upstreams().into_iter().map(|of| UpstreamHealthJson {
        name: of.name.as_ref().to_owned(),
        up: of.is_up,
        latency_ms: of.latency.map(|latency| latency.as_secs_f64() * 1_000.0),
        questions: of.n_questions,
        answers: of.n_answers,
        failures: of.n_failures,
        last_error: of.last_error.as_deref().map(str::to_owned),
        last_used: of.last_used_ms.map(time_ms),
    });
    Json(json!({ "upstreams": upstreams.collect::<Vec<_>>() }))
}

fn name(query: &Pairs, of: &str) -> Result<Option<Name>, Problem> {
    let Some(text) = find(query, of).filter(|text| !text.is_empty()) else { return Ok(None) };
    Name::parse(text).map(Some).map_err(|error| Problem::bad_parameter(of, error))
}

fn kind(query: &Pairs) -> Result<Option<RecordType>, Problem> {
    let Some(text) = find(query, "type").filter(|text| !text.is_empty()) else { return Ok(None) };
    RecordType::parse(text).map(Some).map_err(|error| Problem::bad_parameter("type", error))
}

/// Lists cached answers by name.
///
/// # Errors
///
/// `400` names the parameter.
pub(super) async fn cache(State(app): State<App>, query: Asked) -> Result<Json<Value>, Problem> {
    let Query(query) = query?;
    let limit = match find(&query, "limit").filter(|text| !text.is_empty()) {
        None => LIMIT_DEFAULT,
        Some(text) => {
            let number = text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n));
            let detail = format!("must be 1 to {PAGE_MAX}");
            number.ok_or_else(|| Problem::bad_parameter("limit", detail))?
        }
    };
    let after = match find(&query, "cursor").filter(|text| !text.is_empty()) {
        None => None,
        Some(cursor) => {
            let parsed = cursor.rsplit_once(':').and_then(|(name, kind)| {
                Some((Name::parse(name).ok()?, RecordType::parse(kind).ok()?))
            });
            let detail = "take it from next_cursor of a page";
            Some(parsed.ok_or_else(|| Problem::bad_parameter("cursor", detail))?)
        }
    };
    let search = find(&query, "q").filter(|text| !text.is_empty()).map(str::to_lowercase);
    let asked = CacheQuery { search, kind: kind(&query)?, after, limit };
    let page = app.dns.dns.cache_page(&asked);
    let is_full = page.entries.len() == limit;
    let last = page.entries.last().filter(|_| is_full);
    let next = last.map(|entry| format!("{}:{}", entry.name, entry.kind));
    let entries = page.entries.iter().map(|entry| {
        let age_s = i64::try_from(entry.age_ms / 1_000).unwrap_or(i64::MAX);
        let code = entry.response_code.into();
        CacheEntryJson {
            name: entry.name.to_string(),
            kind: entry.kind.to_string(),
            rcode: tidings_dns::query_log::words::response_code(code),
            ttl: i64::from(entry.ttl_s) - age_s,
            ttl_initial: entry.ttl_s,
            hits: entry.n_hits,
            size_bytes: entry.size_bytes,
            addresses: entry.addresses.iter().map(ToString::to_string).collect(),
            chain: entry.chain.iter().map(|name| name.as_ref().to_owned()).collect(),
            upstream: entry.upstream.as_deref().map(str::to_owned),
            authentic: entry.is_authentic,
        }
    });
    Ok(Json(json!({
        "entries": entries.collect::<Vec<_>>(),
        "total": page.n_matching,
        "next_cursor": next,
    })))
}

/// Throws cached answers away: those of a name, of a name and everything below it, or all.
///
/// # Errors
///
/// `400` names the parameter; one of `name`, `within` and `all=true` must be there.
pub(super) async fn flush(State(app): State<App>, query: Asked) -> Result<Json<Value>, Problem> {
    let Query(query) = query?;
    let is_all = find(&query, "all") == Some("true");
    let what = match (name(&query, "name")?, name(&query, "within")?, is_all) {
        (Some(name), None, false) => Flush::One { name, kind: kind(&query)? },
        (None, Some(name), false) => Flush::Within(name),
        (None, None, true) => Flush::All,
        _ => {
            let detail = "one of name=NAME (and type=TYPE), within=NAME and all=true";
            return Err(Problem::bad_parameter("name", detail));
        }
    };
    Ok(Json(json!({ "flushed": app.dns.dns.flush(&what) })))
}
