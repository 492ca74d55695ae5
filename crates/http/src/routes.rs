//! Which request goes where, and what every answer has in common.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::dashboard;
use crate::prefix::strip;
use crate::problem::Problem;
use crate::state::App;

mod dhcp;
pub(crate) mod dns;
mod export;
mod operations;
pub(crate) mod publish;
mod running;
pub(crate) mod steer;
mod stream;

pub(crate) use dns::{cache_entries, control as dns_control};
pub(crate) use export::csv_cell;

/// Makes the router of everything that the server answers, below `http.path_prefix` as it is now.
pub fn router(app: App) -> Router {
    let prefix = app.config.read().path_prefix.clone();
    let routes = routes(app);
    if prefix.is_empty() {
        return routes;
    }
    let below = tower::util::MapRequest::new(routes, move |request| strip(&prefix, request));
    Router::new().fallback_service(below)
}

fn routes(app: App) -> Router {
    let body_size_max = app.config.read().body_size_max_bytes;
    let body_timeout = app.config.read().body_timeout;
    let cors = cors(app.clone());
    Router::new()
        .route("/livez", get(operations::livez))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .route("/api/v1/health", get(operations::health))
        .route("/api/v1/status", get(operations::status))
        .route("/api/v1/openapi.json", get(operations::openapi_json))
        .route("/api/v1/docs", get(operations::docs))
        .route("/api/v1/docs.css", get(operations::docs_style))
        .route("/api/v1/docs.js", get(operations::docs_script))
        .route("/api/v1/settings", get(running::settings))
        .route("/api/v1/setup", get(running::setup))
        .route("/api/v1/demo", get(running::demo).put(running::switch_demo))
        .route("/api/v1/leases", get(dhcp::leases))
        .route("/api/v1/leases/export", get(export::leases))
        .route("/api/v1/leases/stream", get(stream::lease_stream))
        .route("/api/v1/pools", get(dhcp::pools))
        .route("/api/v1/pools/usage", get(dhcp::usage))
        .route("/api/v1/statistics", get(dhcp::figures))
        .route("/api/v1/simulate", post(dhcp::simulate))
        .route("/api/v1/internal/notify-lease-change", post(dhcp::notify))
        .route("/api/sse/stream", get(stream::stream))
        .route("/api/sse/events", post(publish::publish))
        .route("/api/sse/stats", get(steer::stats))
        .route("/api/sse/channels", get(steer::channels))
        .route("/api/sse/channels/{*path}", get(steer::history).delete(steer::delete_history))
        .route("/api/sse/connections", get(steer::connections))
        .route("/api/sse/connections/{id}", patch(steer::patch).delete(steer::kick))
        .route("/api/sse/test", get(steer::test))
        .merge(dns::routes())
        .fallback(dashboard::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), dns::doh::at_root))
        .layer(DefaultBodyLimit::max(body_size_max))
        .layer(RequestBodyTimeoutLayer::new(body_timeout))
        .layer(from_fn_with_state(app.clone(), refuse_other_origins))
        .layer(from_fn_with_state(app.clone(), finish))
        .layer(cors)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

/// Lets the listed origins read answers, the stream's cursor headers among them.
fn cors(app: App) -> CorsLayer {
    let origin = AllowOrigin::predicate(move |origin, _| is_allowed(&app, origin.as_bytes()));
    let exposed = [
        header::ETAG,
        header::RETRY_AFTER,
        HeaderName::from_static("last-event-id"),
        HeaderName::from_static("x-tidings-version"),
        HeaderName::from_static("x-tidings-stale"),
    ];
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(Any)
        .expose_headers(exposed)
}

/// Refuses changes that a page of another site asks the browser for.
///
/// A browser names the page's origin with every such request; programs do not.
async fn refuse_other_origins(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_change && !is_own_origin(&app, request.headers(), request.uri().authority()) {
        return Problem::new(StatusCode::FORBIDDEN, "origin-not-allowed")
            .text("the page's origin is not in http.cors_origins")
            .into_response();
    }
    next.run(request).await
}

fn is_own_origin(app: &App, headers: &HeaderMap, authority: Option<&http::uri::Authority>) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()) else {
        return !headers.contains_key(header::ORIGIN);
    };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.or(authority.map(http::uri::Authority::as_str));
    let named = origin.split_once("://").map(|(_, host)| host);
    named.is_some() && named == host || is_allowed(app, origin.as_bytes())
}

/// Returns whether pages of an origin may read answers; the list is read anew for each request.
fn is_allowed(app: &App, origin: &[u8]) -> bool {
    let origins = &app.config.read().cors_origins;
    origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin)
}

/// Gives plain refusals of the framework the house's form, adds what every answer carries, and
/// notes the request.
async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let started = app.now_ms();
    let mut response = next.run(request).await;
    let status = response.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE && !is_problem(&response) {
        let limit = app.config.read().body_size_max_bytes;
        let problem = Problem::new(status, "body-too-large");
        let detail = format!("the body exceeds http.body_size_max_bytes ({limit} bytes)");
        response = problem.text(detail).into_response();
    }
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let took_ms = app.now_ms().saturating_sub(started);
    tracing::debug!(%method, path, status = status.as_u16(), took_ms, "request");
    response
}

fn is_problem(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == b"application/problem+json")
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
        .text(format!("{method} is not answered here; /api/v1/docs lists what is"))
}

/// Answers for a handler that panicked; the panic is logged, the connection goes on.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> http::Response<Body> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    tracing::error!(panic = text, "handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").into_response()
}
