//! Questions from a client's socket to the log, the statistics, the channels and back, against the
//! built binary and an upstream on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};
use tidings_testkit::http::Request;
use tidings_testkit::{Instant, Server, ServerOptions};

/// Longest wait for an answer of the resolver.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds that the upstream's answers may be kept.
const TTL_S: u32 = 300;

/// Starts an upstream that knows every name but those that begin with `gone`, and fails for
/// those that begin with `fail`.
fn upstream() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1_500];
        while let Ok((n_bytes, client)) = socket.recv_from(&mut buffer) {
            let answer = answer(&buffer[..n_bytes]);
            if socket.send_to(&answer, client).is_err() {
                return;
            }
        }
    });
    address
}

/// Answers a question: an address for A, nothing for the rest.
fn answer(question: &[u8]) -> Vec<u8> {
    let name_end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let label = &question[13..13 + usize::from(question[12])].to_ascii_lowercase();
    let rcode = match label {
        label if label.starts_with(b"gone") => 3,
        label if label.starts_with(b"fail") => 2,
        _ => 0,
    };
    let is_address = rcode == 0 && question[name_end..name_end + 2] == [0, 1];
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80 | rcode, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    answer.extend(&question[12..name_end + 4]);
    if is_address {
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(TTL_S.to_be_bytes());
        answer.extend([0, 4, 198, 51, 100, 7]);
    }
    answer
}

/// A server whose resolver runs.
struct Running {
    server: Server,
    socket: UdpSocket,
}

fn start(more: &str) -> Running {
    let config = format!(
        "[dns]\nenabled = true\nlisten = [\"127.0.0.1:0\"]\n{more}\n[dns.upstream]\n\
         servers = [\"udp://{}\"]\n",
        upstream()
    );
    let server = Server::start(ServerOptions { config: Some(config), ..ServerOptions::default() });
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
    let running = Running { server, socket };
    running.connect();
    running
}

fn message(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

impl Running {
    fn connect(&self) {
        let until = Instant::now() + ANSWER_TIMEOUT;
        let status = loop {
            let status = self.server.get("/api/v1/dns/status").json();
            if status["running"] == true {
                break status;
            }
            assert!(Instant::now() < until, "{status}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let addresses = status["addresses"].as_array().unwrap();
        let udp = addresses.iter().find(|found| found["transport"] == "udp").unwrap();
        let address: SocketAddr = udp["address"].as_str().unwrap().parse().unwrap();
        self.socket.connect(address).unwrap();
    }

    /// Asks by UDP and returns the answer.
    fn ask(&self, name: &str, kind: u16) -> Vec<u8> {
        self.socket.send(&message(name, kind)).unwrap();
        let mut buffer = [0; 1_500];
        let n_bytes = self.socket.recv(&mut buffer).unwrap();
        buffer[..n_bytes].to_vec()
    }

    /// Asks by UDP and returns the response code.
    fn rcode(&self, name: &str, kind: u16) -> u8 {
        self.ask(name, kind)[3] & 0x0f
    }

    fn post(&self, target: &str, body: &Value) -> Value {
        let response = self.server.post(target, &body.to_string());
        assert!(response.status < 300, "{target} {body}: {}", response.text());
        response.json()
    }

    fn search(&self, filter: &str) -> Vec<Value> {
        let mut encoded = String::new();
        for byte in filter.bytes() {
            write!(encoded, "%{byte:02x}").unwrap();
        }
        let page = self.server.get(&format!("/api/v1/dns/log?limit=1000&filter={encoded}")).json();
        page["entries"].as_array().unwrap_or_else(|| panic!("{filter}: {page}")).clone()
    }

    /// Waits until the log has so many entries.
    fn wait_for_entries(&self, n_entries: usize) {
        for _ in 0..500 {
            if self.search("").len() >= n_entries {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the log has {} entries, not {n_entries}", self.search("").len());
    }
}

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
    let get = |filter: &Value| {
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
    loop {
        running.rcode("probe.example", 1);
        if stream.next_event(Duration::from_millis(300)).is_ok() {
            break;
        }
    }
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
