//! Runs the tasks of this repository; `cargo xtask --help` lists them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::codegen::Mode;
use crate::testing::Scope;
use crate::workspace::Workspace;

mod bench;
mod ci;
mod codegen;
mod fuzz;
mod node;
mod packages;
mod report;
mod run;
mod sample;
mod step;
mod testing;
mod tidy;
mod workspace;

/// The tasks of this repository.
///
/// Each task sets up what it needs, says what it is doing, and ends with a non-zero status when
/// something is wrong.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "New here? `cargo xtask run` starts the server on a sample network, \
                  `cargo xtask test` builds and runs the tests, and `cargo xtask ci` is what a \
                  change has to pass."
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds the server and runs it on the bundled sample network.
    ///
    /// The sample (`samples/network`: a dnsmasq configuration, reservations and leases) is copied
    /// to `sample-network` in the target folder, its lease times are set relative to now, and the
    /// server runs there with simulated changes until Ctrl-C. It prints its address when it is
    /// ready.
    Run {
        /// Further arguments for `tidings serve`, as `-- --listen 127.0.0.1:9000`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Sets up all that the tests need, builds them once and runs them.
    ///
    /// Those of the server, the client and the dashboard, the last also in a real Chromium. The
    /// end-to-end tests start real programs (dnsmasq, nginx, ...). As root on a Debian-like
    /// system the missing ones are installed; otherwise the tests that need them are skipped and
    /// the command that would install them is printed. Without Node.js what needs it is skipped.
    Test {
        /// Also run the slow tests (about ten minutes more).
        #[arg(long)]
        all: bool,
        /// Names of tests to run, and further arguments for the test runner.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Builds the release binary, `target/release/tidings`, with the dashboard in it.
    ///
    /// The dashboard needs Node.js 20 or newer; without it the binary serves everything else.
    Build,
    /// Runs the scenarios of the dashboard in a real Chromium, against the release binary.
    ///
    /// Pictures of the pages go to a temporary folder, or with `--screenshots` to
    /// `docs/screenshots`. As root on a Debian-like system a missing Chromium is installed.
    E2e {
        /// Every page in both themes and widths, and the long scenarios.
        #[arg(long)]
        all: bool,
        /// Keep the pictures in `docs/screenshots`.
        #[arg(long)]
        screenshots: bool,
        /// Arguments for the test runner, as `-- outage`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Measures on this machine: builds the release binaries and runs benches.
    ///
    /// The figures are printed as Markdown, or as JSON; `docs/performance.md` is made of them.
    /// Load goes to the loopback address, and files to a temporary folder below the target
    /// folder, which is removed at the end.
    Bench {
        /// What to measure; several are measured one after the other.
        #[arg(default_value = "all")]
        names: Vec<Bench>,
        /// One run in the smallest size: does it work? (seconds, once it is built)
        #[arg(long)]
        quick: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Further arguments for the bench, as `-- --runs 5`; `-- --help` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Runs a fuzz target of `fuzz/` for a while, with the stable toolchain; needs a C++ compiler.
    Fuzz {
        /// The target, as `dns_messages` or `dns_rules`.
        target: String,
        /// How many seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Runs every check that a change has to pass, and prints how long each took.
    ///
    /// The dashboard, formatting, clippy, documentation, `tidy` and the tests, in this order; a
    /// failing check does not stop the later ones.
    Ci,
    /// Checks the rules of the house that no compiler knows.
    ///
    /// Which crate may import which, first lines, lengths of files, functions and lines, forbidden
    /// words, and whether the generated files are current. Exceptions stand in
    /// `xtask/src/tidy/exceptions.rs`.
    Tidy,
    /// Writes the generated files: API description, configuration and command-line reference.
    Codegen {
        /// Only say which files are not current.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run_task(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_task(task: Task) -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    match task {
        Task::Run { arguments } => run::run(&workspace, &arguments),
        Task::Test { all, arguments } => {
            let scope = if all { Scope::All } else { Scope::Quick };
            testing::test(&workspace, scope, &arguments)
        }
        Task::Build => run::build(&workspace).map(|binary| {
            println!("built {}", binary.display());
        }),
        Task::E2e { all, screenshots, arguments } => {
            let scope = if all { Scope::All } else { Scope::Quick };
            run::scenarios(&workspace, scope, screenshots, &arguments)
        }
        Task::Bench { names, quick, json, mut arguments } => {
            arguments.extend(quick.then(|| "--quick".to_owned()));
            arguments.extend(json.then(|| "--json".to_owned()));
            bench::bench(&workspace, &names, &arguments)
        }
        Task::Fuzz { target, seconds } => {
            fuzz::run(&workspace, &target, Duration::from_secs(seconds))
        }
        Task::Ci => ci::ci(&workspace),
        Task::Tidy => tidy::tidy(&workspace),
        Task::Codegen { check } => {
            let mode = if check { Mode::Check } else { Mode::Write };
            codegen::codegen(&workspace, mode)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
