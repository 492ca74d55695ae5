//! What the earlier systems do with the cache: SET, GET, CLEAR, ADD, REMOVE, UPDATE.

use std::net::Ipv6Addr;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use tidings_dns::cache::{CacheEntry, CacheQuery, Flush};
use tidings_dns::listed::ListDriver;
use tidings_dns::name::Name;
use tidings_dns::record_type::RecordType;

use super::aside;
use super::content::{ContentRequest, Scope, missing, refuse, unknown_driver, unknown_method};
use crate::dns::settings::patch_of_contract;
use crate::dns::{DnsParts, actions, keep_cache};
use crate::problem::Problem;
use crate::state::App;

/// Most entries of the cache that one answer lists.
const CACHE_ENTRIES_MAX: usize = 10_000;
/// Most records of an answer that a person writes.
const VALUES_MAX: usize = 32;
/// Seconds that such an answer is kept when nobody says how long.
const TTL_DEFAULT_S: u32 = 300;

/// Splits the key of a cached answer, `domain:TYPE:CLASS`, its end left out or not.
fn cache_key(key: &str) -> Result<(Name, Option<RecordType>), Problem> {
    let bad = |text: String| refuse(StatusCode::BAD_REQUEST, "cache-key-invalid", text);
    let mut parts = key.split(':');
    let name = Name::parse(parts.next().unwrap_or_default());
    let name = name.map_err(|error| bad(format!("key: {error}")))?;
    let kind = parts.next().map(RecordType::parse).transpose();
    Ok((name, kind.map_err(|error| bad(format!("key: {error}")))?))
}

/// Does what the body says with the cache.
///
/// # Errors
///
/// As the path of the cache.
pub(super) async fn of_cache(app: &App, request: ContentRequest) -> Result<Response, Problem> {
    let driver = app.dns.settings.contract().cache_driver;
    let scope = Scope { app, word: "cache", driver: driver.word() };
    let dns = &app.dns.dns;
    match request.method.as_str() {
        "SET" => {
            let word = request.driver.ok_or_else(|| missing("driver"))?;
            let driver = ListDriver::parse(&word)
                .ok_or_else(|| unknown_driver(&word, &ListDriver::ALL.map(ListDriver::word)))?;
            set_driver(app, driver).await?;
            Ok(scope.swapped(driver.word(), request.options))
        }
        "GET" => {
            if let Some(key) = &request.key {
                let exists = !held(&app.dns, key)?.is_empty();
                return Ok(scope.body(json!({ "exists": exists, "key": key })));
            }
            let filter = request.filter.clone().unwrap_or_default();
            let search = filter.get("key").and_then(Value::as_str).map(str::to_lowercase);
            let search = search.filter(|text| !text.is_empty());
            let is_filtered = search.is_some();
            let total = dns.cache().stats().n_entries;
            let entries = cache_entries(&app.dns, search, CACHE_ENTRIES_MAX, app.now_ms());
            Ok(scope.listed(&entries, total, is_filtered))
        }
        "CLEAR" => {
            let n = dns.flush(&Flush::All);
            Ok(scope.body(json!({ "message": "Cache cleared", "affected": n })))
        }
        "ADD" | "UPDATE" => put(&scope, &request),
        "REMOVE" => {
            let key = request.key.as_deref().ok_or_else(|| missing("key"))?;
            let (name, kind) = cache_key(key)?;
            let affected = usize::from(dns.flush(&Flush::One { name, kind }) > 0);
            Ok(scope.body(json!({ "affected": affected, "key": key })))
        }
        other => Err(unknown_method(other, "SET, GET, CLEAR, ADD, REMOVE, UPDATE")),
    }
}

/// Goes on with another driver, which keeps what the cache holds now.
async fn set_driver(app: &App, driver: ListDriver) -> Result<(), Problem> {
    let patch = patch_of_contract(&json!({ "cacheDriver": driver }), None);
    actions::set(&app.dns, &patch, app.now_ms()).await?;
    let parts = app.dns.clone();
    aside(move || keep_cache::keep(&parts)).await?.map_err(|error| {
        let error: &dyn std::error::Error = &error;
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "driver-unavailable").detail(error)
    })
}

