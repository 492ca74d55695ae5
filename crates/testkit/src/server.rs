//! A Tidings server of its own for one test.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::binary::find_tidings;
use crate::http::{Request, Response, exchange};
use crate::process::Process;
use crate::stream::RawStream;

/// What the server prints once it serves.
const LISTENING: &str = "listening on ";

/// Variables of the test's own environment that the server gets, too.
const ENVIRONMENT: [&str; 4] = ["PATH", "LLVM_PROFILE_FILE", "RUST_BACKTRACE", "RUST_LOG"];

/// Time for the system to end a process by force.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for a server to stop; more than its own limit for that.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// How to start a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The program; `None` for what [`find_tidings`] finds.
    pub binary: Option<PathBuf>,
    /// Address of the loopback that it listens on, at a port that the system chooses.
    ///
    /// Behind 127.0.0.1 another program may take the port while a server is restarted;
    /// [`own_loopback`] is safe from that.
    pub listen: IpAddr,
    /// Its data folder; `None` for `data` in the temporary folder, which it makes itself.
    pub data: Option<PathBuf>,
    /// Arguments behind `serve --listen <address> --data <folder>`.
    pub arguments: Vec<OsString>,
    /// Environment besides a bare `PATH` and a `HOME` in the temporary folder.
    pub environment: Vec<(String, String)>,
    /// Text of a `tidings.toml`, passed by `--config`.
    pub config: Option<String>,
    /// Time until it must listen.
    pub start_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            binary: None,
            listen: Ipv4Addr::LOCALHOST.into(),
            data: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            config: None,
            start_timeout: Duration::from_secs(20),
        }
    }
}

/// A running server, ended and removed with its folder when dropped.
///
/// If the test is failing then, the last lines of its log are printed.
#[derive(Debug)]
pub struct Server {
    /// Dropped before the folder, which the process works in.
    process: Process,
    address: SocketAddr,
    launch: Launch,
    folder: TempDir,
}

impl Server {
    /// Starts a server on a free port of the loopback and waits until it listens.
    ///
    /// # Panics
    ///
    /// There is no binary, or it ends or does not listen in time; the message has its output.
    #[must_use]
    #[track_caller]
    pub fn start(options: ServerOptions) -> Self {
        Self::try_start(options).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts a server as [`start`](Self::start) does, where it may refuse to.
    ///
    /// # Errors
    ///
    /// It ends or does not listen in time; the text has its exit status and its output.
    ///
    /// # Panics
    ///
    /// There is no binary.
    #[track_caller]
    pub fn try_start(options: ServerOptions) -> Result<Self, String> {
        let ServerOptions { binary, listen, data, arguments, environment, config, start_timeout } =
            options;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let launch = Launch {
            binary: binary.map_or_else(find_tidings, Ok).unwrap_or_else(|why| panic!("{why}")),
            folder: folder.path().to_owned(),
            data: data.unwrap_or_else(|| folder.path().join("data")),
            config: config.map(|text| {
                let path = folder.path().join("tidings.toml");
                std::fs::write(&path, text).expect("the temporary folder can be written");
                path
            }),
            arguments,
            environment,
            start_timeout,
        };
        let (process, address) = launch.run(SocketAddr::new(listen, 0))?;
        Ok(Self { process, address, launch, folder })
    }

    /// Ends it by SIGKILL, as if it crashed; its data stay.
    ///
    /// # Panics
    ///
    /// It has ended before by itself.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let status = self.wait(KILL_TIMEOUT);
        let log = self.process.log();
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{status}\n{log}");
    }

