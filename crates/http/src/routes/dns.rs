//! DNS by REST: the paths of the earlier systems, and our own.

use axum::Router;
use axum::routing::{delete, get, patch, post};
use http::StatusCode;
use tidings_dns::service::StartError;

use crate::problem::Problem;
use crate::state::App;

mod cached;
pub(crate) mod check;
mod content;
pub(crate) mod control;
pub(crate) mod doh;
mod drivers;
mod figures;
mod lists;
pub(crate) mod log;
mod logs;
pub(crate) mod names;
pub(crate) mod own;
pub(crate) mod people;
mod probe;
pub(crate) mod rewrites;

pub(crate) use cached::cache_entries;

/// Returns the routes of DNS.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/dns/status", get(control::status))
        .route("/api/dns/config", get(control::config).put(control::put_config))
        .route("/api/dns/start", post(control::start))
        .route("/api/dns/stop", post(control::stop))
        .route("/api/dns/toggle", post(control::toggle))
        .route("/api/dns/apply", post(control::apply))
        .route("/api/dns/test", post(probe::test))
        .route("/api/dns/metrics", get(figures::metrics))
        .route("/api/dns/driver", get(drivers::drivers).post(content::any))
        .route("/api/dns/log", get(drivers::of_log).post(content::log))
        .route("/api/dns/cache", get(drivers::of_cache).post(content::cache))
        .route("/api/dns/blacklist", get(drivers::of_blacklist).post(content::blacklist))
        .route("/api/dns/whitelist", get(drivers::of_whitelist).post(content::whitelist))
        .route("/api/v1/dns/status", get(own::status))
        .route("/api/v1/dns/start", post(own::start))
        .route("/api/v1/dns/stop", post(own::stop))
        .route("/api/v1/dns/settings", get(own::settings).patch(own::patch_settings))
        .route("/api/v1/dns/upstreams", get(own::upstreams))
        .route("/api/v1/dns/statistics", get(figures::statistics))
        .route("/api/v1/dns/log", get(log::page).delete(log::clear))
        .route("/api/v1/dns/log/export", get(log::export))
        .route("/api/v1/dns/log/live", post(log::live))
        .route("/api/v1/dns/cache", get(own::cache).delete(own::flush))
        .route("/api/v1/dns/rules", get(names::rules).post(names::add))
        .route("/api/v1/dns/rules/{action}/{domain}", delete(names::remove))
        .route("/api/v1/dns/rules/text", get(lists::text).put(lists::put_text))
        .route("/api/v1/dns/lists", get(lists::lists).post(lists::add))
        .route("/api/v1/dns/lists/{id}", get(lists::list).patch(lists::patch).delete(lists::remove))
        .route("/api/v1/dns/lists/{id}/refresh", post(lists::refresh))
        .route("/api/v1/dns/rewrites", get(rewrites::rewrites).post(rewrites::add))
        .route("/api/v1/dns/rewrites/{id}", delete(rewrites::remove))
        .route("/api/v1/dns/groups", get(people::groups).post(people::add_group))
        .route("/api/v1/dns/groups/{name}", patch(people::patch_group).delete(people::remove_group))
        .route("/api/v1/dns/clients", get(people::clients).post(people::add_client))
        .route(
            "/api/v1/dns/clients/{id}",
            patch(people::patch_client).delete(people::remove_client),
        )
        .route(
            "/api/v1/dns/pause",
            get(people::pauses).post(people::pause).delete(people::end_pause),
        )
        .route("/api/v1/dns/check", get(check::check))
        .route("/dns-query", get(doh::get).post(doh::post))
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let (status, slug) = match &error {
            StartError::Running => (StatusCode::CONFLICT, "dns-running"),
            StartError::Stopped => (StatusCode::CONFLICT, "dns-stopped"),
            StartError::Config(_) | StartError::Tls { .. } => {
                (StatusCode::BAD_REQUEST, "dns-settings-invalid")
            }
            StartError::Bind { .. } => (StatusCode::CONFLICT, "dns-address-in-use"),
        };
        Self::new(status, slug).detail(&error)
    }
}

/// Runs what waits for a disk aside of the threads that answer requests.
async fn aside<Answer: Send + 'static>(
    work: impl FnOnce() -> Answer + Send + 'static,
) -> Result<Answer, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "work of the query log panicked");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    })
}
