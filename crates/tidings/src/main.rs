//! Starts the command line.

use std::process::ExitCode;

use clap::Parser;

mod cli;
mod command;
mod config;
mod dashboard;
mod dns;
mod feed;
mod outside;
mod serve;

/// Keeps sizes apart: the system's leaves holes between the small pieces of each stream, which took
/// four times the memory that streams with channels of their own need (`cargo xtask bench idle`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stderr, reason = "the one place that tells a person why it ended")]
fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match command::run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidings: {error:#}");
            ExitCode::FAILURE
        }
    }
}
