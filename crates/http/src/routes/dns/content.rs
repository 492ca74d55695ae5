//! What the earlier systems do with log, cache and lists: SET, GET, CLEAR, ADD, REMOVE, UPDATE,
//! IMPORT, EXPORT, whether the resolver runs or not.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tidings_dns::listed::{ListDriver, ListKind, ListedEntry, ListedRefusal, NAMES_MAX};
use tidings_dns::query_log::LogDriver;

use super::{aside, cached, logs};
use crate::dns::events::ServerEvent;
use crate::dns::settings::patch_of_contract;
use crate::dns::{actions, put_member};
use crate::problem::Problem;
use crate::state::App;

/// What is asked of a scope.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContentRequest {
    pub(super) method: String,
    scope: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) options: Option<Value>,
    pub(super) filter: Option<Map<String, Value>>,
    pub(super) key: Option<String>,
    reason: Option<String>,
    category: Option<String>,
    source: Option<String>,
    entries: Option<Vec<Imported>>,
    /// What a cached answer says.
    pub(super) value: Option<Value>,
    /// Seconds that it may be kept.
    pub(super) ttl: Option<u32>,
}

/// A name that is imported.
#[derive(Debug, Deserialize)]
struct Imported {
    #[serde(alias = "key")]
    domain: String,
    reason: Option<String>,
    category: Option<String>,
}

/// A scope, with what its answers begin with.
pub(super) struct Scope<'a> {
    pub(super) app: &'a App,
    pub(super) word: &'static str,
    pub(super) driver: &'static str,
}

type Body = Result<Json<ContentRequest>, JsonRejection>;

/// Does what the body says with the scope that it names.
///
/// # Errors
///
/// `404` for a scope that there is not, else as the scope's own path.
pub(super) async fn any(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let request = parse(body)?;
    match request.scope.as_deref() {
        Some("logs" | "log") => of_log(&app, request).await,
        Some("cache") => cached::of_cache(&app, request).await,
        Some("blacklist") => of_list(&app, ListKind::Blacklist, request).await,
        Some("whitelist") => of_list(&app, ListKind::Whitelist, request).await,
        Some(_) | None => Err(Problem::new(StatusCode::NOT_FOUND, "scope-not-found")
            .text("scope: none of logs, cache, blacklist, whitelist")),
    }
}

/// Does what the body says with the log.
///
/// # Errors
///
/// `400` for a method or filter that there is not, `500` for an unknown driver, `503` for one that
/// cannot be used.
pub(super) async fn log(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    of_log(&app, parse(body)?).await
}

/// Does what the body says with the cache.
///
/// # Errors
///
/// `400` for a method, key or value that there is not, `404` for a key that the cache lacks, `500`
/// for an unknown driver.
pub(super) async fn cache(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    cached::of_cache(&app, parse(body)?).await
}

/// Does what the body says with the blacklist.
///
/// # Errors
///
/// `400` for a method or name that there is not, `404` for a name that the list lacks.
pub(super) async fn blacklist(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    of_list(&app, ListKind::Blacklist, parse(body)?).await
}

/// Does what the body says with the whitelist.
///
/// # Errors
///
/// As [`blacklist`].
pub(super) async fn whitelist(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    of_list(&app, ListKind::Whitelist, parse(body)?).await
}

fn parse(body: Body) -> Result<ContentRequest, Problem> {
    body.map(|Json(request)| request).map_err(super::control::bad_body)
}

/// A refusal in the shape of the earlier systems.
pub(super) fn refuse(status: StatusCode, slug: &'static str, text: impl Into<String>) -> Problem {
    let text = text.into();
    Problem::new(status, slug).text(&*text).member("success", false).member("message", text)
}

pub(super) fn missing(name: &str) -> Problem {
    refuse(StatusCode::BAD_REQUEST, "parameter-missing", format!("{name} is required"))
        .member("parameter", name)
}

pub(super) fn unknown_method(method: &str, of: &str) -> Problem {
    let text = format!("method `{method}` is none of {of}");
    refuse(StatusCode::BAD_REQUEST, "method-unknown", text)
}

pub(super) fn unknown_driver(word: &str, of: &[&str]) -> Problem {
    let text = format!("unknown driver `{word}`: none of {}", of.join(", "));
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "driver-unknown", text)
}

