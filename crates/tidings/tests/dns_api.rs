//! The paths of DNS while the resolver is stopped: settings, drivers, lists, log, live filters.

use serde_json::{Value, json};
use tidings_testkit::http::{Request, Response};
use tidings_testkit::{Server, ServerOptions};

fn start() -> Server {
    Server::start(ServerOptions::default())
}

fn put(server: &Server, target: &str, body: &Value) -> Response {
    let body = body.to_string();
    server.send(Request {
        method: "PUT",
        target,
        headers: &[("content-type", "application/json")],
        body: body.as_bytes(),
    })
}

fn post(server: &Server, target: &str, body: &Value) -> (u16, Value) {
    let response = server.post(target, &body.to_string());
    let json = if response.text().is_empty() { Value::Null } else { response.json() };
    (response.status, json)
}

#[test]
fn status_and_settings_have_the_shapes_of_the_earlier_systems() {
    let server = start();
    assert_eq!(server.get("/api/dns/status").json(), json!({ "enabled": false, "server": null }));
    let config = server.get("/api/dns/config").json()["config"].clone();
    for (name, expected) in [
        ("port", json!(5335)),
        ("nextdnsConfigId", json!("")),
        ("providers", json!(["system"])),
        ("platform", json!("linux")),
        ("isPrivilegedPort", json!(false)),
        ("enableWhitelist", json!(false)),
        ("whitelistMode", json!("off")),
        ("secondaryDns", json!("cloudflare")),
    ] {
        assert_eq!(config[name], expected, "case: {name}");
    }
    assert!(config["canUseLowPorts"].is_boolean());
}

#[test]
fn settings_are_kept_over_a_restart_and_read_back() {
    let mut server = start();
    let body = json!({
        "port": 5399, "nextdnsConfigId": "abc123", "providers": ["nextdns", "google"],
        "enableWhitelist": true, "secondaryDns": "quad9",
    });
    let answer = put(&server, "/api/dns/config", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["message"].is_string());
    for round in ["before", "after"] {
        let config = server.get("/api/dns/config").json()["config"].clone();
        assert_eq!(config["port"], 5399, "{round} the restart");
        assert_eq!(config["nextdnsConfigId"], "abc123");
        assert_eq!(config["whitelistMode"], "route");
        assert_eq!(config["secondaryDns"], "quad9");
        let settings = server.get("/api/v1/dns/settings").json();
        assert_eq!(settings["listen"], json!(["127.0.0.1:5399"]));
        assert_eq!(settings["upstream"]["servers"], json!(["quad9"]));
        server.stop();
        server.restart();
    }
    put(&server, "/api/dns/config", &json!({ "enableWhitelist": false, "nextdnsConfigId": "" }));
    let settings = server.get("/api/v1/dns/settings").json();
    assert_eq!(settings["upstream"]["servers"], json!(["google"]));
}

#[test]
fn settings_that_do_not_fit_are_refused_and_nothing_changes() {
    let server = start();
    let before = server.get("/api/dns/config").json();
    for (body, part) in [
        (json!({ "port": 0 }), "port"),
        (json!({ "port": 70_000 }), "port"),
        (json!({ "nextdnsConfigId": "abc" }), "6 characters"),
        (json!({ "enableWhitelist": "yes" }), "enableWhitelist"),
        (json!({ "whitelistMode": "maybe" }), "maybe"),
        (json!({ "providers": ["no such upstream"] }), "no such upstream"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        let answer = put(&server, "/api/dns/config", &body);
        assert_eq!(answer.status, 400, "case: {body}");
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains(part), "case: {body}: {error}");
    }
    assert_eq!(server.patch("/api/v1/dns/settings", "{\"threads\": 900}").status, 400);
    assert_eq!(server.patch("/api/v1/dns/settings", "{\"nothing\": 1}").status, 400);
    assert_eq!(server.get("/api/dns/config").json(), before);
}

#[test]
fn our_own_settings_are_a_patch_and_null_takes_one_back() {
    let server = start();
    let set = server.patch("/api/v1/dns/settings", "{\"cache\": {\"prefetch_hits\": 9}}").json();
    assert_eq!(set["cache"]["prefetch_hits"], 9);
    let back = server.patch("/api/v1/dns/settings", "{\"cache\": {\"prefetch_hits\": null}}");
    assert_eq!(back.json()["cache"]["prefetch_hits"], 3);
}

