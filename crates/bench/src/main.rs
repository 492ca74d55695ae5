//! Measures Tidings on this machine; `tidings-bench --help` lists what it can measure.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use tokio::sync::oneshot;

use crate::machine::Machine;
use crate::report::Report;
use crate::role::Role;

mod child;
mod delivery;
mod dns;
mod dns_filter;
mod dns_log;
mod events;
mod frames;
mod load;
mod machine;
mod memory;
mod outside;
mod publish;
mod replay;
mod report;
mod resume;
mod role;
mod served;
mod size;
mod slow_disk;
mod start;
mod statistics;
mod store;
mod streams;

/// Time after which benches that do not end are given up.
const TIME_MAX: Duration = Duration::from_mins(30);

/// Measures Tidings on this machine.
///
/// Each bench fills a log in a temporary folder, measures, and checks that it got back every event
/// that it published, in order; figures are medians of runs that are interleaved with what they
/// are compared with. Load goes to the loopback address only.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// Shown at the end of the help.
const EXAMPLES: &str = "Examples:
  tidings-bench all --quick           does everything work? (seconds; the figures mean nothing)
  tidings-bench all                   every figure of the log, and a table of the targets (minutes)
  tidings-bench publish --runs 5      durable publishes only, medians of 5 runs
  tidings-bench start --json --check  as JSON, and an error when a target is missed
  tidings-bench size --folder /mnt/x  on another disk";

#[derive(Debug, Subcommand)]
enum Task {
    /// The benches of the log, which are the five below, one after the other.
    All {
        #[command(flatten)]
        common: Common,
        /// The server's program, to be started on a log as well.
        #[arg(long, value_name = "FILE")]
        server: Option<PathBuf>,
    },
    /// Durable publishes a second over HTTP, with group commit and with one sync per publish.
    Publish {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: publish::Arguments,
    },
    /// Time until a stream that comes back is live again.
    Resume {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: resume::Arguments,
    },
    /// Replay of many events on one stream, from below the memory window.
    Replay {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: replay::Arguments,
    },
    /// Time to open a log after its writer was killed.
    Start {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: start::Arguments,
    },
    /// Bytes per event, on disk and in memory.
    Size {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: size::Arguments,
    },
    /// Bytes per entry of the query log of DNS, and the time to search all of it.
    DnsLog {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: dns_log::Arguments,
    },
    /// What an answer from the resolver's cache costs, beside a UDP echo, unbound and dnsmasq.
    Dns {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: dns::Arguments,
    },
    /// Memory of the table of blocked names, and the times to make it, to look, and to edit rules.
    DnsFilter {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        arguments: dns_filter::Arguments,
    },
    #[command(flatten)]
    Delivery(delivery::Task),
    /// Works for another bench.
    #[command(hide = true)]
    Child { role: Role, folder: PathBuf },
}

/// What every bench understands.
#[derive(Debug, Args)]
struct Common {
    /// Runs of everything, interleaved; medians are told.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// One run in the smallest size, whatever else is said: does it work?
    #[arg(long)]
    quick: bool,
    /// Folder in which a temporary one is made; below the target folder if not given.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// End with an error when a target is missed.
    #[arg(long)]
    check: bool,
}

/// Where and how often a bench runs.
#[derive(Debug)]
struct Place {
    /// Empty folder of the bench's own.
    folder: PathBuf,
    n_runs: u16,
    machine: Machine,
}

/// One bench and its settings.
#[derive(Debug)]
enum Bench {
    Publish(publish::Arguments),
    Resume(resume::Arguments),
    Replay(replay::Arguments),
    Start(start::Arguments),
    Size(size::Arguments),
    DnsLog(dns_log::Arguments),
    Dns(dns::Arguments),
    DnsFilter(dns_filter::Arguments),
    Delivery(delivery::Bench),
}

impl Bench {
    /// Returns every bench of the log.
    fn all(server: Option<PathBuf>) -> Vec<Self> {
        vec![
            Self::Publish(publish::Arguments::FULL),
            Self::Resume(resume::Arguments::FULL),
            Self::Replay(replay::Arguments::FULL),
            Self::Start(start::Arguments::FULL.with_server(server)),
            Self::Size(size::Arguments::FULL),
        ]
    }

    /// Makes it as small as it can be.
    fn quick(self) -> Self {
        match self {
            Self::Publish(_) => Self::Publish(publish::Arguments::QUICK),
            Self::Resume(_) => Self::Resume(resume::Arguments::QUICK),
            Self::Replay(_) => Self::Replay(replay::Arguments::QUICK),
            Self::Start(arguments) => Self::Start(arguments.quick()),
            Self::Size(_) => Self::Size(size::Arguments::QUICK),
            Self::DnsLog(_) => Self::DnsLog(dns_log::Arguments::QUICK),
            Self::Dns(arguments) => Self::Dns(arguments.quick()),
            Self::DnsFilter(_) => Self::DnsFilter(dns_filter::Arguments::QUICK),
            Self::Delivery(bench) => Self::Delivery(bench.quick()),
        }
    }