/// Puts an answer into the cache, or another in the place of one that is there.
fn put(scope: &Scope<'_>, request: &ContentRequest) -> Result<Response, Problem> {
    let key = request.key.as_deref().ok_or_else(|| missing("key"))?;
    let value = request.value.as_ref().ok_or_else(|| missing("value"))?;
    let bad = |text: String| refuse(StatusCode::BAD_REQUEST, "cache-value-invalid", text);
    if request.method == "UPDATE" && held(&scope.app.dns, key)?.is_empty() {
        let text = format!("`{key}` is not in the cache");
        return Err(refuse(StatusCode::NOT_FOUND, "cache-entry-not-found", text));
    }
    let (name, kind) = cache_key(key)?;
    let values = values_of(value);
    if values.is_empty() || values.len() > VALUES_MAX {
        return Err(bad(format!("value: 1 to {VALUES_MAX} addresses or other data")));
    }
    // A key without a type is of the family of its first address.
    let is_v6 = values.first().is_some_and(|value| value.parse::<Ipv6Addr>().is_ok());
    let kind = kind.unwrap_or(if is_v6 { RecordType::AAAA } else { RecordType::A });
    let ttl_s = request.ttl.unwrap_or(TTL_DEFAULT_S);
    let put = scope.app.dns.dns.put_answer(&name, kind, &values, ttl_s);
    put.map_err(|why| bad(format!("value: {why}")))?;
    let word = if request.method == "ADD" { "added to" } else { "updated in" };
    Ok(scope.body(json!({
        "message": format!("Entry {word} the cache"),
        "key": key,
        "affected": 1,
        "ttl": ttl_s,
    })))
}

/// Returns the data of a value: a text, several, or a packet with answers.
fn values_of(value: &Value) -> Vec<String> {
    let text =
        |value: &Value| value.as_str().or_else(|| value.get("data")?.as_str()).map(str::to_owned);
    let answers = value.get("packet").unwrap_or(value).get("answers").unwrap_or(value);
    match answers.as_array() {
        Some(values) => values.iter().filter_map(text).collect(),
        None => text(answers).into_iter().collect(),
    }
}

/// Returns the cached answers of a key.
fn held(parts: &DnsParts, key: &str) -> Result<Vec<CacheEntry>, Problem> {
    let (name, kind) = cache_key(key)?;
    let query = CacheQuery {
        search: Some(name.to_string().trim_end_matches('.').to_lowercase()),
        kind,
        after: None,
        limit: tidings_dns::cache::PAGE_MAX,
    };
    let found = parts.dns.cache_page(&query).entries;
    Ok(found.into_iter().filter(|entry| entry.name == name).collect())
}

/// Lists cached answers by the contract.
pub(crate) fn cache_entries(
    parts: &DnsParts,
    search: Option<String>,
    n_max: usize,
    now_ms: u64,
) -> Vec<Value> {
    let mut listed = Vec::new();
    let mut query = CacheQuery { search, limit: n_max, ..CacheQuery::default() };
    loop {
        query.limit = (n_max - listed.len()).min(tidings_dns::cache::PAGE_MAX);
        let page = parts.dns.cache_page(&query);
        query.after = page.entries.last().map(|entry| (entry.name.clone(), entry.kind));
        let is_last = page.entries.len() < query.limit;
        listed.extend(page.entries.iter().map(|entry| cache_entry(entry, now_ms)));
        if is_last || listed.len() >= n_max {
            return listed;
        }
    }
}

fn cache_entry(entry: &CacheEntry, now_ms: u64) -> Value {
    let name = entry.name.to_string();
    let name = name.trim_end_matches('.');
    let stored_ms = now_ms.saturating_sub(entry.age_ms);
    let answers: Vec<Value> = entry
        .addresses
        .iter()
        .map(|address| {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            let ttl = entry.ttl_s;
            json!({ "name": name, "type": kind, "class": "IN", "ttl": ttl, "data": address })
        })
        .collect();
    let rcode = tidings_dns::query_log::words::response_code(entry.response_code.into());
    json!({
        "key": format!("{name}:{}:IN", entry.kind),
        "packet": {
            "type": "response",
            "rcode": rcode,
            "questions": [{ "name": name, "type": entry.kind.to_string(), "class": "IN" }],
            "answers": answers,
        },
        "cache": {
            "timestamp": stored_ms,
            "ttl": entry.ttl_s,
            "expiresAt": stored_ms + u64::from(entry.ttl_s) * 1_000,
        },
        "hits": entry.n_hits,
        "provider": entry.upstream.as_deref(),
    })
}
