//! Connections that get nothing: what each takes of memory, and all of a core.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use tokio::time::Instant;

use super::contender::Contender;
use super::process;
use super::secured::{self, Protocol, Secured};
use super::server::{Lab, Server};
use super::swarm::{BATCH, Swarm};
use super::{Load, mark};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, progress};

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
    column("over", "over"),
    column("five channels each", "channels"),
    column("connections", "n_connections"),
    column("RSS bytes per connection", "resident_bytes"),
    column("kernel TCP bytes per connection", "kernel_bytes"),
    column("% of a core", "core_percent"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Connections, fewer if the descriptor limit does not allow them.
    #[arg(long, default_value_t = 19_000, value_parser = crate::events::parse_count)]
    connections: usize,
    /// Connections over TLS, in HTTP/1.1 and in HTTP/2.
    #[arg(long, default_value_t = 2_000, value_parser = crate::events::parse_count)]
    secured: usize,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.load.make_quick();
        (self.connections, self.secured) = (WARM_UP + 20, WARM_UP + 20);
    }
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
    fn as_str(self) -> &'static str {
        match self {
            Self::Same => "the same for all",
            Self::Distinct => "distinct",
        }
    }

    fn of(self, index: usize) -> String {
        let prefix = match self {
            Self::Same => "bench/idle".to_owned(),
            Self::Distinct => format!("bench/idle/{index}"),
        };
        let channels: Vec<String> = (0..CHANNELS).map(|n| format!("{prefix}/{n}")).collect();
        channels.join(",")
    }
}

/// How clients connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Plain,
    Secured(Protocol),
}

impl Over {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "HTTP/1.1",
            Self::Secured(Protocol::Http1) => "TLS, HTTP/1.1",
            Self::Secured(Protocol::Http2) => "TLS, HTTP/2",
        }
    }
}

/// What one go gave.
#[derive(Debug)]
struct Go {
    resident_bytes: f64,
    kernel_bytes: f64,
    core_percent: f64,
}

/// What is measured, and what is asked of the memory of each connection.
type Row = (Contender, Over, Channels, Option<(&'static str, f64)>);

const ROWS: [Row; 5] = [
    (Contender::Bare, Over::Plain, Channels::Same, None),
    (Contender::Tidings, Over::Plain, Channels::Same, None),
    (
        Contender::Tidings,
        Over::Plain,
        Channels::Distinct,
        Some(("bytes of the process per idle connection, five distinct channels", 512.0)),
    ),
    (
        Contender::Tidings,
        Over::Secured(Protocol::Http1),
        Channels::Same,
        Some(("bytes of the process per idle connection over TLS", 14_000.0)),
    ),
    (
        Contender::Tidings,
        Over::Secured(Protocol::Http2),
        Channels::Same,
        Some(("bytes of the process per idle connection over HTTP/2", 26_000.0)),
    ),
];

/// Measures.
///
/// # Errors
///
/// The server does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let n_connections = |over| match over {
        Over::Plain => arguments.connections.min(lab.n_connections_max),
        Over::Secured(_) => arguments.secured.min(lab.n_connections_max),
    };
    let mut runs: Vec<Vec<Go>> = ROWS.iter().map(|_| Vec::new()).collect();
    let tls = secured::settings(&place.folder)?;
    let tls = tls.each_ref().map(|(key, value)| (*key, value.as_str()));
    for run in 1..=place.n_runs {
        for ((contender, over, channels, _), runs) in ROWS.iter().zip(&mut runs) {
            progress(format_args!(
                "run {run} of {}, {contender}, {}, channels {}",
                place.n_runs,
                over.as_str(),
                channels.as_str()
            ));
            let n_connections = n_connections(*over);
            ensure!(n_connections > WARM_UP, "more than {WARM_UP} connections are needed");
            let settings = if *over == Over::Plain { &[][..] } else { &tls[..] };
            let server = lab.start(*contender, settings)?;
            let time = arguments.load.time(SECONDS);
            runs.push(match over {
                Over::Plain => plain(&server, *channels, n_connections, time)?,
                Over::Secured(protocol) => {
                    over_tls(&server, *protocol, *channels, (n_connections, time))?
                }
            });
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
    for ((contender, over, channels, bound), runs) in ROWS.iter().zip(&runs) {
        let resident_bytes = median_of(runs, |go| go.resident_bytes);
        let core_percent = median_of(runs, |go| go.core_percent);
        if let Some((what, most)) = bound {
            report.target(Target::new(what, Bound::AtMost(*most), resident_bytes));
        }
        if (*channels, *over) == (Channels::Distinct, Over::Plain) {
            let what = "% of a core for idle connections, heartbeats every 30 s";
            report.target(Target::new(what, Bound::AtMost(2.0), core_percent));
        }
        table.add(vec![
            contender.to_string().into(),
            over.as_str().into(),
            channels.as_str().into(),
            figure(n_connections(*over)).into(),
            resident_bytes.into(),
            median_of(runs, |go| go.kernel_bytes).into(),
            core_percent.into(),
        ]);
    }
    report.table(table);
    Ok(report)
}

/// What the server and the kernel held at some moment.
#[derive(Debug, Clone, Copy)]
struct Held {
    resident_bytes: u64,
    kernel_bytes: u64,
    cpu_s: f64,
    at: Instant,
}

impl Held {
    fn by(server: &Server) -> anyhow::Result<Self> {
        let usage = server.usage()?;
        Ok(Self {
            resident_bytes: usage.resident_bytes,
            kernel_bytes: process::kernel_tcp_bytes()?,
            cpu_s: usage.cpu_s,
            at: Instant::now(),
        })
    }
}

/// Returns what `n` more connections cost: `few` is before them, `all` and `end` after them.
fn cost(n: usize, few: Held, all: Held, end: Held) -> Go {
    let each = |from: u64, to: u64| figure(to.saturating_sub(from)) / figure(n);
    Go {
        resident_bytes: each(few.resident_bytes, end.resident_bytes),
        kernel_bytes: each(few.kernel_bytes, end.kernel_bytes),
        core_percent: (end.cpu_s - all.cpu_s) / (end.at - all.at).as_secs_f64() * 100.0,
    }
}

fn plain(server: &Server, channels: Channels, n: usize, time: Duration) -> anyhow::Result<Go> {
    let mut swarm = Swarm::new(mark::Stopwatch::start())?;
    swarm.open(WARM_UP, BATCH, |index| server.subscription(&channels.of(index), ""))?;
    let few = Held::by(server)?;
    let n_more = n - WARM_UP;
    swarm.open(n_more, BATCH, |index| server.subscription(&channels.of(index), ""))?;
    let all = Held::by(server)?;
    while all.at.elapsed() < time {
        swarm.wait(SLEEP_MAX.min(time))?;
    }
    Ok(cost(n_more, few, all, Held::by(server)?))
}

fn over_tls(
    server: &Server,
    protocol: Protocol,
    channels: Channels,
    (n, time): (usize, Duration),
) -> anyhow::Result<Go> {
    let mut secured = Secured::new(server.address, protocol)?;
    secured.open(WARM_UP, &channels.of(0))?;
    let few = Held::by(server)?;
    let n_more = n - WARM_UP;
    secured.open(n_more, &channels.of(0))?;
    let all = Held::by(server)?;
    secured.hold(time);
    Ok(cost(n_more, few, all, Held::by(server)?))
}
