//! Publishes over one kept connection, without waiting for an answer before the next request.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use tokio::time::Instant;

use super::mark::{self, Mark, Stopwatch};

/// Most requests without an answer; a server that lags so far behind is overloaded.
const UNANSWERED_MAX: u64 = 20_000;
/// Most bytes of requests that the system did not take yet.
const UNSENT_MAX_BYTES: usize = 64 * 1_048_576;
/// Largest part of an answer that is kept.
const ANSWER_MAX_BYTES: usize = 1_048_576;
/// Longest time that an answer may take when nothing else is done.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
const STATUS_PREFIX: &[u8] = b"HTTP/1.1 ";
/// A status line up to its code.
const STATUS_BYTES: usize = STATUS_PREFIX.len() + 3;

/// A request in which only the marks change.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    request: Vec<u8>,
    places: Vec<usize>,
    numbering: Numbering,
}

/// How the events of one request are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// All alike: each is the next one of another channel.
    Alike,
    /// One after the other: they are of one channel.
    Consecutive,
}

impl Template {
    /// Takes a request apart.
    pub(crate) fn new(request: Vec<u8>, numbering: Numbering) -> Self {
        let places = mark::places(&request);
        Self { request, places, numbering }
    }

    fn stamp(&mut self, mut mark: Mark) -> anyhow::Result<()> {
        for place in &self.places {
            mark.write(self.request.get_mut(*place..).unwrap_or_default())?;
            mark.sequence += u64::from(self.numbering == Numbering::Consecutive);
        }
        Ok(())
    }
}

/// A connection that publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    socket: TcpStream,
    unsent: Vec<u8>,
    /// What was read and may hold the beginning of a status line.
    answer: Vec<u8>,
    n_sent: u64,
    n_answered: u64,
}

impl Publisher {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the address is not of this machine.
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        ensure!(address.ip().is_loopback(), "{address}: load goes to this machine only");
        let socket = TcpStream::connect(address).context("connect to publish")?;
        socket.set_nodelay(true).context("set TCP_NODELAY")?;
        socket.set_nonblocking(true).context("set non-blocking")?;
        Ok(Self { socket, unsent: Vec::new(), answer: Vec::new(), n_sent: 0, n_answered: 0 })
    }

    /// Returns how many requests have no answer yet.
    pub(crate) fn n_unanswered(&self) -> u64 {
        self.n_sent - self.n_answered
    }

    /// Publishes what the template says, with this number; the time in the mark is now.
    ///
    /// # Errors
    ///
    /// The server refused an earlier request, lags far behind, or is gone.
    pub(crate) fn publish(
        &mut self,
        template: &mut Template,
        sequence: u64,
        stopwatch: Stopwatch,
    ) -> anyhow::Result<()> {
        template.stamp(Mark { sequence, sent_ns: stopwatch.now_ns() })?;
        ensure!(
            self.n_unanswered() < UNANSWERED_MAX && self.unsent.len() < UNSENT_MAX_BYTES,
            "overloaded: {} publishes without an answer",
            self.n_unanswered()
        );
        self.unsent.extend_from_slice(&template.request);
        self.n_sent += 1;
        self.pump()
    }

    /// Sends and reads what can be without waiting.
    ///
    /// # Errors
    ///
    /// The server refused a request, or is gone.
    pub(crate) fn pump(&mut self) -> anyhow::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(n_written) => drop(self.unsent.drain(..n_written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("send a publish"),
            }
        }
        let mut buffer = [0; 16_384];
        while self.n_unanswered() > 0 {
            match self.socket.read(&mut buffer) {
                Ok(0) => bail!("the server closed the publisher's connection"),
                Ok(n_read) => self.take(buffer.get(..n_read).unwrap_or_default())?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("read the answer to a publish"),
            }
        }
        Ok(())
    }

    /// Counts answers; every one must be a success.
    fn take(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.answer.extend_from_slice(bytes);
        let mut seen = 0;
        for at in memmem::find_iter(&self.answer, STATUS_PREFIX) {
            let Some(line) = self.answer.get(at..at + STATUS_BYTES) else { break };
            let is_success = line.get(STATUS_PREFIX.len()) == Some(&b'2');
            if !is_success {
                let answer = self.answer.get(at..).unwrap_or_default();
                bail!("a publish is refused: {}", String::from_utf8_lossy(answer));
            }
            self.n_answered += 1;
            seen = at + STATUS_BYTES;
        }
        let kept = self.answer.len().saturating_sub(STATUS_BYTES - 1).max(seen);
        self.answer.drain(..kept);
        Ok(())
    }

    /// Waits until every request has its answer.
    ///
    /// # Errors
    ///
    /// As [`Publisher::pump`], or it takes too long.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + ANSWER_TIME_MAX;
        while self.n_unanswered() > 0 || !self.unsent.is_empty() {
            ensure!(Instant::now() < end, "no answer to a publish");
            self.pump()?;
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Publishes, and returns the body of the answer.
    ///
    /// # Errors
    ///
    /// It is refused, or the answer takes too long.
    pub(crate) fn ask(
        &mut self,
        template: &mut Template,
        sequence: u64,
        stopwatch: Stopwatch,
    ) -> anyhow::Result<String> {
        self.wait()?;
        template.stamp(Mark { sequence, sent_ns: stopwatch.now_ns() })?;
        self.socket.set_nonblocking(false).context("wait for an answer")?;
        self.socket.set_read_timeout(Some(ANSWER_TIME_MAX)).context("limit the wait")?;
        self.socket.write_all(&template.request).context("send a publish")?;
        let mut answer = Vec::new();
        let mut buffer = [0; 16_384];
        let body_at = loop {
            let n_read = self.socket.read(&mut buffer).context("read an answer")?;
            ensure!(n_read > 0 && answer.len() < ANSWER_MAX_BYTES, "an answer is cut short");
            answer.extend_from_slice(buffer.get(..n_read).unwrap_or_default());
            if let Some(body_at) = whole(&answer)? {
                break body_at;
            }
        };
        self.socket.set_nonblocking(true).context("wait no more")?;
        let is_success = answer.get(STATUS_PREFIX.len()) == Some(&b'2');
        let text = String::from_utf8_lossy(&answer).into_owned();
        ensure!(is_success, "a publish is refused: {text}");
        Ok(text.get(body_at..).unwrap_or_default().to_owned())
    }
}

/// Returns where the body of an answer begins, once it is whole.
fn whole(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head_end) = memmem::find(answer, b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(answer.get(..head_end).unwrap_or_default());
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer without a length")?.trim().parse()?;
    let body_at = head_end + 4;
    Ok((answer.len() >= body_at + length).then_some(body_at))
}
