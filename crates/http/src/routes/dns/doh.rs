//! DNS over HTTPS (RFC 8484), at its usual path and, for clients of the earlier systems, at `/`.

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tidings_dns::entry::Transport;

use super::super::stream::{Asked, Pairs, find};
use crate::dns::doh_media::{MESSAGE_MAX_BYTES, from_base64url, max_age_s};
use crate::server::Peer;
use crate::state::App;

/// Media type of a DNS message.
const MEDIA_TYPE: &str = "application/dns-message";
/// Bytes of the head of a message; a shorter one is none.
const HEAD_BYTES: usize = 12;

/// Answers a question of the query.
///
/// # Errors
///
/// As text: `400` without a message, `503` when the resolver is stopped.
pub(super) async fn get(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    query: Asked,
) -> Response {
    match query {
        Ok(Query(query)) => match message(&query) {
            Some(message) => answer(&app, peer, &message).await,
            None => refuse(StatusCode::BAD_REQUEST, "dns= lacks a DNS message in base64url"),
        },
        Err(_) => refuse(StatusCode::BAD_REQUEST, "the query cannot be read"),
    }
}

/// Answers a question of the body.
///
/// # Errors
///
/// As text: `415` for another media type, `413` and `400` for what is no message, `503` when the
/// resolver is stopped.
pub(super) async fn post(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_message(&headers) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be a DNS message");
    }
    if body.len() > MESSAGE_MAX_BYTES {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "a DNS message has at most 65535 bytes");
    }
    answer(&app, peer, &body).await
}

/// Answers questions at `/`: a GET with a message in `dns`, a POST of the media type; everything
/// else goes its way.
pub(crate) async fn at_root(
    State(app): State<App>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let Some(peer) = peer.filter(|_| request.uri().path() == "/") else {
        return next.run(request).await;
    };
    match *request.method() {
        Method::GET => {
            let query = Query::<Pairs>::try_from_uri(request.uri());
            let message = query.ok().and_then(|Query(query)| message(&query));
            match message {
                Some(message) => answer(&app, peer, &message).await,
                None => next.run(request).await,
            }
        }
        Method::POST if is_message(request.headers()) => {
            match to_bytes(request.into_body(), MESSAGE_MAX_BYTES).await {
                Ok(body) => answer(&app, peer, &body).await,
                Err(_) => {
                    refuse(StatusCode::PAYLOAD_TOO_LARGE, "a DNS message has at most 65535 bytes")
                }
            }
        }
        _ => next.run(request).await,
    }
}

fn is_message(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == MEDIA_TYPE.as_bytes())
}

/// Returns the message of a query.
fn message(query: &Pairs) -> Option<Vec<u8>> {
    let message = from_base64url(find(query, "dns")?)?;
    (HEAD_BYTES..=MESSAGE_MAX_BYTES).contains(&message.len()).then_some(message)
}

async fn answer(app: &App, Peer(peer): Peer, message: &[u8]) -> Response {
    if message.len() < HEAD_BYTES {
        return refuse(StatusCode::BAD_REQUEST, "the DNS message is too short");
    }
    if !app.dns.dns.status().is_running {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the resolver is stopped");
    }
    let Some(answer) = app.dns.dns.resolve(message, peer, Transport::Https).await else {
        return refuse(StatusCode::FORBIDDEN, "dns.allow does not name this address");
    };
    let max_age = format!("max-age={}", max_age_s(&answer));
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Ok(max_age) = HeaderValue::from_str(&max_age) {
        headers.insert(header::CACHE_CONTROL, max_age);
    }
    response
}

fn refuse(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}