#[test]
fn drivers_are_told_and_swapped() {
    let mut server = start();
    let drivers = server.get("/api/dns/driver").json();
    assert_eq!(drivers["available"]["logs"], json!(["console", "inmemory", "file", "sqlite"]));
    assert_eq!(drivers["available"]["blacklist"], json!(["inmemory", "file", "sqlite"]));
    let current = json!({ "type": "sqlite", "implementation": "sqlite", "status": "active" });
    assert_eq!(drivers["current"]["logs"], current);
    for scope in ["log", "cache", "blacklist", "whitelist"] {
        let answer = server.get(&format!("/api/dns/{scope}")).json();
        assert!(answer["current"]["type"].is_string() && answer["available"].is_array());
    }
    for (scope, word) in [("logs", "file"), ("blacklist", "file"), ("whitelist", "inmemory")] {
        let body = json!({ "method": "SET", "scope": scope, "driver": word });
        let (status, answer) = post(&server, "/api/dns/driver", &body);
        assert_eq!(status, 200, "case: {scope}: {answer}");
        assert_eq!(answer["driver"], word);
        assert_eq!(answer["scope"], scope);
        assert_eq!(answer["serverRunning"], false);
    }
    server.stop();
    server.restart();
    let current = server.get("/api/dns/driver").json()["current"].clone();
    assert_eq!(current["logs"]["type"], "file");
    assert_eq!(current["blacklist"]["type"], "file");
    assert_eq!(current["whitelist"]["type"], "inmemory");
}

#[test]
fn requests_that_make_no_sense_have_the_codes_of_the_contract() {
    let server = start();
    #[rustfmt::skip]
    let cases = [
        ("/api/dns/driver",    json!({ "method": "GET", "scope": "other" }),                 404),
        ("/api/dns/driver",    json!({ "method": "GET" }),                                   404),
        ("/api/dns/log",       json!({ "method": "SET" }),                                   400),
        ("/api/dns/log",       json!({ "method": "SET", "driver": "tape" }),                 500),
        ("/api/dns/log",       json!({ "method": "ADD", "key": "x" }),                       400),
        ("/api/dns/cache",     json!({ "method": "SET", "driver": "tape" }),                 500),
        ("/api/dns/cache",     json!({ "method": "REMOVE" }),                                400),
        ("/api/dns/cache",     json!({ "method": "REMOVE", "key": "x.example:NOPE:IN" }),    400),
        ("/api/dns/blacklist", json!({ "method": "SET", "driver": "tape" }),                 500),
        ("/api/dns/blacklist", json!({ "method": "ADD" }),                                   400),
        ("/api/dns/blacklist", json!({ "method": "ADD", "key": "no name" }),                 400),
        ("/api/dns/blacklist", json!({ "method": "UPDATE", "key": "gone.example" }),         404),
        ("/api/dns/blacklist", json!({ "method": "IMPORT" }),                                400),
        ("/api/dns/whitelist", json!({ "method": "DANCE" }),                                 400),
        ("/api/dns/log",       json!({ "method": "GET", "filter": { "colour": "red" } }),    400),
        ("/api/dns/log",       json!({ "method": "GET", "filter": { "success": "yes" } }),   400),
        ("/api/dns/apply",     json!({}),                                                    500),
    ];
    for (target, body, expected) in cases {
        let (status, answer) = post(&server, target, &body);
        assert_eq!(status, expected, "case: {target} {body}: {answer}");
        assert!(answer["error"].is_string(), "case: {target} {body}: {answer}");
    }
}

