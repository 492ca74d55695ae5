//! Time until a stream that comes back is live again.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;
use tidings_hub::position::Position;

use crate::child::{Child, figure_of};
use crate::report::{Bound, Cell, Column, Report, Table, Target, column};
use crate::role::{self, Role};
use crate::served::Served;
use crate::statistics::median_of;
use crate::store::{Store, StoreOptions};
use crate::{Place, events, progress};

pub(crate) mod load;

use load::{Client, Outcome, Resumes};

/// Events of a channel with few events, all of which its client missed.
const QUIET_EVENTS: usize = 20;
/// Channels with most of the events.
const BUSY_CHANNELS: usize = 10;
/// Events that a client of the busy channels missed.
const TAIL_EVENTS: usize = 10;
/// Milliseconds that a resume near the tail may take.
const TAIL_MS_MAX: f64 = 5.0;

const COLUMNS: &[Column] = &[
    column("stream", "stream"),
    column("over", "over"),
    column("at once", "n_at_once"),
    column("resumes", "n_resumes"),
    column("resumes/s", "resumes_per_s"),
    column("p50 ms", "ready_ms_p50"),
    column("p99 ms", "ready_ms_p99"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Events in the log.
    #[arg(long, default_value_t = Self::FULL.events, value_parser = events::parse_count)]
    events: usize,
    /// Resumes of 10 events before the tail, per run, one at a time.
    #[arg(long, default_value_t = Self::FULL.tail_resumes, value_parser = events::parse_count)]
    tail_resumes: usize,
    /// Resumes of 20 events in this process, per run, below the window and as many within it.
    #[arg(long, default_value_t = Self::FULL.resumes, value_parser = events::parse_count)]
    resumes: usize,
    /// The same over HTTP, each on a new connection.
    #[arg(long, default_value_t = Self::FULL.http_resumes, value_parser = events::parse_count)]
    http_resumes: usize,
    /// Resumes of 20 events at the same time.
    #[arg(long, default_value_t = Self::FULL.at_once, value_parser = events::parse_count)]
    at_once: usize,
    /// Channels of which a client missed 20 events: as many old ones, and new ones.
    #[arg(long, default_value_t = Self::FULL.channels, value_parser = events::parse_count)]
    channels: usize,
    /// Events of the busy channels after the newest of the others; the window holds both.
    #[arg(long, default_value_t = Self::FULL.later_events, value_parser = events::parse_count)]
    later_events: usize,
    /// Bytes of the memory window.
    #[arg(long, default_value_t = Self::FULL.window_bytes)]
    window_bytes: u64,
}

impl Arguments {
    /// For figures; the window is that of the server.
    pub(crate) const FULL: Self = Self {
        events: 1_000_000,
        tail_resumes: 1_000,
        resumes: 100_000,
        http_resumes: 10_000,
        at_once: 32,
        channels: 1_000,
        later_events: 20_000,
        window_bytes: 64 * 1_048_576,
    };
    /// For a look whether it works.
    pub(crate) const QUICK: Self = Self {
        events: 5_000,
        tail_resumes: 50,
        resumes: 200,
        http_resumes: 50,
        at_once: 8,
        channels: 20,
        later_events: 200,
        window_bytes: 1_048_576,
    };
}

/// Clients that come back in the same way.
#[derive(Debug)]
struct Group {
    name: &'static str,
    in_process: Resumes,
    over_http: Resumes,
}

/// A log to come back to.
#[derive(Debug)]
struct Prepared {
    served: Served,
    groups: Vec<Group>,
}

/// Measures.
///
/// # Errors
///
/// A stream does not get exactly what it missed.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    progress(format_args!("filling a log with {} events", arguments.events));
    let folder = place.folder.join("log");
    let Prepared { served, groups } = prepare(arguments, &folder)?;
    let mut table = Table::new("Streams that come back", COLUMNS);
    let mut runs: Vec<Vec<Outcome>> = Vec::new();
    for run in 1..=place.n_runs {
        progress(format_args!("run {run} of {}", place.n_runs));
        let mut outcomes = Vec::new();
        for group in &groups {
            outcomes.push(load::in_process(served.hub(), &group.in_process)?);
            outcomes.push(over_http(&served, &folder, &group.over_http)?);
        }
        runs.push(outcomes);
    }
    served.stop()?;
    let outcomes_of = |index: usize| -> Vec<Outcome> {
        runs.iter().filter_map(|run| run.get(index)).copied().collect()
    };
    for (index, group) in groups.iter().enumerate() {
        let labels = (group.name, "in process");
        table.add(row(labels, &group.in_process, &outcomes_of(2 * index)));
        let labels = (group.name, "HTTP");
        table.add(row(labels, &group.over_http, &outcomes_of(2 * index + 1)));
    }
    let tail = groups.first().context("there is a group")?;
    let mut restarted = Vec::new();
    for run in 1..=place.n_runs {
        progress(format_args!("restart {run} of {}", place.n_runs));
        let store = Store::open(&folder)?;
        restarted.push(load::in_process(&store.hub, &tail.in_process)?);
        store.stop();
    }
    let labels = ("10 events before the tail, after a restart", "in process");
    table.add(row(labels, &tail.in_process, &restarted));

    let mut report = Report::new("resume", place.machine.clone());
    report.note(format!(
        "Medians of {} interleaved runs on a log of {} events of 300 bytes; clients over HTTP are \
         a process of their own and share the cores with the server.",
        place.n_runs, arguments.events
    ));
    report.note(
        "The time is from the request (over HTTP: from connecting) to `ready`; every stream is \
         checked to get exactly what it missed.",
    );
    report.note("After a restart the memory window is empty, and everything is read from the log.");
    report.table(table);
    let targets = [
        ("p99 in ms of a resume 10 events before the tail, server time", &outcomes_of(0)),
        ("the same after a restart", &restarted),
    ];
    for (what, outcomes) in targets {
        let p99_ms = median_of(outcomes, |outcome| outcome.ready_ms_p99);
        report.target(Target::new(what, Bound::AtMost(TAIL_MS_MAX), p99_ms));
    }
    Ok(report)
}

