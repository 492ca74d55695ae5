//! Deliveries a second, their cost and their delay, by how many wait and how many subscribe.

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use super::Load;
use super::contender::Contender;
use super::server::Lab;
use super::session::{Outcome, Session};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, progress};

/// Who is compared; ratios are to the first.
const CONTENDERS: &[Contender] = &[Contender::Bare, Contender::Tidings, Contender::TidingsFsync];
/// Seconds of each measurement, unless others are asked for.
const SECONDS: u64 = 2;

const PLAN: Plan = Plan {
    windows: &[(1_000, 1), (1_000, 4), (1_000, 16), (1_000, 64), (10_000, 4)],
    rates: &[(1_000, 50), (10_000, 4)],
};

/// What is measured unless something else is asked for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Subscribers and undelivered events of each closed loop.
    pub windows: &'static [(usize, u64)],
    /// Subscribers and events a second of each open loop.
    pub rates: &'static [(usize, u32)],
}

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
    column("RSS bytes per connection", "resident_bytes"),
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
    column("RSS bytes per connection", "resident_bytes"),
    column("lost or doubled", "n_wrong"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub load: Load,
    /// Only these modes.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Mode::ALL)]
    modes: Vec<Mode>,
    /// One number of subscribers instead of several.
    #[arg(long)]
    subscribers: Option<usize>,
    /// One number of undelivered events instead of several.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    window: Option<u64>,
    /// One number of events a second instead of several.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.load.make_quick();
        self.subscribers = Some(20);
        self.window = Some(4);
        self.rate = Some(100);
    }
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
fn points(arguments: &Arguments, plan: &Plan) -> Vec<Point> {
    let mut points = Vec::new();
    let mut add = |point| {
        if !points.contains(&point) {
            points.push(point);
        }
    };
    let subscribers = arguments.subscribers;
    for (n_subscribers, window) in plan.windows.iter().copied() {
        if arguments.modes.contains(&Mode::Saturation) {
            let n_subscribers = subscribers.unwrap_or(n_subscribers);
            add(Point::Saturation { n_subscribers, window: arguments.window.unwrap_or(window) });
        }
    }
    for (n_subscribers, per_s) in plan.rates.iter().copied() {
        if arguments.modes.contains(&Mode::Rate) {
            let n_subscribers = subscribers.unwrap_or(n_subscribers);
            add(Point::Rate { n_subscribers, per_s: arguments.rate.unwrap_or(per_s) });
        }
    }
    points
}

/// What some servers gave: run by run, of each at each point.
#[derive(Debug)]
pub(crate) struct Outcomes {
    /// How it was measured.
    note: String,
    rows: Vec<(Point, Contender, Vec<Outcome>)>,
}

/// Measures.
///
/// # Errors
///
/// A server does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let outcomes = compare(arguments, &PLAN, (place, &lab), CONTENDERS)?;
    let mut report = Report::new("fanout", place.machine.clone());
    outcomes.describe(&mut report);
    outcomes.add_targets(&mut report);
    Ok(report)
}

