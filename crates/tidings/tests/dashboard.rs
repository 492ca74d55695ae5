//! What the dashboard needs of the server: its files, the settings, the demo, files to keep.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tidings_testkit::http::{Request, Response};
use tidings_testkit::{Server, ServerOptions};

const LEASES: &str = "4000000000 02:00:00:00:00:01 192.0.2.1 one *\n\
                      4000000000 02:00:00:00:00:02 192.0.2.2 =two *\n\
                      4000000000 02:00:00:00:00:03 192.0.2.3 * *\n";
/// What browsers send when they go to a page.
const PAGE: (&str, &str) = ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");

fn get(server: &Server, target: &str, headers: &[(&str, &str)]) -> Response {
    server.send(Request { method: "GET", target, headers, body: b"" })
}

fn put(server: &Server, target: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    let body = body.to_string();
    server.send(Request { method: "PUT", target, headers, body: body.as_bytes() })
}

fn with_config(config: &str) -> Server {
    Server::start(ServerOptions { config: Some(config.to_owned()), ..ServerOptions::default() })
}

fn watching(folder: &Path) -> Server {
    let path = folder.join("leases");
    fs::write(&path, LEASES).expect("the folder can be written");
    let server = Server::start(ServerOptions {
        arguments: vec!["--leases".into(), path.into()],
        ..ServerOptions::default()
    });
    let mut stream = server.stream("/api/v1/leases/stream");
    stream.expect_event("data_changed");
    server
}

/// Whether the binary was built with the dashboard; the tests hold for both.
fn has_dashboard(server: &Server) -> bool {
    let status = server.get("/api/v1/status").json();
    status.get("dashboard").is_some_and(Value::is_string)
}

