//! The law of the encoder: whatever was accepted is what a client parses, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use tidings_hub::Hub;
use tidings_hub::channel::{ChannelName, ChannelPattern};
use tidings_hub::config::{ChannelClass, HubConfig};
use tidings_hub::delivery::{Format, Start, SubscribeRequest, Subscription};
use tidings_hub::event::{Data, Event, EventType};
use tidings_hub::position::Position;

use super::wire::{Block, parse};
use super::world::{Running, World, request, rule, take_all, wait};

/// Events of a run; with `TIDINGS_TEST_ALL` twenty times as many.
const N_CASES: u32 = 1_500;

/// Longer than a run: nothing but publications is to be shown.
const QUIET: Duration = Duration::from_hours(24);

/// What the publisher hands in as JSON, and the event that it becomes.
#[derive(Debug, Clone)]
struct Handed {
    json: String,
    event: Event,
}

/// Text made of what could end a line, a field or a frame.
fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\0",
        "data: x",
        "id: 1",
        "event: y\n",
        "retry: 1\n",
        ":",
        ": c\n",
        " ",
        "\"",
        "\\",
        "\t",
        "\u{1f}",
        "}",
    ]);
    let piece = prop_oneof![3 => nasty.prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// JSON as somebody may write it, spread over lines or not.
fn json() -> impl Strategy<Value = String> {
    (value(), any::<bool>(), prop::sample::select(vec!["\n", "\r\n", "\r", " \t"])).prop_map(
        |(value, is_pretty, line_end)| {
            if is_pretty {
                let pretty = serde_json::to_string_pretty(&value).unwrap();
                format!("{line_end}{}{line_end}", pretty.replace('\n', line_end))
            } else {
                value.to_string()
            }
        },
    )
}

/// Any event that the hub accepts; what it refuses is tried and left out.
fn handed() -> impl Strategy<Value = Handed> {
    let class = prop::sample::select(vec!["logged", "state", "ephemeral"]);
    let segment = "[!-~&&[^*,?#%/\\\\]]{1,8}";
    let channel = (class, prop::collection::vec(segment, 0..3), any::<bool>());
    let accepted = (channel, prop_oneof![text(), "[a-z_]{1,20}"], json()).prop_filter_map(
        "refused",
        |((class, segments, is_slashed), kind, json)| {
            let mut name = class.to_owned();
            for segment in segments {
                name = name + "/" + &segment;
            }
            let name = if is_slashed { name + "/" } else { name };
            let channel = ChannelName::parse(&name).ok()?;
            let kind = EventType::parse(&kind).ok()?;
            let data = Data::json(&json).ok()?;
            Some(Handed { json, event: Event::new(channel, kind, data) })
        },
    );
    accepted.boxed()
}

fn open(window_size_max_bytes: u64) -> Running {
    let config = HubConfig {
        window_size_max_bytes,
        history_events_max: 10,
        channels: vec![
            rule("state/**", ChannelClass::State),
            rule("state", ChannelClass::State),
            rule("ephemeral/**", ChannelClass::Ephemeral),
            rule("ephemeral", ChannelClass::Ephemeral),
        ],
        channels_max: 100_000,
        keep_alive: QUIET,
        ..HubConfig::default()
    };
    World::new(config, 1).open()
}

fn subscribe(hub: &Arc<Hub>, format: Format, start: Start) -> Subscription {
    let ask = SubscribeRequest { format, heartbeat: QUIET, ..request(hub, &["**"], start) };
    hub.subscribe(ask).unwrap()
}

/// Checks that one block stands there and says what was handed in.
fn check(blocks: &[Block], format: Format, handed: &Handed, position: Option<Position>) {
    let [block] = blocks else { panic!("{} blocks for {handed:?}: {blocks:?}", blocks.len()) };
    assert_eq!(block.id, position.map(|position| position.to_string()));
    let data = block.data.as_deref().unwrap();
    let sent: Value = serde_json::from_str(&handed.json).unwrap();
    // The event stream has one line end.
    let text = sent.as_str().map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
    let sent = text.clone().map_or(sent, Value::from);
    match format {
        Format::Named => {
            assert_eq!(block.kind, handed.event.kind.as_str());
            match text {
                Some(text) => assert_eq!(data, text),
                None => assert_eq!(serde_json::from_str::<Value>(data).unwrap(), sent),
            }
        }
        Format::Envelope => {
            assert_eq!(block.kind, "message");
            let envelope: Value = serde_json::from_str(data).unwrap();
            assert_eq!(envelope["type"], handed.event.channel.as_str());
            assert_eq!(envelope["event"], handed.event.kind.as_str());
            assert_eq!(envelope["data"], sent);
            assert_eq!(envelope["timestamp"], super::world::START);
            assert_eq!(envelope.as_object().unwrap().len(), 4);
        }
    }
}

fn run(mut test: impl FnMut(&Handed)) {
    let n = if std::env::var_os("TIDINGS_TEST_ALL").is_some() { 20 } else { 1 } * N_CASES;
    // A failing case is made smaller and printed whole, which says more than its seed.
    let config = Config { cases: n, failure_persistence: None, ..Config::default() };
    let test = std::cell::RefCell::new(&mut test);
    TestRunner::new(config)
        .run(&handed(), |handed| {
            (test.borrow_mut())(&handed);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_accepted_is_parsed_back_live() {
    let running = open(1 << 20);
    let mut streams = [Format::Envelope, Format::Named].map(|format| {
        let mut stream = subscribe(&running.hub, format, Start::Live);
        take_all(&mut stream);
        (format, stream)
    });
    run(|handed| {
        let published = wait(running.hub.publish(vec![handed.event.clone()], None)).unwrap();
        for (format, stream) in &mut streams {
            check(&parse(&take_all(stream)), *format, handed, published.positions[0]);
        }
    });
    running.stop();
}

#[test]
fn what_is_accepted_is_parsed_back_from_the_log() {
    let running = open(0);
    run(|handed| {
        if !handed.event.channel.as_str().starts_with("logged") {
            return;
        }
        let before = running.hub.head().to_string();
        let published = wait(running.hub.publish(vec![handed.event.clone()], None)).unwrap();
        for format in [Format::Envelope, Format::Named] {
            let start = Start::After(before.clone());
            let text = take_all(&mut subscribe(&running.hub, format, start));
            let mut blocks = parse(&text);
            let first = blocks.remove(0);
            assert!(first.data.unwrap().contains("\"recovered\":true"));
            assert_eq!(blocks.pop().unwrap().kind, "ready");
            assert_eq!(blocks.pop().unwrap().data, None, "a block with an id alone");
            check(&blocks, format, handed, published.positions[0]);
        }
    });
    running.stop();
}

#[test]
fn what_would_break_a_frame_is_refused() {
    for kind in ["", "a\nb", "a\rb", "a\0b", "a\u{2028}b", "a\u{85}b", &"x".repeat(129)] {
        assert!(EventType::parse(kind).is_err(), "{kind:?}");
    }
    for json in ["\"\\u0000\"", "{", "1 2", "", "\"a\nb\""] {
        assert!(Data::json(json).is_err(), "{json:?}");
    }
    for name in ["", "a\nb", "a b", "a,b", "a*", "a/**", "é", &"x".repeat(257)] {
        assert!(ChannelName::parse(name).is_err(), "{name:?}");
    }
    assert!(ChannelPattern::parse("a\nb").is_err());
}