/// Measures the contenders in turn.
///
/// # Errors
///
/// As [`measure`].
pub(crate) fn compare(
    arguments: &Arguments,
    plan: &Plan,
    (place, lab): (&Place, &Lab),
    contenders: &[Contender],
) -> anyhow::Result<Outcomes> {
    let points = points(arguments, plan);
    let rows = points
        .iter()
        .flat_map(|point| contenders.iter().map(|contender| (*point, *contender, Vec::new())));
    let mut rows: Vec<(Point, Contender, Vec<Outcome>)> = rows.collect();
    for run in 1..=place.n_runs {
        for (point, contender, runs) in &mut rows {
            let n_subscribers = point.n_subscribers();
            ensure!(n_subscribers <= lab.n_connections_max, "no descriptors for {n_subscribers}");
            let outcome = go(*contender, *point, &arguments.load, lab)
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
    let note = format!(
        "Medians of {} interleaved runs of {} s each, events of {} bytes; server and load have a \
         core each, ratios are of the same run.",
        place.n_runs,
        arguments.load.time(SECONDS).as_secs_f64(),
        arguments.load.payload()
    );
    Ok(Outcomes { note, rows })
}

fn go(contender: Contender, point: Point, load: &Load, lab: &Lab) -> anyhow::Result<Outcome> {
    let server = lab.start(contender, &[])?;
    let mut session = Session::open(&server, point.n_subscribers(), load.payload())?;
    match point {
        Point::Saturation { window, .. } => session.saturate(window, load.time(SECONDS)),
        Point::Rate { per_s, .. } => session.at_rate(per_s, load.time(SECONDS)),
    }
}

impl Outcomes {
    /// Returns the runs of one server at one point.
    fn runs(&self, point: Point, of: Contender) -> &[Outcome] {
        let found = self.rows.iter().find(|row| (row.0, row.1) == (point, of));
        found.map_or(&[], |(_, _, runs)| runs)
    }

    /// Returns the median of a ratio, run by run; `None` when one of the two was not measured.
    fn ratio_at(
        &self,
        point: Point,
        (of, to): (Contender, Contender),
        value: impl Fn(&Outcome) -> f64,
    ) -> Option<f64> {
        let pairs: Vec<_> = self.runs(point, of).iter().zip(self.runs(point, to)).collect();
        let ratio = median_of(&pairs, |(of, to)| value(of) / value(to));
        (!pairs.is_empty()).then_some(ratio)
    }

    /// Returns the median of a ratio in a closed loop with so many subscribers and undelivered.
    pub(crate) fn ratio(
        &self,
        (n_subscribers, window): (usize, u64),
        pair: (Contender, Contender),
        value: impl Fn(&Outcome) -> f64,
    ) -> Option<f64> {
        self.ratio_at(Point::Saturation { n_subscribers, window }, pair, value)
    }

    /// Adds the tables, and that nothing may be lost.
    pub(crate) fn describe(&self, report: &mut Report) {
        let mut saturation = Table::new("As many as go, so many undelivered", SATURATION_COLUMNS);
        let mut rates = Table::new("So many events a second", RATE_COLUMNS);
        let mut n_wrong_all = 0;
        for (point, contender, runs) in &self.rows {
            let to_bare = (*contender, Contender::Bare);
            let n_wrong = runs.iter().map(|run| run.n_wrong).sum::<u64>();
            n_wrong_all += n_wrong;
            let cpu = median_of(runs, |run| run.cpu_s_per_million);
            let cpu_ratio = self.ratio_at(*point, to_bare, |run| run.cpu_s_per_million);
            let load_cores = median_of(runs, |run| run.load_cores);
            let resident_bytes = median_of(runs, |run| run.resident_bytes_per_connection);
            match *point {
                Point::Saturation { n_subscribers, window } => saturation.add(vec![
                    n_subscribers.to_string().into(),
                    window.to_string().into(),
                    contender.to_string().into(),
                    median_of(runs, |run| run.deliveries_per_s).into(),
                    self.ratio_at(*point, to_bare, |run| run.deliveries_per_s).into(),
                    cpu.into(),
                    cpu_ratio.into(),
                    median_of(runs, |run| run.server_cores).into(),
                    load_cores.into(),
                    resident_bytes.into(),
                    figure(n_wrong).into(),
                ]),
                Point::Rate { n_subscribers, per_s } => rates.add(vec![
                    n_subscribers.to_string().into(),
                    per_s.to_string().into(),
                    contender.to_string().into(),
                    median_of(runs, |run| run.latency.p50_ms).into(),
                    median_of(runs, |run| run.latency.p99_ms).into(),
                    self.ratio_at(*point, to_bare, |run| run.latency.p99_ms).into(),
                    cpu.into(),
                    cpu_ratio.into(),
                    load_cores.into(),
                    resident_bytes.into(),
                    figure(n_wrong).into(),
                ]),
            }
        }
        report.note(self.note.clone());
        for table in [saturation, rates] {
            if !table.is_empty() {
                report.table(table);
            }
        }
        let what = "events lost or doubled";
        report.target(Target::new(what, Bound::AtMost(0.0), figure(n_wrong_all)));
    }

    /// Adds what is asked of our server beside one plain `send()` for each.
    fn add_targets(&self, report: &mut Report) {
        const PAIR: (Contender, Contender) = (Contender::Tidings, Contender::Bare);
        let at_least = [
            ((1_000, 1), "deliveries/s × bare, 1,000 subscribers, 1 undelivered", 0.85),
            ((1_000, 4), "deliveries/s × bare, 1,000 subscribers, 4 undelivered", 2.0),
            ((1_000, 16), "deliveries/s × bare, 1,000 subscribers, 16 undelivered", 6.0),
            ((1_000, 64), "deliveries/s × bare, 1,000 subscribers, 64 undelivered", 12.0),
            ((10_000, 4), "deliveries/s × bare, 10,000 subscribers, 4 undelivered", 2.0),
        ];
        for (point, what, least) in at_least {
            if let Some(ratio) = self.ratio(point, PAIR, |run| run.deliveries_per_s) {
                report.target(Target::new(what, Bound::AtLeast(least), ratio));
            }
        }
        let at_most = [
            ((1_000, 50), "p99 × bare, 1,000 subscribers, 50 events/s"),
            ((10_000, 4), "p99 × bare, 10,000 subscribers, 4 events/s"),
        ];
        for ((n_subscribers, per_s), what) in at_most {
            let point = Point::Rate { n_subscribers, per_s };
            if let Some(ratio) = self.ratio_at(point, PAIR, |run| run.latency.p99_ms) {
                report.target(Target::new(what, Bound::AtMost(1.3), ratio));
            }
        }
    }
}
