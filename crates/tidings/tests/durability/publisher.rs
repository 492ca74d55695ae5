//! A program that publishes, and repeats with a key what it got no answer to.

use serde_json::Value;
use tidings_testkit::Connection;
use tidings_testkit::http::{Request, Response};

use crate::load::{Event, Id, Seen, Shared};
use crate::random::Random;

/// Most events of one request.
const BATCH_MAX: u32 = 40;

/// What a publisher was told.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order of publishing.
    pub(crate) acknowledged: Vec<Seen>,
    /// Events of requests without answer and key; each group is stored as a whole or not at all.
    pub(crate) unknown: Vec<Vec<Event>>,
    /// Requests sent again because there was no answer.
    pub(crate) n_retried: usize,
    /// Requests sent again although there was an answer.
    pub(crate) n_repeated: usize,
}

/// A publisher that sends one request after the other.
#[derive(Debug)]
pub(crate) struct Publisher {
    number: u32,
    n_next: u32,
    random: Random,
    connection: Option<Connection>,
    /// A batch with a key and the positions that it was answered with.
    earlier: Option<(Batch, Vec<Id>)>,
    report: Report,
}

impl Publisher {
    pub(crate) fn new(number: u32, random: Random) -> Self {
        let report = Report::default();
        Self { number, n_next: 0, random, connection: None, earlier: None, report }
    }

    /// Publishes until the load is over; nothing is left without its last answer then.
    pub(crate) fn run(mut self, shared: &Shared) -> Report {
        let _guard = shared.abort_on_panic();
        while !shared.is_over() {
            let batch = self.next_batch();
            self.publish(batch, shared);
            if self.random.is_one_in(8) {
                self.repeat(shared);
            }
        }
        self.report
    }

    fn next_batch(&mut self) -> Batch {
        let shape = match self.random.within(0, 3) {
            0 | 1 => Shape::Single,
            2 => Shape::Array,
            _ => Shape::Lines,
        };
        let n_events = if shape == Shape::Single { 1 } else { self.random.within(2, BATCH_MAX) };
        let first = self.n_next;
        self.n_next += n_events;
        let publisher = self.number;
        let events = (first..self.n_next).map(|n| Event { publisher, n }).collect();
        let key = match self.random.within(0, 3) {
            0 | 1 => Key::None,
            2 if shape != Shape::Lines => Key::Header(format!("key {publisher} {first}")),
            _ => Key::Events,
        };
        Batch::new(shape, key, events)
    }

    fn publish(&mut self, batch: Batch, shared: &Shared) {
        loop {
            let Some(answer) = self.exchange(&batch, shared) else { return };
            match answer {
                Ok(response) => {
                    let positions = batch.positions(&response);
                    let seen = positions.iter().zip(&batch.events);
                    let seen = seen.map(|(id, event)| Seen { id: *id, event: *event });
                    self.report.acknowledged.extend(seen);
                    if batch.key != Key::None && self.random.is_one_in(4) {
                        self.earlier = Some((batch, positions));
                    }
                    return;
                }
                Err(_) if batch.key != Key::None => self.report.n_retried += 1,
                Err(_) => {
                    self.report.unknown.extend(batch.groups());
                    return;
                }
            }
        }
    }

    /// Sends an earlier request again, perhaps to a later process: the answer is the same.
    fn repeat(&mut self, shared: &Shared) {
        if let Some((batch, positions)) = self.earlier.take()
            && let Some(Ok(response)) = self.exchange(&batch, shared)
        {
            assert_eq!(batch.positions(&response), positions, "repeated: {batch:?}");
            self.report.n_repeated += 1;
            self.earlier = Some((batch, positions));
        }
    }

    /// Sends a batch, connected anew if need be; `None` when the test has failed.
    fn exchange(&mut self, batch: &Batch, shared: &Shared) -> Option<Result<Response, String>> {
        let mut connection = loop {
            if let Some(connection) = self.connection.take() {
                break connection;
            }
            if !shared.wait_for_server() {
                return None;
            }
            self.connection = Connection::open(shared.address).ok();
        };
        let answer = batch.send(&mut connection);
        if answer.is_ok() {
            self.connection = Some(connection);
        }
        Some(answer)
    }
}

/// The form of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    Array,
    Lines,
}

/// What makes a repeated request known.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    None,
    /// The `Idempotency-Key`.
    Header(String),
    /// The `id` of each event.
    Events,
}

/// The events of one request.
#[derive(Debug)]
struct Batch {
    shape: Shape,
    key: Key,
    events: Vec<Event>,
    body: String,
}

impl Batch {
    fn new(shape: Shape, key: Key, events: Vec<Event>) -> Self {
        let texts: Vec<String> = events
            .iter()
            .map(|event| {
                let id = format!("id {} {}", event.publisher, event.n);
                event.to_json((key == Key::Events).then_some(&id))
            })
            .collect();
        let body = match shape {
            Shape::Single => texts.concat(),
            Shape::Array => format!("[{}]", texts.join(",")),
            Shape::Lines => texts.join("\n"),
        };
        Self { shape, key, events, body }
    }

    fn send(&self, connection: &mut Connection) -> Result<Response, String> {
        let kind = match self.shape {
            Shape::Single | Shape::Array => "application/json",
            Shape::Lines => "application/x-ndjson",
        };
        let mut headers = vec![("Content-Type", kind)];
        if let Key::Header(key) = &self.key {
            headers.push(("Idempotency-Key", key));
        }
        let (target, body) = ("/api/sse/events", self.body.as_bytes());
        connection.exchange(Request { method: "POST", target, headers: &headers, body })
    }

    /// Returns the position of each event as a good answer tells it.
    fn positions(&self, response: &Response) -> Vec<Id> {
        let expected = if self.shape == Shape::Lines { 200 } else { 201 };
        assert_eq!(response.status, expected, "{}", response.text());
        let answer = response.json();
        let (key, path) = match self.shape {
            Shape::Single | Shape::Array => ("positions", ""),
            Shape::Lines => ("results", "/position"),
        };
        let entries = answer.get(key).and_then(Value::as_array).into_iter().flatten();
        let positions = entries.map(|entry| entry.pointer(path).and_then(Value::as_str));
        let positions: Option<Vec<Id>> =
            positions.map(|position| position.map(Id::parse)).collect();
        let positions = positions.filter(|positions| positions.len() == self.events.len());
        positions.unwrap_or_else(|| panic!("no position for each event: {answer}"))
    }

    /// Returns the events that are stored together or not at all.
    fn groups(self) -> Vec<Vec<Event>> {
        match self.shape {
            Shape::Single | Shape::Array => vec![self.events],
            Shape::Lines => self.events.into_iter().map(|event| vec![event]).collect(),
        }
    }
}
