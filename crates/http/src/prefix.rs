//! The path that a reverse proxy serves us below.

use axum::extract::Request;
use http::HeaderMap;
use http::uri::{PathAndQuery, Uri};

use crate::config::HttpConfig;

/// Header by which a proxy names the path that it took away.
const FORWARDED_PREFIX: &str = "x-forwarded-prefix";
/// Longest prefix in bytes.
const PREFIX_MAX_BYTES: usize = 256;

/// Whether a text can be a prefix: empty, or segments of plain characters as `/apps/tidings`.
pub(crate) fn is_prefix(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let is_segment = |segment: &str| {
        !segment.is_empty() && !matches!(segment, "." | "..") && segment.chars().all(is_plain)
    };
    let Some(below) = text.strip_prefix('/') else { return text.is_empty() };
    text.len() <= PREFIX_MAX_BYTES && below.split('/').all(is_segment)
}

/// Returns the prefix of the addresses in a page: what a trusted proxy says, else the setting.
pub(crate) fn page_prefix(config: &HttpConfig, headers: &HeaderMap) -> String {
    let named = headers.get(FORWARDED_PREFIX).and_then(|value| value.to_str().ok());
    let named = named.map(|text| text.trim_end_matches('/'));
    let named = named.filter(|text| config.forwarded_prefix && is_prefix(text));
    named.unwrap_or(&config.path_prefix).to_owned()
}

/// Takes the prefix off a request's path; a path without it stays, for proxies that take it off
/// themselves and for probes that come past them.
pub(crate) fn strip(prefix: &str, mut request: Request) -> Request {
    let uri = request.uri();
    let Some(below) = uri.path().strip_prefix(prefix) else { return request };
    if !below.is_empty() && !below.starts_with('/') {
        return request;
    }
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let below = if below.is_empty() { "/" } else { below };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{below}{query}")).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn prefixes_are_plain_paths() {
        #[rustfmt::skip]
        let cases = [
            ("none",            "",              true),
            ("one segment",     "/tidings",      true),
            ("two segments",    "/apps/t-1.x~",  true),
            ("slash alone",     "/",             false),
            ("slash at the end", "/tidings/",    false),
            ("no slash",        "tidings",       false),
            ("two slashes",     "//other.example", false),
            ("up",              "/a/../b",       false),
            ("quote",           "/a\"b",         false),
            ("tag",             "/<script>",     false),
        ];
        for (name, text, expected) in cases {
            assert_eq!(is_prefix(text), expected, "case: {name}");
        }
        assert!(!is_prefix(&format!("/{}", "a".repeat(PREFIX_MAX_BYTES))));
    }

    #[test]
    fn only_whole_segments_are_taken_off() {
        #[rustfmt::skip]
        let cases = [
            ("below",        "/tidings/api/v1/leases?q=a", "/api/v1/leases?q=a"),
            ("itself",       "/tidings",                   "/"),
            ("with query",   "/tidings?x=1",               "/?x=1"),
            ("slash",        "/tidings/",                  "/"),
            ("another name", "/tidingsx/api",              "/tidingsx/api"),
            ("without it",   "/livez",                     "/livez"),
        ];
        for (name, path, expected) in cases {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            assert_eq!(strip("/tidings", request).uri(), expected, "case: {name}");
        }
    }

    #[test]
    fn a_proxy_is_believed_only_when_the_setting_says_so() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_PREFIX, "/proxied/".parse().unwrap());
        let mut config = HttpConfig { path_prefix: "/own".to_owned(), ..HttpConfig::default() };
        assert_eq!(page_prefix(&config, &headers), "/own");
        config.forwarded_prefix = true;
        assert_eq!(page_prefix(&config, &headers), "/proxied");
        headers.insert(FORWARDED_PREFIX, "//other.example".parse().unwrap());
        assert_eq!(page_prefix(&config, &headers), "/own");
    }
}
