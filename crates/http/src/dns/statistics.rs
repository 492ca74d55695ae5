//! Figures of DNS as JSON: the shape of the earlier systems, and our own.

use serde::Serialize;
use serde_json::{Map, Value, json};
use tidings_dns::entry::Status;
use tidings_dns::listed::ListKind;
use tidings_dns::query_log::words;
use tidings_dns::statistics::bucket::{Bucket, Histogram, UpstreamCounts};
use tidings_dns::statistics::{Range, Summary};
use utoipa::ToSchema;

use crate::dns::DnsParts;
use crate::dns::wire::milliseconds;
use crate::routes::dns_control::port;
use crate::wire::time_ms;

/// Names and clients that are listed.
const TOP: usize = 10;
/// Events of the server that are listed.
const EVENTS_MAX: usize = 10;

/// What was asked within a range.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = DnsStatistics)]
pub struct StatisticsJson {
    /// `1h`, `6h`, `24h`, `7d` or `30d`.
    pub range: &'static str,
    /// Questions.
    pub total: u64,
    /// Questions by status.
    #[schema(value_type = Value)]
    pub statuses: Map<String, Value>,
    /// Questions by type.
    #[schema(value_type = Value)]
    pub types: Map<String, Value>,
    /// Questions by response code.
    #[schema(value_type = Value)]
    pub rcodes: Map<String, Value>,
    /// Mean time of an answer in milliseconds.
    pub duration_ms_mean: f64,
    /// Time within which half of the answers that upstreams gave came, those that the cache gave
    /// again among them; within 25 % of the truth.
    pub duration_ms_p50: Option<f64>,
    /// Time within which 95 % of them came.
    pub duration_ms_p95: Option<f64>,
    /// Questions of the last seconds, per second.
    pub per_second: f64,
    /// Most questions in one second of the range.
    pub per_second_peak: u64,
    /// What upstreams did.
    pub upstreams: Vec<UpstreamJson>,
    /// Names asked for most.
    pub top_names: Vec<CountJson>,
    /// Names blocked most.
    pub top_blocked: Vec<CountJson>,
    /// Clients that asked most.
    pub top_clients: Vec<CountJson>,
    /// Length of a step in milliseconds.
    pub step_ms: u64,
    /// The steps in which something was asked, oldest first.
    pub steps: Vec<StepJson>,
}

/// What an upstream did within a range.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = DnsUpstreamStatistics)]
pub struct UpstreamJson {
    /// Its name.
    pub name: String,
    /// Questions.
    pub questions: u64,
    /// Those that ended in a failure.
    pub failed: u64,
    /// Mean time of an answer in milliseconds.
    pub duration_ms_mean: f64,
    /// Time within which half of the answers came; within 25 % of the truth.
    pub duration_ms_p50: Option<f64>,
    /// Time within which 95 % came.
    pub duration_ms_p95: Option<f64>,
    /// Time within which 99 % came.
    pub duration_ms_p99: Option<f64>,
    /// When it answered last, UTC.
    pub last_used: String,
}

/// Something and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsCount)]
pub struct CountJson {
    /// A name or an address.
    pub name: String,
    /// How often, rather too many than too few.
    pub count: u64,
}

/// One step of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DnsStep)]
pub struct StepJson {
    /// Its start, milliseconds since 1970.
    pub start_ms: u64,
    /// Questions.
    pub total: u64,
    /// Questions that were blocked.
    pub blocked: u64,
    /// Questions that the cache answered.
    pub cached: u64,
    /// Questions that failed.
    pub failed: u64,
}

/// Returns a quotient, 0 when there is nothing to divide by.
fn ratio(part: u64, whole: u64) -> f64 {
    let number = |n: u64| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}

fn mean_ms(duration_us: u64, n: u64) -> f64 {
    milliseconds(duration_us.checked_div(n).unwrap_or(0))
}

fn cached(bucket: &Bucket) -> u64 {
    bucket.n_of(Status::Cached) + bucket.n_of(Status::Stale)
}

fn failed(bucket: &Bucket) -> u64 {
    bucket.n_of(Status::Failed) + bucket.n_of(Status::Refused)
}

fn kinds(bucket: &Bucket) -> Map<String, Value> {
    bucket.kinds().map(|(kind, n)| (kind.to_string(), n.into())).collect()
}

fn counts<Name: ToString>(top: &[(Name, u64)]) -> Vec<CountJson> {
    top.iter().map(|(name, n)| CountJson { name: name.to_string(), count: *n }).collect()
}

impl UpstreamJson {
    fn new(name: &str, counts: &UpstreamCounts) -> Self {
        let percentile = |n| counts.histogram.percentile_us(n).map(milliseconds);
        Self {
            name: name.to_owned(),
            questions: counts.n_questions,
            failed: counts.n_failed,
            duration_ms_mean: mean_ms(counts.duration_us, counts.n_questions),
            duration_ms_p50: percentile(50),
            duration_ms_p95: percentile(95),
            duration_ms_p99: percentile(99),
            last_used: time_ms(counts.last_used_ms),
        }
    }
}

