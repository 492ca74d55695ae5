//! The reference server: one plain `send()` per event and subscriber, and nothing else.
//!
//! It takes the same requests as the server and writes frames of the same bytes. It parses only
//! what the load generator writes, and hangs up on a subscriber whose socket is full.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Largest request.
const REQUEST_MAX_BYTES: usize = 16 * 1_048_576;
/// Bytes read at once.
const READ_BYTES: usize = 65_536;
/// Events that epoll tells at once.
const EVENTS_MAX: usize = 256;
/// Number of the listener among the watched sockets.
const LISTENER: u64 = u64::MAX;

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
    cache-control: no-cache, no-store, no-transform\r\nconnection: close\r\n\
    transfer-encoding: chunked\r\n\r\n24\r\nretry: 1000\n\n\
    event: ready\ndata: {}\n\n\r\n";
const PUBLISHED: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\
    content-length: 2\r\n\r\n{}";

/// Serves on a free port of the loopback address, which it prints, until it is killed.
///
/// # Errors
///
/// No port, or no descriptor is left.
pub(crate) fn serve() -> anyhow::Result<()> {
    let listener = listen()?;
    super::server::announce(listener.local_addr().context("own address")?)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC).context("epoll")?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)
        .context("watch the listener")?;
    let mut bare = Bare {
        listener,
        epoll,
        connections: Vec::new(),
        free: Vec::new(),
        subscribers: HashMap::new(),
        n_events: 0,
        buffer: vec![0; READ_BYTES],
        frame: Vec::new(),
    };
    let mut events = Vec::with_capacity(EVENTS_MAX);
    loop {
        events.clear();
        let room = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&bare.epoll, room, None).context("wait")?;
        for event in &events {
            match event.data.u64() {
                LISTENER => bare.accept()?,
                index => bare.read(usize::try_from(index).context("index")?)?,
            }
        }
    }
}

fn listen() -> anyhow::Result<TcpListener> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .context("open a socket")?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    rustix::net::bind(&socket, &address).context("bind a port")?;
    rustix::net::listen(&socket, BACKLOG).context("listen")?;
    Ok(socket.into())
}

