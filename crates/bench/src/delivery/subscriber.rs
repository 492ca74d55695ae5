//! One connection that subscribes: it must get every event of its sequence once, in order.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::mark::{Mark, MarkFinder};
use crate::statistics::Latencies;

/// Bytes of a stream that are read at once.
const READ_BYTES: usize = 262_144;
/// Bytes before them, for the beginning of a mark that was cut short.
const REST_MAX_BYTES: usize = super::mark::MARK_BYTES;
/// Most bytes that come before a stream is ready.
const HEAD_MAX_BYTES: usize = 1_048_576;
/// Connections from one source address.
const PER_SOURCE: usize = 1_000;

/// What all connections of a swarm saw.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Events that came, once and in order.
    pub n_received: u64,
    /// Events that should have come before one that came.
    pub n_lost: u64,
    /// Events that came again or too late.
    pub n_doubled: u64,
    /// Bytes of the streams, heads included.
    pub n_bytes: u64,
    /// The time by the stopwatch; whoever reads connections sets it.
    pub now_ns: u64,
    /// Times from sending to receiving, while they are wanted.
    pub latencies: Option<Latencies>,
    /// Where the closed loop stands, if it is one.
    pub window: Option<Window>,
    finder: MarkFinder,
    buffer: Vec<u8>,
}

impl Tally {
    /// Begins with nothing.
    pub(crate) fn new() -> Self {
        Self {
            n_received: 0,
            n_lost: 0,
            n_doubled: 0,
            n_bytes: 0,
            now_ns: 0,
            latencies: None,
            window: None,
            finder: MarkFinder::new(),
            buffer: vec![0; REST_MAX_BYTES + READ_BYTES],
        }
    }
}

/// Counts who got what, so that no more than so many events are undelivered.
#[derive(Debug)]
pub(crate) struct Window {
    n_subscribers: usize,
    /// Events that everybody got.
    pub n_delivered: u64,
    /// How many got each of the next ones.
    counts: std::collections::VecDeque<usize>,
}

impl Window {
    /// Begins after events that everybody got.
    pub(crate) fn new(n_subscribers: usize, n_delivered: u64) -> Self {
        Self { n_subscribers, n_delivered, counts: std::collections::VecDeque::new() }
    }

    fn count(&mut self, sequence: u64) {
        let Some(index) = sequence.checked_sub(self.n_delivered) else { return };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        while self.counts.front().is_some_and(|count| *count >= self.n_subscribers) {
            self.counts.pop_front();
            self.n_delivered += 1;
        }
    }
}

/// How far a connection is.
#[derive(Debug)]
enum State {
    /// The request was not sent yet.
    Connecting { request: Vec<u8> },
    /// The head, and what follows it until the stream is ready, did not come whole yet.
    Waiting { head: Vec<u8> },
    /// Events come; `rest` may be the beginning of a mark.
    Live { rest: Vec<u8> },
}

/// What it takes to subscribe.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Who is asked.
    pub address: SocketAddr,
    /// The whole request.
    pub request: Vec<u8>,
    /// What the stream shows when it gets everything published from then on.
    pub ready_mark: &'static [u8],
    /// Number of the first event that must come; `None` takes what comes first.
    pub first: Option<u64>,
    /// Size of the socket's receive buffer; `None` lets the system choose.
    pub receive_buffer_bytes: Option<usize>,
}

/// A connection that subscribes.
#[derive(Debug)]
pub(crate) struct Subscriber {
    socket: TcpStream,
    state: State,
    ready_mark: &'static [u8],
    /// Number of the event that must come next, once one came.
    pub expected: Option<u64>,
}

