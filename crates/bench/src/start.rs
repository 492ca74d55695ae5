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
use crate::statistics::{figure, median, milliseconds};
use crate::store::Store;
use crate::{Place, progress};

/// Fewest kills.
const KILLS_MIN: u16 = 5;
/// Shortest and longest time that a writer lives, in milliseconds.
const LIFE_MS: (u64, u64) = (200, 700);
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
    #[arg(long, default_value_t = 1_000_000, value_parser = events::parse_count)]
    events: usize,
    /// The server's program, to be started on the log as well.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
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
pub(crate) fn measure(arguments: &Arguments, place: Place) -> anyhow::Result<Report> {
    // The server keeps its log in this folder of its data.
    let data = place.folder.join("data");
    let folder = data.join("hub");
    progress(format_args!("filling a log with {} events", arguments.events));
    fill(&folder, arguments.events)?;
    let n_kills = place.n_runs.max(KILLS_MIN);
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
            write_and_kill(&folder, Duration::from_millis(life_ms))?;
            starts.server_ms.push(start_server(server, &data)?);
        }
    }
    let mut report = Report::new("start", place.machine);
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
        ("the server, from its start to its first connection", &starts.server_ms),
    ];
    for (what, times) in rows.iter().filter(|(_, times)| !times.is_empty()) {
        table.add(vec![
            (*what).into(),
            median((*times).clone()).into(),
            longest(times).into(),
            figure(times.len()).into(),
            figure(starts.head).into(),
        ]);
    }
    report.table(table);
    let what = "longest time in ms that the hub takes to open after a kill";
    report.target(Target::new(what, Bound::AtMost(OPEN_MS_MAX), longest(&starts.hub_ms)));
    Ok(report)
}

fn fill(folder: &Path, n_events: usize) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let channels = events::channels("bench", WRITE_CHANNELS);
    role::current_thread()?.block_on(events::fill(&store.hub, &channels, n_events))?;
    store.stop();
    Ok(())
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
    ensure!(*head >= acknowledged, "acknowledged up to {acknowledged}, found up to {head}");
    figure_of(&answer, "open_ms")
}

/// Starts the server on the data and returns how long it took to listen, in milliseconds.
fn start_server(server: &Path, data: &Path) -> anyhow::Result<f64> {
    let mut command = Command::new(server);
    // Its folder has no configuration, and it looks for no lease file of this machine.
    command.env_clear().current_dir(data).args(["serve", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(data).arg("--root-path").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let start = Instant::now();
    let mut process = command.spawn().context("start the server")?;
    let output = process.stdout.take().context("the server has an output")?;
    let mut line = String::new();
    let read = BufReader::new(output).read_line(&mut line);
    let time = start.elapsed();
    process.kill().context("kill the server")?;
    process.wait().context("wait for the server")?;
    read.context("read what the server says")?;
    ensure!(line.starts_with(READY_WORDS), "the server says `{line}`");
    Ok(milliseconds(time))
}
