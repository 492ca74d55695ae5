//! Deep replays from disk beside live subscribers: how much later those get their events.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use super::contender::Contender;
use super::process;
use super::publisher::{Numbering, Publisher, Template};
use super::server::{Lab, Server};
use super::session::{Outcome, Session};
use super::subscriber::Subscription;
use super::swarm::{BATCH, Swarm};
use super::{Load, mark};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of, rate};
use crate::{Place, progress};

/// Channel with the old events.
const OLD_CHANNEL: &str = "bench/old";
/// Events of one publish when the log is filled.
const FILL_EVENTS: u64 = 1_000;
/// Newest publications that the server holds in memory; the old events are far below.
const WINDOW: (&str, &str) = ("TIDINGS_HUB_WINDOW_SIZE_MAX_BYTES", "1048576");
/// Publications that the server keeps per channel.
const HISTORY: (&str, &str) = ("TIDINGS_HUB_HISTORY_EVENTS_MAX", "1000000");
/// Longest time for which the replays sleep.
const SLEEP_MAX: Duration = Duration::from_millis(20);
/// What the thread of the replays gives way to everything else with.
const NICENESS: i32 = 19;

/// Seconds of each measurement, unless others are asked for.
const SECONDS: u64 = 5;

const COLUMNS: &[Column] = &[
    column("replays at a time", "n_replays"),
    column("p50 ms of the live", "latency_ms_p50"),
    column("p99 ms", "latency_ms_p99"),
    column("server cores", "server_cores"),
    column("replayed events/s", "replayed_per_s"),
    column("lost or doubled", "n_wrong"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Live subscribers.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// Live events a second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Replays at a time; each that is done begins anew.
    #[arg(long, default_value_t = 50)]
    replays: usize,
    /// Old events, in thousands.
    #[arg(
        long,
        default_value_t = 100_000,
        value_parser = clap::value_parser!(u64).range(1_000..=900_000)
    )]
    events: u64,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.load.make_quick();
        (self.subscribers, self.replays, self.events) = (20, 2, 1_000);
    }
}

/// What one go gave.
#[derive(Debug)]
struct Go {
    outcome: Outcome,
    replayed_per_s: f64,
    n_wrong: u64,
}

/// Measures.
///
/// # Errors
///
/// The server does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for run in 1..=place.n_runs {
        let server = lab.start(Contender::Tidings, &[WINDOW, HISTORY])?;
        fill_log(&server, arguments)?;
        for (n_replays, runs) in [(0, &mut without), (arguments.replays, &mut with)] {
            progress(format_args!("run {run} of {}, {n_replays} replays", place.n_runs));
            runs.push(go(&server, arguments, n_replays)?);
        }
    }
    let mut report = Report::new("replays", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs of {} s each, {} live subscribers, {} live events of {} \
         bytes a second; each replay is of {} events from disk.",
        place.n_runs,
        arguments.load.time(SECONDS).as_secs_f64(),
        arguments.subscribers,
        arguments.rate,
        arguments.load.payload(),
        arguments.events,
    ));
    report.note(
        "The server has a core; the live subscribers and, at the lowest priority, the replays \
         are read on another one.",
    );
    let mut table = Table::new("Live events during replays", COLUMNS);
    for (n_replays, runs) in [(0, &without), (arguments.replays, &with)] {
        table.add(vec![
            n_replays.to_string().into(),
            median_of(runs, |go| go.outcome.latency.p50_ms).into(),
            median_of(runs, |go| go.outcome.latency.p99_ms).into(),
            median_of(runs, |go| go.outcome.server_cores).into(),
            median_of(runs, |go| go.replayed_per_s).into(),
            figure(runs.iter().map(|go| go.n_wrong).sum::<u64>()).into(),
        ]);
    }
    report.table(table);
    let pairs: Vec<_> = with.iter().zip(&without).collect();
    let ratio =
        median_of(&pairs, |(with, none)| with.outcome.latency.p99_ms / none.outcome.latency.p99_ms);
    let what = "p99 of the live during replays × none";
    report.target(Target::new(what, Bound::AtMost(1.5), ratio));
    let n_wrong = with.iter().chain(&without).map(|go| go.n_wrong).sum::<u64>();
    report.target(Target::new("events lost or doubled", Bound::AtMost(0.0), figure(n_wrong)));
    Ok(report)
}

fn fill_log(server: &Server, arguments: &Arguments) -> anyhow::Result<()> {
    let channels = vec![OLD_CHANNEL.to_owned(); usize::try_from(FILL_EVENTS)?];
    let payload = mark::payload(arguments.load.payload());
    let request = server.contender.publish_all(&channels, &payload);
    let mut template = Template::new(request, Numbering::Consecutive);
    let mut publisher = Publisher::connect(server.address)?;
    let stopwatch = mark::Stopwatch::start();
    for batch in 0..arguments.events / FILL_EVENTS {
        publisher.publish(&mut template, batch * FILL_EVENTS, stopwatch)?;
        publisher.wait()?;
    }
    Ok(())
}

fn go(server: &Server, arguments: &Arguments, n_replays: usize) -> anyhow::Result<Go> {
    let mut session = Session::open(server, arguments.subscribers, arguments.load.payload())?;
    let is_over = AtomicBool::new(false);
    let n_events = arguments.events / FILL_EVENTS * FILL_EVENTS;
    let (outcome, replayed) = std::thread::scope(|scope| {
        let is_over = &is_over;
        let replays = scope.spawn(move || {
            let replayed = replay(server, n_replays, n_events, is_over);
            replayed.context("a replay")
        });
        let outcome = session.at_rate(arguments.rate, arguments.load.time(SECONDS));
        is_over.store(true, Ordering::Relaxed);
        let replayed = replays.join().map_err(|_| anyhow::anyhow!("the replays panicked"));
        anyhow::Ok((outcome?, replayed??))
    })?;
    Ok(Go {
        outcome,
        replayed_per_s: rate(replayed.n_received, replayed.time),
        n_wrong: outcome.n_wrong + replayed.n_wrong,
    })
}

/// What the replays gave.
#[derive(Debug, Default)]
struct Replayed {
    n_received: u64,
    n_wrong: u64,
    time: Duration,
}

/// Keeps so many replays going until it is over.
fn replay(
    server: &Server,
    n_replays: usize,
    n_events: u64,
    is_over: &AtomicBool,
) -> anyhow::Result<Replayed> {
    let mut replayed = Replayed::default();
    if n_replays == 0 {
        return Ok(replayed);
    }
    process::give_way(NICENESS)?;
    let begin = tokio::time::Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        let mut swarm = Swarm::new(mark::Stopwatch::start())?;
        swarm.open(n_replays, BATCH, |_| Subscription {
            // What follows the head is looked through as it comes.
            ready_mark: b"\r\n\r\n",
            first: Some(0),
            ..server.subscription(OLD_CHANNEL, "&last_event_id=earliest")
        })?;
        while !is_over.load(Ordering::Relaxed) && swarm.n_missing(n_events) > 0 {
            swarm.wait(SLEEP_MAX)?;
        }
        replayed.n_received += swarm.tally.n_received;
        replayed.n_wrong += swarm.tally.n_lost + swarm.tally.n_doubled;
    }
    replayed.time = begin.elapsed();
    ensure!(replayed.n_received > 0, "no replay brought an event");
    Ok(replayed)
}