impl Scope<'_> {
    pub(super) fn body(&self, more: Value) -> Response {
        let mut body = json!({
            "success": true,
            "scope": self.word,
            "driver": self.driver,
            "timestamp": self.app.now_ms(),
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        Json(body).into_response()
    }

    pub(super) fn listed(&self, entries: &[Value], total: usize, is_filtered: bool) -> Response {
        let mut metadata = json!({ "total": total, "timestamp": self.app.now_ms() });
        if is_filtered {
            put_member(&mut metadata, "filtered", entries.len());
        }
        self.body(json!({ "entries": entries, "metadata": metadata }))
    }

    pub(super) fn swapped(&self, driver: &str, options: Option<Value>) -> Response {
        let event = format!("driver of {} set to {driver}", self.word);
        let now_ms = self.app.now_ms();
        self.app.dns.events.note_event(ServerEvent::new(now_ms, "driver_changed", event));
        Json(json!({
            "message": format!("Driver for {} set to {driver}", self.word),
            "scope": self.word,
            "driver": driver,
            "options": options.unwrap_or_else(|| json!({})),
            "serverRunning": self.app.dns.dns.status().is_running,
        }))
        .into_response()
    }
}

async fn of_log(app: &App, request: ContentRequest) -> Result<Response, Problem> {
    let scope = Scope { app, word: "logs", driver: app.dns.log.status().driver.word() };
    match request.method.as_str() {
        "SET" => {
            let word = request.driver.ok_or_else(|| missing("driver"))?;
            let driver = LogDriver::parse(&word)
                .ok_or_else(|| unknown_driver(&word, &LogDriver::ALL.map(LogDriver::word)))?;
            let patch = json!({ "dns": { "log": { "driver": driver } } });
            actions::set(&app.dns, &patch, app.now_ms()).await?;
            Ok(scope.swapped(driver.word(), request.options))
        }
        "GET" => {
            let filter = request.filter.unwrap_or_default();
            let is_filtered = !filter.is_empty();
            let wanted = logs::Wanted::parse(&filter)?;
            let (parts, n_held) = (app.dns.clone(), app.dns.log.status());
            let now_ms = app.now_ms();
            let entries = aside(move || logs::find(&parts, &wanted, now_ms)).await??;
            let n_disk = usize::try_from(n_held.n_entries).unwrap_or(usize::MAX);
            Ok(scope.listed(&entries, n_disk.max(n_held.n_recent), is_filtered))
        }
        "CLEAR" => {
            let log = app.dns.log.clone();
            aside(move || log.clear()).await?.map_err(|error| {
                refuse(StatusCode::SERVICE_UNAVAILABLE, "dns-log-unavailable", error.to_string())
            })?;
            app.dns.events.clear();
            Ok(scope.body(json!({ "message": "All logs cleared" })))
        }
        other => Err(unknown_method(other, "SET, GET, CLEAR")),
    }
}

async fn of_list(app: &App, kind: ListKind, request: ContentRequest) -> Result<Response, Problem> {
    let scope = Scope { app, word: kind.word(), driver: app.dns.list_driver(kind).word() };
    match request.method.as_str() {
        "SET" => {
            let word = request.driver.ok_or_else(|| missing("driver"))?;
            let driver = ListDriver::parse(&word)
                .ok_or_else(|| unknown_driver(&word, &ListDriver::ALL.map(ListDriver::word)))?;
            set_driver(app, kind, driver).await?;
            Ok(scope.swapped(driver.word(), request.options))
        }
        "GET" => Ok(get(&scope, kind, &request)),
        "EXPORT" => {
            let page = app.dns.listed.page(kind, NAMES_MAX, |_| true);
            let entries: Vec<Value> = page.entries.iter().map(|entry| json!(entry)).collect();
            Ok(scope.listed(&entries, page.n_all, false))
        }
        "CLEAR" => {
            let (parts, now_ms) = (app.dns.clone(), app.now_ms());
            aside(move || parts.listed.clear(kind, now_ms)).await?;
            actions::lists_changed(&app.dns).await;
            Ok(scope.body(json!({ "message": format!("All {} entries cleared", kind.word()) })))
        }
        "ADD" | "UPDATE" => put_one(app, kind, request).await,
        "REMOVE" => {
            let key = request.key.ok_or_else(|| missing("key"))?;
            let (parts, now_ms, domain) = (app.dns.clone(), app.now_ms(), key.clone());
            let removed = aside(move || parts.listed.remove(kind, &domain, now_ms)).await?;
            actions::lists_changed(&app.dns).await;
            Ok(scope.body(json!({ "removed": removed, "key": key })))
        }
        "IMPORT" => import(app, kind, request).await,
        other => Err(unknown_method(other, "SET, GET, CLEAR, ADD, REMOVE, UPDATE, IMPORT, EXPORT")),
    }
}

async fn set_driver(app: &App, kind: ListKind, driver: ListDriver) -> Result<(), Problem> {
    let (parts, now_ms) = (app.dns.clone(), app.now_ms());
    aside(move || parts.listed.swap(kind, driver, now_ms)).await?.map_err(|error| {
        let error: &dyn std::error::Error = &error;
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "driver-unavailable").detail(error)
    })?;
    let member = match kind {
        ListKind::Blacklist => "blacklistDriver",
        ListKind::Whitelist => "whitelistDriver",
    };
    let patch = patch_of_contract(&json!({ member: driver }), None);
    actions::set(&app.dns, &patch, app.now_ms()).await
}

