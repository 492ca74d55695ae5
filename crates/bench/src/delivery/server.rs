//! Starts the servers that are compared, each on its core and in a folder of its own.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use rustix::process::Signal;
use tokio::time::Instant;

use super::Load;
use super::contender::{Contender, DURABLE_STREAM};
use super::peers;
use super::process::{self, Side, Usage};
use super::subscriber::Subscription;
use crate::Place;

/// First words of a server that is ready; its address follows.
const READY_WORDS: &str = "listening on http";
/// What the server must allow: more than the descriptor limit lets come.
const CONNECTIONS_MAX: &str = "1000000";
/// Longest time that a server may take to listen.
const START_TIME_MAX: Duration = Duration::from_secs(20);

/// Where servers are started.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Our server's program.
    program: PathBuf,
    /// Folder that a server gets a folder in.
    folder: PathBuf,
    /// Where servers that are not ours are installed.
    pub peers: PathBuf,
    /// What `launch` is told about how the servers run.
    launch_arguments: &'static [&'static str],
    /// Connections that the descriptor limit allows.
    pub n_connections_max: usize,
}

impl Lab {
    /// Makes this thread the load: on its own core, with all descriptors that it may have.
    ///
    /// # Errors
    ///
    /// The system refuses, or there is no program.
    pub(crate) fn new(load: &Load, place: &Place) -> anyhow::Result<Self> {
        let limit = process::raise_descriptor_limit()?;
        process::pin(Side::Load)?;
        if load.first {
            process::go_first()?;
        }
        let program = std::path::absolute(&load.server).context("the server's program")?;
        ensure!(program.is_file(), "{} is no program", program.display());
        // What is installed outlives the folder of the run.
        let parent = place.folder.ancestors().nth(2).context("the folder of the benches")?;
        Ok(Self {
            program,
            folder: place.folder.clone(),
            peers: parent.join("peers"),
            launch_arguments: if load.first { &["launch", "--first"] } else { &["launch"] },
            n_connections_max: usize::try_from(limit).unwrap_or(usize::MAX),
        })
    }

    /// Starts a server; the settings are environment variables of ours.
    ///
    /// # Errors
    ///
    /// It does not start, or does not say where it listens.
    pub(crate) fn start(
        &self,
        contender: Contender,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Server> {
        let folder = self.folder.join("server");
        std::fs::create_dir_all(&folder).context("make the folder of the server")?;
        let own = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(&own);
        command.env_clear().current_dir(&folder).args(self.launch_arguments).arg("--");
        let port = free_port()?;
        let mut address = None;
        match contender {
            Contender::Bare => {
                command.arg(own).arg("bare");
            }
            Contender::Axum => {
                command.arg(own).arg("axum-broadcast");
            }
            Contender::Tidings | Contender::TidingsFsync => {
                self.set_up_tidings(contender, &folder, &mut command);
                command.envs(settings.iter().copied());
            }
            Contender::Nchan => {
                let nginx = peers::nginx().context("nginx is not there")?;
                let configuration = folder.join("nginx.conf");
                std::fs::write(&configuration, peers::nchan_configuration(&folder, port))
                    .context("write the configuration of nginx")?;
                command.arg(nginx).arg("-p").arg(&folder).arg("-c").arg(configuration);
                address = Some(port);
            }
            Contender::DurableStreams => {
                command.arg(peers::durable_streams(&self.peers)).args(["--durability", "memory"]);
                command.arg("--port").arg(port.to_string()).arg("--data-dir").arg(&folder);
                address = Some(port);
            }
            Contender::BetterSse => {
                let node = peers::node().context("node is not there")?;
                command.arg(node).arg(peers::better_sse_program(&self.peers)?);
            }
        }
        let address = address.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Server::spawn(contender, &mut command, folder, address)
    }

    fn set_up_tidings(&self, contender: Contender, folder: &Path, command: &mut Command) {
        command.arg(&self.program).args(["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(folder).arg("--root-path").arg(folder);
        let is_synced = contender == Contender::TidingsFsync;
        command.env("TIDINGS_HUB_DURABILITY", if is_synced { "fsync" } else { "os" });
        for key in ["HUB_CONNECTIONS_MAX", "HUB_CONNECTIONS_PER_ADDRESS_MAX", "HUB_CHANNELS_MAX"] {
            command.env(format!("TIDINGS_{key}"), CONNECTIONS_MAX);
        }
        command.env("TIDINGS_HTTP_SOCKETS_MAX", CONNECTIONS_MAX);
    }
}

/// Returns a port that nobody listened on a moment ago.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
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
    /// Starts it; one whose address is not known says it in its first line.
    fn spawn(
        contender: Contender,
        command: &mut Command,
        folder: PathBuf,
        address: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let error_path = folder.join("stderr.txt");
        let errors = std::fs::File::create(&error_path).context("make a file for its errors")?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let process = command.spawn().with_context(|| format!("start {contender}"))?;
        // From here on it is killed whatever fails.
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut server = Self { process, address: address.unwrap_or(unknown), contender, folder };
        let listens = match address {
            Some(_) => server.wait_for_port(),
            None => server.read_address(),
        };
        listens.with_context(|| {
            let mut text = format!("{contender} does not start");
            let errors = std::fs::read_to_string(&error_path).unwrap_or_default();
            if let Some(line) = errors.lines().next_back() {
                write!(text, "; it says `{line}`").expect("a String takes any text");
            }
            text
        })?;
        if contender == Contender::DurableStreams {
            server.create_stream()?;
        }
        Ok(server)
    }

    fn read_address(&mut self) -> anyhow::Result<()> {
        let output = self.process.stdout.take().context("the server has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("read its first line")?;
        let address = line.trim().strip_prefix(READY_WORDS).context("it tells no address")?;
        let (_, address) = address.split_once("://").context("it tells no address")?;
        self.address = address.parse().context("its address")?;
        Ok(())
    }

    fn wait_for_port(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + START_TIME_MAX;
        while TcpStream::connect(self.address).is_err() {
            ensure!(Instant::now() < end, "nobody listens on {}", self.address);
            ensure!(self.process.try_wait()?.is_none(), "it ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn create_stream(&self) -> anyhow::Result<()> {
        let mut socket = TcpStream::connect(self.address).context("connect")?;
        write!(
            socket,
            "PUT {DURABLE_STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\
             Content-Length: 0\r\n\r\n"
        )
        .context("create a stream")?;
        let mut head = [0; 12];
        socket.read_exact(&mut head).context("create a stream")?;
        ensure!(head.starts_with(b"HTTP/1.1 20"), "the stream is not created");
        Ok(())
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
    writeln!(output, "{READY_WORDS}://{address}").context("say the address")?;
    output.flush().context("say the address")
}

/// How a server runs.
#[derive(Debug, Args)]
pub(crate) struct LaunchArguments {
    /// Go before other work.
    #[arg(long)]
    first: bool,
    /// Use every core.
    #[arg(long)]
    every_core: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes a server that stays on its core and ends with whoever started it.
///
/// # Errors
///
/// There is no such program; otherwise it does not return.
pub(crate) fn launch(arguments: &LaunchArguments) -> anyhow::Result<()> {
    let (program, rest) = arguments.command.split_first().context("no program")?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("end with the parent")?;
    if arguments.every_core {
        process::unpin()?;
    } else {
        process::pin(Side::Server)?;
    }
    process::raise_descriptor_limit()?;
    if arguments.first {
        process::go_first_as_server()?;
    }
    Err(Command::new(program).args(rest).exec())
        .with_context(|| format!("start {}", program.display()))
}