impl Subscriber {
    /// Begins to connect, from a source address that depends on the index.
    ///
    /// # Errors
    ///
    /// The address is not of this machine, or the system refuses a socket.
    pub(crate) fn open(index: usize, subscription: Subscription) -> anyhow::Result<Self> {
        let Subscription { address, request, ready_mark, first, receive_buffer_bytes } =
            subscription;
        ensure!(address.ip().is_loopback(), "{address}: load goes to this machine only");
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
            .context("open a socket")?;
        sockopt::set_tcp_nodelay(&socket, true).context("set TCP_NODELAY")?;
        // Closing resets the connection, so that no port waits for a minute.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).context("set SO_LINGER")?;
        if let Some(size) = receive_buffer_bytes {
            sockopt::set_socket_recv_buffer_size(&socket, size).context("set SO_RCVBUF")?;
        }
        let last_octet = u8::try_from(1 + index / PER_SOURCE).context("too many connections")?;
        let source = SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, last_octet), 0);
        rustix::net::bind(&socket, &source).context("bind a source address")?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error).context("connect a subscriber"),
        }
        let state = State::Connecting { request };
        Ok(Self { socket: socket.into(), state, ready_mark, expected: first })
    }

    /// Returns the connection.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether the stream is ready.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }

    /// Sends the request as soon as the connection stands.
    ///
    /// # Errors
    ///
    /// The connection is refused.
    pub(crate) fn proceed(&mut self) -> anyhow::Result<()> {
        let State::Connecting { request } = &self.state else { return Ok(()) };
        match (&self.socket).write(request) {
            Ok(n_written) => {
                ensure!(n_written == request.len(), "a request is sent in parts");
                self.state = State::Waiting { head: Vec::new() };
                Ok(())
            }
            Err(error) if is_early(&error) => Ok(()),
            Err(error) => Err(error).context("subscribe"),
        }
    }

    /// Reads what came; returns whether more may be there.
    ///
    /// # Errors
    ///
    /// The server closed the connection, or answered with an error.
    pub(crate) fn read(&mut self, tally: &mut Tally) -> anyhow::Result<bool> {
        let Tally { buffer, .. } = tally;
        let mut n_rest = 0;
        if let State::Live { rest } = &mut self.state
            && !rest.is_empty()
        {
            n_rest = rest.len();
            buffer.get_mut(..n_rest).context("a long rest")?.copy_from_slice(rest);
            rest.clear();
        }
        let place = buffer.get_mut(n_rest..).unwrap_or_default();
        let room = place.len();
        let n_read = match (&self.socket).read(place) {
            Ok(0) => bail!("the server closed a stream"),
            Ok(n_read) => n_read,
            Err(error) if is_early(&error) => {
                self.keep_rest(tally.buffer.get(..n_rest).unwrap_or_default());
                return Ok(false);
            }
            Err(error) => return Err(error).context("read a stream"),
        };
        tally.n_bytes += u64::try_from(n_read).unwrap_or(0);
        let buffer = std::mem::take(&mut tally.buffer);
        let outcome = self.take(buffer.get(..n_rest + n_read).unwrap_or_default(), tally);
        tally.buffer = buffer;
        outcome?;
        Ok(n_read == room)
    }

    fn keep_rest(&mut self, bytes: &[u8]) {
        if let State::Live { rest } = &mut self.state
            && !bytes.is_empty()
        {
            rest.extend_from_slice(bytes);
        }
    }

    fn take(&mut self, bytes: &[u8], tally: &mut Tally) -> anyhow::Result<()> {
        match &mut self.state {
            State::Connecting { .. } => bail!("an answer before the request"),
            State::Live { .. } => {
                self.scan(bytes, tally);
                Ok(())
            }
            State::Waiting { head } => {
                head.extend_from_slice(bytes);
                ensure!(head.len() <= HEAD_MAX_BYTES, "a stream that does not get ready");
                let is_whole = memmem::find(head, b"\r\n\r\n").is_some();
                let is_refused = is_whole && head.get(9..12) != Some(b"200");
                if is_refused {
                    bail!("a stream is refused: {}", String::from_utf8_lossy(head));
                }
                if memmem::find(head, self.ready_mark).is_some() {
                    // A replay comes before `ready`, hence all of it is looked through.
                    let head = std::mem::take(head);
                    self.state = State::Live { rest: Vec::new() };
                    self.scan(&head, tally);
                }
                Ok(())
            }
        }
    }

    fn scan(&mut self, bytes: &[u8], tally: &mut Tally) {
        let Tally { finder, n_received, n_lost, n_doubled, now_ns, latencies, window, .. } = tally;
        let expected = &mut self.expected;
        let cut = finder.find(bytes, |Mark { sequence, sent_ns }| {
            let next = expected.unwrap_or(sequence);
            if sequence < next {
                *n_doubled += 1;
                return;
            }
            *n_lost += sequence - next;
            *n_received += 1;
            *expected = Some(sequence + 1);
            if let Some(latencies) = latencies {
                latencies.add(Duration::from_nanos(now_ns.saturating_sub(sent_ns)));
            }
            if let Some(window) = window {
                window.count(sequence);
            }
        });
        self.keep_rest(bytes.get(cut..).unwrap_or_default());
    }
}

/// Whether there is nothing to read, or no connection to write to, yet.
fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_when_everybody_has_an_event() {
        let mut window = Window::new(2, 10);
        for sequence in [10, 11, 11] {
            window.count(sequence);
        }
        assert_eq!(window.n_delivered, 10);
        window.count(10);
        assert_eq!(window.n_delivered, 12);
    }
}
