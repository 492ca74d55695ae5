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

/// Time after which a bench that does not end is given up.
const TIME_MAX: Duration = Duration::from_mins(30);

/// Measures Tidings: load on this machine's loopback address only, in a temporary folder.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
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

type Bench = Box<dyn FnOnce(Place) -> anyhow::Result<Report> + Send>;

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
    let (common, bench): (Common, Bench) = match task {
        Task::Publish { common, arguments } => {
            (common, Box::new(move |place| publish::measure(&arguments, place)))
        }
        Task::Resume { common, arguments } => {
            (common, Box::new(move |place| resume::measure(&arguments, place)))
        }
        Task::Replay { common, arguments } => {
            (common, Box::new(move |place| replay::measure(&arguments, place)))
        }
        Task::Start { common, arguments } => {
            (common, Box::new(move |place| start::measure(&arguments, place)))
        }
        Task::Size { common, arguments } => {
            (common, Box::new(move |place| size::measure(&arguments, place)))
        }
        Task::Delivery(task) => match task.prepare()? {
            Some(prepared) => prepared,
            None => return Ok(ExitCode::SUCCESS),
        },
        Task::Child { role, folder } => {
            return role.play(&folder).map(|()| ExitCode::SUCCESS);
        }
    };
    let parent = common.folder.clone().map_or_else(default_folder, Ok)?;
    std::fs::create_dir_all(&parent).with_context(|| format!("make {}", parent.display()))?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(&parent);
    let folder = folder.with_context(|| format!("make a folder in {}", parent.display()))?;
    let place = Place {
        folder: folder.path().to_owned(),
        n_runs: common.runs,
        machine: Machine::look(folder.path())?,
    };
    let report = guarded(bench, place)?;
    folder.close().context("remove the temporary folder")?;
    if common.json {
        println!("{:#}", report.to_json());
    } else {
        print!("{}", report.to_markdown());
    }
    if common.check && !report.is_met() {
        bail!("a target is missed");
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a bench until it ends, somebody interrupts it, or its time is over; in every case the
/// caller goes on, so that the temporary folder is removed.
fn guarded(bench: Bench, place: Place) -> anyhow::Result<Report> {
    let (done, outcome) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody is there to hear of it once the bench was given up.
        done.send(bench(place)).ok();
    });
    role::current_thread()?.block_on(async {
        tokio::select! {
            report = outcome => report.context("the bench panicked")?,
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
