//! Publishing to a scripted hub: bodies, answers and retries.

use std::error::Error;

use super::*;
use crate::scripted::{Scripted, Step, answer};

const DONE: &str = r#"{"positions":["e-1-a",null],"matched":3}"#;

fn publisher(hub: &Scripted) -> Publisher {
    Publisher::new(&hub.url, HeaderMap::new(), None, Box::new(|| u64::MAX)).unwrap()
}

fn events() -> Vec<PublishEvent> {
    vec![
        PublishEvent {
            channel: "a/b".to_owned(),
            kind: Some("made".to_owned()),
            data: EventData::json(r#"{"n": 1.50}"#.to_owned()).unwrap(),
            ttl: Some(Duration::from_mins(1)),
        },
        PublishEvent {
            channel: "c".to_owned(),
            kind: None,
            data: EventData::Text("line\n\"two\"".to_owned()),
            ttl: None,
        },
    ]
}

/// Publishes and describes the outcome with its sources.
async fn outcome(hub: &Scripted) -> String {
    match publisher(hub).publish(&events(), "key-1").await {
        Ok(Published { positions, matched }) => format!("{positions:?} {matched}"),
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(error) = source {
                text = format!("{text} > {error}");
                source = error.source();
            }
            text
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_sent_as_they_are_and_the_answer_is_returned() {
    let mut hub = Scripted::start(vec![vec![answer("201 Created", "", DONE)]]).await;
    assert_eq!(outcome(&hub).await, r#"[Some("e-1-a"), None] 3"#);
    let request = hub.request().await;
    assert!(request.starts_with("POST /api/sse/events HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("idempotency-key: key-1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let expected = r#"[{"channel":"a/b","type":"made","data":{"n": 1.50},"ttl_seconds":60},{"channel":"c","data":"line\n\"two\""}]"#;
    assert_eq!(body, expected);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_says_why() {
    #[rustfmt::skip]
    let cases = [
        ("400", answer("400 Bad Request", "", r#"{"title":"Bad","detail":"event 1: no channel"}"#), "hub answered status 400: event 1: no channel"),
        ("409", answer("409 Conflict", "", r#"{"title":"key-conflict"}"#),  "hub answered status 409: key-conflict"),
        ("302", answer("302 Found", "Location: /x\r\n", ""),                "hub answered status 302"),
        ("201 that is no JSON", answer("201 Created", "", "fine"),          "read the answer of the hub > expected"),
        ("busy for too long", answer("503 Busy", "Retry-After: 31\r\n", ""), "no success in 1 attempts > hub answered status 503"),
    ];
    for (name, step, expected) in cases {
        let hub = Scripted::start(vec![vec![step]]).await;
        let text = outcome(&hub).await;
        assert!(text.starts_with(expected), "case: {name}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_may_pass_are_retried_with_the_same_key() {
    let torn = Step::Write("HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{\"pos".to_owned());
    #[rustfmt::skip]
    let cases = [
        ("500",          vec![answer("500 Oops", "", "")]),
        ("408",          vec![answer("408 Request Timeout", "", "")]),
        ("429",          vec![answer("429 Too Many", "Retry-After: 2\r\n", "")]),
        ("dropped",      vec![]),
        ("torn answer",  vec![torn]),
        ("silent",       vec![Step::Hold]),
    ];
    for (name, script) in cases {
        let mut hub = Scripted::start(vec![script, vec![answer("201 Created", "", DONE)]]).await;
        assert_eq!(outcome(&hub).await, r#"[Some("e-1-a"), None] 3"#, "case: {name}");
        let requests = [hub.request().await, hub.request().await];
        assert_eq!(requests[0], requests[1], "case: {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_retries_are_bounded() {
    let scripts = (0..9).map(|_| vec![answer("502 Bad Gateway", "", "")]).collect();
    let hub = Scripted::start(scripts).await;
    assert_eq!(outcome(&hub).await, "no success in 5 attempts > hub answered status 502");

    let gone = Scripted::start(Vec::new()).await;
    tokio::task::yield_now().await;
    let text = outcome(&gone).await;
    assert!(text.starts_with("no success in 5 attempts > connect to the hub > "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_no_header_is_refused_before_sending() {
    let hub = Scripted::start(Vec::new()).await;
    let error = publisher(&hub).publish(&events(), "a\nb").await.unwrap_err();
    assert!(matches!(error, PublishError::Request { .. }), "{error}");
}
