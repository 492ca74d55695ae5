//! The command line of `tidings log`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use toml::Value;

use crate::config::load::{FlagValue, Layers};

/// What to do with the log of a server that does not run.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Read every byte of the log and say whether it is whole; changes nothing.
    Check(CheckLogArgs),
    /// Mend a damaged log; shows what it would do until --yes is given.
    Repair(RepairArgs),
    /// Write events and state values as lines of JSON.
    Export(ExportArgs),
    /// Make a log of what `tidings log export` wrote.
    Import(ImportArgs),
}

/// Which log.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Configuration file (TOML); `tidings.toml` in this folder is read when it is there.
    #[arg(long, value_name = "FILE", env = "TIDINGS_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of what the server keeps, as `tidings serve` takes it; the log is in `hub` below.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// How to check.
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub(crate) struct CheckLogArgs {
    /// Which log.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print the findings as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `log check --help` adds.
const CHECK_HELP: &str = "\
Reads every record of every segment and of meta.log, compares checksums, offsets, groups and index
files, and goes on behind damage, so that it can say what is lost. The server must not run.

A write at the end that a crash cut short is no damage: it was never acknowledged, and the next
start of the server removes it.

Ends with
  0   the log is whole
  1   it cannot be checked, and why
  65  it is damaged: each file, byte and loss is printed, and what mends it
  75  a running server holds it

Examples:
  tidings log check --data /var/lib/tidings
  tidings log check --json | jq .damages";

/// How to repair.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = REPAIR_HELP, group(clap::ArgGroup::new("cure").required(true)))]
pub(crate) struct RepairArgs {
    /// Which log.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// End the log before the first damage; all behind it is lost, and a new epoch begins.
    #[arg(long, group = "cure")]
    pub(crate) truncate: bool,
    /// Take the damage out and keep what is good on both sides of it.
    #[arg(long, group = "cure")]
    pub(crate) skip: bool,
    /// Do it; without this nothing is changed.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Keep no copies of what is changed or removed.
    #[arg(long)]
    pub(crate) no_copy: bool,
}

/// What `log repair --help` adds.
const REPAIR_HELP: &str = "\
--skip loses least: only the events whose bytes are bad. Clients that come from before the damage
get `reset`, all others go on as if nothing had happened. Prefer it.

--truncate goes back to the last moment at which everything was good. Events that clients have
seen are taken back, so every client gets `reset` with the reason `epoch`.

Where meta.log is damaged, it is made anew of what can be read: state values and settings may be
lost or old, and a new epoch begins whichever is chosen.

Every file that is changed or removed is kept beside as FILE.damaged; remove those when all is well.
Run `tidings log check` before and after.

Examples:
  tidings log repair --skip           # what would be done
  tidings log repair --skip --yes     # do it";

/// What to export.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_HELP)]
pub(crate) struct ExportArgs {
    /// Which log.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Channel, or pattern as orders/**; all when missing. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) channel: Vec<String>,
    /// Only events after this position.
    #[arg(long, value_name = "POSITION")]
    pub(crate) after: Option<String>,
    /// File to write; standard output when missing. It gets its name when it is complete.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What `log export --help` adds.
const EXPORT_HELP: &str = "\
One JSON object a line; docs/operations.md describes every member:
  {\"record\":\"header\",\"format\":\"tidings-log\",\"version\":1,\"epoch\":\"k3f9qa\",…}
  {\"record\":\"event\",\"position\":\"k3f9qa-1-7c2m\",\"channel\":\"orders/1\",\"class\":\"logged\",\"type\":\"paid\",
   \"time\":1767225600000,\"data\":{\"amount\":5}}
  {\"record\":\"state\",\"channel\":\"weather/oslo\",\"class\":\"state\",\"type\":\"made\",\"time\":…,\"text\":\"rain\"}
  {\"record\":\"end\",\"events\":1,\"states\":1}

The log is checked first; a damaged one is not exported. A file without its last line was cut short,
and import refuses it. The server must not run.

Not exported: what retention or a deletion took, ephemeral channels, idempotency keys, and small
settings other than state values.

Examples:
  tidings log export -o backup.ndjson
  tidings log export --channel 'orders/**' | jq -c 'select(.type == \"paid\")'";

/// What to import.
#[derive(Debug, Args)]
#[command(after_help = IMPORT_HELP)]
pub(crate) struct ImportArgs {
    /// Which log.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// What `tidings log export` wrote; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,
}

/// What `log import --help` adds.
const IMPORT_HELP: &str = "\
Makes a new log, with a new epoch, in a data folder that holds none. Channels, order, times, types
and payloads are those of the file; offsets count from 1 again. All of the file is imported or
nothing: a bad line is named with its number and member, and the folder stays empty. An import that
was killed can be started again; until then the server refuses to start there.

Clients that come with a position of the old log get `reset` with the reason `epoch`.

Examples:
  tidings log import --data /var/lib/tidings backup.ndjson
  ssh old tidings log export | tidings log import -";

impl DataArgs {
    /// Returns the layers that these flags and the environment make.
    #[must_use]
    pub(crate) fn layers(&self, environment: impl Iterator<Item = (String, String)>) -> Layers {
        let default = PathBuf::from("tidings.toml");
        let file = self.config.clone().or_else(|| default.is_file().then_some(default));
        let value = |data: &PathBuf| Value::from(data.display().to_string());
        let data = self.data.as_ref().map(value);
        let flag = data.map(|value| FlagValue { flag: "--data", key: "data", value });
        Layers { file, environment: environment.collect(), flags: flag.into_iter().collect() }
    }
}
