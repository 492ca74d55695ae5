//! What a child process does: it opens a log and tells what that took, serves, or writes.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::{Value, json};
use tidings_hub::delivery::Start;
use tidings_log::reader::Channels;
use tokio::time::Instant;

use crate::events;
use crate::memory::{self, Memory};
use crate::served::Served;
use crate::statistics::milliseconds;
use crate::store::{self, Store};
use crate::{dns, dns_filter, publish, resume, streams};

/// Channels that the child [`Role::Write`] publishes to.
pub(crate) const WRITE_CHANNELS: usize = 1_000;
/// Events of one publish of that child.
const WRITE_EVENTS: usize = 100;
/// Events of one round of the child [`Role::Grow`], each channel's as many.
const GROW_EVENTS: usize = 10_000;
/// Most publishes of the child [`Role::Write`], should nobody kill it.
const WRITES_MAX: u64 = 200_000;

/// What a child does; it ends when its input does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Opens the log, and tells time and memory.
    OpenLog,
    /// Opens the hub, and tells time and memory.
    OpenHub,
    /// Publishes without end, and tells what is acknowledged.
    Write,
    /// Reads the whole log from below, and tells time and memory.
    ScanLog,
    /// Replays a pattern (the question) through the hub, and tells time and memory.
    ReplayHub,
    /// Publishes the number of events that it is asked for, and tells its memory.
    Grow,
    /// Publishes to a server over HTTP, as asked.
    Publishers,
    /// Resumes streams of a server over HTTP, as asked.
    Resumers,
    /// Serves the hub; asked for `forget` or `memory`, it tells its memory.
    Serve,
    /// Sends datagrams back.
    DnsEcho,
    /// Runs the resolver, as asked.
    DnsResolver,
    /// Makes tables of blocked names, and tells time and memory.
    DnsFilter,
}

impl Role {
    /// Returns the word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OpenLog => "open-log",
            Self::OpenHub => "open-hub",
            Self::Write => "write",
            Self::ScanLog => "scan-log",
            Self::ReplayHub => "replay-hub",
            Self::Grow => "grow",
            Self::Publishers => "publishers",
            Self::Resumers => "resumers",
            Self::Serve => "serve",
            Self::DnsEcho => "dns-echo",
            Self::DnsResolver => "dns-resolver",
            Self::DnsFilter => "dns-filter",
        }
    }

    /// Plays the role until the input ends.
    ///
    /// # Errors
    ///
    /// The log cannot be used, or the parent is gone.
    pub(crate) fn play(self, folder: &Path) -> anyhow::Result<()> {
        match self {
            Self::OpenLog => open_log(folder),
            Self::OpenHub => open_hub(folder),
            Self::Write => write(folder),
            Self::ScanLog => scan_log(folder),
            Self::ReplayHub => replay_hub(folder),
            Self::Grow => grow(folder),
            Self::Publishers => answer_each(publish::load::run),
            Self::Resumers => answer_each(resume::load::run),
            Self::Serve => serve(folder),
            Self::DnsEcho => dns::play_echo(),
            Self::DnsResolver => dns::resolver::play(folder),
            Self::DnsFilter => dns_filter::play(folder),
        }
    }
}

fn open_log(folder: &Path) -> anyhow::Result<()> {
    let before = Memory::of_this_process()?;
    let start = Instant::now();
    let (log, writer) = store::open_log(folder)?;
    let open_ms = milliseconds(start.elapsed());
    let after = Memory::of_this_process()?;
    let stats = log.stats();
    answer(&json!({
        "open_ms": open_ms,
        "head": stats.head,
        "before": before.to_json(),
        "after": after.to_json(),
        "index_bytes": stats.index_memory_bytes,
        "disk_bytes": stats.size_bytes,
    }))?;
    writer.close().context("close the log")
}

