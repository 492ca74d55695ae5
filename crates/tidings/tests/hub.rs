//! The hub over HTTP, against the built binary.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tidings_testkit::http::Request;
use tidings_testkit::{NoEvent, RawStream, Server, ServerOptions, Signal};

fn server(config: &str) -> Server {
    Server::start(ServerOptions { config: Some(config.to_owned()), ..ServerOptions::default() })
}

fn publish(server: &Server, channel: &str, data: &Value) -> String {
    let event = json!({ "channel": channel, "type": "made", "data": data });
    let response = server.post("/api/sse/events", &event.to_string());
    assert_eq!(response.status, 201, "{}", response.text());
    let answer = response.json();
    answer.pointer("/positions/0").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[test]
fn a_stream_opens_as_the_contract_says() {
    let server = server("");
    let mut stream = server.stream("/api/sse/stream?channels=version,orders/*");
    let headers = [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-cache, no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("connection", "close"),
    ];
    for (name, value) in headers {
        assert_eq!(stream.head().header(name), Some(value), "header {name}");
    }
    let first = stream.expect_event("message").json();
    assert_eq!(first["type"], "connected");
    assert_eq!(first["clientId"], first["data"]["client_id"]);
    assert_eq!(first["data"]["channels"], json!(["version", "orders/*"]));
    assert_eq!(first["data"]["heartbeat_seconds"], 30);
    assert!(first["data"].get("recovered").is_none());
    let version = stream.expect_event("message").json();
    assert_eq!((&version["type"], &version["event"]), (&json!("version"), &json!("version")));
    let ready = stream.expect_event("ready").json();
    assert_eq!(ready, json!({ "channels": ["version", "orders/*"] }));
    assert!((250..=750).contains(&stream.retry_ms().unwrap()));
    publish(&server, "orders/1", &json!({ "a": [1, 2] }));
    let event = stream.expect_event("message");
    assert!(event.id.is_some());
    assert_eq!(event.json()["data"], json!({ "a": [1, 2] }));
    assert_eq!(event.json()["type"], "orders/1");
    let named = server
        .stream("/api/sse/stream?format=named&channel=orders/1")
        .expect_event("connection_established");
    assert_eq!(named.json()["heartbeat_seconds"], 5);
}

#[test]
fn any_text_arrives_as_it_was_sent() {
    let server = server("");
    let mut stream = server.stream("/api/sse/stream?format=named&channel=text");
    stream.collect_until_ready();
    let large = "x".repeat(1_000_000);
    let texts = ["two\nlines", "\n", "data: x", "\u{2028}\u{1f600}", "say \"hi\" \\", "", &large];
    for text in texts {
        publish(&server, "text", &json!(text));
        assert_eq!(stream.expect_event("made").data, text);
    }
    publish(&server, "text", &json!("a\r\nb\rc"));
    assert_eq!(stream.expect_event("made").data, "a\nb\nc");
}

#[test]
fn a_dropped_client_gets_exactly_what_it_missed() {
    let server = server("[[hub.channels]]\npattern = \"short\"\nhistory_events_max = 3\n");
    let positions: Vec<String> = (0..10).map(|n| publish(&server, "long", &json!(n))).collect();
    for (index, position) in positions.iter().enumerate() {
        let headers = [("Last-Event-ID", position.as_str())];
        let target = "/api/sse/stream?format=named&channel=long&last_event_id=ignored";
        let mut stream = RawStream::open(server.address(), target, &headers);
        let seen = stream.collect_until_ready();
        let data: Vec<&str> = seen
            .iter()
            .filter(|event| event.kind == "made")
            .map(|event| event.data.as_str())
            .collect();
        let expected: Vec<String> = (index + 1..10).map(|n| n.to_string()).collect();
        assert_eq!(data, expected, "resume after event {index}");
    }
    let first = publish(&server, "short", &json!(0));
    for n in 1..6 {
        publish(&server, "short", &json!(n));
    }
    let target = format!("/api/sse/stream?format=named&channel=short&last_event_id={first}");
    let mut stream = server.stream(&target);
    let kinds: Vec<String> =
        stream.collect_until_ready().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["connection_established", "reset", "made", "made", "made"]);
}

