//! Subscribers that never read: what they cost the kernel, the server and the others.

use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::contender::Contender;
use super::process;
use super::server::{Lab, Server};
use super::session::{Outcome, Session};
use super::subscriber::Subscription;
use super::swarm::{BATCH, Swarm};
use super::{Load, mark};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, progress};

/// Receive buffer of a subscriber that never reads, so that its end of the connection holds
/// little: what is measured is the server's end.
const STALLED_BUFFER_BYTES: usize = 4_096;

/// Bytes of an event's data, unless others are asked for.
const PAYLOAD_BYTES: usize = 1_000;
/// Seconds of each measurement, unless others are asked for.
const SECONDS: u64 = 15;

const COLUMNS: &[Column] = &[
    column("subscribers", "subscribers"),
    column("p50 ms of those who read", "latency_ms_p50"),
    column("p99 ms", "latency_ms_p99"),
    column("kernel TCP memory MB", "kernel_mb"),
    column("server RSS MB, idle", "resident_mb_before"),
    column("server RSS MB, after", "resident_mb_after"),
    column("lost or doubled", "n_wrong"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Subscribers.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// How many of them never read.
    #[arg(long, default_value_t = 100)]
    stalled: usize,
    /// Events a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.load.make_quick();
        (self.subscribers, self.stalled) = (20, 5);
    }
}

/// What one go gave.
#[derive(Debug)]
struct Go {
    outcome: Outcome,
    kernel_bytes: u64,
    resident_bytes_before: u64,
    resident_bytes_after: u64,
}

/// Measures.
///
/// # Errors
///
/// The server does not start, refuses, or hangs up on somebody who reads.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let (mut all_read, mut some_stall) = (Vec::new(), Vec::new());
    for run in 1..=place.n_runs {
        for (n_stalled, runs) in [(0, &mut all_read), (arguments.stalled, &mut some_stall)] {
            progress(format_args!("run {run} of {}, {n_stalled} never read", place.n_runs));
            let server = lab.start(Contender::Tidings, &[])?;
            runs.push(go(&server, arguments, n_stalled)?);
            // The kernel lets go of what the connections held.
            drop(server);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    let mut report = Report::new("stalled", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs of {} s each, {} events of {} bytes a second; server and \
         load have a core each.",
        place.n_runs,
        arguments.load.time(SECONDS).as_secs_f64(),
        arguments.rate,
        arguments.load.payload.unwrap_or(PAYLOAD_BYTES)
    ));
    report.note(format!(
        "Kernel memory is what both ends of all connections hold at most, less what they hold \
         when idle; those who never read have a receive buffer of {STALLED_BUFFER_BYTES} bytes."
    ));
    fill(&mut report, arguments, &all_read, &some_stall);
    Ok(report)
}

fn fill(report: &mut Report, arguments: &Arguments, all_read: &[Go], some_stall: &[Go]) {
    let mut table = Table::new("Subscribers that never read", COLUMNS);
    let mega = |bytes: u64| figure(bytes) / 1e6;
    let n_all = arguments.subscribers;
    let label = format!("{n_all}, {} of which never read", arguments.stalled);
    for (label, runs) in [(n_all.to_string(), all_read), (label, some_stall)] {
        table.add(vec![
            label.into(),
            median_of(runs, |go| go.outcome.latency.p50_ms).into(),
            median_of(runs, |go| go.outcome.latency.p99_ms).into(),
            median_of(runs, |go| mega(go.kernel_bytes)).into(),
            median_of(runs, |go| mega(go.resident_bytes_before)).into(),
            median_of(runs, |go| mega(go.resident_bytes_after)).into(),
            figure(runs.iter().map(|go| go.outcome.n_wrong).sum::<u64>()).into(),
        ]);
    }
    report.table(table);
    let pairs: Vec<_> = some_stall.iter().zip(all_read).collect();
    let ratio =
        median_of(&pairs, |(some, all)| some.outcome.latency.p99_ms / all.outcome.latency.p99_ms);
    let kernel = median_of(some_stall, |go| mega(go.kernel_bytes));
    report.target(Target::new("kernel TCP memory in MB", Bound::AtMost(10.0), kernel));
    let what = "p99 of those who read × the same when all read";
    report.target(Target::new(what, Bound::AtMost(1.5), ratio));
    let n_wrong = all_read.iter().chain(some_stall).map(|go| go.outcome.n_wrong).sum::<u64>();
    report.target(Target::new("events lost or doubled", Bound::AtMost(0.0), figure(n_wrong)));
}

fn go(server: &Server, arguments: &Arguments, n_stalled: usize) -> anyhow::Result<Go> {
    let n_reading =
        arguments.subscribers.checked_sub(n_stalled).context("--stalled is too large")?;
    let mut session =
        Session::open(server, n_reading, arguments.load.payload.unwrap_or(PAYLOAD_BYTES))?;
    let mut stalled = Swarm::new(mark::Stopwatch::start())?;
    stalled.open(n_stalled, BATCH, |_| Subscription {
        receive_buffer_bytes: Some(STALLED_BUFFER_BYTES),
        ..server.subscription(super::session::CHANNEL, "")
    })?;
    let kernel_bytes_before = process::kernel_tcp_bytes()?;
    let resident_bytes_before = server.usage()?.resident_bytes;
    let outcome = session.at_rate(arguments.rate, arguments.load.time(SECONDS))?;
    let resident_bytes_after = server.usage()?.resident_bytes;
    drop(stalled);
    Ok(Go {
        outcome,
        kernel_bytes: outcome.kernel_bytes_max.saturating_sub(kernel_bytes_before),
        resident_bytes_before,
        resident_bytes_after,
    })
}