#[test]
fn pages_are_served_strictly_and_nothing_else_is_a_page() {
    let server = with_config("");
    let has_dashboard = has_dashboard(&server);
    for path in ["/", "/leases", "/hub/channels?sort=rate", "/index.html"] {
        let page = get(&server, path, &[PAGE]);
        assert_eq!(page.status, if has_dashboard { 200 } else { 404 }, "case: {path}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "case: {path}");
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'self'"), "case: {path}: {policy}");
        assert!(!policy.contains("unsafe"), "case: {path}: {policy}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "case: {path}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "case: {path}");
        let expected = if has_dashboard { "<base href=\"/\">" } else { "cargo xtask build" };
        assert!(page.text().contains(expected), "case: {path}: {}", page.text());
    }
    for path in ["/api", "/api/v1/nothing", "/metrics/x", "/livez/x", "/assets/old.js", "/a.txt"] {
        let answer = get(&server, path, &[PAGE]);
        assert_eq!(answer.status, 404, "case: {path}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "case: {path}");
    }
    assert_eq!(get(&server, "/leases", &[("Accept", "*/*")]).status, 404, "a program");
    assert_eq!(server.post("/leases", "{}").status, 404, "a change");
}

#[test]
fn files_come_compressed_tagged_and_for_good() {
    let server = with_config("");
    if !has_dashboard(&server) {
        println!("skipped: the binary was built without the dashboard (`cargo xtask build`)");
        return;
    }
    let page = get(&server, "/", &[PAGE]);
    let tag = page.header("etag").expect("a page has a tag");
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert_eq!(get(&server, "/", &[PAGE, ("If-None-Match", tag)]).status, 304);
    let sources = page.text().split("type=\"module\"").nth(1).expect("a page loads a module");
    let script = sources.split("src=\"./").nth(1).and_then(|rest| rest.split('"').next());
    let script = format!("/{}", script.expect("a module has a source"));
    let plain = get(&server, &script, &[]);
    assert_eq!(plain.header("content-encoding"), None);
    for (accept, expected) in [("gzip, br", "br"), ("gzip", "gzip")] {
        let packed = get(&server, &script, &[("Accept-Encoding", accept)]);
        assert_eq!(packed.header("content-encoding"), Some(expected));
        assert_eq!(packed.header("content-type"), Some("text/javascript; charset=utf-8"));
        let cache = packed.header("cache-control");
        assert_eq!(cache, Some("public, max-age=31536000, immutable"));
        assert!(packed.body.len() < plain.body.len(), "{accept}");
        let tag = packed.header("etag").expect("a file has a tag");
        let held = [("Accept-Encoding", accept), ("If-None-Match", tag)];
        let again = get(&server, &script, &held);
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[test]
fn below_a_prefix_everything_is_answered_with_and_without_it() {
    let config = "[http]\npath_prefix = \"/apps/tidings\"\nforwarded_prefix = true\n";
    let server = with_config(config);
    for path in ["/livez", "/apps/tidings/livez", "/apps/tidings/api/v1/status?x=1"] {
        assert_eq!(get(&server, path, &[]).status, 200, "case: {path}");
    }
    assert_eq!(get(&server, "/apps/tidingsx/livez", &[]).status, 404);
    let mut stream = server.stream("/apps/tidings/api/sse/stream?channels=version");
    assert!(stream.collect_until_ready().iter().any(|event| event.data.contains("\"version\"")));
    if has_dashboard(&server) {
        let page = get(&server, "/apps/tidings/leases", &[PAGE]);
        assert!(page.text().contains("<base href=\"/apps/tidings/\">"), "{}", page.text());
        let page = get(&server, "/leases", &[PAGE, ("X-Forwarded-Prefix", "/other")]);
        assert!(page.text().contains("<base href=\"/other/\">"), "{}", page.text());
    }
}

#[test]
fn settings_say_where_each_comes_from_and_keep_secrets() {
    let secret = "a secret of 24 letters..";
    let server = Server::start(ServerOptions {
        config: Some(format!("[http]\nnotify_secret = \"{secret}\"\n[hub]\nchannels_max = 9\n")),
        environment: vec![("TIDINGS_HUB_RETRY_MIN".to_owned(), "500ms".to_owned())],
        ..ServerOptions::default()
    });
    let answer = server.get("/api/v1/settings");
    assert!(!answer.text().contains(secret), "a secret is never shown");
    let settings = answer.json();
    let setting = |key: &str| -> Value {
        let all = settings["settings"].as_array().expect("a list");
        all.iter().find(|setting| setting["key"] == key).expect("the key").clone()
    };
    let file = settings["config_file"].as_str().expect("a file was read");
    assert_eq!(setting("hub.channels_max")["value"], 9);
    assert_eq!(setting("hub.channels_max")["origin"], json!({ "kind": "file", "name": file }));
    let retry = setting("hub.retry_min");
    assert_eq!(retry["value"], "500ms");
    assert_eq!(retry["origin"], json!({ "kind": "environment", "name": "TIDINGS_HUB_RETRY_MIN" }));
    assert_eq!(setting("data")["origin"], json!({ "kind": "flag", "name": "--data" }));
    assert_eq!(setting("hub.keep_alive")["origin"], json!({ "kind": "default", "name": null }));
    let hidden = setting("http.notify_secret");
    assert_eq!((&hidden["value"], &hidden["is_set"]), (&Value::Null, &json!(true)));
}

#[test]
fn a_demo_can_be_switched_in_development_alone() {
    let server = with_config("");
    let status = || server.get("/api/v1/status").json();
    assert_eq!(status()["modules"], json!({ "hub": true, "dhcp": false, "dns": false }));
    let mut stream = server.stream("/api/v1/leases/stream?events=detail");
    stream.collect_until_ready();

    let on = put(&server, "/api/v1/demo", &[], &json!({ "enabled": true }));
    assert_eq!(on.status, 200, "{}", on.text());
    assert_eq!(on.json()["interval_seconds"], 5.0);
    assert_eq!(status()["modules"]["dhcp"], true);
    assert_eq!(server.post("/api/v1/simulate", "").status, 200);
    stream.expect_event("lease_added");
    let settings = server.get("/api/v1/settings").json();
    let enabled = settings["settings"].as_array().unwrap().iter();
    let enabled = enabled.clone().find(|setting| setting["key"] == "dhcp.simulate.enabled");
    assert_eq!(enabled.unwrap()["origin"]["kind"], "demo");

    assert_eq!(put(&server, "/api/v1/demo", &[], &json!({ "enabled": false })).status, 200);
    stream.expect_event("lease_removed");
    assert_eq!(server.get("/api/v1/demo").json()["enabled"], false);
    assert_eq!(put(&server, "/api/v1/demo", &[], &json!({ "on": true })).status, 400);
    let foreign = [("Origin", "https://other.example")];
    let refused = put(&server, "/api/v1/demo", &foreign, &json!({ "enabled": true }));
    assert_eq!(refused.status, 403, "a page of another site");

    let server = with_config("environment = \"production\"\n");
    let refused = put(&server, "/api/v1/demo", &[], &json!({ "enabled": true }));
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["type"], "/api/v1/docs#problem-production");
    assert_eq!(server.get("/api/v1/demo").json()["is_allowed"], false);
}

#[test]
fn a_first_run_shows_what_was_found() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("var/lib/misc/dnsmasq.leases", LEASES);
    write("tmp/dhcp.leases", "lease 192.0.2.9 {\n}\n");
    let server = Server::start(ServerOptions {
        arguments: vec!["--root-path".into(), root.path().into()],
        ..ServerOptions::default()
    });
    let setup = server.get("/api/v1/setup").json();
    assert_eq!(setup["environment"], "development");
    let candidates = setup["candidates"].as_array().unwrap();
    let found = &candidates[0];
    assert_eq!(found["leases"], "/var/lib/misc/dnsmasq.leases");
    assert_eq!(found["n_leases"], 3);
    assert_eq!(found["preview"][0]["hostname"], "one");
    assert_eq!(found["is_watched"], true);
    assert_eq!(candidates[1]["leases"], "/tmp/dhcp.leases");
}

#[test]
fn the_leases_of_a_filter_can_be_kept_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = watching(folder.path());
    let csv = server.get("/api/v1/leases/export?q=two");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let name = csv.header("content-disposition").unwrap_or_default();
    assert!(name.starts_with("attachment; filename=\"leases-20"), "{name}");
    assert!(name.ends_with(".csv\""), "{name}");
    let lines: Vec<&str> = csv.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("192.0.2.2,02:00:00:00:00:02,'=two,"), "{lines:?}");

    let array = server.get("/api/v1/leases/export?format=json&sort=ip&order=desc").json();
    let addresses: Vec<&Value> =
        array.as_array().unwrap().iter().map(|lease| &lease["ip_address"]).collect();
    assert_eq!(addresses, ["192.0.2.3", "192.0.2.2", "192.0.2.1"]);
    assert_eq!(server.get("/api/v1/leases/export?format=json&q=none").json(), json!([]));
    let lines = server.get("/api/v1/leases/export?format=ndjson&limit=2");
    let lines: Vec<Value> =
        lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for (query, parameter) in
        [("format=xml", "format"), ("cursor=x", "cursor"), ("state=x", "state")]
    {
        let refused = server.get(&format!("/api/v1/leases/export?{query}"));
        assert_eq!(refused.status, 400, "case: {query}");
        assert_eq!(refused.json()["parameter"], parameter, "case: {query}");
    }
}

#[test]
fn the_version_channel_names_the_dashboard() {
    let server = with_config("");
    let mut stream = server.stream("/api/sse/stream?format=named&channels=version");
    let events = stream.collect_until_ready();
    let version = events.iter().find(|event| event.kind == "version").expect("the state value");
    let status = server.get("/api/v1/status").json();
    assert_eq!(version.json()["version"], status["version"]);
    assert_eq!(version.json()["dashboard"], status["dashboard"]);
}

#[test]
fn the_page_of_the_interface_keeps_the_policy() {
    let server = with_config("");
    let page = server.get("/api/v1/docs");
    assert!(page.header("content-security-policy").is_some());
    assert!(!page.text().contains("<style") && !page.text().contains("<script>"));
    for (path, kind) in [
        ("/api/v1/docs.css", "text/css; charset=utf-8"),
        ("/api/v1/docs.js", "text/javascript; charset=utf-8"),
    ] {
        assert_eq!(server.get(path).header("content-type"), Some(kind), "case: {path}");
    }
}
