//! Replay of many events on one stream, from below the memory window.

use std::path::Path;

use anyhow::ensure;
use clap::Args;
use serde_json::Value;
use tokio::time::Instant;

use crate::child::{Child, address_of, count_of, figure_of};
use crate::load::Stream;
use crate::memory::Memory;
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::role::{self, Role};
use crate::statistics::{figure, median_of, milliseconds};
use crate::store::Store;
use crate::{Place, events, progress};

/// Channels that are replayed.
const CHANNELS: usize = 10;
/// What is replayed.
const PATTERN: &str = "replay/*";
/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;

const COLUMNS: &[Column] = &[
    column("read by", "read_by"),
    column("events/s", "events_per_s"),
    column("time ms", "time_ms"),
    column("memory before, MiB", "resident_before_mib"),
    column("at most during, MiB", "resident_peak_mib"),
    column("more, MiB", "resident_more_mib"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Events that are replayed.
    #[arg(long, default_value_t = Self::FULL.events, value_parser = events::parse_count)]
    events: usize,
    /// Events of another channel after them.
    #[arg(long, default_value_t = Self::FULL.later_events, value_parser = events::parse_count)]
    later_events: usize,
}

impl Arguments {
    /// For figures; the later events are more than the memory window holds.
    pub(crate) const FULL: Self = Self { events: 100_000, later_events: 200_000 };
    /// For a look whether it works.
    pub(crate) const QUICK: Self = Self { events: 2_000, later_events: 1_000 };
}

/// How one go went.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    n_events: u64,
    time_ms: f64,
    before: Memory,
    after: Memory,
}

/// Measures.
///
/// # Errors
///
/// A replay does not bring exactly what was published.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let folder = place.folder.join("log");
    progress(format_args!(
        "filling a log with {} events",
        arguments.events + arguments.later_events
    ));
    prepare(arguments, &folder)?;
    let n_replayed = u64::try_from(arguments.events).unwrap_or(u64::MAX);
    let n_all = u64::try_from(arguments.events + arguments.later_events).unwrap_or(u64::MAX);
    let mut runs: Vec<[Outcome; 3]> = Vec::new();
    for run in 1..=place.n_runs {
        progress(format_args!("run {run} of {}", place.n_runs));
        let outcomes = [scan_log(&folder)?, in_process(&folder)?, over_http(&folder)?];
        for (outcome, expected) in outcomes.iter().zip([n_all, n_replayed, n_replayed]) {
            ensure!(outcome.n_events == expected, "{} of {expected} events", outcome.n_events);
        }
        runs.push(outcomes);
    }
    let mut report = Report::new("replay", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs, each in a process of its own that has just opened the \
         log; {} events of 300 bytes on {CHANNELS} channels, with {} of another \
         channel after them.",
        place.n_runs, arguments.events, arguments.later_events
    ));
    report.note(
        "The log alone is scanned whole; the hub and HTTP replay the older events on one stream \
         and check the count and the order of every event.",
    );
    let mut table = Table::new("Replay of old events", COLUMNS);
    let names = ["the log alone", "one stream of the hub, in process", "one stream over HTTP"];
    for (index, name) in names.into_iter().enumerate() {
        let outcomes: Vec<Outcome> =
            runs.iter().filter_map(|run| run.get(index)).copied().collect();
        let per_s =
            median_of(&outcomes, |outcome| figure(outcome.n_events) * 1_000.0 / outcome.time_ms);
        if index == 1 {
            let what = "events/s of one stream from the log, in process";
            report.target(Target::new(what, Bound::AtLeast(500_000.0), per_s));
        }
        if index == 2 {
            let what = "events/s of one stream from the log, over HTTP";
            report.target(Target::new(what, Bound::AtLeast(500_000.0), per_s));
        }
        let more = |o: &Outcome| o.after.peak_bytes.saturating_sub(o.before.resident_bytes);
        table.add(vec![
            name.into(),
            per_s.into(),
            median_of(&outcomes, |outcome| outcome.time_ms).into(),
            median_of(&outcomes, |outcome| figure(outcome.before.resident_bytes) / MIB).into(),
            median_of(&outcomes, |outcome| figure(outcome.after.peak_bytes) / MIB).into(),
            median_of(&outcomes, |outcome| figure(more(outcome)) / MIB).into(),
        ]);
    }
    report.table(table);
    Ok(report)
}

fn prepare(arguments: &Arguments, folder: &Path) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let runtime = role::current_thread()?;
    let channels = events::channels("replay", CHANNELS);
    runtime.block_on(events::fill(&store.hub, &channels, arguments.events))?;
    let later = events::channels("later", 1);
    runtime.block_on(events::fill(&store.hub, &later, arguments.later_events))?;
    store.stop();
    Ok(())
}

fn scan_log(folder: &Path) -> anyhow::Result<Outcome> {
    let mut child = Child::start(Role::ScanLog, folder)?;
    let outcome = outcome_of(&child.read()?);
    child.end()?;
    outcome
}

fn in_process(folder: &Path) -> anyhow::Result<Outcome> {
    let mut child = Child::start(Role::ReplayHub, folder)?;
    let outcome = outcome_of(&child.ask(PATTERN)?);
    child.end()?;
    outcome
}

fn outcome_of(answer: &Value) -> anyhow::Result<Outcome> {
    let memory = |key| Memory::from_json(answer.get(key).unwrap_or(&Value::Null));
    Ok(Outcome {
        n_events: count_of(answer, "n_events")?,
        time_ms: figure_of(answer, "read_ms")?,
        before: memory("before")?,
        after: memory("after")?,
    })
}

fn over_http(folder: &Path) -> anyhow::Result<Outcome> {
    let mut child = Child::start(Role::Serve, folder)?;
    let address = address_of(&child.read()?)?;
    let before = Memory::from_json(&child.ask("forget")?)?;
    let start = Instant::now();
    let n_events = role::current_thread()?.block_on(async {
        let query = format!("channels={PATTERN}&last_event_id=earliest");
        let mut stream = Stream::open(address, &query).await?;
        stream.until_ready().await?;
        anyhow::Ok(stream.frames.n_events)
    })?;
    let time_ms = milliseconds(start.elapsed());
    let after = Memory::from_json(&child.ask("memory")?)?;
    child.end()?;
    Ok(Outcome { n_events, time_ms, before, after })
}