    /// Measures in a folder of its own below that of the place, and removes it.
    fn measure(&self, place: &Place) -> anyhow::Result<Report> {
        let (folder, machine) = (place.folder.join("bench"), place.machine.clone());
        std::fs::create_dir(&folder).context("make the folder of a bench")?;
        let place = &Place { folder, n_runs: place.n_runs, machine };
        let (name, report) = match self {
            Self::Publish(arguments) => ("publish", publish::measure(arguments, place)),
            Self::Resume(arguments) => ("resume", resume::measure(arguments, place)),
            Self::Replay(arguments) => ("replay", replay::measure(arguments, place)),
            Self::Start(arguments) => ("start", start::measure(arguments, place)),
            Self::Size(arguments) => ("size", size::measure(arguments, place)),
            Self::DnsLog(arguments) => ("dns-log", dns_log::measure(arguments, place)),
            Self::Dns(arguments) => ("dns", dns::measure(arguments, place)),
            Self::DnsFilter(arguments) => ("dns-filter", dns_filter::measure(arguments, place)),
            Self::Delivery(bench) => bench.measure(place),
        };
        let report = report.context(name)?;
        std::fs::remove_dir_all(&place.folder).context("remove the folder of a bench")?;
        Ok(report)
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    let (common, mut benches) = match task {
        Task::All { common, server } => (common, Bench::all(server)),
        Task::Publish { common, arguments } => (common, vec![Bench::Publish(arguments)]),
        Task::Resume { common, arguments } => (common, vec![Bench::Resume(arguments)]),
        Task::Replay { common, arguments } => (common, vec![Bench::Replay(arguments)]),
        Task::Start { common, arguments } => (common, vec![Bench::Start(arguments)]),
        Task::Size { common, arguments } => (common, vec![Bench::Size(arguments)]),
        Task::DnsLog { common, arguments } => (common, vec![Bench::DnsLog(arguments)]),
        Task::Dns { common, arguments } => (common, vec![Bench::Dns(arguments)]),
        Task::DnsFilter { common, arguments } => (common, vec![Bench::DnsFilter(arguments)]),
        Task::Delivery(task) => match task.prepare()? {
            Some((common, bench)) => (common, vec![Bench::Delivery(bench)]),
            None => return Ok(ExitCode::SUCCESS),
        },
        Task::Child { role, folder } => {
            return role.play(&folder).map(|()| ExitCode::SUCCESS);
        }
    };
    if common.quick {
        benches = benches.into_iter().map(Bench::quick).collect();
    }
    let parent = common.folder.clone().map_or_else(default_folder, Ok)?;
    std::fs::create_dir_all(&parent).with_context(|| format!("make {}", parent.display()))?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&parent);
    let folder = folder.with_context(|| format!("make a folder in {}", parent.display()))?;
    let place = Place {
        folder: folder.path().to_owned(),
        n_runs: if common.quick { 1 } else { common.runs },
        machine: Machine::look(folder.path())?,
    };
    let reports = guarded(benches, place)?;
    folder.close().context("remove the temporary folder")?;
    if common.json {
        println!("{:#}", report::to_json(&reports));
    } else {
        print!("{}", report::to_markdown(&reports));
    }
    if common.check && !reports.iter().all(Report::is_met) {
        bail!("a target is missed");
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs benches until they end, somebody interrupts it, or their time is over; in every case the
/// caller goes on, so that the temporary folder is removed.
fn guarded(benches: Vec<Bench>, place: Place) -> anyhow::Result<Vec<Report>> {
    let (done, outcome) = oneshot::channel();
    std::thread::spawn(move || {
        let reports = benches.iter().map(|bench| bench.measure(&place)).collect();
        // Nobody is there to hear of it once the benches were given up.
        done.send(reports).ok();
    });
    role::current_thread()?.block_on(async {
        tokio::select! {
            reports = outcome => reports.context("a bench panicked")?,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            () = tokio::time::sleep(TIME_MAX) => {
                bail!("not done after {} minutes", TIME_MAX.as_secs() / 60)
            }
        }
    })
}

/// Returns the folder `bench` beside the folder of this program, which is in the target folder.
fn default_folder() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("find this program")?;
    let target = program.parent().and_then(Path::parent).context("find the target folder")?;
    Ok(target.join("bench"))
}

/// Says what is being done, where the report does not go.
fn progress(what: std::fmt::Arguments<'_>) {
    eprintln!("{what}");
}
