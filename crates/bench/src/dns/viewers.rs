//! The server's program with people who look at its live log: do they slow an answer?

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::load::{self, Open};
use super::names::Questions;
use super::server::{self, Lab};
use crate::outside;
use crate::statistics::figure;

/// Streams on the live log.
pub(super) const N_VIEWERS: usize = 4;
/// First words of a server that is ready; its address follows.
const READY_WORDS: &str = "listening on http://";
const READ_BYTES: usize = 65_536;
/// What the time of an entry follows.
const KEY: &[u8] = b"\"at_ms\":";
/// Looks, [`SETTLE`] apart, for a batch of each viewer.
const LOOKS_MAX: usize = 20;
/// Time for streams to begin, and to end.
const SETTLE: Duration = Duration::from_millis(400);

/// The server's program, running.
#[derive(Debug)]
pub(super) struct Program {
    process: Child,
    http: SocketAddr,
    pub(super) dns: SocketAddr,
}

/// What the viewers saw.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Batches, over all viewers.
    pub(super) n_batches: f64,
    /// The furthest that the newest entry of a batch was behind when it came, in milliseconds.
    pub(super) behind_ms_max: f64,
}

impl Program {
    /// Starts it as it is installed, with the resolver on.
    ///
    /// # Errors
    ///
    /// It does not start, or does not answer.
    pub(super) fn start(server: &Path, lab: &Lab) -> anyhow::Result<Self> {
        let folder = lab.folder.join("program");
        std::fs::create_dir_all(&folder).context("make a folder")?;
        let dns = server::free_address()?;
        let own = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(own);
        command.env_clear().current_dir(&folder).arg("launch");
        if lab.goes_first {
            command.arg("--first");
        }
        command.arg("--").arg(std::path::absolute(server).context("the server's program")?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&folder);
        command.arg("--root-path").arg(&folder);
        command.env("TIDINGS_DNS_ENABLED", "true").env("TIDINGS_DNS_THREADS", "1");
        command.env("TIDINGS_DNS_LISTEN", dns.to_string());
        command.env("TIDINGS_DNS_UPSTREAM_SERVERS", lab.upstream.to_string());
        let errors = std::fs::File::create(folder.join("stderr.txt")).context("make a file")?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let process = command.spawn().context("start the server's program")?;
        let mut program = Self { process, http: dns, dns };
        let output = program.process.stdout.take().context("it has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("read its first line")?;
        let address = line.trim().strip_prefix(READY_WORDS);
        program.http = address.context("it tells no address")?.parse().context("its address")?;
        load::first_answer(dns).context("the server's program")?;
        Ok(program)
    }

    /// Asks at a rate while so many look on.
    ///
    /// # Errors
    ///
    /// A stream does not begin or ends.
    pub(super) fn open(
        &self,
        questions: &Questions,
        (rate, time): (u32, Duration),
        n_viewers: usize,
    ) -> anyhow::Result<(Open, Seen)> {
        let viewers = Viewers::start(self.http, n_viewers)?;
        std::thread::sleep(SETTLE);
        viewers.begin();
        let outcome = load::open(self.dns, questions, (rate, time))?;
        let seen = viewers.end(n_viewers);
        std::thread::sleep(SETTLE);
        ensure!(n_viewers == 0 || seen.n_batches > 0.0, "the viewers saw nothing");
        Ok((outcome, seen))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Streams that are read by a thread each.
struct Viewers {
    sockets: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    state: Arc<State>,
}

/// What the threads count while it counts.
#[derive(Default)]
struct State {
    counts: AtomicBool,
    n_batches: AtomicU64,
    behind_ms_max: AtomicU64,
}

impl Viewers {
    fn start(http: SocketAddr, n_viewers: usize) -> anyhow::Result<Self> {
        let mut viewers = Self { sockets: Vec::new(), threads: Vec::new(), state: Arc::default() };
        if n_viewers == 0 {
            return Ok(viewers);
        }
        let channel = live_channel(http)?;
        for _ in 0..n_viewers {
            let mut socket = TcpStream::connect(http).context("connect a viewer")?;
            write!(
                socket,
                "GET /api/sse/stream?format=named&channels={channel} HTTP/1.1\r\n\
                 Host: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
            )
            .context("subscribe a viewer")?;
            let reading = socket.try_clone().context("subscribe a viewer")?;
            let state = Arc::clone(&viewers.state);
            viewers.threads.push(std::thread::spawn(move || look(reading, &state)));
            viewers.sockets.push(socket);
        }
        Ok(viewers)
    }

    fn begin(&self) {
        self.state.counts.store(true, Ordering::Release);
    }

    /// Ends the streams once the last batch has come, or should have.
    fn end(self, n_viewers: usize) -> Seen {
        let n_expected = u64::try_from(n_viewers).unwrap_or(0);
        let n_batches = || self.state.n_batches.load(Ordering::Acquire);
        for _ in 0..LOOKS_MAX {
            if n_batches() >= n_expected {
                break;
            }
            std::thread::sleep(SETTLE);
        }
        for socket in &self.sockets {
            socket.shutdown(std::net::Shutdown::Both).ok();
        }
        for thread in self.threads {
            // One that panicked saw nothing more, which the caller notices.
            thread.join().ok();
        }
        Seen {
            n_batches: figure(self.state.n_batches.load(Ordering::Acquire)),
            behind_ms_max: figure(self.state.behind_ms_max.load(Ordering::Acquire)),
        }
    }
}

/// Reads a stream until it ends; of each piece only the newest time is looked for.
fn look(mut socket: TcpStream, state: &State) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(n_bytes @ 1..) = socket.read(&mut buffer) {
        let piece = buffer.get(..n_bytes).unwrap_or_default();
        if !state.counts.load(Ordering::Acquire) {
            continue;
        }
        if memchr::memmem::find(piece, b"dns_log_live").is_some() {
            state.n_batches.fetch_add(1, Ordering::AcqRel);
        }
        let Some(at) = memchr::memmem::rfind(piece, KEY) else { continue };
        let digits = piece.get(at + KEY.len()..).unwrap_or_default();
        let n_digits = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // A number that the piece cuts is too small to be of now.
        let Some(digits) = digits.get(..n_digits).filter(|_| n_digits == 13) else { continue };
        let at_ms = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok());
        let behind_ms = outside::now_ms().saturating_sub(at_ms.unwrap_or(u64::MAX));
        state.behind_ms_max.fetch_max(behind_ms, Ordering::AcqRel);
    }
}

/// Asks for the channel on which all entries come.
fn live_channel(http: SocketAddr) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(http).context("connect")?;
    let body = "{\"filter\":\"status:cached\"}";
    write!(
        socket,
        "POST /api/v1/dns/log/live HTTP/1.0\r\nHost: 127.0.0.1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .context("ask for a live filter")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).context("ask for a live filter")?;
    let (_, rest) = answer.split_once("dns/log/live/").with_context(|| answer.clone())?;
    let id: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    Ok(format!("dns/log/live/{id}"))
}
