//! Tests of how the dashboard's files are chosen.

use super::*;

fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

#[test]
fn the_best_encoding_that_is_taken_is_chosen() {
    use Encoding::{Brotli, Gzip};
    #[rustfmt::skip]
    let cases = [
        ("browser, secure",   "gzip, deflate, br, zstd", Some(Brotli)),
        ("browser, plain",    "gzip, deflate",           Some(Gzip)),
        ("capitals",          "BR",                      Some(Brotli)),
        ("refused",           "br;q=0, gzip",            Some(Gzip)),
        ("refused, precise",  "br; q=0.000, gzip;q=0.5", Some(Gzip)),
        ("anything",          "*",                       Some(Brotli)),
        ("anything but",      "*, br;q=0",               Some(Gzip)),
        ("nothing",           "*;q=0",                   None),
        ("unknown",           "zstd",                    None),
        ("empty",             "",                        None),
    ];
    for (name, accept, expected) in cases {
        let found = choose(&headers(&[(header::ACCEPT_ENCODING, accept)]));
        assert_eq!(found, expected, "case: {name}");
    }
    assert_eq!(choose(&HeaderMap::new()), None);
}

#[test]
fn only_what_a_browser_goes_to_is_a_page() {
    const BROWSER: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    #[rustfmt::skip]
    let cases = [
        ("root",            "",                "*/*",              true),
        ("page",            "leases",          BROWSER,            true),
        ("page below",      "hub/channels",    BROWSER,            true),
        ("program",         "leases",          "*/*",              false),
        ("data",            "leases",          "application/json", false),
        ("interface",       "api/v1/nothing",  BROWSER,            false),
        ("metrics",         "metrics/x",       BROWSER,            false),
        ("health",          "livez/",          BROWSER,            false),
        ("old file",        "assets/old.js",   BROWSER,            false),
        ("no such file",    "robots.txt",      BROWSER,            false),
        ("like a reserved", "apiary",          BROWSER,            true),
    ];
    for (name, path, accept, expected) in cases {
        assert_eq!(is_page(path, &headers(&[(header::ACCEPT, accept)])), expected, "case: {name}");
    }
}

#[test]
fn a_page_stands_below_its_prefix() {
    let html = b"<html><head><base href=\"/\" /><title>x</title></head></html>";
    let expected = "<html><head><base href=\"/apps/\"><meta name=\"tidings-dashboard\" \
                    content=\"abc\"><title>x</title></head></html>";
    assert_eq!(fill_in(html, "abc", "/apps"), expected);

    let asset = Asset { path: INDEX, hash: "abc", content: Content::Plain(html) };
    let answer = |prefix, held: &'static str| {
        index(&asset, html, prefix, &headers(&[(header::IF_NONE_MATCH, held)]))
    };
    let fresh = answer("/apps", "");
    assert_eq!(fresh.headers()[header::ETAG], "\"abc/apps\"");
    assert_eq!(fresh.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
    assert_eq!(answer("/apps", "\"abc/apps\"").status(), StatusCode::NOT_MODIFIED);
    assert_eq!(answer("", "\"abc/apps\"").status(), StatusCode::OK, "another base address");
}

#[test]
fn files_are_tagged_and_kept_by_their_kind() {
    // `gzip` of "x", made with mtime 0.
    const GZIP: &[u8] =
        &[31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 0, 0, 131, 22, 220, 140, 1, 0, 0, 0];
    static HASHED: Asset = Asset {
        path: "assets/a-1f.js",
        hash: "1f",
        content: Content::Packed { gzip: GZIP, brotli: b"packed" },
    };
    static NAMED: Asset = Asset { path: "icon.png", hash: "2e", content: Content::Plain(b"png") };
    #[rustfmt::skip]
    let cases = [
        ("brotli", &HASHED, "br",   "\"1fb\"", Some("br"),   "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("gzip",   &HASHED, "gzip", "\"1fg\"", Some("gzip"), "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("plain",  &HASHED, "",     "\"1f\"",  None,         "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("image",  &NAMED,  "br",   "\"2e\"",  None,         "image/png",                      "no-cache"),
    ];
    for (name, asset, accept, tag, encoding, kind, cache) in cases {
        let response = file(asset, &headers(&[(header::ACCEPT_ENCODING, accept)]));
        let answer = response.headers();
        assert_eq!(answer[header::ETAG], tag, "case: {name}");
        assert_eq!(answer[header::CONTENT_TYPE], kind, "case: {name}");
        assert_eq!(answer[header::CACHE_CONTROL], cache, "case: {name}");
        let shown = answer.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
        assert_eq!(shown, encoding, "case: {name}");
    }
    assert_eq!(unpack(GZIP).as_deref(), Some(&b"x"[..]));
    assert_eq!(unpack(b"no gzip"), None);
}
