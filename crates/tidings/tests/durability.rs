//! Nothing acknowledged is lost and nothing shown is taken back when the server is killed.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use load::{Event, Id, Phase, Seen, Shared};
use publisher::{Publisher, Report};
use random::Random;
use subscriber::{follow, read_all};
use tidings_testkit::{Instant, Server, ServerOptions, own_loopback};

#[path = "durability/load.rs"]
mod load;
#[path = "durability/publisher.rs"]
mod publisher;
#[path = "durability/random.rs"]
mod random;
#[path = "durability/subscriber.rs"]
mod subscriber;

const N_PUBLISHERS: u32 = 4;

/// Shortest and longest time between a start and a kill, in milliseconds.
const LOAD_MS: (u32, u32) = (50, 500);

/// Keeps everything, so that a full read shows all, in many segments and mostly out of memory.
const CONFIG: &str = "[hub]
history_events_max = 100000000
history_bytes_max = 8589934592
log_size_max_bytes = 17179869184
segment_size_max_bytes = 1048576
window_size_max_bytes = 4194304
";

#[test]
fn a_server_killed_at_any_time_keeps_its_promises() {
    let n_cycles = if std::env::var_os("TIDINGS_TEST_ALL").is_some() { 500 } else { 30 };
    let seed = random::seed();
    println!("seed {seed}; TIDINGS_TEST_SEED sets it");
    let started = Instant::now();
    let mut server = Server::start(ServerOptions {
        listen: own_loopback(),
        config: Some(CONFIG.to_owned()),
        ..ServerOptions::default()
    });
    let shared = Shared::new(server.address());
    let (reports, followed) = thread::scope(|scope| {
        let _guard = shared.abort_on_panic();
        let subscriber = scope.spawn(|| follow(&shared));
        let publishers: Vec<_> = (0..N_PUBLISHERS)
            .map(|number| {
                let publisher = Publisher::new(number, Random::new(seed ^ u64::from(number + 1)));
                scope.spawn(|| publisher.run(&shared))
            })
            .collect();
        kill_again_and_again(&mut server, &shared, n_cycles, Random::new(seed));
        shared.enter(Phase::Over);
        let reports: Vec<Report> =
            publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect();
        // The subscriber stops at the last event of all.
        let last = server.post("/api/sse/events", &Event::LAST.to_json(None));
        assert_eq!(last.status, 201, "{}", last.text());
        (reports, subscriber.join().unwrap())
    });
    let all = read_all(server.address());
    let n_stored_unasked = check_reports(&reports, &all);
    check_chain(&followed, &all);

    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let n_acknowledged = sum(|report| report.acknowledged.len());
    println!(
        "{n_cycles} kills: {n_acknowledged} acknowledged, {} seen, {} requests retried, {} \
         repeated, {} of unknown outcome ({n_stored_unasked} events stored), {:.1} s",
        followed.len(),
        sum(|report| report.n_retried),
        sum(|report| report.n_repeated),
        sum(|report| report.unknown.len()),
        started.elapsed().as_secs_f64(),
    );
    assert!(n_acknowledged > n_cycles, "a load deserves the name");
}

fn kill_again_and_again(server: &mut Server, shared: &Shared, n_cycles: usize, mut random: Random) {
    for _ in 0..n_cycles {
        thread::sleep(Duration::from_millis(random.within(LOAD_MS.0, LOAD_MS.1).into()));
        assert!(!shared.is_aborted(), "the load failed");
        shared.enter(Phase::Down);
        server.kill();
        server.restart();
        shared.enter(Phase::Up);
    }
}

/// Checks what is stored against what the publishers were told; returns how many events are stored
/// whose publisher was told nothing.
fn check_reports(reports: &[Report], all: &[Seen]) -> usize {
    let mut ids: HashMap<Event, Id> = HashMap::with_capacity(all.len());
    for Seen { id, event } in all {
        let first = ids.insert(*event, *id);
        assert_eq!(first, None, "{event:?} is stored twice, again at {id:?}");
    }
    let mut n_known = 1; // The last event of all.
    let mut n_unasked = 0;
    for report in reports {
        for Seen { id, event } in &report.acknowledged {
            assert_eq!(ids.get(event), Some(id), "{event:?} was acknowledged");
        }
        n_known += report.acknowledged.len();
        for group in &report.unknown {
            let n_stored = group.iter().filter(|event| ids.contains_key(event)).count();
            assert!(n_stored == 0 || n_stored == group.len(), "stored in part: {group:?}");
            n_unasked += n_stored;
        }
    }
    assert_eq!(all.len(), n_known + n_unasked, "something is stored that nobody published");

    // A publisher sends one request after the other, so its events are stored in their order.
    let mut newest: HashMap<u32, u32> = HashMap::new();
    for Seen { id, event } in all {
        let before = newest.insert(event.publisher, event.n);
        assert!(before < Some(event.n), "{event:?} at {id:?} is stored behind {before:?}");
    }
    n_unasked
}

/// Checks that the resuming subscriber saw what is stored: all of it, once, in order.
fn check_chain(seen: &[Seen], all: &[Seen]) {
    for (index, (seen, stored)) in seen.iter().zip(all).enumerate() {
        assert_eq!(seen, stored, "event {index} as it was seen and as it is stored");
    }
    assert_eq!(seen.len(), all.len(), "events seen and stored");
}
