//! Streams against a scripted hub: order, resume, back-off, watchdog and ends.

use std::error::Error;

use super::*;
use crate::item::ResetReason;
use crate::scripted::{Scripted, Step, answer, fixture};

const HELLO: &str = "event: connection_established\ndata: {\"client_id\":\"c\",\"channels\":[\"**\"],\
                     \"epoch\":\"e\",\"heartbeat_seconds\":5}\n\n";

/// A step that opens an event stream and writes `text`.
fn stream(text: &str) -> Step {
    Step::Write(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
         Connection: close\r\n\r\n{text}"
    ))
}

fn write(text: &str) -> Step {
    Step::Write(text.to_owned())
}

fn options(hub: &Scripted) -> Options {
    // The longest jitter, so that the tests see the ceiling.
    Options::new(hub.url.clone(), Box::new(|| u64::MAX))
}

/// Reads items up to the end of the stream or `n_items`, each as one line of text.
async fn read(stream: &mut EventStream, n_items: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < n_items {
        let Some(item) = stream.next().await else {
            lines.push("end".to_owned());
            break;
        };
        lines.push(describe(&item));
    }
    lines
}

fn describe(item: &StreamItem) -> String {
    match item {
        StreamItem::Opened(opened) => format!("opened {}", opened.client_id),
        StreamItem::Event(event) => {
            let id = event.id.as_deref().unwrap_or("-");
            let channel = event.channel.as_deref().unwrap_or("-");
            format!("event {id} {channel} {} {}", event.kind, event.data)
        }
        StreamItem::Reset(reset) => format!("reset {}", reset.reason.as_str()),
        StreamItem::Ready { channels } => format!("ready {}", channels.join(",")),
        StreamItem::Heartbeat { active_connections } => format!("heartbeat {active_connections}"),
        StreamItem::Disconnected { cause, retry_in } => {
            let source = cause.source().map(|source| format!(" ({source})")).unwrap_or_default();
            format!("disconnected {cause}{source}; {} ms", retry_in.as_millis() + 1)
        }
        StreamItem::Closed { reason } => format!("closed {reason}"),
    }
}

fn has_line(request: &str, line: &str) -> bool {
    request.lines().any(|candidate| candidate.eq_ignore_ascii_case(line))
}