/// Lists the names that a filter wants, or tells whether a name is there.
fn get(scope: &Scope<'_>, kind: ListKind, request: &ContentRequest) -> Response {
    let listed = &scope.app.dns.listed;
    if let Some(key) = &request.key {
        let exists = listed.find(kind, key).is_some();
        return scope.body(json!({ "exists": exists, "key": key }));
    }
    let filter = request.filter.clone().unwrap_or_default();
    let text = |name: &str| {
        let text = filter.get(name).and_then(Value::as_str).map(str::to_lowercase);
        text.filter(|text| !text.is_empty() && text != "*")
    };
    let (domain, source) = (text("domain"), text("source"));
    let (reason, category) = (text("reason"), text("category"));
    let holds = |value: Option<&str>, part: &Option<String>| {
        part.as_ref().is_none_or(|part| {
            value.is_some_and(|value| value.to_lowercase().contains(part.as_str()))
        })
    };
    let is = |value: Option<&str>, wanted: &Option<String>| {
        wanted
            .as_ref()
            .is_none_or(|wanted| value.is_some_and(|value| value.eq_ignore_ascii_case(wanted)))
    };
    let page = listed.page(kind, NAMES_MAX, |entry| {
        holds(Some(&entry.domain), &domain)
            && holds(entry.reason.as_deref(), &reason)
            && is(Some(&entry.source), &source)
            && is(entry.category.as_deref(), &category)
    });
    let entries: Vec<Value> = page.entries.iter().map(|entry| json!(entry)).collect();
    scope.listed(&entries, page.n_all, !filter.is_empty())
}

fn refused(error: &ListedRefusal) -> Problem {
    let (status, slug) = match error {
        ListedRefusal::Name(_) | ListedRefusal::TooLong(_) => {
            (StatusCode::BAD_REQUEST, "list-entry-invalid")
        }
        ListedRefusal::Full => (StatusCode::INSUFFICIENT_STORAGE, "list-full"),
    };
    refuse(status, slug, error.to_string())
}

/// Adds names to a list, and takes the new rules into effect.
pub(super) async fn put(
    app: &App,
    kind: ListKind,
    entries: Vec<ListedEntry>,
) -> Result<usize, Problem> {
    let (parts, now_ms) = (app.dns.clone(), app.now_ms());
    let outcome = aside(move || parts.listed.put(kind, entries, now_ms)).await?;
    actions::lists_changed(&app.dns).await;
    outcome.map_err(|error| refused(&error))
}

async fn put_one(app: &App, kind: ListKind, request: ContentRequest) -> Result<Response, Problem> {
    let key = request.key.ok_or_else(|| missing("key"))?;
    let is_update = request.method == "UPDATE";
    let before = app.dns.listed.find(kind, &key);
    if is_update && before.is_none() {
        let text = format!("`{key}` is not on the {}", kind.word());
        return Err(refuse(StatusCode::NOT_FOUND, "list-entry-not-found", text));
    }
    let held = before.as_ref();
    let entry = ListedEntry {
        added_at: held.map_or_else(|| app.now_ms(), |held| held.added_at),
        source: request
            .source
            .or_else(|| held.map(|held| held.source.clone()))
            .unwrap_or_else(|| "manual".to_owned()),
        reason: request.reason.or_else(|| held.and_then(|held| held.reason.clone())),
        category: request.category.or_else(|| held.and_then(|held| held.category.clone())),
        domain: key,
    };
    put(app, kind, vec![entry.clone()]).await?;
    let word = if is_update { "updated on" } else { "added to" };
    Ok(Json(json!({
        "message": format!("Domain {word} {}", kind.word()),
        "domain": entry.domain,
        "reason": entry.reason,
        "category": entry.category,
        "timestamp": app.now_ms(),
    }))
    .into_response())
}

async fn import(app: &App, kind: ListKind, request: ContentRequest) -> Result<Response, Problem> {
    let entries = request.entries.ok_or_else(|| missing("entries"))?;
    let now_ms = app.now_ms();
    let n_all = entries.len();
    let entries = entries.into_iter().map(|entry| ListedEntry {
        domain: entry.domain,
        added_at: now_ms,
        source: "import".to_owned(),
        reason: Some(entry.reason.unwrap_or_else(|| "Imported entry".to_owned())),
        category: Some(entry.category.unwrap_or_else(|| "imported".to_owned())),
    });
    let imported = put(app, kind, entries.collect()).await?;
    Ok(Json(json!({
        "message": format!("Imported {imported} entries to {}", kind.word()),
        "imported": imported,
        "total": n_all,
        "timestamp": now_ms,
    }))
    .into_response())
}
