//! Time to open a log after its writer was killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;
use tokio::time::Instant;

use crate::child::{Child, count_of, figure_of};
use crate::events::{self, Numbers};
use crate::report::{Bound, Column, Report, Table, Target, column};
use crate::role::{self, Role, WRITE_CHANNELS};
use crate::statistics::{median, milliseconds};
use crate::{Place, load, progress, store};

/// Shortest and longest time that a writer lives, in milliseconds.
const LIFE_MS: (u64, u64) = (50, 250);
/// Words of the server when it is ready.
const READY_WORDS: &str = "listening on ";
/// Milliseconds that opening may take.
const OPEN_MS_MAX: f64 = 500.0;

const COLUMNS: &[Column] = &[
    column("what", "what"),
    column("median ms", "ms_p50"),
    column("longest ms", "ms_max"),
    column("starts", "n_starts"),
    column("events in the log", "n_events"),
];

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Events in the log before the first kill.
    #[arg(long, default_value_t = Self::FULL.events, value_parser = events::parse_count)]
    events: usize,
    /// Kills before starts of each kind.
    #[arg(
        long,
        default_value_t = Self::FULL.kills,
        value_parser = clap::value_parser!(u16).range(1..=100)
    )]
    kills: u16,
    /// The server's program, to be started on the log as well.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

impl Arguments {
    /// For figures.
    pub(crate) const FULL: Self = Self { events: 1_000_000, kills: 5, server: None };
    /// For a look whether it works.
    const QUICK: Self = Self { events: 3_000, kills: 1, server: None };

    /// Starts the server's program as well.
    pub(crate) fn with_server(self, server: Option<PathBuf>) -> Self {
        Self { server, ..self }
    }

    /// Makes the sizes those of [`Arguments::QUICK`].
    pub(crate) fn quick(self) -> Self {
        Self::QUICK.with_server(self.server)
    }
}

/// Times of the starts after one kill.
#[derive(Debug, Default)]
struct Starts {
    log_ms: Vec<f64>,
    hub_ms: Vec<f64>,
    server_ms: Vec<f64>,
    head: u64,
}

/// Measures.
///
/// # Errors
///
/// An acknowledged event is not in the log after a kill.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    // The server keeps its log in this folder of its data.
    let data = place.folder.join("data");
    let folder = data.join("hub");
    progress(format_args!("filling a log with {} events", arguments.events));
    store::fill(&folder, WRITE_CHANNELS, arguments.events)?;
    let n_kills = arguments.kills;
    let mut starts = Starts::default();
    let mut lives = Numbers::new(2);
    for run in 1..=n_kills {
        progress(format_args!("kill {run} of {n_kills}"));
        let life_ms = LIFE_MS.0 + lives.next() % (LIFE_MS.1 - LIFE_MS.0);
        // Each start is after a kill of its own: the first one repairs for the next.
        let acknowledged = write_and_kill(&folder, Duration::from_millis(life_ms))?;
        starts.log_ms.push(open(Role::OpenLog, &folder, acknowledged, &mut starts.head)?);
        let acknowledged = write_and_kill(&folder, Duration::from_millis(life_ms))?;
        starts.hub_ms.push(open(Role::OpenHub, &folder, acknowledged, &mut starts.head)?);
        if let Some(server) = &arguments.server {
            let acknowledged = write_and_kill(&folder, Duration::from_millis(life_ms))?;
            let (time_ms, head) = start_server(server, &data)?;
            check_head(head, acknowledged)?;
            starts.server_ms.push(time_ms);
        }
    }
    let mut report = Report::new("start", place.machine.clone());
    report.note(format!(
        "Each start is of a process of its own, after the one before was killed (SIGKILL) while \
         it published to {WRITE_CHANNELS} channels; the files are in the page cache."
    ));
    report.note("After every start the log is checked to hold what was acknowledged before.");
    let mut table = Table::new("Start after a kill", COLUMNS);
    let longest = |times: &[f64]| times.iter().copied().fold(f64::NAN, f64::max);
    let rows = [
        ("the log opens", &starts.log_ms),
        ("the hub opens", &starts.hub_ms),
        ("the server listens, from its start", &starts.server_ms),
    ];
    for (what, times) in rows.iter().filter(|(_, times)| !times.is_empty()) {
        table.add(vec![
            (*what).into(),
            median((*times).clone()).into(),
            longest(times).into(),
            times.len().into(),
            starts.head.into(),
        ]);
    }
    report.table(table);
    let targets = [
        ("longest time in ms until the hub is open after a kill", &starts.hub_ms),
        ("longest time in ms until the server listens after a kill", &starts.server_ms),
    ];
    for (what, times) in targets.iter().filter(|(_, times)| !times.is_empty()) {
        report.target(Target::new(what, Bound::AtMost(OPEN_MS_MAX), longest(times)));
    }
    Ok(report)
}

/// Lets a writer live for some time, kills it, and returns what it was told to be safe.
fn write_and_kill(folder: &Path, life: Duration) -> anyhow::Result<u64> {
    let mut writer = Child::start(Role::Write, folder)?;
    let mut acknowledged = count_of(&writer.read()?, "acknowledged")?;
    let end = Instant::now() + life;
    while Instant::now() < end {
        acknowledged = count_of(&writer.read()?, "acknowledged")?;
    }
    let last = writer.kill()?;
    let last = last.as_ref().map(|last| count_of(last, "acknowledged")).transpose()?;
    Ok(last.unwrap_or(acknowledged).max(acknowledged))
}

/// Opens the log in a new process and returns how long that took, in milliseconds.
fn open(role: Role, folder: &Path, acknowledged: u64, head: &mut u64) -> anyhow::Result<f64> {
    let mut child = Child::start(role, folder)?;
    let answer: Value = child.read()?;
    child.end()?;
    *head = count_of(&answer, "head")?;
    check_head(*head, acknowledged)?;
    figure_of(&answer, "open_ms")
}

fn check_head(head: u64, acknowledged: u64) -> anyhow::Result<()> {
    ensure!(head >= acknowledged, "acknowledged up to {acknowledged}, found up to {head}");
    Ok(())
}

/// Starts the server on the data and returns how long it took to listen, in milliseconds, and the
/// last offset of its log.
fn start_server(server: &Path, data: &Path) -> anyhow::Result<(f64, u64)> {
    let mut command = Command::new(server);
    // Its folder has no configuration, and it looks for no lease file of this machine.
    command.env_clear().current_dir(data).args(["serve", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(data).arg("--root-path").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let start = Instant::now();
    let mut process = command.spawn().context("start the server")?;
    let head = process.stdout.take().context("the server has an output").and_then(|output| {
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("read what the server says")?;
        let time_ms = milliseconds(start.elapsed());
        Ok((time_ms, head_of(&line)?))
    });
    process.kill().context("kill the server")?;
    process.wait().context("wait for the server")?;
    head
}

/// Asks a server for the last offset of its log; `line` is what it says when it is ready.
fn head_of(line: &str) -> anyhow::Result<u64> {
    let address = line.strip_prefix(READY_WORDS).and_then(|url| url.trim().strip_prefix("http://"));
    let address = address.with_context(|| format!("the server says `{line}`"))?;
    let address = address.parse().context("the address of the server")?;
    let stats = role::current_thread()?.block_on(load::get(address, "/api/sse/stats"))?;
    let stats: Value = serde_json::from_slice(&stats).context("the server's figures")?;
    let head = stats.get("head").and_then(Value::as_str).and_then(|head| head.split('-').nth(1));
    head.and_then(|offset| offset.parse().ok()).context("the server tells no head")
}