#[test]
fn lists_do_everything_while_the_resolver_is_stopped() {
    let mut server = start();
    let black = |body: Value| post(&server, "/api/dns/blacklist", &body);
    let added = json!({
        "method": "ADD", "key": "Ads.Example", "reason": "noise", "category": "ads",
    });
    let (status, answer) = black(added);
    assert_eq!(
        (status, &answer["domain"], &answer["category"]),
        (200, &json!("Ads.Example"), &json!("ads"))
    );
    let (_, answer) = black(json!({ "method": "GET", "key": "ads.example" }));
    assert_eq!((&answer["exists"], &answer["scope"]), (&json!(true), &json!("blacklist")));
    let entries =
        json!([{ "domain": "one.example" }, { "key": "two.example", "category": "malware" }]);
    let (_, answer) = black(json!({ "method": "IMPORT", "entries": entries }));
    assert_eq!((&answer["imported"], &answer["total"]), (&json!(2), &json!(2)));
    let (_, answer) = black(json!({ "method": "UPDATE", "key": "one.example", "reason": "seen" }));
    assert_eq!(answer["reason"], "seen");
    #[rustfmt::skip]
    let filters = [
        (json!({}),                        3),
        (json!({ "domain": "example" }),   3),
        (json!({ "domain": "TWO" }),       1),
        (json!({ "domain": "*" }),         3),
        (json!({ "source": "import" }),    2),
        (json!({ "source": "imp" }),       0),
        (json!({ "reason": "nois" }),      1),
        (json!({ "category": "malware" }), 1),
        (json!({ "category": "mal" }),     0),
    ];
    for (filter, expected) in filters {
        let (_, answer) = black(json!({ "method": "GET", "filter": filter }));
        let n = answer["entries"].as_array().map(Vec::len);
        assert_eq!(n, Some(expected), "case: {filter}: {answer}");
        assert_eq!(answer["metadata"]["total"], 3);
    }
    let (_, answer) = black(json!({ "method": "REMOVE", "key": "two.example" }));
    assert_eq!(answer["removed"], true);
    let (_, answer) = black(json!({ "method": "REMOVE", "key": "two.example" }));
    assert_eq!(answer["removed"], false);
    server.stop();
    server.restart();
    let (_, answer) = post(&server, "/api/dns/blacklist", &json!({ "method": "EXPORT" }));
    let names: Vec<&Value> =
        answer["entries"].as_array().unwrap().iter().map(|entry| &entry["domain"]).collect();
    assert_eq!(names, ["ads.example", "one.example"]);
    let (_, answer) = post(&server, "/api/dns/blacklist", &json!({ "method": "CLEAR" }));
    assert_eq!(answer["success"], true);
    let (_, answer) = post(&server, "/api/dns/blacklist", &json!({ "method": "GET" }));
    assert_eq!(answer["entries"], json!([]));
}

#[test]
fn our_own_rules_are_added_and_undone() {
    let server = start();
    let rule = json!({ "action": "block", "domain": "ads.example", "reason": "noise" });
    let (status, added) = post(&server, "/api/v1/dns/rules", &rule);
    assert_eq!((status, &added["domain"]), (201, &json!("ads.example")));
    assert_eq!(post(&server, "/api/v1/dns/rules", &rule).0, 200);
    let removed = server.delete("/api/v1/dns/rules/block/ads.example");
    assert_eq!((removed.status, &removed.json()["reason"]), (200, &json!("noise")));
    assert_eq!(server.delete("/api/v1/dns/rules/block/ads.example").status, 404);
    assert_eq!(server.get("/api/v1/dns/rules").json()["rules"], json!([]));
    let refused = json!({ "action": "shout", "domain": "ads.example" });
    assert_eq!(post(&server, "/api/v1/dns/rules", &refused).0, 400);
}

