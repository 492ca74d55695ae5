//! Questions from a client's socket to the log, the statistics, the channels and back, against the
//! built binary and an upstream on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::time::Duration;

use serde_json::json;
use tidings_testkit::http::Request;

#[path = "resolver/harness.rs"]
mod harness;

use harness::{ANSWER_TIMEOUT, TTL_S, message, start};

#[test]
fn questions_are_logged_counted_and_kept_over_a_restart() {
    let mut running = start("");
    assert_eq!(running.rcode("www.example", 1), 0);
    assert_eq!(running.rcode("www.example", 1), 0);
    assert_eq!(running.rcode("gone.example", 1), 3);
    assert_eq!(running.rcode("fail.example", 1), 2);
    running.wait_for_entries(4);
    #[rustfmt::skip]
    let cases = [
        ("", 4), ("www", 2), ("status:cached", 1), ("status:forwarded name:www.example", 1),
        ("rcode:NXDOMAIN", 1), ("status:failed", 1), ("-status:failed", 3), ("type:AAAA", 0),
        ("client:127.0.0.1", 4), ("address:198.51.100.7", 2), ("transport:udp", 4),
        ("after:1m", 4), ("before:1m", 0), ("status:cached -www", 0),
    ];
    for round in ["before", "after"] {
        for (filter, expected) in cases {
            assert_eq!(running.search(filter).len(), expected, "{filter} {round} the restart");
        }
        let statistics = running.server.get("/api/v1/dns/statistics").json();
        assert_eq!(statistics["total"], 4, "{round} the restart: {statistics}");
        assert_eq!(statistics["statuses"]["cached"], 1);
        assert_eq!(statistics["top_names"][0], json!({ "name": "www.example", "count": 2 }));
        let metrics = running.server.get("/api/dns/metrics").json();
        assert_eq!(metrics["queryMetrics"]["totalQueries"], 4);
        assert_eq!(metrics["queryMetrics"]["cachedQueries"], 1);
        running.server.stop();
        running.server.restart();
        for _ in 0..500 {
            if running.server.get("/api/v1/dns/statistics").json()["total"] == 4 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn pages_of_the_log_are_stable_while_questions_come() {
    let running = start("");
    for n in 0..30 {
        running.rcode(&format!("n{n}.example"), 1);
    }
    running.wait_for_entries(30);
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = running.server.get(&format!("/api/v1/dns/log?limit=7&cursor={cursor}")).json();
        let entries = page["entries"].as_array().unwrap();
        names.extend(entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()));
        running.rcode("meanwhile.example", 1);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let expected: Vec<String> = (0..30).rev().map(|n| format!("n{n}.example")).collect();
    assert_eq!(names, expected);
}

#[test]
fn the_filters_of_the_earlier_systems_work() {
    let running = start("");
    running.rcode("www.example", 1);
    running.rcode("www.example", 28);
    running.rcode("fail.example", 1);
    running.wait_for_entries(3);
    let get = |filter: &serde_json::Value| {
        let body = json!({ "method": "GET", "filter": filter });
        let answer = running.post("/api/dns/log", &body);
        answer["entries"].as_array().unwrap().clone()
    };
    let all = get(&json!({}));
    // A question and its answer each, and that the server started.
    assert_eq!(all.len(), 7, "{all:?}");
    let id = all.iter().find(|entry| entry["type"] == "response").unwrap()["id"].clone();
    let port = running.socket.local_addr().unwrap().port();
    #[rustfmt::skip]
    let cases = [
        (json!({ "type": "request" }), 3),
        (json!({ "type": "response" }), 2),
        (json!({ "type": "error" }), 1),
        (json!({ "type": "server_event" }), 1),
        (json!({ "type": "All" }), 7),
        (json!({ "type": "*", "domain": "" }), 7),
        (json!({ "level": "error" }), 1),
        (json!({ "domain": "WWW" }), 4),
        (json!({ "queryType": "AAAA" }), 2),
        (json!({ "transport": "udp" }), 6),
        (json!({ "transport": "doh" }), 0),
        (json!({ "success": false }), 1),
        (json!({ "success": true, "type": "response" }), 2),
        (json!({ "cached": true }), 0),
        (json!({ "blocked": true }), 0),
        (json!({ "whitelisted": true }), 0),
        (json!({ "hasError": true }), 1),
        (json!({ "id": id }), 2),
        (json!({ "clientAddress": "127.0.0.1" }), 6),
        (json!({ "clientPort": port }), 6),
        (json!({ "clientPort": 1 }), 0),
        (json!({ "minResponseTime": 0.0001 }), 3),
        (json!({ "maxResponseTime": 60_000, "type": "response" }), 2),
        (json!({ "minResponseTime": 60_000 }), 0),
        (json!({ "startTime": 0 }), 7),
        (json!({ "endTime": 1_000_000_000_000_u64 }), 0),
        (json!({ "limit": 2 }), 2),
        (json!({ "limit": 100, "offset": 5 }), 2),
    ];
    for (filter, expected) in cases {
        let found = get(&filter);
        assert_eq!(found.len(), expected, "case: {filter}: {found:?}");
    }
}

#[test]
fn a_live_filter_tells_what_a_search_finds() {
    let running = start("");
    let live = running.post("/api/v1/dns/log/live", &json!({ "filter": "www type:A" }));
    let channel = live["channel"].as_str().unwrap();
    let target = format!("/api/sse/stream?format=named&channels={channel},dns/log/event");
    let mut stream = running.server.stream(&target);
    stream.collect_until_ready();
    // The feed looks for readers ten times a second; until then questions are not told.
    let is_told = (0..100).any(|_| {
        running.rcode("probe.example", 1);
        stream.next_event(Duration::from_millis(300)).is_ok()
    });
    assert!(is_told, "nothing is told: {}", running.server.get("/api/sse/stats").text());
    for n in 0..20 {
        running.rcode(&format!("www{n}.example"), 1);
        running.rcode(&format!("api{n}.example"), 1);
        running.rcode(&format!("www{n}.example"), 28);
    }
    let (mut seen, mut events) = (Vec::new(), Vec::new());
    while seen.len() < 20 || events.len() < 120 {
        let event = stream.next_event(ANSWER_TIMEOUT).unwrap();
        match event.kind.as_str() {
            "dns_log_live" => {
                let batch = event.json();
                assert_eq!(batch["dropped"], 0);
                seen.extend(batch["entries"].as_array().unwrap().clone());
            }
            "dns_log_event" if !event.data.contains("probe") => events.push(event.json()),
            _ => {}
        }
    }
    seen.reverse();
    assert_eq!(seen, running.search("www type:A"));
    for pair in events.chunks(2) {
        assert_eq!((&pair[0]["type"], &pair[1]["type"]), (&json!("request"), &json!("response")));
        assert_eq!(pair[0]["id"], pair[1]["id"]);
        assert_eq!(pair[1]["processing"]["success"], true);
    }
}

#[test]
fn https_gives_the_same_answer_and_says_how_long_it_may_be_kept() {
    let running = start("");
    let by_udp = running.ask("www.example", 1);
    let headers = [("content-type", "application/dns-message")];
    let question = message("www.example", 1);
    for target in ["/dns-query", "/"] {
        let request = Request { method: "POST", target, headers: &headers, body: &question };
        let posted = running.server.send(request);
        assert_eq!(posted.header("content-type"), Some("application/dns-message"));
        let max_age = posted.header("cache-control").and_then(|text| text.strip_prefix("max-age="));
        let max_age: u32 = max_age.unwrap().parse().unwrap();
        assert!(max_age <= TTL_S && max_age + 30 > TTL_S, "{max_age}");
        assert_eq!(posted.body[6..8], by_udp[6..8], "as many answers by POST {target}");
        let asked = "EjQBAAABAAAAAAAAA3d3dwdleGFtcGxlAAABAAE";
        let got = running.server.get(&format!("{target}?dns={asked}"));
        assert_eq!(got.body[..2], [0x12, 0x34]);
        assert_eq!(got.body.last_chunk::<4>(), Some(&[198, 51, 100, 7]));
    }
    running.wait_for_entries(5);
    assert_eq!(running.search("transport:doh").len(), 4);
}

#[test]
fn drivers_are_swapped_under_load_without_a_lost_question() {
    let running = start("");
    let mut n_asked = 0;
    for driver in ["file", "inmemory", "console", "sqlite"] {
        let swap = std::thread::scope(|scope| {
            let swap = scope.spawn(|| {
                let body = json!({ "method": "SET", "driver": driver });
                running.post("/api/dns/log", &body)
            });
            for n in 0..200 {
                assert_eq!(running.rcode(&format!("n{n}.example"), 1), 0);
                n_asked += 1;
            }
            swap.join().unwrap()
        });
        assert_eq!(swap["driver"], driver);
    }
    running.wait_for_entries(n_asked);
    assert_eq!(running.server.get("/api/v1/dns/statistics").json()["total"], n_asked);
}

#[test]
fn start_stop_and_toggle_are_told_on_the_channel() {
    let running = start("");
    let mut stream = running.server.stream("/api/sse/stream?format=named&channels=dns/status");
    stream.collect_until_ready();
    let status = running.post("/api/dns/stop", &json!({}));
    assert_eq!(status["status"], json!({ "enabled": false, "server": null }));
    while stream.expect_event("dns_status").json()["enabled"] != false {}
    let again = running.server.post("/api/dns/start", "");
    assert_eq!(again.status, 200, "{}", again.text());
    while stream.expect_event("dns_status").json()["enabled"] != true {}
    let twice = running.server.post("/api/dns/start", "");
    assert_eq!(twice.status, 500);
    assert!(twice.json()["error"].as_str().unwrap().contains("running already"));
    let toggled = running.post("/api/dns/toggle", &json!({}));
    assert_eq!(toggled["enabled"], false);
    running.post("/api/dns/toggle", &json!({}));
    running.connect();
    assert_eq!(running.rcode("www.example", 1), 0);
    let (status, tested) = {
        let body = json!({ "domain": "www.example", "method": "UDP" }).to_string();
        let response = running.server.post("/api/dns/test", &body);
        (response.status, response.json())
    };
    assert_eq!((status, &tested["success"]), (200, &json!(true)), "{tested}");
    assert_eq!(tested["ips"], json!(["198.51.100.7"]));
}

#[test]
fn the_cache_outlives_a_restart_where_its_driver_says_so() {
    for (driver, is_kept) in [("inmemory", false), ("file", true), ("sqlite", true)] {
        let mut running = start("");
        let set = json!({ "method": "SET", "driver": driver });
        assert_eq!(running.post("/api/dns/cache", &set)["driver"], driver);
        let before = running.ask("www.example", 1);
        running.restart();
        assert_eq!(
            running.server.get("/api/dns/driver").json()["current"]["cache"]["type"],
            driver
        );
        let after = running.ask("www.example", 1);
        let ttl = |answer: &[u8]| {
            let at = answer.len() - 10;
            u32::from_be_bytes(answer[at..at + 4].try_into().unwrap())
        };
        assert_eq!(after.last_chunk::<4>(), before.last_chunk::<4>(), "case: {driver}");
        assert!(ttl(&after) <= TTL_S && ttl(&after) + 60 > TTL_S, "case: {driver}");
        running.wait_for_entries(2);
        let n_cached = running.search("status:cached").len();
        assert_eq!(n_cached, usize::from(is_kept), "case: {driver}");
    }
}

#[test]
fn answers_are_put_into_the_cache_by_hand() {
    let running = start("");
    let cache = |body: &serde_json::Value| {
        let response = running.server.post("/api/dns/cache", &body.to_string());
        (response.status, response.json())
    };
    let add =
        json!({ "method": "ADD", "key": "hand.example:A:IN", "value": "192.0.2.7", "ttl": 60 });
    let (status, answer) = cache(&add);
    assert_eq!((status, &answer["success"], &answer["ttl"]), (200, &json!(true), &json!(60)));
    assert_eq!(running.ask("hand.example", 1).last_chunk(), Some(&[192, 0, 2, 7]));
    let packet = json!({ "answers": [{ "type": "A", "data": "192.0.2.8" }] });
    let update = json!({ "method": "UPDATE", "key": "hand.example:A:IN", "value": packet });
    assert_eq!(cache(&update).0, 200);
    assert_eq!(running.ask("hand.example", 1).last_chunk(), Some(&[192, 0, 2, 8]));
    for (body, expected) in [
        (json!({ "method": "UPDATE", "key": "gone.example:A:IN", "value": "192.0.2.7" }), 404),
        (json!({ "method": "ADD", "key": "x.example:A:IN", "value": "2001:db8::1" }), 400),
        (json!({ "method": "ADD", "key": "x.example:A:IN", "value": [] }), 400),
        (json!({ "method": "ADD", "key": "x.example:A:IN" }), 400),
        (json!({ "method": "ADD", "value": "192.0.2.7" }), 400),
    ] {
        let (status, answer) = cache(&body);
        assert_eq!(status, expected, "case: {body}: {answer}");
    }
    let remove = json!({ "method": "REMOVE", "key": "hand.example:A:IN" });
    assert_eq!(cache(&remove).1["affected"], 1);
    assert_eq!(running.ask("hand.example", 1).last_chunk(), Some(&[198, 51, 100, 7]));
}
