//! Builds the server and the benches for release, and runs one bench or all.

use clap::ValueEnum;

use crate::workspace::Workspace;
use crate::{run, step};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// The benches of the log, which are the next five, with a table of the targets (5 minutes).
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
    /// Bytes per entry of the query log of DNS, and the time to search all of it (2 minutes).
    DnsLog,
    /// An answer from the resolver's cache beside a UDP echo, unbound and dnsmasq (4 minutes).
    Dns,
    /// Memory and times of tables of 1,000,000 and 5,000,000 blocked names (2 minutes).
    DnsFilter,
    /// Deliveries a second, cost and delay beside one plain `send()` each (5 minutes).
    Fanout,
    /// 10,000 channels with one subscriber each, beside one plain `send()` (1 minute).
    Channels,
    /// 5,000 connects at once, and as many that come back and resume (1 minute).
    Storm,
    /// 100 of 1,000 subscribers that never read (2 minutes).
    Stalled,
    /// 50 deep replays from disk beside 1,000 live subscribers (1 minute).
    Replays,
    /// Memory and time of 19,000 idle connections (10 minutes).
    Idle,
    /// The same load for other servers; `-- --install` installs those that are missing (5 minutes).
    Peers,
    /// A state read every 2 s by 1,000 clients, against events that say it changed (1 minute).
    Polling,
}

/// Builds what benches need, once, and runs them one after the other; `arguments` go to each.
///
/// # Errors
///
/// The build or a bench fails.
pub(crate) fn bench(
    workspace: &Workspace,
    benches: &[Bench],
    arguments: &[String],
) -> anyhow::Result<()> {
    let server = run::build_with(workspace, &["tidings-bench"])?;
    let program = server.with_file_name(format!("tidings-bench{}", std::env::consts::EXE_SUFFIX));
    for bench in benches {
        let mut command = std::process::Command::new(&program);
        command.arg(name(*bench));
        if needs_server(*bench) {
            command.arg("--server").arg(&server);
        }
        command.args(arguments);
        step::run("Measuring; nothing else should run on this machine", &mut command)?;
    }
    Ok(())
}

/// Returns whether a bench starts the server's program.
fn needs_server(bench: Bench) -> bool {
    !matches!(
        bench,
        Bench::Publish
            | Bench::Resume
            | Bench::Replay
            | Bench::Size
            | Bench::DnsLog
            | Bench::DnsFilter
    )
}

/// Returns the word on the command line.
fn name(bench: Bench) -> &'static str {
    match bench {
        Bench::All => "all",
        Bench::Publish => "publish",
        Bench::Resume => "resume",
        Bench::Replay => "replay",
        Bench::Start => "start",
        Bench::Size => "size",
        Bench::DnsLog => "dns-log",
        Bench::Dns => "dns",
        Bench::DnsFilter => "dns-filter",
        Bench::Fanout => "fanout",
        Bench::Channels => "channels",
        Bench::Storm => "storm",
        Bench::Stalled => "stalled",
        Bench::Replays => "replays",
        Bench::Idle => "idle",
        Bench::Peers => "peers",
        Bench::Polling => "polling",
    }
}
