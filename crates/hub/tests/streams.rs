//! What a stream shows: order, resume, resets, state values, patches, ends.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tidings_hub::channel::{ChannelName, ChannelPattern};
use tidings_hub::config::{ChannelClass, ChannelRule, HubConfig};
use tidings_hub::delivery::{Format, Start, SubscribeError, SubscribeRequest, Subscription};
use tidings_hub::event::{Audience, Data, Event, EventType};
use tidings_hub::publish::{PublishRefusal, Published};
use tidings_hub::{Hub, HubEnvironment};
use tidings_log::simulated::SimulatedDisk;

/// A block of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Block {
    id: Option<String>,
    event: Option<String>,
    data: Option<String>,
}

fn hub_with(config: HubConfig) -> Arc<Hub> {
    let ticks = AtomicU64::new(1_795_217_100_000);
    let elapsed = AtomicU64::new(0);
    let numbers = AtomicU64::new(7);
    let environment = HubEnvironment {
        version: "0.0.0".to_owned(),
        clock: Arc::new(move || ticks.fetch_add(1, Ordering::Relaxed)),
        elapsed: Arc::new(move || elapsed.fetch_add(1, Ordering::Relaxed)),
        entropy: Arc::new(move || {
            numbers.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).rotate_left(17)
        }),
        boot_id: String::new(),
        commit_requests_max: 1_024,
        n_shards: 0,
    };
    Hub::open(config, Arc::new(SimulatedDisk::new()), environment).unwrap().0
}

/// Waits for what another thread does, without letting the paused clock of the test run on.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn rule(pattern: &str, class: ChannelClass, events_max: u32) -> ChannelRule {
    ChannelRule {
        pattern: pattern.to_owned(),
        class: Some(class),
        history_events_max: Some(events_max),
        history_age_max: None,
        history_bytes_max: None,
    }
}

fn request(hub: &Hub, patterns: &[&str], start: Start) -> SubscribeRequest {
    SubscribeRequest {
        client_id: hub.new_client_id(),
        patterns: patterns.iter().map(|text| ChannelPattern::parse(text).unwrap()).collect(),
        format: Format::Named,
        rename: &[],
        start,
        heartbeat: Duration::from_secs(30),
        message: "hello",
        peer: None,
        grants: None,
        expires_at: None,
    }
}

fn event(channel: &str, data: &str) -> Event {
    let channel = ChannelName::parse(channel).unwrap();
    Event::new(channel, EventType::default(), Data::json(data).unwrap())
}

fn publish(hub: &Hub, channel: &str, data: &str) -> Published {
    wait(hub.publish(vec![event(channel, data)], None)).unwrap()
}

