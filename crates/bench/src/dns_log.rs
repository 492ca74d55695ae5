//! The query log of DNS: bytes an entry takes on disk, and the time to search all of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use tidings_dns::entry::Entry;
use tidings_dns::query_log::filter::{Filter, Names};
use tidings_dns::query_log::samples::Samples;
use tidings_dns::query_log::{
    EntrySource, PageRequest, QueryLog, QueryLogConfig, QueryLogParts, QueryLogThreads,
};
use tokio::time::Instant;

use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::statistics::{figure, median_of};
use crate::{Place, events, outside, progress};

const COLUMNS: &[Column] = &[
    column("filter", "filter"),
    column("hits", "hits"),
    column("ms", "ms"),
    column("ms, reading every entry", "plain_ms"),
    column("ratio", "ratio"),
];
/// Entries that are handed over at once; more would not find room on the way to the disk.
const BATCH: usize = 16_384;
/// Longest wait for a batch to be kept.
const KEEP_TIMEOUT: Duration = Duration::from_mins(1);
/// What is searched: a name that is not there, and terms that every block may hold.
const FILTERS: [&str; 4] = [
    "\"nowhere-at-all\"",
    "status:blocked type:PTR client:192.0.2.7 duration:>0.044",
    "name:www2997.site197.example type:HTTPS",
    "address:203.0.113.0/24",
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Entries in the log.
    #[arg(long, default_value_t = Self::FULL.entries, value_parser = events::parse_count)]
    entries: usize,
}

impl Arguments {
    /// For figures.
    pub(crate) const FULL: Self = Self { entries: 2_000_000 };
    /// For a look whether it works.
    pub(crate) const QUICK: Self = Self { entries: 20_000 };
}

/// Entries that the bench hands over.
struct Handed(Receiver<Entry>);

impl EntrySource for Handed {
    fn drain(&mut self, n_max: usize, take: &mut dyn FnMut(Entry)) -> usize {
        let handed = self.0.try_iter().take(n_max);
        handed.map(take).count()
    }

    fn n_dropped(&self) -> u64 {
        0
    }
}

/// A log that is filled.
struct Filled {
    log: Arc<QueryLog>,
    threads: QueryLogThreads,
}

/// Measures.
///
/// # Errors
///
/// The log does not hold what it was given, or a search does not find it.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    progress(format_args!("filling a query log with {} entries", arguments.entries));
    let filled = fill(arguments.entries, &place.folder.join("dns"))?;
    let status = filled.log.status();
    let n_entries = figure(arguments.entries);
    let per_entry = figure(status.size_bytes) / n_entries;
    let mut report = Report::new("dns-log", place.machine.clone());
    report.note(format!(
        "{} invented entries of 60 clients asking for 3,000 names, every twelfth for one that \
         nobody asked for before; medians of {} runs, interleaved with a search that reads every \
         entry.",
        arguments.entries, place.n_runs
    ));
    let mut table = Table::new("Searches of the whole log", COLUMNS);
    let mut slowest = 0.0_f64;
    let mut least_ratio = f64::INFINITY;
    for text in FILTERS {
        let filter = Filter::parse(text, &Names { now_ms: 0, list: &|_| None })?;
        let mut runs = Vec::new();
        for run in 1..=place.n_runs {
            progress(format_args!("{text}: run {run} of {}", place.n_runs));
            let (n_hits, search_ms) = search(&filled.log, &filter)?;
            let (n_plain, plain_ms) = read_all(&filled.log, &filter)?;
            ensure!(n_hits == n_plain, "{text}: {n_hits} hits, {n_plain} by reading every entry");
            runs.push((n_hits, search_ms, plain_ms));
        }
        let n_hits = runs.first().map_or(0, |run| run.0);
        let (ms, plain_ms) = (median_of(&runs, |run| run.1), median_of(&runs, |run| run.2));
        slowest = slowest.max(ms);
        least_ratio = least_ratio.min(plain_ms / ms);
        let ratio = (plain_ms / ms).into();
        table.add(vec![text.into(), figure(n_hits).into(), ms.into(), plain_ms.into(), ratio]);
    }
    filled.threads.stop();
    report.table(table);
    report.target(Target::new("bytes per entry on disk", Bound::AtMost(60.0), per_entry));
    report.target(Target::new("slowest full search, ms", Bound::AtMost(200.0), slowest));
    let what = "times faster than reading every entry, at least";
    report.target(Target::new(what, Bound::AtLeast(5.0), least_ratio));
    Ok(report)
}

/// Makes a query log with so many entries in a folder, for other benches.
///
/// # Errors
///
/// It cannot be written.
pub(crate) fn prepare(folder: &Path, n_entries: usize) -> anyhow::Result<()> {
    fill(n_entries, folder)?.threads.stop();
    Ok(())
}

/// Hands entries over and waits until they are on disk.
fn fill(n_entries: usize, folder: &Path) -> anyhow::Result<Filled> {
    let (hand, handed) = sync_channel(BATCH);
    let parts = QueryLogParts {
        source: Box::new(Handed(handed)),
        folder: folder.to_owned(),
        clock: Arc::new(outside::now_ms),
    };
    let config = QueryLogConfig {
        size_max_bytes: u64::MAX,
        age_max: Duration::from_hours(24 * 365 * 20),
        recent_entries_max: 1,
        ..QueryLogConfig::default()
    };
    let (log, threads, _batches) =
        QueryLog::start(&config, parts).context("start the query log")?;
    let mut samples = Samples::new(1);
    let mut n_handed = 0;
    while n_handed < n_entries {
        let n_now = BATCH.min(n_entries - n_handed);
        hand_over(&hand, &mut samples, n_now)?;
        n_handed += n_now;
        let start = Instant::now();
        while log.status().n_written < u64::try_from(n_handed)? {
            ensure!(start.elapsed() < KEEP_TIMEOUT, "{:?}", log.status());
            std::thread::sleep(Duration::from_millis(5));
            log.flush();
        }
    }
    // A look at the size comes with a swap to the driver that it has.
    log.swap(config.driver)?;
    let status = log.status();
    ensure!(status.n_lost == 0 && status.error.is_none(), "{status:?}");
    Ok(Filled { log, threads })
}

fn hand_over(hand: &SyncSender<Entry>, samples: &mut Samples, n: usize) -> anyhow::Result<()> {
    for _ in 0..n {
        hand.send(samples.next_entry()).context("the query log ended")?;
    }
    Ok(())
}

/// Finds every hit page by page, as REST does; returns how many and the milliseconds.
fn search(log: &QueryLog, filter: &Filter) -> anyhow::Result<(usize, f64)> {
    let start = Instant::now();
    let mut n_hits = 0;
    let mut before = None;
    loop {
        let page = log.search(filter, PageRequest { before, n_max: 1_000 })?;
        ensure!(page.trouble.is_none(), "{:?}", page.trouble);
        n_hits += page.entries.len();
        before = page.next_before;
        if before.is_none() {
            return Ok((n_hits, start.elapsed().as_secs_f64() * 1_000.0));
        }
    }
}

/// Reads every entry and tests it.
fn read_all(log: &QueryLog, filter: &Filter) -> anyhow::Result<(usize, f64)> {
    let start = Instant::now();
    let mut n_hits = 0;
    log.each(&Filter::default(), None, &mut |logged| {
        n_hits += usize::from(filter.matches(&logged.entry));
        true
    })?;
    Ok((n_hits, start.elapsed().as_secs_f64() * 1_000.0))
}
