//! Time until a stream that comes back is live again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use tidings_hub::Hub;
use tidings_hub::delivery::Start;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::events::{self, Numbers};
use crate::load::Stream;
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::served::Served;
use crate::statistics::{Latencies, Percentiles, median_of, rate};
use crate::store::Store;
use crate::{Place, progress, role, streams};

/// Channels with few events, old ones and new ones; each is one client's.
const QUIET_CHANNELS: usize = 1_000;
/// Events of such a channel, all of which its client missed.
const QUIET_EVENTS: usize = 20;
/// Channels with most of the events.
const BUSY_CHANNELS: usize = 10;
/// Events of those after the newest of the quiet ones; they fit into the memory window with them.
const BUSY_EVENTS_LAST: usize = 20_000;
/// Events that a client of the busy channels missed.
const TAIL_EVENTS: usize = 10;
/// Resumes at the tail, per run, in this process and over HTTP.
const TAIL_RESUMES: usize = 1_000;

const COLUMNS: &[Column] = &[
    column("stream", "stream"),
    column("over", "over"),
    column("resumes", "n_resumes"),
    column("resumes/s", "resumes_per_s"),
    column("p50 ms", "ready_ms_p50"),
    column("p99 ms", "ready_ms_p99"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Events in the log.
    #[arg(long, default_value_t = 1_000_000, value_parser = events::parse_count)]
    events: usize,
    /// Resumes of 20 events in this process, per run, below the window and as many within it.
    #[arg(long, default_value_t = 100_000, value_parser = events::parse_count)]
    resumes: usize,
    /// The same over HTTP, each on a new connection.
    #[arg(long, default_value_t = 5_000, value_parser = events::parse_count)]
    http_resumes: usize,
}

/// A client that comes back: what it follows, and what it saw last.
#[derive(Debug, Clone)]
struct Client {
    pattern: String,
    last_id: String,
    n_missed: u64,
}

/// Clients that come back in the same way.
#[derive(Debug)]
struct Group {
    name: &'static str,
    clients: Vec<Client>,
    n_resumes: usize,
    n_http_resumes: usize,
}

/// How one go went.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    per_s: f64,
    ready: Percentiles,
}

/// Measures.
///
/// # Errors
///
/// A stream does not get exactly what it missed.
pub(crate) fn measure(arguments: &Arguments, place: Place) -> anyhow::Result<Report> {
    progress(format_args!("filling a log with {} events", arguments.events));
    let (served, groups) = prepare(arguments, &place.folder.join("log"))?;
    let runtime = role::current_thread()?;
    let mut runs: Vec<Vec<Outcome>> = Vec::new();
    for run in 1..=place.n_runs {
        progress(format_args!("run {run} of {}", place.n_runs));
        let mut outcomes = Vec::new();
        for group in &groups {
            outcomes.push(in_process(&runtime, served.hub(), group)?);
            outcomes.push(over_http(&runtime, served.address(), group)?);
        }
        runs.push(outcomes);
    }
    served.stop()?;
    let mut report = Report::new("resume", place.machine);
    report.note(format!(
        "Medians of {} interleaved runs on a log of {} events of 300 bytes; one resume at a time.",
        place.n_runs, arguments.events
    ));
    report.note(
        "The time is from the request (over HTTP: from connecting) to `ready`; every stream is \
         checked to get exactly what it missed.",
    );
    let mut table = Table::new("Streams that come back", COLUMNS);
    let labels = groups.iter().flat_map(|group| {
        [(group.name, "in process", group.n_resumes), (group.name, "HTTP", group.n_http_resumes)]
    });
    for (index, (name, over, n_resumes)) in labels.enumerate() {
        let outcomes: Vec<Outcome> =
            runs.iter().filter_map(|run| run.get(index)).copied().collect();
        let p99_ms = median_of(&outcomes, |outcome| outcome.ready.p99_ms);
        if index == 0 {
            let what = "p99 in ms of a resume 10 events before the tail, server time";
            report.target(Target::new(what, Bound::AtMost(5.0), p99_ms));
        }
        table.add(vec![
            name.into(),
            over.into(),
            crate::statistics::figure(n_resumes).into(),
            median_of(&outcomes, |outcome| outcome.per_s).into(),
            median_of(&outcomes, |outcome| outcome.ready.p50_ms).into(),
            p99_ms.into(),
        ]);
    }
    report.table(table);
    Ok(report)
}