fn row((name, over): (&str, &str), resumes: &Resumes, outcomes: &[Outcome]) -> Vec<Cell> {
    vec![
        name.into(),
        over.into(),
        resumes.n_at_once.into(),
        resumes.n.into(),
        median_of(outcomes, |outcome| outcome.per_s).into(),
        median_of(outcomes, |outcome| outcome.ready_ms_p50).into(),
        median_of(outcomes, |outcome| outcome.ready_ms_p99).into(),
    ]
}

fn over_http(served: &Served, folder: &Path, resumes: &Resumes) -> anyhow::Result<Outcome> {
    let mut child = Child::start(Role::Resumers, folder)?;
    let answer: Value = child.ask(&load::question(served.address(), resumes).to_string())?;
    child.end()?;
    Ok(Outcome {
        per_s: figure_of(&answer, "per_s")?,
        ready_ms_p50: figure_of(&answer, "ready_ms_p50")?,
        ready_ms_p99: figure_of(&answer, "ready_ms_p99")?,
    })
}

/// Fills a log, oldest first: quiet channels, busy ones, quiet ones again, the tail of the busy.
fn prepare(arguments: &Arguments, folder: &Path) -> anyhow::Result<Prepared> {
    let n_quiet = arguments.channels * QUIET_EVENTS;
    let n_busy = arguments.events.checked_sub(1 + 2 * n_quiet + arguments.later_events);
    let n_busy = n_busy.context("--events is too small")?;
    let options = StoreOptions { window_bytes: arguments.window_bytes, ..StoreOptions::default() };
    let served = Served::start(Store::open_with(folder, options)?)?;
    let runtime = role::current_thread()?;
    let busy = events::channels("busy", BUSY_CHANNELS);
    let fill =
        |channels: &[_], n_events| runtime.block_on(events::fill(served.hub(), channels, n_events));
    let quiet = |name, prefix: &str, before: &[Position]| {
        let positions = fill(&events::channels(prefix, arguments.channels), n_quiet)?;
        // Each channel's client saw last what was published before the channel's first event.
        let ids = before.last().into_iter().chain(&positions).take(arguments.channels);
        let clients = ids.enumerate().map(|(index, last_id)| Client {
            pattern: format!("{prefix}/{index}"),
            last_id: last_id.to_string(),
            n_missed: u64::try_from(QUIET_EVENTS).unwrap_or(u64::MAX),
        });
        let clients: Arc<[Client]> = clients.collect();
        let resumes =
            |n| Resumes { clients: Arc::clone(&clients), n, n_at_once: arguments.at_once };
        let (in_process, over_http) = (resumes(arguments.resumes), resumes(arguments.http_resumes));
        anyhow::Ok(Group { name, in_process, over_http })
    };
    let before = fill(&busy, 1)?;
    let below = quiet("20 events, below the memory window", "old", &before)?;
    let before = fill(&busy, n_busy)?;
    let within = quiet("20 events, within the memory window", "new", &before)?;
    let tail = fill(&busy, arguments.later_events)?;
    let seen = tail.len().checked_sub(TAIL_EVENTS + 1).and_then(|index| tail.get(index));
    let client = Client {
        pattern: "busy/*".to_owned(),
        last_id: seen.context("--later-events is too small")?.to_string(),
        n_missed: u64::try_from(TAIL_EVENTS).unwrap_or(u64::MAX),
    };
    let resumes = Resumes { clients: [client].into(), n: arguments.tail_resumes, n_at_once: 1 };
    let (in_process, over_http) = (resumes.clone(), resumes);
    let at_tail = Group { name: "10 events before the tail", in_process, over_http };
    let n_events = served.hub().head().offset;
    ensure!(usize::try_from(n_events) == Ok(arguments.events), "{n_events} events in the log");
    Ok(Prepared { served, groups: vec![at_tail, below, within] })
}
