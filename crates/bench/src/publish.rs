//! Durable publishes a second over HTTP, with group commit and with one sync per publish.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use tidings_log::disk::SystemDisk;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::load::Publisher;
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::role;
use crate::served::Served;
use crate::slow_disk::SlowDisk;
use crate::statistics::{Latencies, Percentiles, figure, median_of, rate};
use crate::store::{self, COMMIT_REQUESTS_MAX, Store};
use crate::{Place, progress};

/// Publishes before those that are measured.
const WARM_UP: Duration = Duration::from_millis(300);
/// Most publishes of one publisher in one run.
const PUBLISHES_MAX: u64 = 1_000_000;
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
    /// Measured seconds of each of the eight combinations, per run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
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
    acks: Percentiles,
    n_acknowledged: u64,
    n_syncs: u64,
}

/// Measures.
///
/// # Errors
///
/// A publish is not acknowledged, or what is acknowledged is not in the log.
pub(crate) fn measure(arguments: &Arguments, place: Place) -> anyhow::Result<Report> {
    let time = Duration::from_secs(arguments.seconds);
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
    let mut report = Report::new("publish", place.machine);
    report.note(format!(
        "Medians of {} interleaved runs of {} s each; load and server share the cores.",
        place.n_runs, arguments.seconds
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
            n_publishers.to_string().into(),
            mode.into(),
            median_of(&outcomes, |outcome| outcome.events_per_s).into(),
            median_of(&outcomes, |outcome| outcome.acks.p50_ms).into(),
            median_of(&outcomes, |outcome| outcome.acks.p99_ms).into(),
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
    let store = Store::open_on(Arc::new(disk), combination.commit_requests_max)?;
    let served = Served::start(store)?;
    let address = served.address();
    let n_before = syncs.get();
    let n_publishers = combination.n_publishers;
    let load = std::thread::spawn(move || {
        role::current_thread()?.block_on(publish_all(address, n_publishers, time))
    });
    let load = load.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
    let n_syncs = syncs.get() - n_before;
    served.stop()?;
    let (log, writer) = store::open_log(folder)?;
    let head = log.head();
    writer.close().context("close the log")?;
    let n_acknowledged = load.n_acknowledged;
    ensure!(head == n_acknowledged, "{n_acknowledged} acknowledged, {head} in the log");
    ensure!(n_syncs > 0, "{n_acknowledged} acknowledged without a sync");
    Ok(Outcome {
        events_per_s: rate(load.latencies.len(), time),
        acks: load.latencies.percentiles(),
        n_acknowledged,
        n_syncs,
    })
}

/// What publishers saw.
#[derive(Debug, Default)]
struct Load {
    n_acknowledged: u64,
    /// Of those in the measured time.
    latencies: Latencies,
}

async fn publish_all(
    address: SocketAddr,
    n_publishers: usize,
    time: Duration,
) -> anyhow::Result<Load> {
    let mut publishers = Vec::new();
    for index in 0..n_publishers {
        publishers.push(Publisher::connect(address, &format!("bench/{index}")).await?);
    }
    let begin = Instant::now() + WARM_UP;
    let mut tasks = JoinSet::new();
    for publisher in publishers {
        tasks.spawn(publish_until(publisher, begin, begin + time));
    }
    let mut load = Load::default();
    while let Some(done) = tasks.join_next().await {
        let done = done.context("a publisher panicked")??;
        load.n_acknowledged += done.n_acknowledged;
        load.latencies.extend(done.latencies);
    }
    Ok(load)
}

/// Publishes one event after the other; those between `begin` and `end` are measured.
async fn publish_until(
    mut publisher: Publisher,
    begin: Instant,
    end: Instant,
) -> anyhow::Result<Load> {
    let mut load = Load::default();
    while load.n_acknowledged < PUBLISHES_MAX {
        let start = Instant::now();
        if start >= end {
            return Ok(load);
        }
        publisher.publish(load.n_acknowledged).await?;
        load.n_acknowledged += 1;
        let now = Instant::now();
        if now >= begin && now < end {
            load.latencies.add(now - start);
        }
    }
    anyhow::bail!("a publisher reached {PUBLISHES_MAX} publishes; measure for a shorter time")
}