#[test]
fn the_log_is_there_before_anything_was_asked() {
    let server = start();
    let page = server.get("/api/v1/dns/log").json();
    assert_eq!(page, json!({ "entries": [], "next_cursor": null, "trouble": null }));
    let refused = server.get("/api/v1/dns/log?filter=type:A%20statuss:x");
    assert_eq!((refused.status, &refused.json()["column"]), (400, &json!(8)));
    for target in ["limit=0", "limit=1001", "cursor=soon"] {
        assert_eq!(server.get(&format!("/api/v1/dns/log?{target}")).status, 400, "{target}");
    }
    let export = server.get("/api/v1/dns/log/export?format=csv");
    assert_eq!(export.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(export.text().starts_with("at,client,name,type,status"), "{}", export.text());
    assert_eq!(server.get("/api/v1/dns/log/export?format=xml").status, 400);
    assert_eq!(server.delete("/api/v1/dns/log").status, 204);
    let (_, answer) = post(&server, "/api/dns/log", &json!({ "method": "GET" }));
    assert_eq!((&answer["entries"], &answer["driver"]), (&json!([]), &json!("sqlite")));
    post(&server, "/api/dns/log", &json!({ "method": "SET", "driver": "console" }));
    assert_eq!(server.get("/api/v1/dns/log").status, 409);
}

#[test]
fn equal_live_filters_share_a_channel_and_their_number_is_bounded() {
    let server = start();
    let watch = |filter: &str| post(&server, "/api/v1/dns/log/live", &json!({ "filter": filter }));
    let (status, one) = watch("status:blocked type:A");
    assert_eq!(status, 200, "{one}");
    let (_, other) = watch("type:a   STATUS:blocked");
    assert_eq!(one, other);
    assert!(one["channel"].as_str().unwrap().starts_with("dns/log/live/"));
    assert_eq!(watch("type:NOPE").0, 400);
    for n in 1..64 {
        assert_eq!(watch(&format!("name:n{n}.example")).0, 200);
    }
    let (status, refused) = watch("one-more");
    assert_eq!((status, refused["title"].as_str()), (503, Some("too many live filters")));
}

#[test]
fn figures_have_the_shape_of_the_earlier_systems() {
    let server = start();
    let metrics = server.get("/api/dns/metrics?range=6h").json();
    assert_eq!(metrics["queryMetrics"]["totalQueries"], 0);
    assert_eq!(metrics["queryMetrics"]["topDomains"], json!([]));
    assert_eq!(metrics["serverMetrics"]["isRunning"], false);
    assert_eq!(metrics["serverMetrics"]["driverStats"]["blacklistEntries"], 0);
    assert!(metrics["lastUpdated"].is_u64());
    assert_eq!(server.get("/api/dns/metrics?range=2h").status, 400);
    assert_eq!(server.get("/api/v1/dns/statistics?range=7d").json()["range"], "7d");
    let prometheus = server.get("/metrics");
    for name in
        ["dns_running{} 0", "dns_queries_total{status=\"blocked\"} 0", "dns_cache_entries{} 0"]
    {
        assert!(prometheus.text().contains(name), "{name}: {}", prometheus.text());
    }
}

#[test]
fn a_stopped_resolver_answers_no_doh_and_leaves_the_root_alone() {
    let server = start();
    let question = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlAAABAAE";
    assert_eq!(server.get(&format!("/dns-query?dns={question}")).status, 503);
    assert_eq!(server.get(&format!("/?dns={question}")).status, 503);
    assert_eq!(server.get("/dns-query").status, 400);
    assert_eq!(server.get("/dns-query?dns=AAA").status, 400);
    let send = |target, kind| {
        let headers = [("content-type", kind)];
        server.send(Request { method: "POST", target, headers: &headers, body: &[0; 20] }).status
    };
    assert_eq!(send("/dns-query", "application/json"), 415);
    assert_eq!(send("/dns-query", "application/dns-message"), 503);
    assert_eq!(send("/", "application/dns-message"), 503);
    let elsewhere = server.get("/").status;
    assert_eq!(server.get("/?dns=AAA").status, elsewhere);
}

#[test]
fn channels_tell_status_settings_and_lists() {
    let server = start();
    let mut stream =
        server.stream("/api/sse/stream?format=named&channels=dns/status,dns/info,dns/blacklist/");
    // The state comes before `ready`, or right after it while the server starts.
    let seen = stream.collect_until_ready();
    let of = |kind: &str| seen.iter().find(|event| event.kind == kind).map(|event| event.json());
    let (status, info) = (of("dns_status"), of("dns_info"));
    let status = status.unwrap_or_else(|| stream.expect_event("dns_status").json());
    let info = info.unwrap_or_else(|| stream.expect_event("dns_info").json());
    assert_eq!(status["enabled"], false);
    assert_eq!(info["config"]["secondaryDns"], "cloudflare");
    assert_eq!(info["drivers"]["logs"], json!({ "type": "sqlite", "options": {} }));
    let add = json!({ "method": "ADD", "key": "ads.example" });
    post(&server, "/api/dns/blacklist", &add);
    loop {
        let content = stream.expect_event("dns_blacklist").json();
        assert_eq!(content["driver"], "sqlite");
        assert_eq!(content["truncated"], false);
        if content["count"] == 1 {
            assert_eq!(content["entries"][0]["domain"], "ads.example");
            break;
        }
    }
    put(&server, "/api/dns/config", &json!({ "secondaryDns": "google" }));
    loop {
        let info = stream.expect_event("dns_info").json();
        if info["config"]["secondaryDns"] == "google" {
            break;
        }
    }
}
