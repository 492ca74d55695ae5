//! What happens to a channel while its first event is on the way to the disk.

use std::sync::Arc;

use tidings_hub::channel::ChannelName;
use tidings_hub::config::{ChannelClass, HubConfig};
use tidings_hub::delivery::Start;
use tidings_hub::publish::PublishRefusal;

use super::gate::{Gate, GateDisk};
use super::wire::offsets_of_events;
use super::world::{
    Running, World, begin_publish, event, publish, request, rule, settle, take_all, wait,
};

/// A hub with room for one more channel than `held`, whose syncs wait at the gate.
fn nearly_full() -> (Running, Arc<Gate>) {
    let config = HubConfig {
        channels_max: 2,
        channels: vec![rule("live/*", ChannelClass::Ephemeral)],
        ..HubConfig::default()
    };
    let world = World::new(config, 1);
    let gate = Arc::new(Gate::default());
    let disk = GateDisk { disk: world.disk.clone(), gate: Arc::clone(&gate) };
    let running = world.try_open(Arc::new(disk)).unwrap();
    publish(&running.hub, "held", "0");
    (running, gate)
}

/// Checks that the log holds these events of all channels, numbered without a hole.
fn check_numbers(running: &Running, n_events: u64) {
    let start = Start::Earliest;
    let mut stream = running.hub.subscribe(request(&running.hub, &["**"], start)).unwrap();
    let offsets = offsets_of_events(&take_all(&mut stream));
    assert_eq!(offsets, (1..=n_events).collect::<Vec<u64>>());
    assert_eq!(running.hub.head().offset, n_events);
    assert_eq!(running.hub.stats().log.head, n_events);
}

#[test]
fn a_channel_is_not_forgotten_for_another_of_the_same_commit() {
    let (running, gate) = nearly_full();
    gate.close();
    let first = begin_publish(&running.hub, vec![event("held", "1")], None);
    gate.await_sync();
    // These two are committed together.
    let second = begin_publish(&running.hub, vec![event("new", "2")], None);
    let third = begin_publish(&running.hub, vec![event("newer", "3")], None);
    gate.open();
    assert_eq!(wait(first).unwrap().positions[0].unwrap().offset, 2);
    assert_eq!(wait(second).unwrap().positions[0].unwrap().offset, 3);
    let refused = wait(third).unwrap_err();
    assert_eq!(refused.reason, PublishRefusal::TooManyChannels { limit: 2 });
    assert_eq!(publish(&running.hub, "new", "4").positions[0].unwrap().offset, 4);
    check_numbers(&running, 4);
    running.stop();
}

#[test]
fn a_channel_is_not_forgotten_while_its_first_event_is_synced() {
    let (running, gate) = nearly_full();
    gate.close();
    let first = begin_publish(&running.hub, vec![event("new", "1")], None);
    gate.await_sync();
    let refused = wait(running.hub.publish(vec![event("live/a", "2")], None)).unwrap_err();
    assert_eq!(refused.reason, PublishRefusal::TooManyChannels { limit: 2 });
    gate.open();
    assert_eq!(wait(first).unwrap().positions[0].unwrap().offset, 2);
    assert_eq!(publish(&running.hub, "held", "3").positions[0].unwrap().offset, 3);
    check_numbers(&running, 3);
    running.stop();
}

#[test]
fn a_channel_that_is_used_again_is_not_forgotten() {
    let config =
        HubConfig { channels_max: 2, segment_size_max_bytes: 4_096, ..HubConfig::default() };
    let mut world = World::new(config, 1);
    let running = world.open();
    let hub = &running.hub;
    let delete = |name: &str| {
        wait(hub.delete_history(&ChannelName::parse(name).unwrap())).unwrap();
    };
    let filler = format!("\"{}\"", "x".repeat(3_000));
    publish(hub, "a", "1");
    delete("a");
    publish(hub, "b", "2");
    // Makes room by forgetting `a`, which then comes back before the log was told.
    publish(hub, "c", "3");
    delete("c");
    publish(hub, "a", "4");
    delete("a");
    hub.sweep();
    settle(hub);
    let missed = publish(hub, "b", "5").positions[0].unwrap();
    publish(hub, "a", "6");
    delete("a");
    for _ in 0..3 {
        publish(hub, "b", &filler);
    }
    delete("b");
    assert!(hub.stats().log.first > 6, "the segments of before are gone");
    publish(hub, "a", "10");
    for n_starts in 1..=2 {
        world.kill();
        let again = world.open();
        let start = Start::After(missed.to_string());
        let mut stream = again.hub.subscribe(request(&again.hub, &["a", "b"], start)).unwrap();
        let text = take_all(&mut stream);
        assert_eq!(offsets_of_events(&text), [10], "start {n_starts}: {text}");
        for told in ["{\"channels\":[\"a\"]", "{\"channels\":[\"b\"]"] {
            assert!(text.contains(told), "start {n_starts}: {text}");
        }
        again.stop();
    }
    running.stop();
}
