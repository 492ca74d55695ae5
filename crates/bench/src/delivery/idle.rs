//! Connections that get nothing: what each takes of memory, and all of a core.

use anyhow::ensure;
use clap::Args;

use super::contender::Contender;
use super::process;
use super::server::{Lab, Server};
use super::swarm::{BATCH, Swarm};
use super::{Load, mark};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, progress};
use std::time::Duration;
use tokio::time::Instant;

/// Connections that are there before memory is first read: what they take is not per connection.
const WARM_UP: usize = 100;
/// Channels of each connection.
const CHANNELS: usize = 5;
/// Longest time between two reads of what came.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// Seconds of each measurement, unless others are asked for.
const SECONDS: u64 = 60;

const COLUMNS: &[Column] = &[
    column("server", "server"),
    column("connections", "n_connections"),
    column("five channels each", "channels"),
    column("RSS bytes per connection", "resident_bytes"),
    column("kernel TCP bytes per connection", "kernel_bytes"),
    column("% of a core", "core_percent"),
    column("bytes/s per connection", "bytes_per_s"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Connections, fewer if the descriptor limit does not allow them.
    #[arg(long, default_value_t = 19_000)]
    connections: usize,
}

/// Which channels a connection follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channels {
    /// All follow the same.
    Same,
    /// Nobody follows one of another.
    Distinct,
}

impl Channels {
    fn of(self, index: usize) -> String {
        let prefix = match self {
            Self::Same => "bench/idle".to_owned(),
            Self::Distinct => format!("bench/idle/{index}"),
        };
        let channels: Vec<String> = (0..CHANNELS).map(|n| format!("{prefix}/{n}")).collect();
        channels.join(",")
    }
}

/// What one go gave.
#[derive(Debug)]
struct Go {
    resident_bytes: f64,
    kernel_bytes: f64,
    core_percent: f64,
    bytes_per_s: f64,
}

const ROWS: [(Contender, Channels, &str); 3] = [
    (Contender::Bare, Channels::Same, "the same for all"),
    (Contender::Tidings, Channels::Same, "the same for all"),
    (Contender::Tidings, Channels::Distinct, "distinct"),
];

/// Measures.
///
/// # Errors
///
/// The server does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let n_connections = arguments.connections.min(lab.n_connections_max);
    ensure!(n_connections > 0, "--connections");
    let mut runs: Vec<Vec<Go>> = ROWS.iter().map(|_| Vec::new()).collect();
    for run in 1..=place.n_runs {
        for ((contender, channels, what), runs) in ROWS.iter().zip(&mut runs) {
            progress(format_args!("run {run} of {}, {contender}, channels {what}", place.n_runs));
            let server = lab.start(*contender, &[])?;
            runs.push(go(&server, *channels, n_connections, arguments.load.time(SECONDS))?);
        }
    }
    let mut report = Report::new("idle", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs of {} s each, heartbeats every 30 s, no events; memory \
         is that of the process beyond its first {WARM_UP} connections, and that of the kernel's \
         TCP buffers at both ends.",
        place.n_runs,
        arguments.load.time(SECONDS).as_secs_f64()
    ));
    let mut table = Table::new("Idle connections", COLUMNS);
    for ((contender, channels, what), runs) in ROWS.iter().zip(&runs) {
        let resident_bytes = median_of(runs, |go| go.resident_bytes);
        let core_percent = median_of(runs, |go| go.core_percent);
        if (*contender, *channels) == (Contender::Tidings, Channels::Distinct) {
            let what = "bytes of the process per idle connection, five distinct channels";
            report.target(Target::new(what, Bound::AtMost(512.0), resident_bytes));
            let what = "% of a core for idle connections, heartbeats every 30 s";
            report.target(Target::new(what, Bound::AtMost(2.0), core_percent));
        }
        table.add(vec![
            contender.to_string().into(),
            figure(n_connections).into(),
            (*what).into(),
            resident_bytes.into(),
            median_of(runs, |go| go.kernel_bytes).into(),
            core_percent.into(),
            median_of(runs, |go| go.bytes_per_s).into(),
        ]);
    }
    report.table(table);
    Ok(report)
}

fn go(server: &Server, channels: Channels, n: usize, time: Duration) -> anyhow::Result<Go> {
    let mut swarm = Swarm::new(mark::Stopwatch::start())?;
    let n_warm_up = WARM_UP.min(n / 2);
    let n_rest = n - n_warm_up;
    swarm.open(n_warm_up, BATCH, |index| server.subscription(&channels.of(index), ""))?;
    let resident_before = server.usage()?.resident_bytes;
    let kernel_before = process::kernel_tcp_bytes()?;
    swarm.open(n_rest, BATCH, |index| server.subscription(&channels.of(index), ""))?;
    let cpu_s_before = server.cpu_s()?;
    let n_bytes_before = swarm.tally.n_bytes;
    let begin = Instant::now();
    while begin.elapsed() < time {
        swarm.wait(SLEEP_MAX)?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let usage = server.usage()?;
    let n_bytes = swarm.tally.n_bytes - n_bytes_before;
    let resident = usage.resident_bytes.saturating_sub(resident_before);
    let kernel = process::kernel_tcp_bytes()?.saturating_sub(kernel_before);
    Ok(Go {
        resident_bytes: figure(resident) / figure(n_rest),
        kernel_bytes: figure(kernel) / figure(n_rest),
        core_percent: (usage.cpu_s - cpu_s_before) / seconds * 100.0,
        bytes_per_s: figure(n_bytes) / seconds / figure(n),
    })
}
