//! What operators ask: alive, ready, status, metrics, documents.

use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tidings_dhcp::network::SourceHealth;

use crate::dashboard::secure;
use crate::metrics;
use crate::openapi;
use crate::problem::Problem;
use crate::state::App;
use crate::wire::running::{ModulesJson, StatusJson};
use crate::wire::{SourceJson, time_ms};

/// Page that shows the `OpenAPI` document, with nothing from elsewhere.
const DOCS: &str = include_str!("docs.html");
const DOCS_STYLE: &str = include_str!("docs.css");
const DOCS_SCRIPT: &str = include_str!("docs.js");

/// Says that the process lives.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Says whether the server wants traffic.
///
/// # Errors
///
/// `503` before everything is bound, once the server stops, and when the disk has failed.
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.hub.failed().is_cancelled() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "log-failed");
        return Err(problem.text("the disk failed: nothing more is accepted until a restart"));
    }
    if app.readiness.is_open() {
        return Ok("ok\n");
    }
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready");
    Err(problem.text("the server is starting or stopping"))
}

/// Health by the contract.
pub(super) async fn health(State(app): State<App>) -> Json<Value> {
    let snapshot = app.dhcp.snapshot();
    let is_stale = snapshot.sources.iter().any(|source| source.health == SourceHealth::Stale);
    Json(json!({ "status": "healthy", "service": "DHCP Backend API", "stale": is_stale }))
}

/// Versions and the health of each source.
pub(super) async fn status(State(app): State<App>) -> Json<StatusJson> {
    let snapshot = app.dhcp.snapshot();
    let sources: Vec<SourceJson> = snapshot.sources.iter().map(SourceJson::from).collect();
    let config = app.running.dhcp.read();
    Json(StatusJson {
        version: app.version,
        api_version: "v1",
        dashboard: app.dashboard.version,
        description: "DHCP Network Management API",
        environment: if app.running.is_production { "production" } else { "development" },
        modules: ModulesJson {
            hub: true,
            dhcp: !config.sources.is_empty() || config.simulate.enabled,
            dns: app.dns.is_in_use(),
        },
        demo: config.simulate.enabled,
        stale: sources.iter().any(|source| source.stale),
        sources,
        leases_version: snapshot.version,
        leases: snapshot.leases.len(),
        active_connections: app.hub.n_connections(),
        now: time_ms(app.now_ms()),
    })
}

/// Figures for Prometheus.
///
/// # Errors
///
/// Never in practice: text is always writable.
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let text = metrics::encode(&app).map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics").detail(&error)
    })?;
    let mut response = text.into_response();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// The `OpenAPI` document.
pub(super) async fn openapi_json() -> Response {
    let mut response = openapi::text().into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The page that shows it.
pub(super) async fn docs() -> Response {
    let mut response = Html(DOCS).into_response();
    secure(response.headers_mut());
    response
}

/// Its looks.
pub(super) async fn docs_style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], DOCS_STYLE)
}

/// What fills it in.
pub(super) async fn docs_script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], DOCS_SCRIPT)
}
