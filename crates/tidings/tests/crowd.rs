//! Many publishers, a thousand subscribers and others that come and go: everybody who stays gets
//! every event once, each publisher's in order.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tidings_testkit::{Server, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const N_PUBLISHERS: usize = 10;
const N_SUBSCRIBERS: usize = 1_000;
/// Clients that come and go all the time.
const N_RESTLESS: usize = 20;
/// Events of all publishers together.
const N_EVENTS: usize = 10_000;
/// Events of one request.
const N_TOGETHER: usize = 10;
/// Longest time that the test may take before something must have been lost.
const PATIENCE: Duration = Duration::from_secs(150);

#[test]
fn a_thousand_subscribers_get_every_event_of_ten_publishers_once_and_in_order() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let server = Server::start(ServerOptions::default());
    let address = server.address();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, crowd(address)).await.expect("everything comes in time");
    });
    let stats = server.get("/api/sse/stats").json();
    assert_eq!(stats["published"], N_EVENTS + 6, "besides the version and five of DNS: {stats}");
}

async fn crowd(address: SocketAddr) {
    let n_ready = Arc::new(AtomicUsize::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let mut subscribers = JoinSet::new();
    for _ in 0..N_SUBSCRIBERS {
        subscribers.spawn(subscribe(address, Arc::clone(&n_ready)));
    }
    while n_ready.load(Ordering::Relaxed) < N_SUBSCRIBERS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut restless = JoinSet::new();
    for _ in 0..N_RESTLESS {
        restless.spawn(come_and_go(address, Arc::clone(&is_over)));
    }
    let mut publishers = JoinSet::new();
    for publisher in 0..N_PUBLISHERS {
        publishers.spawn(publish(address, publisher));
    }
    while let Some(published) = publishers.join_next().await {
        published.unwrap();
    }
    while let Some(subscribed) = subscribers.join_next().await {
        subscribed.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let mut n_visits = 0;
    while let Some(visits) = restless.join_next().await {
        n_visits += visits.unwrap();
    }
    assert!(n_visits > N_RESTLESS, "only {n_visits} came and went");
}

async fn open(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = "GET /api/sse/stream?format=named&heartbeat=60&channels=crowd/** HTTP/1.1\r\n\
                   Host: x\r\nAccept: text/event-stream\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Reads until everything has come.
async fn subscribe(address: SocketAddr, n_ready: Arc<AtomicUsize>) {
    let mut socket = open(address).await;
    let mut next = [0; N_PUBLISHERS];
    let (mut rest, mut is_ready) = (Vec::new(), false);
    let mut buffer = vec![0; 32_768];
    while next.iter().sum::<usize>() < N_EVENTS {
        let n_bytes = socket.read(&mut buffer).await.unwrap();
        assert!(n_bytes > 0, "the stream ended at {next:?}");
        rest.extend_from_slice(&buffer[..n_bytes]);
        let mut n_used = 0;
        for line in rest.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"))
        {
            n_used += line.len();
            let Some(data) = line.strip_prefix(b"data: [") else {
                if !is_ready && line == b"event: ready\n" {
                    is_ready = true;
                    n_ready.fetch_add(1, Ordering::Relaxed);
                }
                continue;
            };
            let text = str::from_utf8(data).unwrap().trim_end().trim_end_matches(']');
            let (publisher, number) = text.split_once(',').unwrap();
            let publisher: usize = publisher.parse().unwrap();
            assert_eq!(number.parse(), Ok(next[publisher]), "of publisher {publisher}");
            next[publisher] += 1;
        }
        rest.drain(..n_used);
    }
    assert_eq!(next, [N_EVENTS / N_PUBLISHERS; N_PUBLISHERS]);
}

/// Opens streams and hangs up, with some bytes read and some not.
async fn come_and_go(address: SocketAddr, is_over: Arc<AtomicBool>) -> usize {
    let mut n_visits = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut socket = open(address).await;
        let mut buffer = [0; 700];
        for _ in 0..n_visits % 5 {
            if socket.read(&mut buffer).await.unwrap() == 0 {
                break;
            }
        }
        n_visits += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    n_visits
}

/// Publishes on a connection of its own, a few events with each request.
async fn publish(address: SocketAddr, publisher: usize) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let numbers: Vec<usize> = (0..N_EVENTS / N_PUBLISHERS).collect();
    for together in numbers.chunks(N_TOGETHER) {
        let event = |number: &usize| {
            let channel = format!("crowd/{}", number % 7);
            format!(r#"{{"channel":"{channel}","type":"made","data":[{publisher},{number}]}}"#)
        };
        let body = format!("[{}]", together.iter().map(event).collect::<Vec<_>>().join(","));
        let request = format!(
            "POST /api/sse/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // The head with its length, then as much of a body.
        while !is_whole(&answer) {
            assert!(socket.read_buf(&mut answer).await.unwrap() > 0, "the server hung up");
        }
        assert!(answer.starts_with(b"HTTP/1.1 201"), "{}", String::from_utf8_lossy(&answer));
    }
}

/// Whether an answer with a length has come whole.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()) == Some(body.len())
}