#[test]
fn publishing_answers_by_the_contract() {
    let server = server("[hub]\nevent_size_max_bytes = 100\n");
    let post = |body: &str, headers: &[(&str, &str)]| {
        let request =
            Request { method: "POST", target: "/api/sse/events", headers, body: body.as_bytes() };
        server.send(request)
    };
    #[rustfmt::skip]
    let refused = [
        ("no JSON",          "{",                                         400, "body-invalid"),
        ("no channel",       r#"{"data":1}"#,                             400, "body-invalid"),
        ("no data",          r#"{"channel":"a"}"#,                        400, "body-invalid"),
        ("unknown field",    r#"{"channel":"a","data":1,"x":2}"#,         400, "body-invalid"),
        ("bad channel",      r#"{"channel":"a,b","data":1}"#,             400, "event-invalid"),
        ("wildcard",         r#"{"channel":"a/*","data":1}"#,             400, "event-invalid"),
        ("control in type",  r#"{"channel":"a","type":"x\ny","data":1}"#, 400, "event-invalid"),
        ("NUL in text",      r#"{"channel":"a","data":"\u0000"}"#,        400, "event-invalid"),
        ("audience",         r#"{"channel":"a","data":1,"audience":{"role":"x"}}"#, 400, "parameter-invalid"),
    ];
    for (name, body, status, slug) in refused {
        let response = post(body, &[]);
        assert_eq!(response.status, status, "case: {name}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        let kind = response.json()["type"].as_str().unwrap().to_owned();
        assert!(kind.ends_with(slug), "case: {name}: {kind}");
    }
    let large = format!(r#"{{"channel":"a","data":"{}"}}"#, "x".repeat(101));
    assert_eq!(post(&large, &[]).status, 413);
    let array = r#"[{"channel":"a","data":1},{"channel":"b//c","data":2}]"#;
    let response = post(array, &[]);
    assert_eq!((response.status, &response.json()["index"]), (400, &json!(1)));
    assert_eq!(
        server.get("/api/sse/stats").json()["head"].as_str().unwrap().split('-').nth(1),
        Some("0")
    );

    let array = r#"[{"channel":"a","data":1},{"channel":"version","data":{}}]"#;
    let response = post(array, &[]);
    assert_eq!(response.status, 201);
    assert!(
        response.json()["positions"][0].is_string() && response.json()["positions"][1].is_null()
    );
    let lines = "{\"channel\":\"a\",\"data\":1}\nnonsense\n{\"channel\":\"a\",\"data\":2}\n";
    let response = post(lines, &[("Content-Type", "application/x-ndjson")]);
    let results = response.json()["results"].clone();
    assert_eq!(response.status, 200);
    assert!(results[0]["position"].is_string() && results[2]["position"].is_string());
    assert_eq!(results[1]["status"], 400);

    let key = [("Idempotency-Key", "k-1")];
    let first = post(r#"{"channel":"a","data":7}"#, &key);
    let second = post(r#"{"channel":"a","data":7}"#, &key);
    assert_eq!((second.status, first.json()), (201, second.json()));
    assert_eq!(post(r#"{"channel":"a","data":8}"#, &key).status, 409);
    let foreign = post(r#"{"channel":"a","data":9}"#, &[("Origin", "https://evil.example")]);
    assert_eq!(foreign.status, 403, "a page of another site may not publish");
}

#[test]
fn history_is_paged_both_ways() {
    let server = server("");
    for n in 0..5 {
        publish(&server, "deep/er", &json!(n));
    }
    let page =
        |query: &str| server.get(&format!("/api/sse/channels/deep/er/events?{query}")).json();
    let data = |page: &Value| {
        let events = page["events"].as_array().unwrap().iter();
        events.map(|event| event["data"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let first = page("limit=2");
    assert_eq!(data(&first), [0, 1]);
    let next = first["next"].as_str().unwrap();
    let rest = page(&format!("after={next}"));
    assert_eq!((data(&rest), &rest["next"]), (vec![2, 3, 4], &Value::Null));
    assert_eq!(data(&page("order=newest&limit=2")), [4, 3]);
    assert_eq!(data(&page("type=other")), Vec::<u64>::new());
    assert_eq!(server.get("/api/sse/channels/nothing/events").status, 404);
    assert_eq!(server.get("/api/sse/channels/deep/er/events?after=x").status, 400);
}

#[test]
fn streams_can_be_changed_and_ended() {
    let server = server("");
    let mut stream = server.stream("/api/sse/stream?format=named&channel=a");
    let first = stream.collect_until_ready();
    let id = first[0].json()["client_id"].as_str().unwrap().to_owned();
    let target = format!("/api/sse/connections/{id}");
    let response = server.patch(&target, r#"{"add":["b","version"],"remove":["a"]}"#);
    assert_eq!((response.status, response.json()), (200, json!({ "channels": ["b", "version"] })));
    assert_eq!(stream.expect_event("version").kind, "version");
    stream.expect_event("ready");
    publish(&server, "a", &json!("unseen"));
    publish(&server, "b", &json!("seen"));
    assert_eq!(stream.expect_event("made").data, "seen");
    assert_eq!(server.patch(&target, r#"{"add":["a,b"]}"#).status, 400);
    let listed = server.get("/api/sse/connections").json();
    assert_eq!(listed["connections"][0]["channels"], json!(["b", "version"]));

    assert_eq!(server.delete(&target).status, 204);
    let (events, end) = stream.collect_until_end(Duration::from_secs(5));
    assert_eq!(events.last().unwrap().json(), json!({ "reason": "kicked" }));
    assert_eq!((end, stream.retry_ms()), (NoEvent::Ended, Some(60_000)));
    assert_eq!(server.delete(&target).status, 404);
}

#[test]
fn a_closed_client_is_noticed_without_traffic() {
    let server = server("");
    let stream = server.stream("/api/sse/stream");
    assert_eq!(server.get("/api/sse/stats").json()["connections"], 1);
    drop(stream);
    let deadline = Duration::from_millis(20);
    let n_looks = (0..50)
        .take_while(|_| {
            std::thread::sleep(deadline);
            server.get("/api/sse/stats").json()["connections"] != 0
        })
        .count();
    assert!(n_looks < 50, "the stream still counts after a second");
}

#[test]
fn limits_answer_with_their_name() {
    let server = server("[hub]\nconnections_max = 1\npatterns_per_subscription_max = 2\n");
    let many = server.get("/api/sse/stream?channels=a,b,c");
    assert_eq!(many.status, 400);
    let _stream = server.stream("/api/sse/stream");
    let refused = server.get("/api/sse/stream");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    let metrics = server.get("/metrics");
    assert!(metrics.text().contains("tidings_refused_total{limit=\"connections\"} 1"));
    #[rustfmt::skip]
    let cases = [
        ("/api/sse/stream?channels=a,%20,b%2Cc%23", 400),
        ("/api/sse/stream?format=xml", 400),
        ("/api/sse/stream?heartbeat=1", 400),
        ("/api/sse/stream?tail=many", 400),
        ("/api/sse/stream?since=yesterday", 400),
        ("/api/v1/leases/stream?events=all", 400),
        ("/api/v1/leases/stream?style=camel", 400),
        ("/nowhere", 404),
    ];
    for (target, status) in cases {
        let response = server.get(target);
        assert_eq!(response.status, status, "case: {target}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{target}");
    }
    assert_eq!(server.delete("/api/sse/stats").status, 405);
}

#[test]
fn churn_costs_stable_streams_nothing() {
    const N_EVENTS: usize = 10_000;
    const N_STABLE: usize = 4;
    let server = server("[hub]\nhistory_events_max = 20000\n");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stable: Vec<_> = (0..N_STABLE)
            .map(|_| {
                let mut stream = server.stream("/api/sse/stream?format=named&channels=churn/**");
                stream.collect_until_ready();
                scope.spawn(move || {
                    for n in 0..N_EVENTS {
                        assert_eq!(stream.expect_event("made").data, n.to_string());
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let mut stream = server.stream("/api/sse/stream?channels=churn/*");
                    stream.expect_event("message");
                }
            });
        }
        for batch in 0..N_EVENTS / 50 {
            let events: Vec<Value> = (0..50)
                .map(|index| {
                    let n = batch * 50 + index;
                    json!({ "channel": format!("churn/{}", n % 7), "type": "made", "data": n })
                })
                .collect();
            let response = server.post("/api/sse/events", &json!(events).to_string());
            assert_eq!(response.status, 201);
        }
        for stable in stable {
            stable.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_signal_ends_streams_and_then_the_server() {
    let mut server = server("");
    let mut stream = server.stream("/api/sse/stream");
    stream.collect_until_ready();
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(server.get("/livez").text(), "ok\n");
    server.signal(Signal::TERM);
    let (events, end) = stream.collect_until_end(Duration::from_secs(5));
    assert_eq!(events.last().unwrap().json(), json!({ "reason": "server_shutdown" }));
    assert_eq!(end, NoEvent::Ended);
    assert!((250..=750).contains(&stream.retry_ms().unwrap()));
    assert!(server.wait(Duration::from_secs(10)).success(), "{}", server.log());
}

#[test]
fn the_test_endpoint_publishes_three_events() {
    let server = server("");
    let mut stream = server.stream("/api/sse/stream?channels=system/test");
    stream.collect_until_ready();
    let response = server.get("/api/sse/test").json();
    assert_eq!(
        (&response["success"], &response["stats"]["totalClients"]),
        (&json!(true), &json!(1))
    );
    for _ in 0..3 {
        let event = stream.expect_event("message");
        assert_eq!((&event.json()["type"], event.id), (&json!("system/test"), None));
    }
}
