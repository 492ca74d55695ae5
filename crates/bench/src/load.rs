//! An HTTP/1.1 client that costs little: it shares its two cores with the server.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::events::{self, NUMBER_DIGITS, NUMBER_PREFIX};
use crate::frames::{EVENT_TYPE, Frames};

mod chunked;

use chunked::Chunked;

/// Largest head of an answer, and largest answer to a publish, in bytes.
const ANSWER_MAX_BYTES: usize = 16_384;
/// Bytes of a stream that are read at once.
const STREAM_READ_BYTES: usize = 262_144;

/// Reads a JSON resource.
///
/// # Errors
///
/// Nobody listens, or the answer is not 200.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut socket = connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.context("ask")?;
    let mut answer = Vec::new();
    let body_at = read_answer(&mut socket, &mut answer).await?;
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    Ok(answer.split_off(body_at))
}

/// A connection that is kept for many publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    socket: TcpStream,
    /// The request, of which only the number in the data changes.
    request: Vec<u8>,
    number_at: usize,
    answer: Vec<u8>,
}

impl Publisher {
    /// Connects, to publish to one channel.
    ///
    /// # Errors
    ///
    /// Nobody listens.
    pub(crate) async fn connect(address: SocketAddr, channel: &str) -> anyhow::Result<Self> {
        let socket = connect(address).await?;
        let data = events::data(0);
        let body =
            format!("{{\"channel\":\"{channel}\",\"type\":\"{EVENT_TYPE}\",\"data\":{data}}}");
        let request = format!(
            "POST /api/sse/events HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\
             \r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let data_at = request.find(NUMBER_PREFIX).context("the data holds a number")?;
        let number_at = data_at + NUMBER_PREFIX.len();
        Ok(Self { socket, request: request.into(), number_at, answer: Vec::new() })
    }

    /// Publishes an event with this number and waits until it is acknowledged.
    ///
    /// # Errors
    ///
    /// The answer is not that one event has a position now.
    pub(crate) async fn publish(&mut self, n: u64) -> anyhow::Result<()> {
        let digits = format!("{n:0NUMBER_DIGITS$}");
        let place = self.request.get_mut(self.number_at..self.number_at + NUMBER_DIGITS);
        place.context("the request holds a number")?.copy_from_slice(digits.as_bytes());
        self.socket.write_all(&self.request).await.context("send a publish")?;
        self.answer.clear();
        let body_at = read_answer(&mut self.socket, &mut self.answer).await?;
        let is_created = self.answer.starts_with(b"HTTP/1.1 201 ");
        let body = self.answer.get(body_at..).unwrap_or_default();
        if !is_created || !body.starts_with(b"{\"positions\":[\"") {
            bail!("not published: {}", String::from_utf8_lossy(&self.answer));
        }
        Ok(())
    }
}

/// An event stream in the named format.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    chunked: Chunked,
    buffer: Vec<u8>,
    /// What came.
    pub frames: Frames,
}

impl Stream {
    /// Opens a stream; `query` follows `format=named`.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the answer is not a stream.
    pub(crate) async fn open(address: SocketAddr, query: &str) -> anyhow::Result<Self> {
        let mut socket = connect(address).await?;
        let request = format!(
            "GET /api/sse/stream?format=named&{query} HTTP/1.1\r\nHost: {address}\r\nAccept: \
             text/event-stream\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.context("ask for a stream")?;
        let mut buffer = Vec::new();
        let body_at = read_head(&mut socket, &mut buffer).await?;
        let head = buffer.get(..body_at).unwrap_or_default();
        let is_chunked = header(head, "transfer-encoding").is_some_and(|text| text == "chunked");
        if !head.starts_with(b"HTTP/1.1 200 ") || !is_chunked {
            bail!("not a stream: {}", String::from_utf8_lossy(&buffer));
        }
        let mut stream =
            Self { socket, chunked: Chunked::default(), buffer, frames: Frames::default() };
        stream.buffer.drain(..body_at);
        stream.take()?;
        Ok(stream)
    }

    /// Reads until `ready`.
    ///
    /// # Errors
    ///
    /// The stream ends before, or misses events.
    pub(crate) async fn until_ready(&mut self) -> anyhow::Result<()> {
        while !self.frames.is_ready {
            // Little is read of a short stream, hence the buffer grows only for a long one.
            let room = (2 * self.buffer.capacity()).clamp(8_192, STREAM_READ_BYTES);
            self.buffer.reserve(room);
            let n_read = self.socket.read_buf(&mut self.buffer).await.context("read a stream")?;
            ensure!(n_read > 0, "the stream ended before it was ready");
            self.take()?;
        }
        Ok(())
    }

    fn take(&mut self) -> anyhow::Result<()> {
        let Self { chunked, buffer, frames, .. } = self;
        chunked.decode(buffer, &mut |bytes| frames.read(bytes))?;
        buffer.clear();
        Ok(())
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    ensure!(address.ip().is_loopback(), "{address}: load goes to this machine only");
    let socket = TcpStream::connect(address).await.context("connect")?;
    socket.set_nodelay(true).context("set TCP_NODELAY")?;
    Ok(socket)
}

/// Reads an answer that tells its length, and returns where its body begins.
async fn read_answer(socket: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<usize> {
    let body_at = read_head(socket, answer).await?;
    let head = answer.get(..body_at).unwrap_or_default();
    let len = header(head, "content-length").and_then(|text| text.parse().ok());
    let len: usize = len.context("an answer without a length")?;
    ensure!(len <= ANSWER_MAX_BYTES, "an answer of {len} bytes");
    while answer.len() < body_at + len {
        let n_read = socket.read_buf(answer).await.context("read an answer")?;
        ensure!(n_read > 0, "the server closed the connection");
    }
    Ok(body_at)
}

/// Reads the head of an answer, and perhaps more, and returns where the body begins.
async fn read_head(socket: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<usize> {
    const END: &[u8] = b"\r\n\r\n";
    answer.reserve(1_024);
    loop {
        if let Some(at) = memmem::find(answer, END) {
            return Ok(at + END.len());
        }
        ensure!(answer.len() <= ANSWER_MAX_BYTES, "a head of more than {ANSWER_MAX_BYTES} bytes");
        let n_read = socket.read_buf(answer).await.context("read an answer")?;
        ensure!(n_read > 0, "the server closed the connection");
    }
}

/// Returns the value of a header field.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    lines.find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_found_in_any_case() {
        let head = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nx: y:z\r\n\r\n";
        #[rustfmt::skip]
        let cases = [
            ("content-length", Some("12")),
            ("X",              Some("y:z")),
            ("length",         None),
        ];
        for (name, expected) in cases {
            assert_eq!(header(head, name), expected, "case: {name}");
        }
    }
}