/// Reads all that a stream has to say now.
async fn read(stream: &mut Subscription) -> Vec<Block> {
    let mut text = Vec::new();
    loop {
        let next = poll_fn(|context| match stream.poll_batch(context) {
            Poll::Ready(batch) => Poll::Ready(Some(batch)),
            Poll::Pending if stream.is_reading() => {
                std::thread::yield_now();
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Ready(None),
        });
        match next.await {
            Some(Some(batch)) => text.extend_from_slice(&batch),
            Some(None) | None => break,
        }
    }
    blocks(&String::from_utf8(text).unwrap())
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for part in text.split("\n\n").filter(|part| !part.is_empty()) {
        let mut block = Block::default();
        for line in part.split('\n') {
            if let Some(id) = line.strip_prefix("id: ") {
                block.id = Some(id.to_owned());
            } else if let Some(event) = line.strip_prefix("event: ") {
                block.event = Some(event.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                let joined = block.data.map_or_else(String::new, |held| held + "\n");
                block.data = Some(joined + data);
            }
        }
        blocks.push(block);
    }
    blocks
}

fn payloads(blocks: &[Block]) -> Vec<&str> {
    let shown = blocks.iter().filter(|block| block.event.as_deref() == Some("generic_event"));
    shown.filter_map(|block| block.data.as_deref()).collect()
}

fn names(blocks: &[Block]) -> Vec<&str> {
    blocks.iter().filter_map(|block| block.event.as_deref()).collect()
}

fn last_id(blocks: &[Block]) -> String {
    blocks.iter().rev().find_map(|block| block.id.clone()).expect("some block carries an id")
}

fn offsets(blocks: &[Block]) -> Vec<u64> {
    let ids = blocks.iter().filter_map(|block| block.id.as_deref());
    ids.map(|id| id.split('-').nth(1).unwrap().parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_fresh_stream_greets_shows_state_and_is_ready() {
    let config =
        HubConfig { channels: vec![rule("s/*", ChannelClass::State, 1)], ..HubConfig::default() };
    let hub = hub_with(config);
    publish(&hub, "s/one", "1");
    publish(&hub, "s/one", "2");
    publish(&hub, "log/a", "3");
    let mut stream = hub.subscribe(request(&hub, &["**"], Start::Live)).unwrap();

    let first = read(&mut stream).await;

    assert_eq!(names(&first), ["connection_established", "generic_event", "ready"]);
    assert_eq!(payloads(&first), ["2"]);
    assert_eq!(offsets(&first), [1], "the id-only block tells the snapshot's position");
    publish(&hub, "log/a", "4");
    publish(&hub, "s/one", "5");
    publish(&hub, "s/one", "6");
    assert_eq!(payloads(&read(&mut stream).await), ["4", "6"], "state is conflated");
}

#[tokio::test(start_paused = true)]
async fn resume_gives_exactly_what_was_missed() {
    let hub = hub_with(HubConfig::default());
    for n in 0..20 {
        publish(&hub, if n % 2 == 0 { "even" } else { "odd" }, &n.to_string());
    }
    let mut stream = hub.subscribe(request(&hub, &["even"], Start::Earliest)).unwrap();
    let all = read(&mut stream).await;
    let shown = payloads(&all);
    assert_eq!(shown, ["0", "2", "4", "6", "8", "10", "12", "14", "16", "18"]);
    for (index, block) in
        all.iter().filter(|block| block.event.as_deref() == Some("generic_event")).enumerate()
    {
        let id = block.id.clone().unwrap();
        let mut resumed = hub.subscribe(request(&hub, &["even"], Start::After(id))).unwrap();
        let rest = read(&mut resumed).await;
        assert_eq!(payloads(&rest), shown[index + 1..], "resume after {index}");
        assert!(!names(&rest).contains(&"reset"));
        assert!(rest[1].data.as_deref().unwrap().contains("\"recovered\":true"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hole_is_told_where_it_ends_and_names_its_channel() {
    let config =
        HubConfig { channels: vec![rule("busy", ChannelClass::Logged, 2)], ..HubConfig::default() };
    let hub = hub_with(config);
    let first = publish(&hub, "quiet", "0").positions[0].unwrap();
    publish(&hub, "busy", "1");
    publish(&hub, "quiet", "2");
    for n in 3..7 {
        publish(&hub, "busy", &n.to_string());
    }
    let start = Start::After(first.to_string());
    let mut stream = hub.subscribe(request(&hub, &["busy", "quiet"], start)).unwrap();

    let blocks_seen = read(&mut stream).await;

    assert_eq!(
        names(&blocks_seen),
        [
            "connection_established",
            "generic_event",
            "reset",
            "generic_event",
            "generic_event",
            "ready"
        ]
    );
    assert_eq!(payloads(&blocks_seen), ["2", "5", "6"]);
    let reset = blocks_seen.iter().find(|block| block.event.as_deref() == Some("reset")).unwrap();
    let data = reset.data.as_deref().unwrap();
    assert!(data.starts_with("{\"channels\":[\"busy\"],\"reason\":\"trimmed\""), "{data}");
    assert!(blocks_seen[1].data.as_deref().unwrap().contains("\"recovered\":false"));
    let ids = offsets(&blocks_seen);
    assert!(ids.is_sorted(), "ids never decrease: {ids:?}");
    let start = Start::After(last_id(&blocks_seen));
    let mut again = hub.subscribe(request(&hub, &["busy", "quiet"], start)).unwrap();
    let remaining = read(&mut again).await;
    assert_eq!(names(&remaining), ["connection_established", "ready"], "the hole is told once");
}

#[tokio::test(start_paused = true)]
async fn trimming_another_channel_is_no_hole() {
    let config =
        HubConfig { channels: vec![rule("busy", ChannelClass::Logged, 1)], ..HubConfig::default() };
    let hub = hub_with(config);
    let first = publish(&hub, "quiet", "0").positions[0].unwrap();
    for n in 1..9 {
        publish(&hub, "busy", &n.to_string());
    }
    let start = Start::After(first.to_string());
    let mut stream = hub.subscribe(request(&hub, &["quiet"], start)).unwrap();
    assert_eq!(names(&read(&mut stream).await), ["connection_established", "ready"]);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_cannot_be_resumed_is_reset_with_its_reason() {
    let hub = hub_with(HubConfig::default());
    for n in 0..3 {
        publish(&hub, "a", &n.to_string());
    }
    let head = hub.head().to_string();
    let (epoch, rest) = head.split_once('-').unwrap();
    let check = rest.split_once('-').unwrap().1;
    #[rustfmt::skip]
    let cases = [
        ("bad_id",   "17".to_owned()),
        ("bad_id",   String::new()),
        ("bad_id",   "\u{2028}\u{1f600}".to_owned()),
        ("epoch",    format!("aaaaaa-{rest}")),
        ("future",   format!("{epoch}-4-{check}")),
        ("diverged", format!("{epoch}-2-{check}")),
        ("diverged", format!("{epoch}-3-aaaa")),
    ];
    for (reason, id) in cases {
        let mut stream = hub.subscribe(request(&hub, &["a"], Start::After(id.clone()))).unwrap();
        let seen = read(&mut stream).await;
        assert_eq!(names(&seen), ["connection_established", "reset", "ready"], "case: {id}");
        let data = seen[2].data.as_deref().unwrap();
        let expected = format!("{{\"channels\":null,\"reason\":\"{reason}\"");
        assert!(data.starts_with(&expected), "case: {id}: {data}");
        assert_eq!(seen[2].id.as_deref(), Some(head.as_str()), "case: {id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_is_told_that_it_lagged() {
    let config = HubConfig {
        channels: vec![rule("busy", ChannelClass::Logged, 3), rule("s", ChannelClass::State, 1)],
        ..HubConfig::default()
    };
    let hub = hub_with(config);
    publish(&hub, "s", "\"now\"");
    let mut stream = hub.subscribe(request(&hub, &["**"], Start::Live)).unwrap();
    read(&mut stream).await;
    for n in 0..10 {
        publish(&hub, "busy", &n.to_string());
    }
    let seen = read(&mut stream).await;
    assert_eq!(
        names(&seen),
        ["reset", "generic_event", "generic_event", "generic_event", "generic_event"]
    );
    assert_eq!(payloads(&seen), ["now", "7", "8", "9"], "state values follow a reset");
    assert!(seen[0].data.as_deref().unwrap().contains("\"reason\":\"lagged\""));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_lags_over_the_limit_goes_on_at_the_newest() {
    let config = HubConfig {
        channels: vec![rule("s", ChannelClass::State, 1)],
        lag_events_max: 3,
        ..HubConfig::default()
    };
    let hub = hub_with(config);
    publish(&hub, "s", "\"now\"");
    let mut stream = hub.subscribe(request(&hub, &["**"], Start::Live)).unwrap();
    let head = last_id(&read(&mut stream).await);
    for n in 0..3 {
        publish(&hub, "busy", &n.to_string());
    }
    let seen = read(&mut stream).await;
    assert_eq!(payloads(&seen), ["0", "1", "2"], "as far behind as it may be");
    for n in 3..7 {
        publish(&hub, "busy", &n.to_string());
    }
    let seen = read(&mut stream).await;
    assert_eq!(names(&seen), ["reset", "generic_event"]);
    assert_eq!(payloads(&seen), ["now"], "state values follow a reset");
    let told = seen[0].data.as_deref().unwrap();
    assert!(told.starts_with("{\"channels\":null,\"reason\":\"lagged\""), "{told}");
    let newest = seen[0].id.clone().expect("a reset moves the client's last id");
    publish(&hub, "busy", "7");
    assert_eq!(payloads(&read(&mut stream).await), ["7"], "nothing of the gap comes later");

    // Both ids are of this log, and a replay may be as long as it likes.
    for (id, expected) in [(newest, &["7"][..]), (head, &["0", "1", "2", "3", "4", "5", "6", "7"])]
    {
        let mut resumed = hub.subscribe(request(&hub, &["busy"], Start::After(id))).unwrap();
        assert_eq!(payloads(&read(&mut resumed).await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_counts_the_ephemeral_events_it_lost() {
    let config = HubConfig {
        channels: vec![rule("e", ChannelClass::Ephemeral, 1)],
        ephemeral_size_max_bytes: 1_000,
        ..HubConfig::default()
    };
    let hub = hub_with(config);
    let mut stream = hub.subscribe(request(&hub, &["e"], Start::Live)).unwrap();
    read(&mut stream).await;
    for n in 0..10 {
        publish(&hub, "e", &n.to_string());
    }
    let seen = read(&mut stream).await;
    assert_eq!(names(&seen)[0], "dropped");
    assert_eq!(seen[0].data.as_deref(), Some("{\"dropped\":7}"));
    assert_eq!(payloads(&seen), ["7", "8", "9"]);
    assert!(seen.iter().all(|block| block.id.is_none()), "ephemeral events carry no id");
}

#[tokio::test(start_paused = true)]
async fn tail_and_since_choose_where_a_stream_starts() {
    let hub = hub_with(HubConfig::default());
    for n in 0..10 {
        publish(&hub, if n % 2 == 0 { "even" } else { "odd" }, &n.to_string());
    }
    let cases = [
        (Start::Tail(2), vec!["6", "8"]),
        (Start::Tail(0), vec![]),
        (Start::Tail(99), vec!["0", "2", "4", "6", "8"]),
        (Start::Since(0), vec!["0", "2", "4", "6", "8"]),
        (Start::Since(u64::MAX), vec![]),
    ];
    for (start, expected) in cases {
        let name = format!("{start:?}");
        let mut stream = hub.subscribe(request(&hub, &["even"], start)).unwrap();
        assert_eq!(payloads(&read(&mut stream).await), expected, "case: {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_patch_shows_state_then_ready_then_only_what_comes_after() {
    let config =
        HubConfig { channels: vec![rule("s", ChannelClass::State, 1)], ..HubConfig::default() };
    let hub = hub_with(config);
    publish(&hub, "s", "\"value\"");
    let ask = request(&hub, &["a"], Start::Live);
    let client_id = ask.client_id.clone();
    let mut stream = hub.subscribe(ask).unwrap();
    read(&mut stream).await;
    publish(&hub, "a", "1");
    publish(&hub, "b", "2");
    let add = ["s", "b"].map(|text| ChannelPattern::parse(text).unwrap());
    hub.patch(&client_id, add.to_vec(), vec![]).await.unwrap();
    publish(&hub, "b", "3");

    let seen = read(&mut stream).await;

    assert_eq!(names(&seen), ["generic_event", "generic_event", "ready", "generic_event"]);
    assert_eq!(payloads(&seen), ["1", "value", "3"]);
    assert_eq!(seen[3].data.as_deref(), Some("{\"channels\":[\"a\",\"s\",\"b\"]}"));
    hub.patch(&client_id, vec![], vec![ChannelPattern::parse("a").unwrap()]).await.unwrap();
    publish(&hub, "a", "4");
    assert_eq!(names(&read(&mut stream).await), ["ready"]);
}

#[tokio::test(start_paused = true)]
async fn streams_end_with_their_reason() {
    let hub = hub_with(HubConfig::default());
    let ask = request(&hub, &["a"], Start::Live);
    let client_id = ask.client_id.clone();
    let mut kicked = hub.subscribe(ask).unwrap();
    let mut other = hub.subscribe(request(&hub, &["a"], Start::Live)).unwrap();
    read(&mut kicked).await;
    read(&mut other).await;

    assert!(hub.kick(&client_id));
    let seen = read(&mut kicked).await;
    assert_eq!(seen[1].data.as_deref(), Some("{\"reason\":\"kicked\"}"));
    assert_eq!(hub.n_connections(), 1);
    assert!(!hub.kick(&client_id), "it is gone");

    hub.close();
    let seen = read(&mut other).await;
    assert_eq!(seen[1].data.as_deref(), Some("{\"reason\":\"server_shutdown\"}"));
    let refused = hub.subscribe(request(&hub, &["a"], Start::Live));
    assert_eq!(refused.err(), Some(SubscribeError::ShuttingDown));
    let refused = wait(hub.publish(vec![event("a", "1")], None)).unwrap_err();
    assert_eq!(refused.reason, PublishRefusal::ShuttingDown);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_to_their_grid_and_move_the_cursor() {
    let hub = hub_with(HubConfig::default());
    let mut stream = hub.subscribe(request(&hub, &["a"], Start::Live)).unwrap();
    read(&mut stream).await;
    let opened = tokio::time::Instant::now();
    publish(&hub, "elsewhere", "1");
    let mut n_heartbeats = 0;
    let mut ids = Vec::new();
    while n_heartbeats < 40 {
        let batch = poll_fn(|context| stream.poll_batch(context)).await.unwrap();
        let seen = blocks(std::str::from_utf8(&batch).unwrap());
        ids.extend(offsets(&seen));
        if names(&seen).contains(&"heartbeat") {
            n_heartbeats += 1;
            let at = opened.elapsed().as_millis();
            let point = 30_000 * n_heartbeats;
            assert!(at.abs_diff(point) <= 2_001, "heartbeat {n_heartbeats} at {at} ms");
        }
    }
    assert_eq!(ids, [1], "an id-only block rides on a keep-alive, once");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_published_whole_or_not_at_all() {
    let hub = hub_with(HubConfig { event_size_max_bytes: 5, ..HubConfig::default() });
    let error =
        wait(hub.publish(vec![event("a", "1"), event("b", "\"too large\"")], None)).unwrap_err();
    assert_eq!(error.index, 1);
    assert_eq!(error.reason, PublishRefusal::TooLarge { size_bytes: 9, limit_bytes: 5 });
    assert_eq!(hub.stats().n_published, 0);
    assert_eq!(hub.stats().refused.event_size, 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_key_answers_with_the_first_outcome() {
    let hub = hub_with(HubConfig::default());
    let key = || Some("k-1".into());
    let first = wait(hub.publish(vec![event("a", "1")], key())).unwrap();
    let second = wait(hub.publish(vec![event("a", "1")], key())).unwrap();
    assert_eq!((first.positions, true), (second.positions, second.is_repeat));
    let conflict = wait(hub.publish(vec![event("a", "2")], key())).unwrap_err();
    assert_eq!(conflict.reason, PublishRefusal::KeyConflict);
    let keyed = |data| Event { key: Some("e-1".into()), ..event("a", data) };
    let first = wait(hub.publish(vec![keyed("3"), keyed("3")], None)).unwrap();
    assert_eq!(first.positions[0], first.positions[1], "an event's own key");
    let error = wait(hub.publish(vec![event("a", "7"), keyed("4")], None)).unwrap_err();
    assert_eq!((error.index, error.reason), (1, PublishRefusal::KeyConflict));
    assert_eq!(hub.head().offset, 2);
}

#[tokio::test(start_paused = true)]
async fn an_audience_of_one_connection_is_kept() {
    let hub = hub_with(HubConfig::default());
    let ask = request(&hub, &["a"], Start::Live);
    let mut mine = hub.subscribe(ask.clone()).unwrap();
    let mut other = hub.subscribe(request(&hub, &["a"], Start::Live)).unwrap();
    let audience = Audience::Connection(ask.client_id.into());
    let published = wait(hub.publish(vec![Event { audience, ..event("a", "1") }], None)).unwrap();
    assert_eq!(published.matched, 1);
    assert_eq!(payloads(&read(&mut mine).await), ["1"]);
    assert_eq!(payloads(&read(&mut other).await), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn limits_refuse_and_are_counted() {
    let config = HubConfig {
        connections_max: 2,
        connections_per_address_max: 1,
        patterns_per_subscription_max: 1,
        channels_max: 1,
        ..HubConfig::default()
    };
    let hub = hub_with(config);
    let peer = Some("192.0.2.1".parse().unwrap());
    let ask = |patterns| SubscribeRequest { peer, ..request(&hub, patterns, Start::Live) };
    let refused = hub.subscribe(ask(&["a", "b"])).err();
    assert_eq!(refused, Some(SubscribeError::TooManyPatterns { n_patterns: 2, limit: 1 }));
    let _first = hub.subscribe(ask(&["a"])).unwrap();
    let refused = hub.subscribe(ask(&["a"])).err();
    assert_eq!(refused, Some(SubscribeError::TooManyFromAddress { limit: 1 }));
    let _second = hub.subscribe(request(&hub, &["a"], Start::Live)).unwrap();
    let refused = hub.subscribe(request(&hub, &["a"], Start::Live)).err();
    assert_eq!(refused, Some(SubscribeError::TooManyConnections { limit: 2 }));
    publish(&hub, "a", "1");
    let error = wait(hub.publish(vec![event("b", "1")], None)).unwrap_err();
    assert_eq!(error.reason, PublishRefusal::TooManyChannels { limit: 1 });
    let refused = hub.stats().refused;
    let counts = (refused.patterns, refused.connections_per_address, refused.connections);
    assert_eq!((counts, refused.channels), ((1, 1, 1), 1));
}
