//! Which drivers keep what, by the contract.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tidings_dns::listed::{ListDriver, ListKind};

use crate::dns::actions::log_driver_words;
use crate::dns::{DnsParts, put_member};
use crate::state::App;

/// Every driver in use, and every one that there is.
pub(super) async fn drivers(State(app): State<App>) -> Json<Value> {
    let lists = list_words();
    Json(json!({
        "current": {
            "logs": log_driver(&app.dns),
            "cache": cache_driver(&app.dns),
            "blacklist": list_driver(&app.dns, ListKind::Blacklist),
            "whitelist": list_driver(&app.dns, ListKind::Whitelist),
        },
        "available": {
            "logs": log_driver_words(),
            "cache": lists,
            "blacklist": lists,
            "whitelist": lists,
        },
    }))
}

/// The driver of the log.
pub(super) async fn of_log(State(app): State<App>) -> Json<Value> {
    Json(json!({ "current": log_driver(&app.dns), "available": log_driver_words() }))
}

/// The driver of the cache.
pub(super) async fn of_cache(State(app): State<App>) -> Json<Value> {
    Json(json!({ "current": cache_driver(&app.dns), "available": list_words() }))
}

fn cache_driver(parts: &DnsParts) -> Value {
    driver(parts.settings.contract().cache_driver.word(), None)
}

/// The driver of the blacklist.
pub(super) async fn of_blacklist(State(app): State<App>) -> Json<Value> {
    of_list(&app.dns, ListKind::Blacklist)
}

/// The driver of the whitelist.
pub(super) async fn of_whitelist(State(app): State<App>) -> Json<Value> {
    of_list(&app.dns, ListKind::Whitelist)
}

fn of_list(parts: &DnsParts, kind: ListKind) -> Json<Value> {
    Json(json!({ "current": list_driver(parts, kind), "available": list_words() }))
}

fn list_words() -> Vec<&'static str> {
    ListDriver::ALL.into_iter().map(ListDriver::word).collect()
}

fn log_driver(parts: &DnsParts) -> Value {
    let status = parts.log.status();
    driver(status.driver.word(), status.error)
}

fn list_driver(parts: &DnsParts, kind: ListKind) -> Value {
    let page = parts.listed.page(kind, 0, |_| true);
    driver(page.driver.word(), page.error)
}

/// Describes a driver; one with an error does not keep what it should.
fn driver(word: &str, error: Option<String>) -> Value {
    let status = if error.is_none() { "active" } else { "inactive" };
    let mut body = json!({ "type": word, "implementation": word, "status": status });
    if let Some(error) = error {
        put_member(&mut body, "error", error);
    }
    body
}