#[derive(Debug)]
struct Connection {
    socket: TcpStream,
    /// Beginning of a request.
    request: Vec<u8>,
    /// Channels that it follows.
    channels: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Bare {
    listener: TcpListener,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    /// Places of closed connections.
    free: Vec<usize>,
    subscribers: HashMap<Vec<u8>, Vec<usize>>,
    n_events: u64,
    buffer: Vec<u8>,
    frame: Vec<u8>,
}

impl Bare {
    fn accept(&mut self) -> anyhow::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("accept"),
            };
            socket.set_nodelay(true).context("set TCP_NODELAY")?;
            socket.set_nonblocking(true).context("set non-blocking")?;
            let index = self.free.pop().unwrap_or(self.connections.len());
            let data = EventData::new_u64(u64::try_from(index).context("index")?);
            epoll::add(&self.epoll, &socket, data, EventFlags::IN).context("watch")?;
            let connection = Some(Connection { socket, request: Vec::new(), channels: Vec::new() });
            match self.connections.get_mut(index) {
                Some(place) => *place = connection,
                None => self.connections.push(connection),
            }
        }
    }

    fn close(&mut self, index: usize) {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::take) else {
            return;
        };
        for channel in &connection.channels {
            if let Some(subscribers) = self.subscribers.get_mut(channel) {
                subscribers.retain(|subscriber| *subscriber != index);
            }
        }
        self.free.push(index);
    }

    /// Reads from a connection, and does what it asks.
    fn read(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(Some(connection)) = self.connections.get_mut(index) else { return Ok(()) };
        match (&connection.socket).read(&mut self.buffer) {
            Ok(n_read) if n_read > 0 => {
                connection.request.extend_from_slice(self.buffer.get(..n_read).unwrap_or_default());
                ensure!(connection.request.len() <= REQUEST_MAX_BYTES, "a request is too large");
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(_) | Err(_) => {
                self.close(index);
                return Ok(());
            }
        }
        let mut requests = std::mem::take(&mut connection.request);
        let mut n_done = 0;
        while let Some(n_bytes) = request_bytes(requests.get(n_done..).unwrap_or_default())? {
            let request = requests.get(n_done..n_done + n_bytes).unwrap_or_default();
            if request.starts_with(b"GET ") {
                self.subscribe(index, request)?;
            } else {
                self.publish(index, request)?;
            }
            n_done += n_bytes;
        }
        requests.drain(..n_done);
        if let Some(Some(connection)) = self.connections.get_mut(index)
            && !requests.is_empty()
        {
            connection.request = requests;
        }
        Ok(())
    }

    fn subscribe(&mut self, index: usize, request: &[u8]) -> anyhow::Result<()> {
        let channels = between(request, b"channels=", b"& ").context("a request of no channels")?;
        let channels: Vec<Vec<u8>> =
            channels.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect();
        for channel in &channels {
            self.subscribers.entry(channel.clone()).or_default().push(index);
        }
        if let Some(Some(connection)) = self.connections.get_mut(index) {
            connection.channels = channels;
        }
        self.send(index, STREAM_HEAD);
        Ok(())
    }

    fn publish(&mut self, index: usize, request: &[u8]) -> anyhow::Result<()> {
        let mut rest = request;
        while let Some(at) = memmem::find(rest, b"\"channel\":\"") {
            rest = rest.get(at..).unwrap_or_default();
            let channel = between(rest, b"\"channel\":\"", b"\"").context("an event's channel")?;
            let data_at = memmem::find(rest, b"\"data\":").context("an event's data")? + 7;
            let data = rest.get(data_at..).unwrap_or_default();
            let data_end = memchr::memchr(b'}', data).context("the end of the data")? + 1;
            let data = data.get(..data_end).unwrap_or_default();
            self.deliver(channel, data)?;
            rest = rest.get(data_at + data_end..).unwrap_or_default();
        }
        self.send(index, PUBLISHED);
        Ok(())
    }

    /// Sends an event to each subscriber of its channel.
    fn deliver(&mut self, channel: &[u8], data: &[u8]) -> anyhow::Result<()> {
        self.n_events += 1;
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        let head = format!("id: bare00-{}-abcd\nevent: bench\ndata: ", self.n_events);
        write!(frame, "{:x}\r\n{head}", head.len() + data.len() + 2).context("frame")?;
        frame.extend_from_slice(data);
        frame.extend_from_slice(b"\n\n\r\n");
        if let Some(subscribers) = self.subscribers.get_mut(channel) {
            let mut subscribers = std::mem::take(subscribers);
            for index in &subscribers {
                self.send(*index, &frame);
            }
            subscribers.retain(|index| matches!(self.connections.get(*index), Some(Some(_))));
            if let Some(place) = self.subscribers.get_mut(channel) {
                *place = subscribers;
            }
        }
        self.frame = frame;
        Ok(())
    }

    fn send(&mut self, index: usize, bytes: &[u8]) {
        let Some(Some(connection)) = self.connections.get(index) else { return };
        let sent = (&connection.socket).write(bytes);
        if !sent.is_ok_and(|n_sent| n_sent == bytes.len()) {
            self.close(index);
        }
    }
}

/// Returns the size of the request that `bytes` begin with, once it is whole.
fn request_bytes(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    const LENGTH: &[u8] = b"Content-Length: ";
    let Some(head_end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = bytes.get(..head_end + 2).unwrap_or_default();
    let n_body = match between(head, LENGTH, b"\r") {
        Some(digits) => std::str::from_utf8(digits)?.parse::<usize>().context("a length")?,
        None if head.starts_with(b"GET ") => 0,
        None => bail!("a publish without a length"),
    };
    let n_bytes = head_end + 4 + n_body;
    ensure!(n_bytes <= REQUEST_MAX_BYTES, "a request of {n_bytes} bytes");
    Ok((bytes.len() >= n_bytes).then_some(n_bytes))
}

/// Returns what stands between a word and the next one of some bytes.
fn between<'a>(bytes: &'a [u8], word: &[u8], ends: &[u8]) -> Option<&'a [u8]> {
    let rest = bytes.get(memmem::find(bytes, word)? + word.len()..)?;
    let end = rest.iter().position(|byte| ends.contains(byte))?;
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_apart() {
        let post = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /x";
        assert_eq!(request_bytes(post).unwrap(), Some(post.len() - 6));
        assert_eq!(request_bytes(&post[..post.len() - 8]).unwrap(), None);
        let get = b"GET /s?channels=a/b,c&x=1 HTTP/1.1\r\n\r\n";
        assert_eq!(request_bytes(get).unwrap(), Some(get.len()));
        assert_eq!(between(get, b"channels=", b"& "), Some(&b"a/b,c"[..]));
    }
}
