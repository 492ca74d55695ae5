//! Asks: as much as a server answers, at a rate, or one question after the other.

use std::io::{ErrorKind, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use tokio::time::Instant;

use super::names::{Questions, question};
use crate::statistics::{Latencies, Percentiles};

/// Questions under way in the closed loop, over all sockets.
const N_UNDER_WAY: usize = 128;
/// Longest wait for an answer before what is under way counts as lost.
const WAIT: Duration = Duration::from_millis(300);
/// Longest wait for the first answer of a server that starts, in looks of 1 ms.
const LOOKS_MAX: usize = 20_000;
/// Tries to warm one name.
const TRIES_MAX: usize = 50;
const ANSWER_BYTES_MAX: usize = 4_096;

/// What the closed loop saw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed {
    pub(super) n_answers: u64,
    pub(super) n_lost: u64,
    pub(super) seconds: f64,
}

/// What the open loop saw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) delay: Percentiles,
    pub(super) n_asked: u64,
    pub(super) n_lost: u64,
}

fn connected(server: SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").context("bind a socket")?;
    socket.connect(server).context("connect a socket")?;
    Ok(socket)
}

fn waiting(server: SocketAddr, wait: Duration) -> anyhow::Result<UdpSocket> {
    let socket = connected(server)?;
    socket.set_read_timeout(Some(wait)).context("set a timeout")?;
    Ok(socket)
}

