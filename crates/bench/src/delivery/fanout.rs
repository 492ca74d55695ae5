//! Deliveries a second, their cost and their delay, by how many wait and how many subscribe.

use std::path::Path;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use super::Load;
use super::process::{self, Side};
use super::server::{Contender, Server};
use super::session::{Outcome, Session};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, progress};

/// Subscribers and undelivered events of each closed loop.
const WINDOWS: &[(usize, u64)] = &[(1_000, 1), (1_000, 4), (1_000, 16), (1_000, 64), (10_000, 4)];
/// Subscribers and events a second of each open loop.
const RATES: &[(usize, u32)] = &[(1_000, 50), (10_000, 4)];
/// Who is compared.
const CONTENDERS: &[Contender] = &[Contender::Bare, Contender::Tidings, Contender::TidingsFsync];

/// Seconds of each measurement, unless others are asked for.
const SECONDS: u64 = 2;

const SATURATION_COLUMNS: &[Column] = &[
    column("subscribers", "n_subscribers"),
    column("undelivered", "window"),
    column("server", "server"),
    column("deliveries/s", "deliveries_per_s"),
    column("× bare", "deliveries_ratio"),
    column("server CPU s per million", "cpu_s_per_million"),
    column("× bare", "cpu_ratio"),
    column("server cores", "server_cores"),
    column("load cores", "load_cores"),
    column("lost or doubled", "n_wrong"),
];

const RATE_COLUMNS: &[Column] = &[
    column("subscribers", "n_subscribers"),
    column("events/s", "events_per_s"),
    column("server", "server"),
    column("p50 ms", "latency_ms_p50"),
    column("p99 ms", "latency_ms_p99"),
    column("p99 × bare", "latency_ratio"),
    column("server CPU s per million", "cpu_s_per_million"),
    column("× bare", "cpu_ratio"),
    column("load cores", "load_cores"),
    column("lost or doubled", "n_wrong"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Only these modes.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Mode::ALL)]
    modes: Vec<Mode>,
    /// One number of subscribers instead of 1,000 and 10,000.
    #[arg(long)]
    subscribers: Option<usize>,
    /// One number of undelivered events instead of 1, 4, 16 and 64.
    #[arg(long)]
    window: Option<u64>,
    /// One number of events a second instead of 50 and 4.
    #[arg(long)]
    rate: Option<u32>,
}

/// How events are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// A closed loop: as many as go, with at most so many undelivered.
    Saturation,
    /// An open loop: so many a second.
    Rate,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Saturation, Self::Rate];
}

/// What is measured in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Saturation { n_subscribers: usize, window: u64 },
    Rate { n_subscribers: usize, per_s: u32 },
}

impl Point {
    fn n_subscribers(self) -> usize {
        match self {
            Self::Saturation { n_subscribers, .. } | Self::Rate { n_subscribers, .. } => {
                n_subscribers
            }
        }
    }
}

/// Returns what the arguments ask for.
fn points(arguments: &Arguments) -> Vec<Point> {
    let mut points = Vec::new();
    let mut add = |point| {
        if !points.contains(&point) {
            points.push(point);
        }
    };
    let subscribers = arguments.subscribers;
    for (n_subscribers, window) in WINDOWS.iter().copied() {
        if arguments.modes.contains(&Mode::Saturation) {
            let n_subscribers = subscribers.unwrap_or(n_subscribers);
            add(Point::Saturation { n_subscribers, window: arguments.window.unwrap_or(window) });
        }
    }
    for (n_subscribers, per_s) in RATES.iter().copied() {
        if arguments.modes.contains(&Mode::Rate) {
            let n_subscribers = subscribers.unwrap_or(n_subscribers);
            add(Point::Rate { n_subscribers, per_s: arguments.rate.unwrap_or(per_s) });
        }
    }
    points
}

/// Measures.
///
/// # Errors
///
/// A server does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let mut report = Report::new("fanout", place.machine.clone());
    compare(arguments, place, CONTENDERS, &mut report)?;
    Ok(report)
}

/// Measures the contenders in turn, and adds what they gave to the report.
///
/// # Errors
///
/// As [`measure`].
pub(crate) fn compare(
    arguments: &Arguments,
    place: &Place,
    contenders: &[Contender],
    report: &mut Report,
) -> anyhow::Result<()> {
    let points = points(arguments);
    let n_connections_max = process::raise_descriptor_limit()?;
    process::pin(Side::Load)?;
    // By point, contender and run.
    let mut outcomes: Vec<Vec<Vec<Outcome>>> =
        vec![vec![Vec::new(); contenders.len()]; points.len()];
    for run in 1..=place.n_runs {
        for (point, by_contender) in points.iter().zip(&mut outcomes) {
            let n_subscribers = u64::try_from(point.n_subscribers())?;
            ensure!(n_subscribers <= n_connections_max, "no descriptors for {n_subscribers}");
            for (contender, runs) in contenders.iter().zip(by_contender) {
                let outcome = go(*contender, *point, &arguments.load, &place.folder)
                    .with_context(|| format!("{contender}, {point:?}"))?;
                progress(format_args!(
                    "run {run} of {}, {contender}, {point:?}: {:.0} deliveries/s, {:.2} s/M, \
                     p50 {:.2} ms, p99 {:.2} ms, {} wrong",
                    place.n_runs,
                    outcome.deliveries_per_s,
                    outcome.cpu_s_per_million,
                    outcome.latency.p50_ms,
                    outcome.latency.p99_ms,
                    outcome.n_wrong,
                ));
                runs.push(outcome);
            }
        }
    }
    report.note(format!(
        "Medians of {} interleaved runs of {} s each, events of {} bytes; server and load have a \
         core each, ratios are of the same run.",
        place.n_runs,
        arguments.load.time(SECONDS).as_secs(),
        arguments.load.payload
    ));
    fill(report, contenders, &points, &outcomes);
    Ok(())
}

