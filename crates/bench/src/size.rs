//! Bytes per event, on disk and in memory.

use std::path::Path;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;

use crate::child::{Child, count_of};
use crate::memory::Memory;
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::role::{Role, WRITE_CHANNELS};
use crate::statistics::{figure, median_of};
use crate::{Place, events, progress, store};

const COLUMNS: &[Column] = &[column("what", "what"), column("bytes per event", "bytes_per_event")];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Events in the log.
    #[arg(long, default_value_t = Self::FULL.events, value_parser = events::parse_count)]
    events: usize,
    /// Events after which the memory window of a hub is full.
    #[arg(long, default_value_t = Self::FULL.window_events, value_parser = events::parse_count)]
    window_events: usize,
}

impl Arguments {
    /// For figures.
    pub(crate) const FULL: Self = Self { events: 1_000_000, window_events: 200_000 };
    /// For a look whether it works.
    pub(crate) const QUICK: Self = Self { events: 3_000, window_events: 1_000 };
}

/// What one run gave, in bytes.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    log: f64,
    hub: f64,
    index: f64,
    /// What a hub grows by while it publishes as many again, its window being full.
    growth: f64,
}

/// Measures.
///
/// # Errors
///
/// The log does not hold what was published.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let (full, empty) = (place.folder.join("full"), place.folder.join("empty"));
    progress(format_args!("filling a log with {} events", arguments.events));
    store::fill(&full, WRITE_CHANNELS, arguments.events)?;
    store::fill(&empty, WRITE_CHANNELS, 0)?;
    let mut runs = Vec::new();
    for run in 1..=place.n_runs {
        progress(format_args!("run {run} of {}", place.n_runs));
        let [nothing, all] = [open(Role::OpenLog, &empty)?, open(Role::OpenLog, &full)?];
        let [hub_nothing, hub_all] = [open(Role::OpenHub, &empty)?, open(Role::OpenHub, &full)?];
        let head = count_of(&all, "head")?;
        ensure!(usize::try_from(head) == Ok(arguments.events), "{head} events in the log");
        runs.push(Outcome {
            log: resident(&all)? - resident(&nothing)?,
            hub: resident(&hub_all)? - resident(&hub_nothing)?,
            index: figure(count_of(&all, "index_bytes")?),
            growth: grow(arguments, &place.folder.join("grown"))?,
        });
    }
    let n_events = figure(arguments.events);
    let on_disk = figure(folder_bytes(&full)?) / n_events;
    let in_memory = median_of(&runs, |run| run.log) / n_events;
    let mut report = Report::new("size", place.machine.clone());
    report.note(format!(
        "A log of {} events of {} bytes over {WRITE_CHANNELS} channels; memory is what a process \
         of its own is larger by, once it has opened the log, than one that opened an empty one \
         (medians of {} runs).",
        arguments.events,
        events::DATA_BYTES,
        place.n_runs
    ));
    let mut table = Table::new("Bytes per event", COLUMNS);
    table.add(vec!["on disk, indexes and all".into(), on_disk.into()]);
    table.add(vec!["in memory, the log".into(), in_memory.into()]);
    let index = median_of(&runs, |run| run.index) / n_events;
    table.add(vec!["of that by the log's own account".into(), index.into()]);
    let hub = median_of(&runs, |run| run.hub) / n_events;
    table.add(vec!["in memory, the hub with its log".into(), hub.into()]);
    let growth = median_of(&runs, |run| run.growth) / n_events;
    table.add(vec!["growth of a hub that publishes, its window being full".into(), growth.into()]);
    report.table(table);
    report.target(Target::new("disk bytes per 300-byte event", Bound::AtMost(345.0), on_disk));
    report.target(Target::new("resident bytes per event, the log", Bound::AtMost(8.0), in_memory));
    let what = "resident bytes per event beyond the window, a hub that publishes";
    report.target(Target::new(what, Bound::AtMost(8.0), growth));
    Ok(report)
}

/// Publishes until the memory window is full, and as many as the log is to hold; returns by how
/// many bytes the latter let the process grow.
fn grow(arguments: &Arguments, folder: &Path) -> anyhow::Result<f64> {
    let mut child = Child::start(Role::Grow, folder)?;
    let before = Memory::from_json(&child.ask(&arguments.window_events.to_string())?)?;
    let after = Memory::from_json(&child.ask(&arguments.events.to_string())?)?;
    child.end()?;
    std::fs::remove_dir_all(folder).context("remove the log")?;
    Ok(figure(after.resident_bytes) - figure(before.resident_bytes))
}

fn open(role: Role, folder: &Path) -> anyhow::Result<Value> {
    let mut child = Child::start(role, folder)?;
    let answer = child.read()?;
    child.end()?;
    Ok(answer)
}

fn resident(answer: &Value) -> anyhow::Result<f64> {
    let memory = Memory::from_json(answer.get("after").unwrap_or(&Value::Null))?;
    Ok(figure(memory.resident_bytes))
}

/// Returns the lengths of all files of a folder, in bytes.
fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut n_bytes = 0;
    for entry in std::fs::read_dir(folder).context("list the log")? {
        let entry = entry.context("list the log")?;
        n_bytes += entry.metadata().context("look at a file of the log")?.len();
    }
    Ok(n_bytes)
}