/// Returns the figures of a range.
#[must_use]
pub fn statistics(parts: &DnsParts, range: Range, now_ms: u64) -> StatisticsJson {
    let (summary, (n_late, seconds)) = parts
        .log
        .statistics(|statistics| (statistics.summary(range, now_ms, TOP), statistics.rate(now_ms)));
    let total = &summary.total;
    let step = |bucket: &Bucket| StepJson {
        start_ms: bucket.start_ms,
        total: bucket.n_all(),
        blocked: bucket.n_of(Status::Blocked),
        cached: cached(bucket),
        failed: failed(bucket),
    };
    let statuses =
        Status::ALL.iter().map(|status| (status.word().to_owned(), total.n_of(*status).into()));
    let codes = total.response_codes.iter();
    let mut answers = Histogram::default();
    total.upstreams.iter().for_each(|(_, counts)| answers.merge(&counts.histogram));
    let percentile = |n| answers.percentile_us(n).map(milliseconds);
    StatisticsJson {
        range: range.word(),
        total: total.n_all(),
        statuses: statuses.collect(),
        types: kinds(total),
        rcodes: codes.map(|(code, n)| (words::response_code(*code), (*n).into())).collect(),
        duration_ms_mean: mean_ms(total.duration_us, total.n_all()),
        duration_ms_p50: percentile(50),
        duration_ms_p95: percentile(95),
        per_second: ratio(n_late, seconds),
        per_second_peak: total.peak_per_second,
        upstreams: total.upstreams.iter().map(|(name, n)| UpstreamJson::new(name, n)).collect(),
        top_names: counts(&summary.names),
        top_blocked: counts(&summary.blocked),
        top_clients: counts(&summary.clients),
        step_ms: summary.step_ms,
        steps: summary.steps.iter().map(step).collect(),
    }
}

/// Returns the figures of a range in the shape of the earlier systems.
#[must_use]
pub fn metrics(parts: &DnsParts, range: Range, now_ms: u64) -> Value {
    let (summary, rate) = parts
        .log
        .statistics(|statistics| (statistics.summary(range, now_ms, TOP), statistics.rate(now_ms)));
    json!({
        "queryMetrics": query_metrics(&summary),
        "serverMetrics": server_metrics(parts, &summary, rate, now_ms),
        "providerMetrics": provider_metrics(&summary.total),
        "lastUpdated": now_ms,
    })
}

fn query_metrics(summary: &Summary) -> Value {
    let total = &summary.total;
    let top: Vec<Value> =
        summary.names.iter().map(|(name, n)| json!({ "domain": name, "count": n })).collect();
    let upstreams = || total.upstreams.iter();
    let by_name = |n: fn(&UpstreamCounts) -> u64| {
        upstreams().map(|(name, of)| (name.to_string(), n(of).into())).collect::<Map<_, _>>()
    };
    json!({
        "totalQueries": total.n_all(),
        "successfulQueries": total.n_successful,
        "failedQueries": total.n_all().saturating_sub(total.n_successful),
        "cachedQueries": cached(total),
        "blockedQueries": total.n_of(Status::Blocked),
        "whitelistedQueries": total.n_allowed,
        "averageResponseTime": mean_ms(total.duration_us, total.n_all()),
        "queryTypes": kinds(total),
        "topDomains": top,
        "topProviders": by_name(|of| of.n_questions),
        "errorsByProvider": by_name(|of| of.n_failed),
    })
}

fn server_metrics(
    parts: &DnsParts,
    summary: &Summary,
    (n_late, seconds): (u64, u64),
    now_ms: u64,
) -> Value {
    let status = parts.dns.status();
    let cache = parts.dns.cache().stats();
    let n_asked = cache.n_hits + cache.n_stale + cache.n_misses;
    let n_of = |kind| parts.listed.page(kind, 0, |_| true).n_all;
    let uptime_ms = if status.is_running { now_ms.saturating_sub(status.since_ms) } else { 0 };
    json!({
        "uptime": uptime_ms,
        "startTime": status.is_running.then_some(status.since_ms),
        "currentPort": port(parts),
        "isRunning": status.is_running,
        "requestsPerSecond": ratio(n_late, seconds),
        "peakRequestsPerSecond": summary.total.peak_per_second,
        "serverEvents": parts.events.newest(EVENTS_MAX),
        "cacheStats": {
            "entries": cache.n_entries,
            "hitRate": ratio(cache.n_hits + cache.n_stale, n_asked),
        },
        "driverStats": {
            "blacklistEntries": n_of(ListKind::Blacklist),
            "whitelistEntries": n_of(ListKind::Whitelist),
        },
    })
}

fn provider_metrics(total: &Bucket) -> Value {
    let of_one = |counts: &UpstreamCounts| {
        json!({
            "totalQueries": counts.n_questions,
            "successfulQueries": counts.n_questions.saturating_sub(counts.n_failed),
            "failedQueries": counts.n_failed,
            "averageResponseTime": mean_ms(counts.duration_us, counts.n_questions),
            "lastUsed": counts.last_used_ms,
        })
    };
    let all = total.upstreams.iter().map(|(name, counts)| (name.to_string(), of_one(counts)));
    Value::Object(all.collect())
}