fn go(contender: Contender, point: Point, load: &Load, folder: &Path) -> anyhow::Result<Outcome> {
    let server = Server::start(contender, &load.server, folder, &[])?;
    let mut session = Session::open(&server, point.n_subscribers(), load.payload)?;
    match point {
        Point::Saturation { window, .. } => session.saturate(window, load.time(SECONDS)),
        Point::Rate { per_s, .. } => session.at_rate(per_s, load.time(SECONDS)),
    }
}

/// Returns the median of the ratios to the first contender, run by run.
fn ratio(of: &[Outcome], to: &[Outcome], value: impl Fn(&Outcome) -> f64) -> f64 {
    let pairs: Vec<_> = of.iter().zip(to).collect();
    median_of(&pairs, |(of, to)| value(of) / value(to))
}

/// Adds the tables, and the targets.
fn fill(
    report: &mut Report,
    contenders: &[Contender],
    points: &[Point],
    outcomes: &[Vec<Vec<Outcome>>],
) {
    let mut saturation = Table::new("As many as go, so many undelivered", SATURATION_COLUMNS);
    let mut rates = Table::new("So many events a second", RATE_COLUMNS);
    let mut n_wrong = 0;
    for (point, by_contender) in points.iter().zip(outcomes) {
        let Some(bare) = by_contender.first() else { continue };
        for (contender, runs) in contenders.iter().zip(by_contender) {
            n_wrong += runs.iter().map(|run| run.n_wrong).sum::<u64>();
            let wrong = figure(runs.iter().map(|run| run.n_wrong).sum::<u64>());
            let cpu = median_of(runs, |run| run.cpu_s_per_million);
            let cpu_ratio = ratio(runs, bare, |run| run.cpu_s_per_million);
            let load_cores = median_of(runs, |run| run.load_cores);
            match *point {
                Point::Saturation { n_subscribers, window } => {
                    let deliveries_ratio = ratio(runs, bare, |run| run.deliveries_per_s);
                    if *contender == Contender::Tidings {
                        add_saturation_target(report, (n_subscribers, window), deliveries_ratio);
                    }
                    saturation.add(vec![
                        n_subscribers.to_string().into(),
                        window.to_string().into(),
                        contender.to_string().into(),
                        median_of(runs, |run| run.deliveries_per_s).into(),
                        deliveries_ratio.into(),
                        cpu.into(),
                        cpu_ratio.into(),
                        median_of(runs, |run| run.server_cores).into(),
                        load_cores.into(),
                        wrong.into(),
                    ]);
                }
                Point::Rate { n_subscribers, per_s } => {
                    let latency_ratio = ratio(runs, bare, |run| run.latency.p99_ms);
                    if *contender == Contender::Tidings {
                        add_rate_target(report, (n_subscribers, per_s), latency_ratio);
                    }
                    rates.add(vec![
                        n_subscribers.to_string().into(),
                        per_s.to_string().into(),
                        contender.to_string().into(),
                        median_of(runs, |run| run.latency.p50_ms).into(),
                        median_of(runs, |run| run.latency.p99_ms).into(),
                        latency_ratio.into(),
                        cpu.into(),
                        cpu_ratio.into(),
                        load_cores.into(),
                        wrong.into(),
                    ]);
                }
            }
        }
    }
    for table in [saturation, rates] {
        if !table.is_empty() {
            report.table(table);
        }
    }
    report.target(Target::new("events lost or doubled", Bound::AtMost(0.0), figure(n_wrong)));
}

fn add_saturation_target(report: &mut Report, point: (usize, u64), ratio: f64) {
    let (what, least) = match point {
        (1_000, 1) => ("deliveries/s × bare, 1,000 subscribers, 1 undelivered", 0.85),
        (1_000, 4) => ("deliveries/s × bare, 1,000 subscribers, 4 undelivered", 2.0),
        (1_000, 16) => ("deliveries/s × bare, 1,000 subscribers, 16 undelivered", 6.0),
        (1_000, 64) => ("deliveries/s × bare, 1,000 subscribers, 64 undelivered", 12.0),
        (10_000, 4) => ("deliveries/s × bare, 10,000 subscribers, 4 undelivered", 2.0),
        _ => return,
    };
    report.target(Target::new(what, Bound::AtLeast(least), ratio));
}

fn add_rate_target(report: &mut Report, point: (usize, u32), ratio: f64) {
    let what = match point {
        (1_000, 50) => "p99 × bare, 1,000 subscribers, 50 events/s",
        (10_000, 4) => "p99 × bare, 10,000 subscribers, 4 events/s",
        _ => return,
    };
    report.target(Target::new(what, Bound::AtMost(1.3), ratio));
}
