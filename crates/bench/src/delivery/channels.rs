//! Many channels with one subscriber each: what a delivery costs when nothing is shared.

use anyhow::Context;
use clap::Args;

use super::contender::Contender;
use super::publisher::{Numbering, Template};
use super::server::{Lab, Server};
use super::session::{Outcome, Session};
use super::swarm::BATCH;
use super::{Load, mark};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, progress};

/// Events of one publish: what is measured is delivery, not publishing.
const EVENTS_PER_PUBLISH: usize = 100;
/// Who is compared.
const CONTENDERS: [Contender; 2] = [Contender::Bare, Contender::Tidings];

/// Seconds of each measurement, unless others are asked for.
const SECONDS: u64 = 2;

const COLUMNS: &[Column] = &[
    column("server", "server"),
    column("deliveries/s", "deliveries_per_s"),
    column("server CPU s per million", "cpu_s_per_million"),
    column("× bare", "cpu_ratio"),
    column("p50 ms", "latency_ms_p50"),
    column("p99 ms", "latency_ms_p99"),
    column("load cores", "load_cores"),
    column("lost or doubled", "n_wrong"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    load: Load,
    /// Channels, in hundreds; each has one subscriber.
    #[arg(
        long,
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(100..=19_000)
    )]
    channels: u32,
    /// Events a second on all channels together, in hundreds.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..))]
    rate: u32,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.load.make_quick();
        (self.channels, self.rate) = (100, 1_000);
    }
}

/// Measures.
///
/// # Errors
///
/// A server does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.load, place)?;
    let mut runs: Vec<Vec<Outcome>> = vec![Vec::new(); CONTENDERS.len()];
    for run in 1..=place.n_runs {
        for (contender, runs) in CONTENDERS.iter().zip(&mut runs) {
            progress(format_args!("run {run} of {}, {contender}", place.n_runs));
            let server = lab.start(*contender, &[])?;
            runs.push(go(&server, arguments).with_context(|| contender.to_string())?);
        }
    }
    let mut report = Report::new("channels", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs of {} s each, {} channels with one subscriber each, \
         {EVENTS_PER_PUBLISH} events of {} bytes in each publish; server and load have a core \
         each.",
        place.n_runs,
        arguments.load.time(SECONDS).as_secs_f64(),
        arguments.channels,
        arguments.load.payload()
    ));
    let mut table = Table::new("Distinct channels", COLUMNS);
    let mut last_ratio = f64::NAN;
    for (contender, outcomes) in CONTENDERS.iter().zip(&runs) {
        let pairs: Vec<_> = outcomes.iter().zip(runs.first().into_iter().flatten()).collect();
        last_ratio =
            median_of(&pairs, |(own, bare)| own.cpu_s_per_million / bare.cpu_s_per_million);
        table.add(vec![
            contender.to_string().into(),
            median_of(outcomes, |outcome| outcome.deliveries_per_s).into(),
            median_of(outcomes, |outcome| outcome.cpu_s_per_million).into(),
            last_ratio.into(),
            median_of(outcomes, |outcome| outcome.latency.p50_ms).into(),
            median_of(outcomes, |outcome| outcome.latency.p99_ms).into(),
            median_of(outcomes, |outcome| outcome.load_cores).into(),
            figure(outcomes.iter().map(|outcome| outcome.n_wrong).sum::<u64>()).into(),
        ]);
    }
    report.table(table);
    let n_wrong = runs.iter().flatten().map(|outcome| outcome.n_wrong).sum::<u64>();
    let what = "server CPU per delivery × bare, distinct channels";
    report.target(Target::new(what, Bound::AtMost(1.3), last_ratio));
    report.target(Target::new("events lost or doubled", Bound::AtMost(0.0), figure(n_wrong)));
    Ok(report)
}

fn go(server: &Server, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let n_groups = usize::try_from(arguments.channels)? / EVENTS_PER_PUBLISH;
    let payload = mark::payload(arguments.load.payload());
    let channel = |index: usize| format!("bench/channels/{index}");
    let templates = (0..n_groups).map(|group| {
        let first = group * EVENTS_PER_PUBLISH;
        let channels: Vec<String> = (first..first + EVENTS_PER_PUBLISH).map(channel).collect();
        Template::new(server.contender.publish_all(&channels, &payload), Numbering::Alike)
    });
    let mut session = Session::without_subscribers(server, templates.collect())?;
    let n_channels = n_groups * EVENTS_PER_PUBLISH;
    session.swarm.open(n_channels, BATCH, |index| server.subscription(&channel(index), ""))?;
    session.reach_everybody()?;
    let publishes_per_s = arguments.rate / u32::try_from(EVENTS_PER_PUBLISH)?;
    session.at_rate(publishes_per_s, arguments.load.time(SECONDS))
}
