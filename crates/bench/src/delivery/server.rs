//! Starts the servers that are compared, and knows how each is asked to subscribe and to publish.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use rustix::process::Signal;

use super::process::{self, Side, Usage};
use super::subscriber::Subscription;

/// First words of a server that is ready; its address follows.
const READY_WORDS: &str = "listening on http://";
/// What the server must allow: more than the descriptor limit lets come.
const CONNECTIONS_MAX: &str = "1000000";

/// A server that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// One plain `send()` per event and subscriber.
    Bare,
    /// Our server; an event is acknowledged when the operating system has it.
    Tidings,
    /// Our server; an event is acknowledged when it is on stable storage.
    TidingsFsync,
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "bare",
            Self::Tidings => "tidings",
            Self::TidingsFsync => "tidings, fsync",
        })
    }
}

impl Contender {
    /// Returns a request that subscribes to channels (separated by commas); `more` is added to it.
    pub(crate) fn subscribe(self, channels: &str, more: &str) -> Vec<u8> {
        format!(
            "GET /api/sse/stream?format=named&heartbeat=30&channels={channels}{more} HTTP/1.1\r\n\
             Host: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
        )
        .into_bytes()
    }

    /// Returns what a stream shows when it gets all that is published from then on.
    pub(crate) fn ready_mark(self) -> &'static [u8] {
        b"event: ready\n"
    }

    /// Returns a request that publishes one event.
    pub(crate) fn publish(self, channel: &str, payload: &str) -> Vec<u8> {
        post("/api/sse/events", &event(channel, payload))
    }

    /// Returns a request that publishes several events, all or none.
    pub(crate) fn publish_all(self, channels: &[String], payload: &str) -> Vec<u8> {
        let events: Vec<String> = channels.iter().map(|channel| event(channel, payload)).collect();
        post("/api/sse/events", &format!("[{}]", events.join(",")))
    }
}

fn event(channel: &str, payload: &str) -> String {
    format!("{{\"channel\":\"{channel}\",\"type\":\"bench\",\"data\":{payload}}}")
}

fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A server that runs on its core; it is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it is.
    pub contender: Contender,
    folder: PathBuf,
}

impl Server {
    /// Starts a server in a new folder of its own below `parent`; `program` is ours.
    ///
    /// # Errors
    ///
    /// It does not start, or does not say where it listens.
    pub(crate) fn start(
        contender: Contender,
        program: &Path,
        parent: &Path,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let folder = parent.join("server");
        std::fs::create_dir_all(&folder).context("make the folder of the server")?;
        let own = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(&own);
        command.env_clear().current_dir(&folder).args(["launch", "--"]);
        match contender {
            Contender::Bare => {
                command.arg(own).arg("bare");
            }
            Contender::Tidings | Contender::TidingsFsync => {
                let program = std::path::absolute(program).context("the server's program")?;
                command.arg(program).args(["serve", "--listen", "127.0.0.1:0"]);
                command.arg("--data").arg(&folder).arg("--root-path").arg(&folder);
                let is_synced = contender == Contender::TidingsFsync;
                let durability = if is_synced { "fsync" } else { "os" };
                command.env("TIDINGS_HUB_DURABILITY", durability);
                command.env("TIDINGS_HUB_CONNECTIONS_MAX", CONNECTIONS_MAX);
                command.env("TIDINGS_HUB_CONNECTIONS_PER_ADDRESS_MAX", CONNECTIONS_MAX);
                command.env("TIDINGS_HUB_CHANNELS_MAX", CONNECTIONS_MAX);
                command.env("TIDINGS_HTTP_SOCKETS_MAX", CONNECTIONS_MAX);
                command.envs(settings.iter().copied());
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().with_context(|| format!("start {contender}"))?;
        let output = process.stdout.take().context("the server has an output")?;
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        let address = read.ok().and_then(|_| line.trim().strip_prefix(READY_WORDS));
        let address = address.and_then(|address| address.parse().ok());
        // The server is dropped, hence killed, when it has no address.
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let server = Self { process, address: address.unwrap_or(unknown), contender, folder };
        ensure!(address.is_some(), "{contender} does not start; it says `{}`", line.trim());
        Ok(server)
    }

    /// Returns what it takes to subscribe to channels (separated by commas).
    pub(crate) fn subscription(&self, channels: &str, more: &str) -> Subscription {
        Subscription {
            address: self.address,
            request: self.contender.subscribe(channels, more),
            ready_mark: self.contender.ready_mark(),
            first: None,
            receive_buffer_bytes: None,
        }
    }

    /// Returns what it used until now.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.process.id())
    }

    /// Returns its time on a core until now, in seconds.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<f64> {
        Usage::cpu_s_of(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Says where a server of this program listens.
///
/// # Errors
///
/// Nobody reads it.
pub(crate) fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{READY_WORDS}{address}").context("say the address")?;
    output.flush().context("say the address")
}

/// Becomes a server that stays on its core and ends with whoever started it.
///
/// # Errors
///
/// There is no such program; otherwise it does not return.
pub(crate) fn launch(command: &[std::ffi::OsString]) -> anyhow::Result<()> {
    let (program, arguments) = command.split_first().context("no program")?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("end with the parent")?;
    process::pin(Side::Server)?;
    process::raise_descriptor_limit()?;
    Err(Command::new(program).args(arguments).exec())
        .with_context(|| format!("start {}", program.display()))
}
