//! The commands on the log of a server that does not run.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tidings_log::check::Report;
use tidings_log::disk::{Disk, SystemDisk};
use tokio::time::Instant;

use crate::cli::log::{DataArgs, LogCommand};
use crate::config::Config;
use crate::outside;
use crate::serve::HUB_FOLDER;

mod check;
mod export;
mod import;
mod ndjson;
mod repair;

/// Exit code for a damaged log (`EX_DATAERR` of sysexits.h).
const EXIT_DAMAGED: u8 = 65;
/// Exit code when a running server holds the log (`EX_TEMPFAIL`).
const EXIT_IN_USE: u8 = 75;

/// Does what the command line asks for.
///
/// # Errors
///
/// Says what cannot be done and why.
pub(super) fn run(command: LogCommand) -> anyhow::Result<ExitCode> {
    let done = match command {
        LogCommand::Check(args) => check::run(&args),
        LogCommand::Repair(args) => repair::run(&args),
        LogCommand::Export(args) => export::run(&args),
        LogCommand::Import(args) => import::run(&args),
    };
    match done {
        Err(error) if error.is::<InUse>() => {
            say(&error.to_string());
            Ok(ExitCode::from(EXIT_IN_USE))
        }
        done => done,
    }
}

/// A running server holds the log.
#[derive(Debug)]
struct InUse(PathBuf);

impl std::fmt::Display for InUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.0.display();
        write!(f, "the log in {folder} is in use by a running server: stop that first")
    }
}

impl std::error::Error for InUse {}

/// Says something beside the output.
#[expect(clippy::print_stderr, reason = "what is not asked for must not stand in the output")]
fn say(text: &str) {
    eprintln!("tidings: {text}");
}

/// Returns the settings in effect and the folder of the log.
fn folder(args: &DataArgs) -> anyhow::Result<(Config, PathBuf)> {
    let config = args.layers(outside::environment().into_iter()).load()?.config;
    let folder = config.data.join(HUB_FOLDER);
    Ok((config, folder))
}

/// Returns the folder of a log that is there.
fn existing(args: &DataArgs) -> anyhow::Result<PathBuf> {
    let (config, folder) = folder(args)?;
    if !folder.is_dir() {
        let data = config.data.display();
        bail!("there is no log in {data}: --data names the folder that `tidings serve` uses");
    }
    Ok(folder)
}

/// Locks a log against a server that starts.
fn lock(disk: &dyn Disk, folder: &std::path::Path) -> anyhow::Result<impl Sized + use<>> {
    match disk.lock() {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            Err(InUse(folder.to_owned()).into())
        }
        lock => lock.with_context(|| format!("lock {}", folder.display())),
    }
}

/// Looks through a log and shows how far it is.
fn looked_through(disk: &SystemDisk) -> anyhow::Result<Report> {
    let mut progress = Progress::new("checked", tidings_log::check::size_bytes(disk)?);
    let report = tidings_log::check::check(disk, &outside::boot_id(), &mut |n| progress.add(n));
    drop(progress);
    Ok(report?)
}

/// A line on standard error that says how far something is, when it takes long and a person looks.
struct Progress {
    doing: &'static str,
    total_bytes: u64,
    done_bytes: u64,
    /// When the line is written next; `None` when nobody looks.
    next_at: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    /// Time until the line is shown first.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// Time between two looks.
    const INTERVAL: Duration = Duration::from_millis(200);

    fn new(doing: &'static str, total_bytes: u64) -> Self {
        let is_watched = std::io::stderr().is_terminal();
        let next_at = is_watched.then(|| Instant::now() + Self::PATIENCE);
        Self { doing, total_bytes, done_bytes: 0, next_at, is_shown: false }
    }

    fn add(&mut self, n_bytes: u64) {
        self.done_bytes += n_bytes;
        let now = Instant::now();
        if self.next_at.is_some_and(|next_at| next_at <= now) {
            self.next_at = Some(now + Self::INTERVAL);
            self.is_shown = true;
            let (done, total) =
                (size(self.done_bytes), size(self.total_bytes.max(self.done_bytes)));
            write!(std::io::stderr(), "\r\x1b[K{} {done} of {total}", self.doing).ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            write!(std::io::stderr(), "\r\x1b[K").ok();
        }
    }
}

/// Writes a size for people.
fn size(n_bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, unit_bytes)| n_bytes >= *unit_bytes);
    unit.map_or_else(
        || format!("{n_bytes} B"),
        |(unit, unit_bytes)| {
            let tenths = n_bytes.saturating_mul(10) / unit_bytes;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

/// Writes a count with its noun: `one` for 1, `many` for others.
fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_600, "1.5 KiB"),
            (64 << 20, "64.0 MiB"),
            (3 << 30, "3.0 GiB"),
        ];
        for (n_bytes, expected) in cases {
            assert_eq!(size(n_bytes), expected);
        }
    }
}
