//! What a restart must not change: keys, positions of what is gone, and ages.

use std::sync::Arc;
use std::time::Duration;

use tidings_hub::Hub;
use tidings_hub::config::HubConfig;
use tidings_hub::delivery::Start;
use tidings_hub::event::Event;
use tidings_hub::publish::PublishRefusal;

use super::wire::offsets_of_events;
use super::world::{Running, World, event, publish, request, settle, take_all, wait};

const HOUR_S: i64 = 3_600;

/// A log whose segments come and go quickly.
fn quick() -> HubConfig {
    HubConfig {
        segment_size_max_bytes: 4_096,
        window_size_max_bytes: 4_096,
        history_events_max: 2,
        ..HubConfig::default()
    }
}

fn filler(n_bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(n_bytes))
}

fn shown(hub: &Arc<Hub>, channel: &str, start: Start) -> String {
    take_all(&mut hub.subscribe(request(hub, &[channel], start)).unwrap())
}

#[test]
fn a_key_is_known_for_its_window_though_its_event_is_gone() {
    let mut world = World::new(quick(), 1);
    let running = world.open();
    let paid = || vec![event("paid", "1")];
    let own = || vec![Event { key: Some("own".into()), ..event("paid", "2") }];
    let first = wait(running.hub.publish(paid(), Some("k".into()))).unwrap();
    let second = wait(running.hub.publish(own(), None)).unwrap();
    for _ in 0..20 {
        publish(&running.hub, "other", &filler(2_000));
        publish(&running.hub, "paid", &filler(2_000));
    }
    let again = |running: &Running, what: &str| {
        let repeated = wait(running.hub.publish(paid(), Some("k".into()))).unwrap();
        assert_eq!((repeated.positions, true), (first.positions.clone(), repeated.is_repeat));
        let repeated = wait(running.hub.publish(own(), None)).unwrap();
        assert_eq!(repeated.positions, second.positions, "{what}");
        let other = vec![event("paid", "9")];
        let refused = wait(running.hub.publish(other, Some("k".into()))).unwrap_err();
        assert_eq!(refused.reason, PublishRefusal::KeyConflict, "{what}");
    };
    again(&running, "at first");
    world.pass(Duration::from_secs(590));
    running.stop();
    let running = world.open();
    again(&running, "after a stop");
    world.kill();
    let running = {
        running.stop();
        world.open()
    };
    again(&running, "after a kill");
    // Behind the window the same key is a new request, and what was kept for it may go.
    world.pass(Duration::from_secs(11));
    let n_segments = running.hub.stats().log.n_segments;
    running.hub.sweep();
    settle(&running.hub);
    let left = running.hub.stats().log.n_segments;
    assert!(left < n_segments / 4, "{left} of {n_segments}");
    assert!(!wait(running.hub.publish(paid(), Some("k".into()))).unwrap().is_repeat);
    running.stop();
}

#[test]
fn a_repeat_is_answered_also_while_the_disk_is_full() {
    let world = World::new(quick(), 1);
    let running = world.open();
    let paid = || vec![event("paid", "1")];
    let first = wait(running.hub.publish(paid(), Some("k".into()))).unwrap();
    world.disk.set_capacity(Some(world.disk.used_bytes()));
    let refused = wait(running.hub.publish(vec![event("paid", &filler(99))], None)).unwrap_err();
    assert_eq!(refused.reason, PublishRefusal::StorageFull);
    let again = wait(running.hub.publish(paid(), Some("k".into()))).unwrap();
    assert_eq!(again.positions, first.positions);
    running.stop();
}

#[test]
fn a_client_resumes_at_a_head_whose_event_is_gone() {
    let config = HubConfig { history_age_max: Duration::from_secs(10), ..quick() };
    let mut world = World::new(config, 1);
    let running = world.open();
    let mut last = publish(&running.hub, "a", "1").positions[0].unwrap();
    // A new segment begins, and then there is no room for what was to stand in it.
    while running.hub.stats().log.n_segments == 1 {
        world.disk.set_capacity(Some(world.disk.used_bytes() + 40));
        wait(running.hub.publish(vec![event("a", &filler(900))], None)).unwrap_err();
        world.disk.set_capacity(None);
        if running.hub.stats().log.n_segments == 1 {
            last = publish(&running.hub, "a", &filler(900)).positions[0].unwrap();
        }
    }
    world.pass(Duration::from_mins(20));
    running.hub.sweep();
    settle(&running.hub);
    assert_eq!(running.hub.stats().log.first, last.offset + 1, "nothing is left");
    running.stop();
    for _ in 0..2 {
        let running = world.open();
        let text = shown(&running.hub, "a", Start::After(last.to_string()));
        assert!(text.contains("\"recovered\":true") && !text.contains("reset"), "{text}");
        running.stop();
        world.kill();
    }
}

/// Publishes on a channel whose events are kept for an hour and a half, and checks at which age
/// the event goes, over a change of the clock and what ends the server.
fn check_age(step_s: i64, end: &str, is_noticed: bool) {
    let config = HubConfig { history_age_max: Duration::from_mins(90), ..HubConfig::default() };
    let case = format!("{step_s} s, {end}, noticed: {is_noticed}");
    let mut world = World::new(config, 1);
    let mut running = world.open();
    publish(&running.hub, "a", "1");
    world.pass(Duration::from_mins(10));
    world.step_clock(step_s);
    if is_noticed {
        running.hub.sweep();
        settle(&running.hub);
    }
    match end {
        "none" => {}
        "stop" => {
            running.stop();
            running = world.open();
        }
        "kill" => {
            world.kill();
            running.stop();
            running = world.open();
        }
        _ => {
            world.cut_power(3);
            running.stop();
            running = world.open();
        }
    }
    let is_held = |running: &Running| {
        running.hub.sweep();
        settle(&running.hub);
        !offsets_of_events(&shown(&running.hub, "a", Start::Earliest)).is_empty()
    };
    let mut age_min = 10;
    for minutes in [0, 30, 39, 10] {
        world.pass(Duration::from_mins(minutes));
        age_min += minutes;
        assert!(is_held(&running), "gone after {age_min} minutes: {case}");
    }
    world.pass(Duration::from_secs(62));
    assert!(!is_held(&running), "there after 90 minutes: {case}");
    running.stop();
}

#[test]
fn steps_of_the_clock_neither_trim_early_nor_keep_too_long() {
    for step_s in [HOUR_S, -HOUR_S, 0] {
        for end in ["none", "stop", "kill"] {
            for is_noticed in [true, false] {
                check_age(step_s, end, is_noticed);
            }
        }
        // What nobody noticed before the machine died cannot be told from time that passed.
        check_age(step_s, "power cut", true);
    }
}