/// Fills a log, oldest first: quiet channels, busy ones, quiet ones again, the tail of the busy.
fn prepare(arguments: &Arguments, folder: &Path) -> anyhow::Result<(Served, Vec<Group>)> {
    let n_quiet = QUIET_CHANNELS * QUIET_EVENTS;
    let n_busy = arguments.events.checked_sub(1 + 2 * n_quiet + BUSY_EVENTS_LAST);
    let n_busy = n_busy.context("--events is too small")?;
    let served = Served::start(Store::open(folder)?)?;
    let runtime = role::current_thread()?;
    let busy = events::channels("busy", BUSY_CHANNELS);
    let fill =
        |channels: &[_], n_events| runtime.block_on(events::fill(served.hub(), channels, n_events));
    // The oldest quiet channel has an event before it, too, which its client saw last.
    let mut before = fill(&busy, 1)?;
    let quiet = |name, prefix: &str, before: &str| {
        let positions = fill(&events::channels(prefix, QUIET_CHANNELS), n_quiet)?;
        let ids = std::iter::once(before.to_owned());
        let ids = ids.chain(positions.iter().map(ToString::to_string));
        let clients = ids.take(QUIET_CHANNELS).enumerate().map(|(index, last_id)| Client {
            pattern: format!("{prefix}/{index}"),
            last_id,
            n_missed: u64::try_from(QUIET_EVENTS).unwrap_or(u64::MAX),
        });
        anyhow::Ok(Group {
            name,
            clients: clients.collect(),
            n_resumes: arguments.resumes,
            n_http_resumes: arguments.http_resumes,
        })
    };
    let last = |positions: &mut Vec<tidings_hub::position::Position>| {
        positions.pop().map(|position| position.to_string()).context("nothing was published")
    };
    let below = quiet("20 events, below the memory window", "old", &last(&mut before)?)?;
    let mut before = fill(&busy, n_busy)?;
    let within = quiet("20 events, within the memory window", "new", &last(&mut before)?)?;
    let tail = fill(&busy, BUSY_EVENTS_LAST)?;
    let seen = tail.len().checked_sub(TAIL_EVENTS + 1).and_then(|index| tail.get(index));
    let client = Client {
        pattern: "busy/*".to_owned(),
        last_id: seen.context("the tail is too short")?.to_string(),
        n_missed: u64::try_from(TAIL_EVENTS).unwrap_or(u64::MAX),
    };
    let at_tail = Group {
        name: "10 events before the tail",
        clients: vec![client],
        n_resumes: TAIL_RESUMES,
        n_http_resumes: TAIL_RESUMES,
    };
    let n_events = served.hub().head().offset;
    ensure!(usize::try_from(n_events) == Ok(arguments.events), "{n_events} events in the log");
    Ok((served, vec![at_tail, below, within]))
}

impl Group {
    /// Returns clients in an order that no cache knows.
    fn shuffled(&self, n_resumes: usize) -> impl Iterator<Item = &Client> {
        let mut numbers = Numbers::new(1);
        let n_clients = u64::try_from(self.clients.len()).unwrap_or(u64::MAX).max(1);
        (0..n_resumes).filter_map(move |_| {
            self.clients.get(usize::try_from(numbers.next() % n_clients).unwrap_or(0))
        })
    }
}

fn in_process(runtime: &Runtime, hub: &Arc<Hub>, group: &Group) -> anyhow::Result<Outcome> {
    runtime.block_on(async {
        let mut latencies = Latencies::default();
        let begin = Instant::now();
        for client in group.shuffled(group.n_resumes) {
            let start = Instant::now();
            let after = Start::After(client.last_id.clone());
            let frames = streams::until_ready(hub, &client.pattern, after).await?;
            latencies.add(start.elapsed());
            check(client, frames.n_events)?;
        }
        Ok(outcome(latencies, begin.elapsed()))
    })
}

fn over_http(runtime: &Runtime, address: SocketAddr, group: &Group) -> anyhow::Result<Outcome> {
    runtime.block_on(async {
        let mut latencies = Latencies::default();
        let begin = Instant::now();
        for client in group.shuffled(group.n_http_resumes) {
            let start = Instant::now();
            let query = format!("channels={}&last_event_id={}", client.pattern, client.last_id);
            let mut stream = Stream::open(address, &query).await?;
            stream.until_ready().await?;
            latencies.add(start.elapsed());
            check(client, stream.frames.n_events)?;
        }
        Ok(outcome(latencies, begin.elapsed()))
    })
}

fn check(client: &Client, n_events: u64) -> anyhow::Result<()> {
    let Client { pattern, n_missed, .. } = client;
    ensure!(n_events == *n_missed, "{pattern}: {n_events} of {n_missed} missed events came");
    Ok(())
}

fn outcome(latencies: Latencies, time: Duration) -> Outcome {
    Outcome { per_s: rate(latencies.len(), time), ready: latencies.percentiles() }
}
