//! Other servers that people can install: whether they are there, and the same load for each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::Args;

use super::contender::Contender;
use super::fanout::{self, Plan};
use super::server::Lab;
use crate::report::{Bound, Report, Target};
use crate::{Place, progress};

/// Versions that are installed.
const BETTER_SSE: &str = "better-sse@0.16.1";
const DURABLE_STREAMS_VERSION: &str = "0.1.5";
/// Where Debian puts the module.
const NCHAN_MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
/// Folders searched behind `PATH`, which on Debian lacks them for users other than root.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];
/// Servers that are compared elsewhere but not here, and why.
const LEFT_OUT: &str = "Mercure and Centrifugo are skipped: they are installed from Go's module \
                        proxy, and this bench does not start them.";

/// Settings of the bench.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    fanout: fanout::Arguments,
    /// Install what is missing: nchan from Debian (as root), durable-streams from crates.io,
    /// better-sse from npm; the latter two into the folder of the benches.
    #[arg(long)]
    install: bool,
}

impl Arguments {
    /// Makes the bench as small as it can be.
    pub(crate) fn make_quick(&mut self) {
        self.fanout.make_quick();
    }
}

/// What is compared with whom: 1,000 subscribers, 4 events undelivered.
#[derive(Debug)]
struct Comparison {
    to: Contender,
    what: &'static str,
    at_least: f64,
}

const COMPARISONS: [Comparison; 3] = [
    Comparison { to: Contender::Nchan, what: "deliveries/s × nchan", at_least: 3.0 },
    Comparison { to: Contender::Axum, what: "deliveries/s × axum with broadcast", at_least: 1.6 },
    Comparison { to: Contender::BetterSse, what: "deliveries/s × better-sse", at_least: 6.0 },
];

/// The load of every server.
const PLAN: Plan = Plan { windows: &[(1_000, 1), (1_000, 4), (1_000, 16)], rates: &[(1_000, 50)] };

/// Measures.
///
/// # Errors
///
/// A server that is there does not start, refuses, or hangs up.
pub(crate) fn measure(arguments: &Arguments, place: &Place) -> anyhow::Result<Report> {
    let lab = Lab::new(&arguments.fanout.load, place)?;
    let mut report = Report::new("peers", place.machine.clone());
    let mut contenders = vec![Contender::Bare, Contender::Tidings, Contender::Axum];
    for peer in [Contender::Nchan, Contender::DurableStreams, Contender::BetterSse] {
        if arguments.install && !is_there(peer, &lab.peers) {
            progress(format_args!("installing {peer}"));
            if let Err(error) = install(peer, &lab.peers) {
                report.note(format!("{peer} cannot be installed: {error:#}."));
            }
        }
        if is_there(peer, &lab.peers) {
            contenders.push(peer);
        } else {
            report.note(format!("{peer} is skipped: it is not installed (`--install`)."));
        }
    }
    report.note(LEFT_OUT);
    let outcomes = fanout::compare(&arguments.fanout, &PLAN, (place, &lab), &contenders)?;
    outcomes.describe(&mut report);
    for Comparison { to, what, at_least } in COMPARISONS {
        let ratio = outcomes
            .ratio((1_000, 4), (Contender::Tidings, to), |outcome| outcome.deliveries_per_s);
        if let Some(ratio) = ratio {
            report.target(Target::new(what, Bound::AtLeast(at_least), ratio));
        }
    }
    let cpu = outcomes.ratio((1_000, 4), (Contender::Tidings, Contender::Axum), |outcome| {
        outcome.cpu_s_per_million
    });
    if let Some(cpu) = cpu {
        let what = "server CPU per delivery × axum with broadcast";
        report.target(Target::new(what, Bound::AtMost(0.6), cpu));
    }
    Ok(report)
}

/// Whether a server can be started.
fn is_there(peer: Contender, peers: &Path) -> bool {
    match peer {
        Contender::Nchan => nginx().is_some() && Path::new(NCHAN_MODULE).is_file(),
        Contender::DurableStreams => durable_streams(peers).is_file(),
        Contender::BetterSse => {
            node().is_some() && peers.join("node_modules/better-sse/package.json").is_file()
        }
        Contender::Bare | Contender::Tidings | Contender::TidingsFsync | Contender::Axum => true,
    }
}

fn install(peer: Contender, peers: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(peers).context("make the folder of the peers")?;
    let mut command = match peer {
        Contender::Nchan => {
            let mut command = Command::new("apt-get");
            command.args(["install", "--yes", "--no-install-recommends", "nginx"]);
            command.arg("libnginx-mod-nchan").env("DEBIAN_FRONTEND", "noninteractive");
            command
        }
        Contender::DurableStreams => {
            let mut command = Command::new("cargo");
            command.args(["install", "durable-streams", "--locked"]);
            command.args(["--version", DURABLE_STREAMS_VERSION, "--root"]).arg(peers);
            command
        }
        Contender::BetterSse => {
            let mut command = Command::new("npm");
            command.args(["install", "--no-audit", "--no-fund", BETTER_SSE, "--prefix"]).arg(peers);
            command
        }
        Contender::Bare | Contender::Tidings | Contender::TidingsFsync | Contender::Axum => {
            return Ok(());
        }
    };
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("start {name}"))?;
    ensure!(status.success(), "{name}: {status}");
    Ok(())
}

/// Returns the program of the Durable Streams server, which may not be there.
pub(crate) fn durable_streams(peers: &Path) -> PathBuf {
    peers.join("bin/durable-streams-server")
}

/// Returns the program nginx, `None` if it is not installed.
pub(crate) fn nginx() -> Option<PathBuf> {
    find("nginx")
}

/// Returns the program node, `None` if it is not installed.
pub(crate) fn node() -> Option<PathBuf> {
    find("node")
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).collect::<Vec<_>>();
    let folders = folders.into_iter().chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Writes the program that serves with better-sse, beside the package, and returns where it is.
///
/// # Errors
///
/// The folder cannot be written to.
pub(crate) fn better_sse_program(peers: &Path) -> anyhow::Result<PathBuf> {
    let path = peers.join("better_sse.mjs");
    std::fs::write(&path, include_str!("better_sse.mjs")).context("write better_sse.mjs")?;
    Ok(path)
}

/// Returns a configuration of nginx: one process, one channel, files in `folder` only.
pub(crate) fn nchan_configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "load_module {NCHAN_MODULE};
daemon off;
master_process off;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections 19900; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  nchan_shared_memory_size 512M;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /subscribe {{
      nchan_subscriber eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }}
    location /publish {{
      nchan_publisher;
      nchan_channel_id bench;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 60s;
    }}
  }}
}}
"
    )
}
