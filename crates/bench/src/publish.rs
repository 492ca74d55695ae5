//! Durable publishes a second over HTTP, with group commit and with one sync per publish.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use tidings_log::disk::SystemDisk;

use crate::child::{Child, count_of, figure_of};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::role::Role;
use crate::served::Served;
use crate::slow_disk::SlowDisk;
use crate::statistics::{figure, median_of, rate};
use crate::store::{self, COMMIT_REQUESTS_MAX, Store, StoreOptions};
use crate::{Place, progress};

pub(crate) mod load;

/// Publishers at once.
const N_PUBLISHERS: [usize; 2] = [1, 32];
/// Time added to every sync.
const DELAYS: [(&str, Duration); 2] =
    [("native", Duration::ZERO), ("2 ms added to each sync", Duration::from_millis(2))];
/// How many publish requests one commit may take.
const MODES: [(&str, usize); 2] =
    [("one sync per publish", 1), ("group commit", COMMIT_REQUESTS_MAX)];

const COLUMNS: &[Column] = &[
    column("disk", "disk"),
    column("publishers", "n_publishers"),
    column("mode", "mode"),
    column("events/s", "events_per_s"),
    column("ack p50 ms", "ack_ms_p50"),
    column("ack p99 ms", "ack_ms_p99"),
    column("events per sync", "events_per_sync"),
    column("× one sync per publish", "ratio"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Measured milliseconds of each of the eight combinations, per run.
    #[arg(
        long,
        value_name = "MS",
        default_value_t = Self::FULL.time_ms,
        value_parser = clap::value_parser!(u64).range(10..=60_000)
    )]
    time_ms: u64,
}

impl Arguments {
    /// For figures.
    pub(crate) const FULL: Self = Self { time_ms: 3_000 };
    /// For a look whether it works.
    pub(crate) const QUICK: Self = Self { time_ms: 100 };
}

/// What is measured in one go.
#[derive(Debug, Clone, Copy)]
struct Combination {
    delay: Duration,
    n_publishers: usize,
    commit_requests_max: usize,
}

/// What one go gave.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    events_per_s: f64,
    ack_ms_p50: f64,
    ack_ms_p99: f64,
    n_acknowledged: u64,
    n_syncs: u64,
}

/// Measures.
///
/// # Errors
///
/// A publish is not acknowledged, or what is acknowledged is not in the log.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let time = Duration::from_millis(arguments.time_ms);
    let combinations: Vec<Combination> = DELAYS
        .iter()
        .flat_map(|(_, delay)| N_PUBLISHERS.map(|n_publishers| (*delay, n_publishers)))
        .flat_map(|(delay, n_publishers)| {
            MODES.map(|(_, commit_requests_max)| Combination {
                delay,
                n_publishers,
                commit_requests_max,
            })
        })
        .collect();
    let mut runs: Vec<Vec<Outcome>> = Vec::new();
    for run in 1..=place.n_runs {
        progress(format_args!("run {run} of {}", place.n_runs));
        let outcomes = combinations.iter().map(|combination| {
            let folder = place.folder.join("log");
            let outcome =
                publish(*combination, time, &folder).with_context(|| format!("{combination:?}"))?;
            std::fs::remove_dir_all(&folder).context("remove the log")?;
            Ok(outcome)
        });
        runs.push(outcomes.collect::<anyhow::Result<Vec<Outcome>>>()?);
    }
    let mut report = Report::new("publish", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs of {} ms each; the publishers are a process of their own \
         and share the cores with the server.",
        place.n_runs, arguments.time_ms
    ));
    report.note(
        "Each publisher keeps one connection, publishes one event of 300 bytes and waits for its \
         acknowledgement.",
    );
    fill_report(&mut report, &runs);
    Ok(report)
}

/// Adds the table, and the target.
fn fill_report(report: &mut Report, runs: &[Vec<Outcome>]) {
    let mut table = Table::new("Durable publishes over HTTP", COLUMNS);
    let labels = DELAYS.iter().flat_map(|(disk, _)| {
        N_PUBLISHERS.iter().flat_map(move |n| MODES.map(|(mode, _)| (*disk, *n, mode)))
    });
    let mut last_ratio = f64::NAN;
    for (index, (disk, n_publishers, mode)) in labels.enumerate() {
        let outcomes: Vec<Outcome> =
            runs.iter().filter_map(|run| run.get(index)).copied().collect();
        let is_group = mode == MODES[1].0;
        let ratio = is_group.then(|| {
            let pairs: Vec<(Outcome, Outcome)> = runs
                .iter()
                .filter_map(|run| Some((*run.get(index)?, *run.get(index - 1)?)))
                .collect();
            median_of(&pairs, |(group, single)| group.events_per_s / single.events_per_s)
        });
        last_ratio = ratio.unwrap_or(last_ratio);
        table.add(vec![
            disk.into(),
            n_publishers.into(),
            mode.into(),
            median_of(&outcomes, |outcome| outcome.events_per_s).into(),
            median_of(&outcomes, |outcome| outcome.ack_ms_p50).into(),
            median_of(&outcomes, |outcome| outcome.ack_ms_p99).into(),
            median_of(&outcomes, |o| figure(o.n_acknowledged) / figure(o.n_syncs)).into(),
            ratio.into(),
        ]);
    }
    report.table(table);
    let what = "group commit over one sync per publish, 32 publishers, 2 ms added to each sync";
    report.target(Target::new(what, Bound::AtLeast(10.0), last_ratio));
}

/// Publishes with one combination, and checks that the log holds what was acknowledged.
fn publish(combination: Combination, time: Duration, folder: &Path) -> anyhow::Result<Outcome> {
    let below = SystemDisk::new(folder).context("make the folder of the log")?;
    let (disk, syncs) = SlowDisk::new(Arc::new(below), combination.delay);
    let commit_requests_max = combination.commit_requests_max;
    let options = StoreOptions { commit_requests_max, ..StoreOptions::default() };
    let served = Served::start(Store::open_on(Arc::new(disk), options)?)?;
    let mut child = Child::start(Role::Publishers, folder)?;
    let n_before = syncs.get();
    let question = load::question(served.address(), combination.n_publishers, time);
    let answer = child.ask(&question.to_string())?;
    child.end()?;
    let n_syncs = syncs.get() - n_before;
    served.stop()?;
    let (log, writer) = store::open_log(folder)?;
    let head = log.head();
    writer.close().context("close the log")?;
    let n_acknowledged = count_of(&answer, "n_acknowledged")?;
    ensure!(head == n_acknowledged, "{n_acknowledged} acknowledged, {head} in the log");
    ensure!(n_syncs > 0, "{n_acknowledged} acknowledged without a sync");
    Ok(Outcome {
        events_per_s: rate(count_of(&answer, "n_measured")?, time),
        ack_ms_p50: figure_of(&answer, "ack_ms_p50")?,
        ack_ms_p99: figure_of(&answer, "ack_ms_p99")?,
        n_acknowledged,
        n_syncs,
    })
}