/// Waits for the first answer of a server that is starting.
///
/// # Errors
///
/// It does not answer within a while.
pub(super) fn first_answer(server: SocketAddr) -> anyhow::Result<()> {
    let socket = waiting(server, Duration::from_millis(50))?;
    let mut buffer = [0; ANSWER_BYTES_MAX];
    for _ in 0..LOOKS_MAX {
        // A port that nobody has yet refuses.
        if socket.send(&question("name0.bench.example", 7)).is_ok()
            && socket.recv(&mut buffer).is_ok()
        {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    bail!("no answer from {server}")
}

/// Asks each question until it is answered, so that the answers are in the cache.
///
/// # Errors
///
/// One is never answered.
pub(super) fn warm(server: SocketAddr, questions: &Questions) -> anyhow::Result<()> {
    let socket = waiting(server, WAIT)?;
    let mut buffer = [0; ANSWER_BYTES_MAX];
    for index in 0..questions.len() {
        let mut n_tries = 0;
        loop {
            socket.send(questions.at(index)).context("ask")?;
            if socket.recv(&mut buffer).is_ok() {
                break;
            }
            n_tries += 1;
            ensure!(n_tries < TRIES_MAX, "no answer from {server}");
        }
    }
    Ok(())
}

/// Keeps a number of questions under way, over so many sockets.
///
/// # Errors
///
/// There is no socket.
pub(super) fn closed(
    server: SocketAddr,
    questions: &Questions,
    (n_sockets, time): (usize, Duration),
) -> anyhow::Result<Closed> {
    let mut sockets = Vec::new();
    for index in 0..n_sockets {
        let socket = connected(server)?;
        socket.set_nonblocking(true).context("set up a socket")?;
        sockets.push(Asking { socket, next: index * questions.len() / n_sockets, n_under_way: 0 });
    }
    let n_each = N_UNDER_WAY / n_sockets.max(1);
    let (mut n_answers, mut n_lost) = (0, 0);
    let start = Instant::now();
    for asking in &mut sockets {
        asking.ask(questions, n_each);
    }
    while start.elapsed() < time {
        let mut wanted: Vec<PollFd<'_>> =
            sockets.iter().map(|asking| PollFd::new(&asking.socket, PollFlags::IN)).collect();
        let n_ready = poll(&mut wanted, Some(&timespec(WAIT))).context("wait for answers")?;
        let ready: Vec<bool> = wanted.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (asking, is_ready) in sockets.iter_mut().zip(ready) {
            if n_ready == 0 {
                n_lost += u64::try_from(std::mem::take(&mut asking.n_under_way))?;
                asking.ask(questions, n_each);
            } else if is_ready {
                n_answers += asking.take();
                asking.ask(questions, n_each.saturating_sub(asking.n_under_way));
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Closed { n_answers, n_lost, seconds })
}

/// A socket of the closed loop.
struct Asking {
    socket: UdpSocket,
    next: usize,
    n_under_way: usize,
}

impl Asking {
    /// Sends the next questions with one call.
    fn ask(&mut self, questions: &Questions, n: usize) {
        let slices: Vec<[IoSlice<'_>; 1]> =
            (0..n).map(|index| [IoSlice::new(questions.at(self.next + index))]).collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            (0..n).map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> = slices
            .iter()
            .zip(&mut controls)
            .map(|(slice, control)| MMsgHdr::new(slice, control))
            .collect();
        // What a full buffer does not take is asked with the next answers.
        let n_sent = sendmmsg(&self.socket, &mut messages, SendFlags::empty()).unwrap_or(0);
        self.next += n_sent;
        self.n_under_way += n_sent;
    }

    /// Takes the answers that are there.
    fn take(&mut self) -> u64 {
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let mut n_answers = 0;
        while self.socket.recv(&mut buffer).is_ok() {
            n_answers += 1;
            self.n_under_way = self.n_under_way.saturating_sub(1);
        }
        n_answers
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Asks at a rate, whatever the server does; delay counts from when a question was to be sent.
///
/// # Errors
///
/// There is no socket.
pub(super) fn open(
    server: SocketAddr,
    questions: &Questions,
    (rate, time): (u32, Duration),
) -> anyhow::Result<Open> {
    let socket = connected(server)?;
    socket.set_nonblocking(true).context("set up a socket")?;
    let pause = Duration::from_secs(1) / rate.max(1);
    let n_questions = u32::try_from(time.as_nanos() / pause.as_nanos().max(1)).unwrap_or(u32::MAX);
    let n_ids = questions.len().min(1 << 16);
    // When the question of an id was to be sent; ids go round, the newest counts.
    let mut due = vec![None; n_ids];
    let mut latencies = Latencies::default();
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let start = Instant::now() + Duration::from_millis(2);
    let mut n_asked = 0;
    let end = start + time + WAIT;
    loop {
        let now = Instant::now();
        while n_asked < n_questions && start + pause * n_asked <= now {
            let index = usize::try_from(n_asked).unwrap_or(0) % n_ids;
            // A full buffer loses the question, which shows as one answer less.
            socket.send(questions.at(index)).ok();
            if let Some(place) = due.get_mut(index) {
                *place = Some(start + pause * n_asked);
            }
            n_asked += 1;
        }
        loop {
            match socket.recv(&mut buffer) {
                Ok(_) => {
                    let now = Instant::now();
                    let [high, low, ..] = buffer;
                    let id = usize::from(u16::from_be_bytes([high, low]));
                    if let Some(at) = due.get_mut(id).and_then(Option::take) {
                        latencies.add(now.saturating_duration_since(at));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Nobody listens: what was asked is lost.
                Err(_) => {}
            }
        }
        let n_answers = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
        if n_asked == n_questions && (n_answers >= n_questions || Instant::now() > end) {
            break;
        }
        let next = if n_asked < n_questions { start + pause * n_asked } else { end };
        let left = next.saturating_duration_since(Instant::now());
        let mut wanted = [PollFd::new(&socket, PollFlags::IN)];
        poll(&mut wanted, Some(&timespec(left))).context("wait for answers")?;
    }
    let n_answers = u64::try_from(latencies.len())?;
    let n_asked = u64::from(n_asked);
    Ok(Open { delay: latencies.percentiles(), n_asked, n_lost: n_asked.saturating_sub(n_answers) })
}

/// Asks `n` names that nobody asked before, one after the other; `round` makes them new.
///
/// # Errors
///
/// There is no socket, or one is not answered.
pub(super) fn misses(server: SocketAddr, n: u32, round: &str) -> anyhow::Result<Percentiles> {
    let socket = waiting(server, Duration::from_secs(3))?;
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let mut latencies = Latencies::default();
    for number in 0..n {
        let id = u16::try_from(number & 0xffff).unwrap_or(0);
        let message = question(&format!("n{number}.{round}.new.example"), id);
        let start = Instant::now();
        socket.send(&message).context("ask")?;
        socket.recv(&mut buffer).with_context(|| format!("no answer from {server}"))?;
        latencies.add(start.elapsed());
    }
    Ok(latencies.percentiles())
}
