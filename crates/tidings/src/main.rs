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