    /// Ends it by SIGTERM and waits; its data stay.
    ///
    /// # Panics
    ///
    /// It still runs after 15 seconds, or ends with a failure.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(STOP_TIMEOUT);
        assert!(status.success(), "{status}\n{}", self.process.log());
    }

    /// Starts it again after its end: the same data, configuration and address.
    ///
    /// # Panics
    ///
    /// It still runs, or does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Starts it again as [`restart`](Self::restart) does, where it may refuse to.
    ///
    /// # Errors
    ///
    /// As [`try_start`](Self::try_start); it can be tried again.
    ///
    /// # Panics
    ///
    /// It still runs.
    #[track_caller]
    pub fn try_restart(&mut self) -> Result<(), String> {
        assert!(!self.process.is_running(), "server {} is not ended yet", self.process.id());
        let (process, address) = self.launch.run(self.address)?;
        assert_eq!(address, self.address, "the address stays");
        self.process = process;
        Ok(())
    }

    /// Returns its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.launch.data
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `http://` with the address and `target` (path and query).
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// Returns its temporary folder, which is also its working folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the last lines of its output.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// It still runs after `timeout`.
    #[track_caller]
    pub fn wait(&mut self, timeout: Duration) -> ExitStatus {
        let started = Instant::now();
        self.process.wait(timeout).unwrap_or_else(|| {
            panic!("server still runs after {:?}\n{}", started.elapsed(), self.process.log())
        })
    }

    /// Gets `target`.
    ///
    /// # Panics
    ///
    /// As [`exchange`].
    #[must_use]
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.send(Request { method: "GET", target, headers: &[], body: &[] })
    }

    /// Posts JSON text to `target`.
    ///
    /// # Panics
    ///
    /// As [`exchange`].
    #[must_use]
    #[track_caller]
    pub fn post(&self, target: &str, json: &str) -> Response {
        self.send_json("POST", target, json)
    }

    /// Patches `target` with JSON text.
    ///
    /// # Panics
    ///
    /// As [`exchange`].
    #[must_use]
    #[track_caller]
    pub fn patch(&self, target: &str, json: &str) -> Response {
        self.send_json("PATCH", target, json)
    }

    /// Deletes `target`.
    ///
    /// # Panics
    ///
    /// As [`exchange`].
    #[must_use]
    #[track_caller]
    pub fn delete(&self, target: &str) -> Response {
        self.send(Request { method: "DELETE", target, headers: &[], body: &[] })
    }

    /// Sends any request.
    ///
    /// # Panics
    ///
    /// As [`exchange`].
    #[must_use]
    #[track_caller]
    pub fn send(&self, request: Request<'_>) -> Response {
        exchange(self.address, request)
    }

    /// Opens the event stream at `target`.
    ///
    /// # Panics
    ///
    /// As [`RawStream::open`].
    #[must_use]
    #[track_caller]
    pub fn stream(&self, target: &str) -> RawStream {
        RawStream::open(self.address, target, &[])
    }

    #[track_caller]
    fn send_json(&self, method: &str, target: &str, json: &str) -> Response {
        let headers = [("Content-Type", "application/json")];
        self.send(Request { method, target, headers: &headers, body: json.as_bytes() })
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "the test runner shows it with the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("server output:\n{}", self.process.log());
        }
    }
}

/// Returns a loopback address that no other process uses by chance.
///
/// A server on it finds its port free again when it is restarted: connections go out from
/// 127.0.0.1, and other servers listen there. The address is made of the id of this process.
#[must_use]
pub fn own_loopback() -> IpAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | high, middle, low).into()
}

/// All that it takes to start a server any number of times.
#[derive(Debug)]
struct Launch {
    binary: PathBuf,
    /// Its working folder and home.
    folder: PathBuf,
    data: PathBuf,
    config: Option<PathBuf>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    start_timeout: Duration,
}

impl Launch {
    /// Starts the program and waits until it listens; returns where.
    fn run(&self, listen: SocketAddr) -> Result<(Process, SocketAddr), String> {
        // Ends of line beyond the first are of no interest and must not block the server.
        let (sender, lines) = sync_channel(1);
        let mut process = Process::spawn_watched(&mut self.command(listen), move |line| {
            if line.starts_with(LISTENING) {
                sender.try_send(line.to_owned()).ok();
            }
        });
        let name = self.binary.display();
        let line = match lines.recv_timeout(self.start_timeout) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                let log = process.log();
                return Err(format!(
                    "{name} does not listen after {:?}\n{log}",
                    self.start_timeout
                ));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = process.wait(Duration::from_secs(1));
                let status = status.map_or("output closed".to_owned(), |status| status.to_string());
                let log = process.log();
                return Err(format!("{name} ended before it listened: {status}\n{log}"));
            }
        };
        let address = parse_address(&line).ok_or_else(|| format!("`{line}` names no address"))?;
        Ok((process, address))
    }

    fn command(&self, listen: SocketAddr) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--listen", &listen.to_string(), "--data"]).arg(&self.data);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        let inherited = ENVIRONMENT.map(|name| (name, std::env::var_os(name)));
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .envs(inherited.into_iter().filter_map(|(name, value)| Some((name, value?))))
            .env("HOME", &self.folder)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Reads the address of `listening on http://ADDRESS:PORT`.
fn parse_address(line: &str) -> Option<SocketAddr> {
    let url = line.strip_prefix(LISTENING)?.trim();
    let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    address.trim_end_matches('/').parse().ok()
}