fn open_hub(folder: &Path) -> anyhow::Result<()> {
    let before = Memory::of_this_process()?;
    let start = Instant::now();
    let store = Store::open(folder)?;
    let open_ms = milliseconds(start.elapsed());
    let after = Memory::of_this_process()?;
    let head = store.hub.head().offset;
    answer(&json!({
        "open_ms": open_ms,
        "head": head,
        "before": before.to_json(),
        "after": after.to_json(),
    }))?;
    store.stop();
    Ok(())
}

fn write(folder: &Path) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let channels = events::channels("bench", WRITE_CHANNELS);
    let runtime = current_thread()?;
    for _ in 0..WRITES_MAX {
        let positions = runtime.block_on(events::fill(&store.hub, &channels, WRITE_EVENTS))?;
        let head = positions.last().context("nothing was published")?.offset;
        // A parent that is gone reads no more, which ends this.
        answer(&json!({"acknowledged": head}))?;
    }
    bail!("nobody ended the writing")
}

fn scan_log(folder: &Path) -> anyhow::Result<()> {
    let (log, writer) = store::open_log(folder)?;
    let (mut n_events, mut n_bytes) = (0_u64, 0_usize);
    memory::forget_peak()?;
    let before = Memory::of_this_process()?;
    let start = Instant::now();
    log.scan(0, log.head(), Channels::All, &mut |record| {
        n_events += 1;
        n_bytes += record.body.len();
        ControlFlow::Continue(())
    })?;
    let read_ms = milliseconds(start.elapsed());
    let after = Memory::of_this_process()?;
    answer(&json!({
        "read_ms": read_ms,
        "n_events": n_events,
        "n_bytes": n_bytes,
        "before": before.to_json(),
        "after": after.to_json(),
    }))?;
    writer.close().context("close the log")
}

fn replay_hub(folder: &Path) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let runtime = current_thread()?;
    for pattern in std::io::stdin().lock().lines() {
        let pattern = pattern.context("read a question")?;
        memory::forget_peak()?;
        let before = Memory::of_this_process()?;
        let start = Instant::now();
        let replay = streams::until_ready(&store.hub, &pattern, Start::Earliest);
        let frames = runtime.block_on(replay)?;
        let read_ms = milliseconds(start.elapsed());
        let after = Memory::of_this_process()?;
        answer(&json!({
            "read_ms": read_ms,
            "n_events": frames.n_events,
            "before": before.to_json(),
            "after": after.to_json(),
        }))?;
    }
    store.stop();
    Ok(())
}

fn grow(folder: &Path) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let channels = events::channels("bench", WRITE_CHANNELS);
    let runtime = current_thread()?;
    answer_each(|question| {
        let n_events = question.as_u64().context("not a number of events")?;
        let mut n_left = usize::try_from(n_events)?;
        while n_left > 0 {
            // Where they stand is not kept here: it would count as memory of the hub.
            let n_now = n_left.min(GROW_EVENTS);
            runtime.block_on(events::fill(&store.hub, &channels, n_now))?;
            n_left -= n_now;
        }
        Ok(Memory::of_this_process()?.to_json())
    })?;
    store.stop();
    Ok(())
}

fn serve(folder: &Path) -> anyhow::Result<()> {
    let served = Served::start(Store::open(folder)?)?;
    answer(&json!({"address": served.address().to_string()}))?;
    for question in std::io::stdin().lock().lines() {
        match question.context("read a question")?.as_str() {
            "forget" => memory::forget_peak()?,
            "memory" => {}
            other => bail!("`{other}` is no question"),
        }
        answer(&Memory::of_this_process()?.to_json())?;
    }
    served.stop()
}

/// Answers every question of the parent, which is a line of JSON.
fn answer_each(respond: impl Fn(&Value) -> anyhow::Result<Value>) -> anyhow::Result<()> {
    for question in std::io::stdin().lock().lines() {
        let question = question.context("read a question")?;
        let question = serde_json::from_str(&question).context("the question is no JSON")?;
        answer(&respond(&question)?)?;
    }
    Ok(())
}

/// Writes a line for the parent.
fn answer(value: &Value) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{value}").context("answer")?;
    output.flush().context("answer")
}

/// Makes a runtime of this thread alone.
pub(crate) fn current_thread() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")
}