#[tokio::test(start_paused = true)]
async fn both_formats_yield_the_same_items() {
    let hello = r#"{"client_id":"c","heartbeat_seconds":5}"#;
    let named = format!(
        "retry: 10\nevent: connection_established\ndata: {hello}\n\n\
         id: 1\nevent: made\ndata: {{\"a\":1}}\n\n: idle\n\nid: 4\n\n\
         event: ready\ndata: {{\"channels\":[\"x\"]}}\n\n\
         event: heartbeat\ndata: {{\"timestamp\":1,\"active_connections\":2}}\n\n"
    );
    let envelope = format!(
        "data: {{\"type\":\"connected\",\"clientId\":\"c\",\"data\":{hello},\"timestamp\":1}}\n\n\
         id: 1\ndata: {{\"type\":\"x\",\"event\":\"made\",\"data\":{{\"a\":1}},\"timestamp\":7}}\n\n\
         id: 4\n\nevent: ready\ndata: {{\"channels\":[\"x\"]}}\n\n\
         data: {{\"type\":\"system/heartbeat\",\"data\":{{\"timestamp\":1,\"status\":\"alive\",\
         \"active_connections\":2}},\"timestamp\":1}}\n\n"
    );
    for (name, format, text, channel) in
        [("named", Format::Named, named, "-"), ("envelope", Format::Envelope, envelope, "x")]
    {
        let mut hub = Scripted::start(vec![vec![stream(&text), Step::Hold]]).await;
        let options =
            Options { format, channels: vec!["x".into(), "d/**".into()], ..options(&hub) };
        let mut events = EventStream::connect(options).unwrap();
        let expected = [
            "opened c".to_owned(),
            format!("event 1 {channel} made {{\"a\":1}}"),
            "ready x".to_owned(),
            "heartbeat 2".to_owned(),
        ];
        assert_eq!(read(&mut events, 4).await, expected, "case: {name}");
        assert_eq!(events.last_event_id(), Some("4"), "case: {name}");
        let request = hub.request().await;
        let line = format!("GET /api/sse/stream?channels=x,d/**&format={name} HTTP/1.1");
        assert!(has_line(&request, &line), "case: {name}: {request}");
        assert!(has_line(&request, "accept: text/event-stream"), "case: {name}: {request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_is_resumed_behind_the_last_whole_block() {
    let mut hub = Scripted::start(vec![
        vec![stream("id: 1\ndata: a\n\nid: 2\ndata: torn\n")],
        vec![stream("id: 3\n\ndata: b\n\n")],
        vec![stream("id:\ndata: c\n\n")],
        vec![answer("204 No Content", "", "")],
    ])
    .await;
    let mut events = EventStream::connect(options(&hub)).unwrap();
    let expected = [
        "event 1 - message a",
        "disconnected stream ended; 1000 ms",
        "event - - message b",
        "disconnected stream ended; 2000 ms",
        "event  - message c",
        "disconnected stream ended; 4000 ms",
        "closed hub answered 204: do not come back",
        "end",
    ];
    assert_eq!(read(&mut events, 99).await, expected);
    let first = hub.request().await;
    assert!(!first.to_lowercase().contains("last-event-id"), "{first}");
    assert!(has_line(&hub.request().await, "last-event-id: 1"));
    assert!(has_line(&hub.request().await, "last-event-id: 3"));
    let fourth = hub.request().await;
    assert!(!fourth.to_lowercase().contains("last-event-id"), "an empty id resets: {fourth}");
}

#[tokio::test(start_paused = true)]
async fn the_start_counts_until_there_is_a_position() {
    #[rustfmt::skip]
    let cases = [
        ("live",     Start::Live,                     "GET /api/sse/stream?format=named HTTP/1.1"),
        ("earliest", Start::Earliest,                 "GET /api/sse/stream?format=named&earliest=true HTTP/1.1"),
        ("since",    Start::Since("2026-01-01T00:00:00+01:00".into()), "GET /api/sse/stream?format=named&since=2026-01-01T00:00:00%2B01:00 HTTP/1.1"),
        ("tail",     Start::Tail(5),                  "GET /api/sse/stream?format=named&tail=5 HTTP/1.1"),
        ("after",    Start::After("e-1-c".into()),    "last-event-id: e-1-c"),
        ("odd id",   Start::After("\u{1} é".into()),  "GET /api/sse/stream?format=named&last_event_id=%01%20%C3%A9 HTTP/1.1"),
    ];
    for (name, start, line) in cases {
        let mut hub = Scripted::start(vec![
            vec![stream("data: without position\n\n")],
            vec![stream("id: 9\n\n")],
            vec![answer("204 No Content", "", "")],
        ])
        .await;
        let mut events = EventStream::connect(Options { start, ..options(&hub) }).unwrap();
        read(&mut events, 99).await;
        for _ in 0..2 {
            let request = hub.request().await;
            assert!(has_line(&request, line), "case: {name}: {request}");
        }
        let request = hub.request().await;
        assert!(has_line(&request, "last-event-id: 9"), "case: {name}: {request}");
        let line = "GET /api/sse/stream?format=named HTTP/1.1";
        assert!(has_line(&request, line), "case: {name}: {request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_told_and_moves_the_position() {
    let reset = "id: e2-5-x\nevent: reset\ndata: {\"channels\":[\"a\"],\"reason\":\"trimmed\",\
                 \"from\":\"e2-1-y\",\"to\":\"e2-5-x\"}\n\n";
    let hub = Scripted::start(vec![vec![stream(reset), Step::Hold]]).await;
    let start = Start::After("e2-1-y".into());
    let mut events = EventStream::connect(Options { start, ..options(&hub) }).unwrap();
    let Some(StreamItem::Reset(reset)) = events.next().await else {
        panic!("the reset comes first");
    };
    assert_eq!(reset.channels, Some(vec!["a".to_owned()]));
    assert_eq!(reset.reason, ResetReason::Trimmed);
    assert_eq!(reset.from.as_deref(), Some("e2-1-y"));
    assert_eq!(events.last_event_id(), Some("e2-5-x"));
}

#[tokio::test(start_paused = true)]
async fn answers_that_end_the_stream_for_good() {
    let rejected =
        "retry: 60000\nevent: rejected\ndata: {\"status\":403,\"message\":\"no grant\"}\n\n";
    #[rustfmt::skip]
    let cases = [
        ("204",      answer("204 No Content", "", ""),                                     "closed hub answered 204: do not come back"),
        ("400",      answer("400 Bad Request", "", r#"{"detail":"channel `a//b`: empty"}"#), "closed hub answered status 400: channel `a//b`: empty"),
        ("401",      answer("401 Unauthorized", "", ""),                                   "closed hub answered status 401"),
        ("404",      answer("404 Not Found", "", "<html>"),                                "closed hub answered status 404"),
        ("rejected", stream(rejected),                                                     "closed hub rejected the subscription with status 403: no grant"),
    ];
    for (name, step, expected) in cases {
        let hub = Scripted::start(vec![vec![step]]).await;
        let mut events = EventStream::connect(options(&hub)).unwrap();
        assert_eq!(read(&mut events, 99).await, [expected, "end"], "case: {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_may_pass_are_retried() {
    let huge = format!("data: {}\n\n", "x".repeat(200));
    let torn = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                transfer-encoding: chunked\r\n\r\n10\r\nda";
    #[rustfmt::skip]
    let cases = [
        ("408",            vec![answer("408 Request Timeout", "", "")],                "disconnected hub answered status 408; 1000 ms"),
        ("429 with delay", vec![answer("429 Too Many", "Retry-After: 7\r\n", r#"{"title":"rate"}"#)], "disconnected hub answered status 429: rate; 8000 ms"),
        ("500",            vec![answer("500 Oops", "", "")],                           "disconnected hub answered status 500; 1000 ms"),
        ("503 with date",  vec![answer("503 Busy", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", "")], "disconnected hub answered status 503; 1000 ms"),
        ("redirect",       vec![answer("302 Found", "Location: /login\r\n", "")],      "disconnected hub answered status 302; 1000 ms"),
        ("login page",     vec![answer("200 OK", "Content-Type: text/html\r\n", "")],  "disconnected answer is `text/html`, not an event stream; 1000 ms"),
        ("no type",        vec![answer("200 OK", "", "")],                             "disconnected answer is ``, not an event stream; 1000 ms"),
        ("no answer",      vec![],                                                     "disconnected connection to the hub broke (connection closed before message completed); 1000 ms"),
        ("no HTTP",        vec![write("SSH-2.0\r\n\r\n")],                             "disconnected connection to the hub broke (invalid HTTP version parsed); 1000 ms"),
        ("silent",         vec![Step::Hold],                                           "disconnected no answer from the hub within 15 s; 1000 ms"),
        ("torn chunk",     vec![write(torn)],                                          "disconnected connection to the hub broke (error reading a body from connection); 1000 ms"),
        ("long line",      vec![stream(&huge)],                                        "disconnected decode the stream (line of the event stream exceeds the limit of 100 bytes); 1000 ms"),
    ];
    for (name, script, expected) in cases {
        let hub = Scripted::start(vec![script, vec![stream("data: back\n\n")]]).await;
        let options = Options { line_size_max_bytes: 100, ..options(&hub) };
        let mut events = EventStream::connect(options).unwrap();
        let lines = read(&mut events, 2).await;
        assert_eq!(lines, [expected, "event - - message back"], "case: {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_not_there_is_tried_again_ever_more_slowly() {
    let hub = Scripted::start(vec![vec![stream("")]]).await;
    let mut events = EventStream::connect(options(&hub)).unwrap();
    let lines = read(&mut events, 8).await;
    assert!(lines[1].starts_with("disconnected connect to the hub ("), "{lines:?}");
    let delays: Vec<&str> = lines.iter().filter_map(|line| line.split("; ").nth(1)).collect();
    #[rustfmt::skip]
    let expected = ["1000 ms", "2000 ms", "4000 ms", "8000 ms", "16000 ms", "30000 ms", "30000 ms", "30000 ms"];
    assert_eq!(delays, expected);
}

#[tokio::test(start_paused = true)]
async fn a_stable_minute_forgets_earlier_failures() {
    let minute = Step::Pause(Duration::from_secs(61));
    let hub = Scripted::start(vec![
        vec![stream("")],
        vec![stream("")],
        vec![stream(""), minute],
        vec![stream("")],
    ])
    .await;
    let mut events = EventStream::connect(options(&hub)).unwrap();
    let expected = [
        "disconnected stream ended; 1000 ms",
        "disconnected stream ended; 2000 ms",
        "disconnected stream ended; 1000 ms",
        "disconnected stream ended; 2000 ms",
    ];
    assert_eq!(read(&mut events, 4).await, expected);
}

#[tokio::test(start_paused = true)]
async fn the_delay_that_a_hub_asks_for_is_kept_on_later_connections() {
    let hub = Scripted::start(vec![
        vec![stream("retry: 60000\n\n")],
        vec![stream("data: a\n\n")],
        vec![stream("retry: 0\n\n")],
    ])
    .await;
    let mut events = EventStream::connect(options(&hub)).unwrap();
    let started = Instant::now();
    let expected = [
        "disconnected stream ended; 61000 ms",
        "event - - message a",
        "disconnected stream ended; 62000 ms",
        "disconnected stream ended; 4000 ms",
    ];
    assert_eq!(read(&mut events, 4).await, expected);
    assert!(started.elapsed() >= Duration::from_mins(2), "the delays are waited for");
}

#[tokio::test(start_paused = true)]
async fn an_announced_end_is_named_and_its_retry_honoured() {
    let close = "event: connection_close\ndata: {\"reason\":\"server_shutdown\"}\n\n";
    let with_retry = format!("{close}retry: 5000\n\n");
    #[rustfmt::skip]
    let cases = [
        ("closed at once",       vec![stream(close)],                                  1_000),
        ("retry behind it",      vec![stream(close), write("retry: 5000\n\n")],        6_000),
        ("never really closed",  vec![stream(&with_retry), Step::Hold],                6_000),
    ];
    for (name, script, delay_ms) in cases {
        let hub = Scripted::start(vec![script]).await;
        let mut events = EventStream::connect(options(&hub)).unwrap();
        let expected =
            format!("disconnected hub closed the stream: server_shutdown; {delay_ms} ms");
        assert_eq!(read(&mut events, 1).await, [expected], "case: {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_of_two_heartbeats_and_five_seconds_replaces_the_connection() {
    let pause = || Step::Pause(Duration::from_secs(14));
    let hub = Scripted::start(vec![
        // Comments are signs of life too.
        vec![
            stream(HELLO),
            pause(),
            write(":\n"),
            pause(),
            write(":\n"),
            pause(),
            write(":\n"),
            Step::Hold,
        ],
        vec![stream("data: unannounced heartbeat\n\n"), Step::Hold],
    ])
    .await;
    let mut events = EventStream::connect(options(&hub)).unwrap();
    let started = Instant::now();
    let lines = read(&mut events, 2).await;
    assert_eq!(lines, ["opened c", "disconnected nothing received for 15 s; 1000 ms"]);
    assert_eq!(started.elapsed().as_secs(), 3 * 14 + 15);
    let lines = read(&mut events, 2).await;
    let expected = [
        "event - - message unannounced heartbeat",
        "disconnected nothing received for 65 s; 1000 ms",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_no_envelope_is_not_skipped() {
    let good = "id: 1\ndata: {\"type\":\"a\",\"data\":1}\n\n";
    let mut hub = Scripted::start(vec![
        vec![stream(&format!("{good}id: 2\ndata: oops\n\nid: 3\ndata: {{}}\n\n"))],
        vec![answer("204 No Content", "", "")],
    ])
    .await;
    let options = Options { format: Format::Envelope, ..options(&hub) };
    let lines = read(&mut EventStream::connect(options).unwrap(), 99).await;
    assert_eq!(lines[0], "event 1 a generic_event 1");
    assert!(lines[1].starts_with("disconnected frame is not an envelope"), "{lines:?}");
    hub.request().await;
    assert!(has_line(&hub.request().await, "last-event-id: 1"));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_next_loses_nothing() {
    let mut script = vec![stream("")];
    for n in 1..=50 {
        script.push(write(&format!("id: {n}\ndata: ")));
        script.push(Step::Pause(Duration::from_millis(3)));
        script.push(write(&format!("{n}\n\n")));
    }
    script.push(Step::Hold);
    let hub = Scripted::start(vec![script]).await;
    let mut events = EventStream::connect(options(&hub)).unwrap();
    let mut received = Vec::new();
    while received.len() < 50 {
        tokio::select! {
            biased;
            item = events.next() => received.push(describe(&item.unwrap())),
            () = sleep(Duration::from_millis(1)) => {}
        }
    }
    let expected: Vec<String> = (1..=50).map(|n| format!("event {n} - message {n}")).collect();
    assert_eq!(received, expected);
}

#[tokio::test(start_paused = true)]
async fn headers_of_the_caller_are_sent_on_every_attempt() {
    let mut hub =
        Scripted::start(vec![vec![stream("id: 1\n\n")], vec![answer("204 No Content", "", "")]])
            .await;
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer t"));
    let options = Options { headers, heartbeat: Some(Duration::from_secs(9)), ..options(&hub) };
    read(&mut EventStream::connect(options).unwrap(), 99).await;
    for _ in 0..2 {
        let request = hub.request().await;
        assert!(has_line(&request, "authorization: Bearer t"), "{request}");
        assert!(request.contains("&heartbeat=9 "), "{request}");
    }
}

/// In real time: the kernel may delay parts of the handshake, and a paused clock would jump then.
#[tokio::test]
async fn tls_trusts_the_given_authority_and_no_other() {
    let script = || vec![vec![stream("data: a\n\n"), Step::Hold]];
    let hub = Scripted::start_tls(script()).await;
    let trusting = Options { ca_file: Some(fixture("authority.pem")), ..options(&hub) };
    let mut events = EventStream::connect(trusting).unwrap();
    assert_eq!(read(&mut events, 1).await, ["event - - message a"]);

    let hub = Scripted::start_tls(script()).await;
    let wary = Options { ca_file: Some(fixture("server.pem")), ..options(&hub) };
    let mut events = EventStream::connect(wary).unwrap();
    let line = read(&mut events, 1).await.remove(0);
    assert!(line.contains("invalid peer certificate"), "{line}");
}
