//! A Tidings server of its own for one test.

use std::ffi::OsString;
use std::net::SocketAddr;
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

/// How to start a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The program; `None` for what [`find_tidings`] finds.
    pub binary: Option<PathBuf>,
    /// Arguments behind `serve --listen 127.0.0.1:0 --data <temporary folder>`.
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
    process: Process,
    address: SocketAddr,
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
        let ServerOptions { binary, arguments, environment, config, start_timeout } = options;
        let binary = binary.map_or_else(find_tidings, Ok).unwrap_or_else(|why| panic!("{why}"));
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new(&binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data"));
        if let Some(config) = config {
            let path = folder.path().join("tidings.toml");
            std::fs::write(&path, config).expect("the temporary folder can be written");
            command.arg("--config").arg(path);
        }
        let inherited = ENVIRONMENT.map(|name| (name, std::env::var_os(name)));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .envs(inherited.into_iter().filter_map(|(name, value)| Some((name, value?))))
            .env("HOME", folder.path())
            .envs(environment);

        // Ends of line beyond the first are of no interest and must not block the server.
        let (sender, lines) = sync_channel(1);
        let mut process = Process::spawn_watched(&mut command, move |line| {
            if line.starts_with(LISTENING) {
                sender.try_send(line.to_owned()).ok();
            }
        });
        let line = match lines.recv_timeout(start_timeout) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                let log = process.log();
                panic!("{} does not listen after {start_timeout:?}\n{log}", binary.display());
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = process.wait(Duration::from_secs(1));
                let status = status.map_or("output closed".to_owned(), |status| status.to_string());
                let log = process.log();
                panic!("{} ended before it listened: {status}\n{log}", binary.display());
            }
        };
        let Some(address) = parse_address(&line) else {
            panic!("`{line}` names no address");
        };
        Self { process, address, folder }
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

/// Reads the address of `listening on http://ADDRESS:PORT`.
fn parse_address(line: &str) -> Option<SocketAddr> {
    let url = line.strip_prefix(LISTENING)?.trim();
    let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    address.trim_end_matches('/').parse().ok()
}
