//! The dashboard's files: which of them answers a request, in which encoding, with which headers.
//!
//! The binary holds them compressed. A page is `index.html` whatever its path; only its base
//! address and the dashboard's version are filled in.

use std::io::Read;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::prefix::page_prefix;
use crate::problem::Problem;
use crate::state::App;

/// What a page may load: its own origin alone, and nothing that stands in the page itself.
pub(crate) const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
    object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
/// The page that every page route shows.
const INDEX: &str = "index.html";
/// Folder whose files are named after their content.
const HASHED_FOLDER: &str = "assets/";
/// First segments of paths that are never a page, whatever a browser accepts.
const NOT_PAGES: [&str; 6] = ["api", "assets", "livez", "readyz", "metrics", "dns-query"];
/// Largest file after unpacking, in bytes.
const UNPACKED_MAX_BYTES: u64 = 16 * 1_048_576;

/// How the binary holds a file.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// As it is: what does not compress, and what is filled in before it is sent.
    Plain(&'static [u8]),
    /// Compressed in both ways; a client that takes neither gets it unpacked.
    Packed {
        /// RFC 1952.
        gzip: &'static [u8],
        /// RFC 7932.
        brotli: &'static [u8],
    },
}

/// One file of the dashboard.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Path below the root, without a leading slash.
    pub path: &'static str,
    /// Names the content, so that another content has another tag.
    pub hash: &'static str,
    /// The file.
    pub content: Content,
}

/// The dashboard as it was built in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dashboard {
    /// Names the build; `None` when the binary was built without the dashboard.
    pub version: Option<&'static str>,
    /// Its files, by path.
    pub assets: &'static [Asset],
}

impl Dashboard {
    fn find(&self, path: &str) -> Option<&'static Asset> {
        let index = self.assets.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
        self.assets.get(index)
    }
}

/// Answers what no route does: a file of the dashboard, a page, or `404`.
pub(crate) async fn serve(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_found();
    }
    if path != INDEX
        && let Some(asset) = app.dashboard.find(path)
    {
        return file(asset, request.headers());
    }
    if !is_page(path, request.headers()) {
        return not_found();
    }
    match app.dashboard.find(INDEX).map(|asset| (asset, asset.content)) {
        Some((asset, Content::Plain(html))) => {
            let prefix = page_prefix(&app.config.read(), request.headers());
            index(asset, html, &prefix, request.headers())
        }
        Some(_) | None => missing(),
    }
}

fn not_found() -> Response {
    Problem::new(StatusCode::NOT_FOUND, "not-found")
        .text("Resource not found")
        .member("docs", "/api/v1/docs")
        .into_response()
}

/// Whether a path is a page's: the root, or what a browser goes to and is no file's name.
fn is_page(path: &str, headers: &HeaderMap) -> bool {
    if path.is_empty() || path == INDEX {
        return true;
    }
    let first = path.split('/').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let is_browser = accept.flat_map(|value| value.split(',')).any(|kind| {
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/html")
    });
    is_browser && !NOT_PAGES.contains(&first) && !last.contains('.')
}

/// Answers with a file.
fn file(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let (bytes, encoding) = match asset.content {
        Content::Plain(bytes) => (Bytes::from_static(bytes), None),
        Content::Packed { gzip, brotli } => match choose(headers) {
            Some(Encoding::Brotli) => (Bytes::from_static(brotli), Some("br")),
            Some(Encoding::Gzip) => (Bytes::from_static(gzip), Some("gzip")),
            None => match unpack(gzip) {
                Some(bytes) => (bytes, None),
                None => {
                    return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
                        .into_response();
                }
            },
        },
    };
    let tag = format!("\"{}{}\"", asset.hash, encoding.map_or("", |name| &name[..1]));
    let is_hashed = asset.path.starts_with(HASHED_FOLDER);
    let cache = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = tagged(headers, &tag, bytes);
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(asset.path)));
    if let Some(encoding) = encoding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if matches!(asset.content, Content::Packed { .. }) {
        answer.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

/// Answers with the page, its addresses below `prefix`.
fn index(asset: &Asset, html: &'static [u8], prefix: &str, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}{prefix}\"", asset.hash);
    let mut response = tagged(headers, &tag, fill_in(html, asset.hash, prefix).into());
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Fills in where the page's relative addresses begin, and which build of the dashboard it is of.
fn fill_in(html: &[u8], version: &str, prefix: &str) -> String {
    let html = String::from_utf8_lossy(html);
    // The page's own base address serves the development server alone.
    let html = html.replacen("<base href=\"/\" />", "", 1).replacen("<base href=\"/\">", "", 1);
    let base = format!("<base href=\"{prefix}/\">");
    let version = format!("<meta name=\"tidings-dashboard\" content=\"{version}\">");
    html.replacen("<head>", &format!("<head>{base}{version}"), 1)
}

/// Says how a binary with the dashboard is built.
fn missing() -> Response {
    const PAGE: &str = include_str!("dashboard/missing.html");
    let mut response = (StatusCode::NOT_FOUND, PAGE).into_response();
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    secure(answer);
    response
}

/// Makes the answer with its tag: the content, or `304` when the client holds it.
fn tagged(headers: &HeaderMap, tag: &str, bytes: Bytes) -> Response {
    let held = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_held = held.unwrap_or_default().split(',').any(|held| {
        let held = held.trim();
        held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag
    });
    let mut response = if is_held {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(bytes))
    };
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    secure(response.headers_mut());
    response
}

/// Adds what keeps other sites out of a page.
pub(crate) fn secure(headers: &mut HeaderMap) {
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
}

/// Returns the best encoding that the client takes (RFC 9110 §12.5.3); `None` is none.
fn choose(headers: &HeaderMap) -> Option<Encoding> {
    let accept = headers.get_all(header::ACCEPT_ENCODING).iter();
    let accept: Vec<(&str, bool)> = accept
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|choice| {
            let (name, weight) = choice.split_once(';').unwrap_or((choice, ""));
            let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
            (name.trim(), !matches!(weight, Some(Ok(weight)) if weight <= 0.0))
        })
        .collect();
    let takes = |name: &str| {
        let named = accept.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(name));
        let any = || accept.iter().find(|(choice, _)| *choice == "*");
        named.or_else(any).is_some_and(|(_, is_taken)| *is_taken)
    };
    [(Encoding::Brotli, "br"), (Encoding::Gzip, "gzip")]
        .into_iter()
        .find_map(|(encoding, name)| takes(name).then_some(encoding))
}

/// Unpacks a file of ours; `None` when the build packed it wrongly.
fn unpack(gzip: &[u8]) -> Option<Bytes> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(gzip).take(UNPACKED_MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes.into())
}

/// Returns the media type by the name's ending.
fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
