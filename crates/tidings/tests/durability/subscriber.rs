//! Clients that read: one that resumes after every loss of its connection, one that reads all.

use std::net::SocketAddr;
use std::time::Duration;

use tidings_testkit::stream::PATIENCE;
use tidings_testkit::{Instant, NoEvent, OpenError, RawStream, StreamEvent};

use crate::load::{Event, Id, Seen, Shared};

/// The header `Last-Event-ID` wins over the start in the query.
const STREAM: &str = "/api/sse/stream?format=named&channels=load/**&earliest=1";

/// How often a silent subscriber looks whether the test has failed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Longest silence when nobody publishes any more.
const SILENCE_MAX: Duration = PATIENCE;

/// Follows the load over any number of connections up to its last event.
pub(crate) fn follow(shared: &Shared) -> Vec<Seen> {
    let _guard = shared.abort_on_panic();
    let mut chain = Chain::default();
    while shared.wait_for_server() {
        let header = [("Last-Event-ID", chain.last_id.as_str())];
        let headers = if chain.last_id.is_empty() { &[][..] } else { &header[..] };
        let mut stream = match RawStream::try_open(shared.address, STREAM, headers) {
            Ok(stream) => stream,
            Err(OpenError::Broken(_)) => continue,
            Err(OpenError::Refused(response)) => panic!("{response:?}"),
        };
        chain.read(&mut stream, || shared.is_aborted());
        if chain.is_at_end() {
            break;
        }
    }
    chain.seen
}

/// Reads all that is stored, on one connection.
pub(crate) fn read_all(address: SocketAddr) -> Vec<Seen> {
    let mut chain = Chain::default();
    let end = chain.read(&mut RawStream::open(address, STREAM, &[]), || false);
    assert!(chain.is_at_end(), "{end:?} after {} events", chain.seen.len());
    chain.seen
}

/// A reader's place, over all its connections.
#[derive(Debug, Default)]
struct Chain {
    last_id: String,
    epoch: Option<String>,
    seen: Vec<Seen>,
}

impl Chain {
    fn is_at_end(&self) -> bool {
        self.seen.last().is_some_and(|seen| seen.event == Event::LAST)
    }

    /// Reads up to the last event or the end of the connection, of which it returns the reason.
    fn read(&mut self, stream: &mut RawStream, is_aborted: impl Fn() -> bool) -> Option<NoEvent> {
        let mut heard_at = Instant::now();
        while !self.is_at_end() {
            let result = stream.next_event(LOOK_EVERY);
            if let Ok(event) = &result {
                heard_at = Instant::now();
                self.take(event);
            }
            // Of a new connection it is empty until an id comes.
            if !stream.last_event_id().is_empty() {
                stream.last_event_id().clone_into(&mut self.last_id);
            }
            match result {
                Ok(_) => {}
                Err(NoEvent::Timeout) if is_aborted() => return Some(NoEvent::Timeout),
                Err(NoEvent::Timeout) => {
                    assert!(heard_at.elapsed() < SILENCE_MAX, "silent behind `{}`", self.last_id);
                }
                Err(end) => return Some(end),
            }
        }
        None
    }

    fn take(&mut self, event: &StreamEvent) {
        match event.kind.as_str() {
            "connection_established" => self.greet(&event.json()),
            "made" => {
                let id = Id::parse(event.id.as_deref().expect("a logged event has an id"));
                let is_forward =
                    self.last_id.is_empty() || id.offset > Id::parse(&self.last_id).offset;
                assert!(is_forward, "ids must increase: `{}` then {id:?}", self.last_id);
                self.seen.push(Seen { id, event: Event::parse(&event.data) });
            }
            "ready" | "heartbeat" => {}
            // Above all a `reset`: nothing may be lost here.
            _ => panic!("behind `{}`: {event:?}", self.last_id),
        }
    }

    /// Checks the greeting: the log lives on, and everything missed follows.
    fn greet(&mut self, greeting: &serde_json::Value) {
        let epoch = greeting["epoch"].as_str().expect("a greeting has an epoch");
        let first = self.epoch.get_or_insert_with(|| epoch.to_owned());
        assert_eq!(first, epoch, "the log lives on");
        let recovered = greeting.get("recovered").and_then(serde_json::Value::as_bool);
        let expected = (!self.last_id.is_empty()).then_some(true);
        assert_eq!(recovered, expected, "behind `{}`: {greeting}", self.last_id);
    }
}
