//! Nothing acknowledged is lost and nothing shown is taken back when the server is killed.

use std::thread;
use std::time::Duration;

use check::{check_chain, check_reports};
use load::{Event, Phase, Shared};
use publisher::{Publisher, Report};
use random::Random;
use subscriber::{follow, read_all};
use tidings_testkit::{Instant, Server, ServerOptions, own_loopback};

#[path = "durability/check.rs"]
mod check;
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
    let n_stored_unasked = check_reports(&reports, &all).unwrap_or_else(|why| panic!("{why}"));
    check_chain(&followed, &all).unwrap_or_else(|why| panic!("{why}"));

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
