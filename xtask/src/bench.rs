//! Builds the server and the benches for release, and runs one bench or all.

use clap::ValueEnum;

use crate::workspace::Workspace;
use crate::{run, step};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// All of the following, with a table of the targets (5 minutes).
    All,
    /// Durable publishes a second over HTTP, with 1 and 32 publishers (2 minutes).
    Publish,
    /// Time until a stream that comes back is live again (2 minutes).
    Resume,
    /// Replay of 100,000 events on one stream, from below the memory window (1 minute).
    Replay,
    /// Time to open a log of 1,000,000 events after its writer was killed (1 minute).
    Start,
    /// Bytes per event, on disk and in memory (1 minute).
    Size,
}

/// Builds what a bench needs, once, and runs it; `arguments` go to the bench.
///
/// # Errors
///
/// The build or the bench fails.
pub(crate) fn bench(
    workspace: &Workspace,
    bench: Bench,
    arguments: &[String],
) -> anyhow::Result<()> {
    let server = run::build_with(workspace, &["tidings-bench"])?;
    let program = server.with_file_name(format!("tidings-bench{}", std::env::consts::EXE_SUFFIX));
    let name = match bench {
        Bench::All => "all",
        Bench::Publish => "publish",
        Bench::Resume => "resume",
        Bench::Replay => "replay",
        Bench::Start => "start",
        Bench::Size => "size",
    };
    let mut command = std::process::Command::new(program);
    command.arg(name);
    if matches!(bench, Bench::All | Bench::Start) {
        command.arg("--server").arg(server);
    }
    command.args(arguments);
    step::run("Measuring; nothing else should run on this machine", &mut command)
}
