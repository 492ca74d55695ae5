//! A plain blocking HTTP/1.1 client: tests see every byte and share no code with the server.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

/// Time allowed for a whole exchange.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);

/// Largest head of an answer.
const HEAD_SIZE_MAX_BYTES: usize = 64 * 1024;

/// Largest body of an answer.
const BODY_SIZE_MAX_BYTES: usize = 256 * 1024 * 1024;

/// The answer to one request.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case with their values, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body without its transfer encoding.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the first value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(candidate, _)| candidate == name);
        header.map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    ///
    /// # Panics
    ///
    /// It is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// It is no JSON; the message shows it.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            let body = String::from_utf8_lossy(&self.body);
            panic!("status {}, body is no JSON ({error}): {body}", self.status)
        })
    }
}

/// A request to write.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, such as `GET`.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Headers besides `Host`, `Connection` and `Content-Length`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty for none.
    pub body: &'a [u8],
}

/// Sends `request` on a connection of its own and reads the whole answer.
///
/// # Panics
///
/// The exchange fails or takes longer than [`EXCHANGE_TIMEOUT`].
#[must_use]
#[track_caller]
pub fn exchange(address: SocketAddr, request: Request<'_>) -> Response {
    let Request { method, target, .. } = request;
    let deadline = Instant::now() + EXCHANGE_TIMEOUT;
    let result = Incoming::open(address, request, deadline)
        .and_then(|mut incoming| incoming.read_whole(deadline));
    match result {
        Ok(response) => response,
        Err(failure) => panic!("{method} http://{address}{target}: {failure:?}"),
    }
}

/// A connection that carries one request after the other.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    incoming: Incoming,
}

impl Connection {
    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// Nobody listens there; the text says what the system says.
    pub fn open(address: SocketAddr) -> Result<Self, String> {
        let incoming = Incoming::connect(address).map_err(|failure| failure.to_string())?;
        Ok(Self { address, incoming })
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    ///
    /// The exchange fails or takes longer than [`EXCHANGE_TIMEOUT`]: whether the server acted on
    /// the request is unknown then, and the connection is of no more use.
    pub fn exchange(&mut self, request: Request<'_>) -> Result<Response, String> {
        let deadline = Instant::now() + EXCHANGE_TIMEOUT;
        let head = request_head(self.address, request, "keep-alive");
        self.incoming
            .send(head, request.body, deadline)
            .and_then(|()| self.incoming.read_whole(deadline))
            .map_err(|failure| {
                format!("{} http://{}{}: {failure}", request.method, self.address, request.target)
            })
    }
}

/// Why nothing more can be read.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The time is up; what has come is kept, and a later read may succeed.
    Timeout,
    /// The connection or its contents are broken.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the time is up"),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

/// How the end of a body is found.
#[derive(Debug)]
enum Framing {
    Length {
        left: usize,
    },
    Chunked {
        left: usize,
    },
    /// Behind the last chunk: lines up to an empty one.
    Trailer,
    ToEnd,
    Ended,
}

/// An answer being read.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Status and headers; the body stays empty.
    pub(crate) head: Response,
    socket: TcpStream,
    buffer: Vec<u8>,
    framing: Framing,
}

impl Incoming {
    /// Sends `request` and reads the head of the answer.
    pub(crate) fn open(
        address: SocketAddr,
        request: Request<'_>,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let mut incoming = Self::connect(address)?;
        incoming.send(request_head(address, request, "close"), request.body, deadline)?;
        Ok(incoming)
    }

    /// Connects without sending anything.
    fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect_timeout(&address, EXCHANGE_TIMEOUT)
            .map_err(|error| Failure::Broken(format!("connect: {error}")))?;
        socket
            .set_nodelay(true)
            .map_err(|error| Failure::Broken(format!("set up the socket: {error}")))?;
        let head = Response { status: 0, headers: Vec::new(), body: Vec::new() };
        Ok(Self { head, socket, buffer: Vec::new(), framing: Framing::Ended })
    }

    /// Sends a request and reads the head of its answer.
    fn send(&mut self, head: String, body: &[u8], deadline: Instant) -> Result<(), Failure> {
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        // A server may answer and close before it has read all; then the answer is what counts.
        let written = self.socket.write_all(&bytes);
        match (self.read_head(deadline), written) {
            (Ok(()), _) => Ok(()),
            (Err(_), Err(error)) => Err(Failure::Broken(format!("send the request: {error}"))),
            (Err(failure), Ok(())) => Err(failure),
        }
    }

    /// Returns the answer with the rest of its body, and leaves an empty head behind.
    pub(crate) fn read_whole(&mut self, deadline: Instant) -> Result<Response, Failure> {
        let mut body = Vec::new();
        while let Some(data) = self.read(deadline)? {
            body.extend_from_slice(&data);
            if body.len() > BODY_SIZE_MAX_BYTES {
                return Err(Failure::Broken(format!("body exceeds {BODY_SIZE_MAX_BYTES} bytes")));
            }
        }
        let headers = std::mem::take(&mut self.head.headers);
        Ok(Response { status: self.head.status, headers, body })
    }

    /// Returns the next bytes of the body; `None` at its end.
    pub(crate) fn read(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            match self.framing {
                Framing::Ended | Framing::Length { left: 0 } => return Ok(None),
                Framing::ToEnd => {
                    if self.buffer.is_empty() && !self.fill(deadline)? {
                        self.framing = Framing::Ended;
                        return Ok(None);
                    }
                    return Ok(Some(std::mem::take(&mut self.buffer)));
                }
                Framing::Length { left } => {
                    let data = self.read_up_to(left, deadline)?;
                    self.framing = Framing::Length { left: left - data.len() };
                    return Ok(Some(data));
                }
                Framing::Chunked { left: 0 } => self.read_chunk_size(deadline)?,
                Framing::Trailer => {
                    if self.read_line(deadline)?.is_empty() {
                        self.framing = Framing::Ended;
                    }
                }
                Framing::Chunked { left } => {
                    // Two of the bytes left are the line end behind the data.
                    let data = self.read_up_to(left, deadline)?;
                    let n_data = data.len().min(left.saturating_sub(2));
                    self.framing = Framing::Chunked { left: left - data.len() };
                    if n_data > 0 {
                        return Ok(data.get(..n_data).map(<[u8]>::to_vec));
                    }
                }
            }
        }
    }

    fn read_head(&mut self, deadline: Instant) -> Result<(), Failure> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > HEAD_SIZE_MAX_BYTES {
                return Err(Failure::Broken("head of the answer is too large".to_owned()));
            }
            if !self.fill(deadline)? {
                return Err(Failure::Broken("connection closed before the answer".to_owned()));
            }
        };
        let rest = self.buffer.split_off(end + 4);
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.buffer, rest)).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        self.head.status =
            status.ok_or_else(|| Failure::Broken(format!("no status line in {text:?}")))?;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                return Err(Failure::Broken(format!("no header: {line:?}")));
            };
            self.head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = self.head.header("content-length").and_then(|length| length.parse().ok());
        self.framing = match (self.head.header("transfer-encoding"), length) {
            (Some("chunked"), _) => Framing::Chunked { left: 0 },
            (_, Some(left)) => Framing::Length { left },
            _ if matches!(self.head.status, 204 | 304) => Framing::Ended,
            _ => Framing::ToEnd,
        };
        Ok(())
    }

    /// Reads the line before a chunk; the last chunk is empty.
    fn read_chunk_size(&mut self, deadline: Instant) -> Result<(), Failure> {
        let text = self.read_line(deadline)?;
        let digits = text.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16)
            .map_err(|_| Failure::Broken(format!("bad size of a chunk: {text:?}")))?;
        self.framing =
            if size == 0 { Framing::Trailer } else { Framing::Chunked { left: size + 2 } };
        Ok(())
    }

    /// Reads a line of the framing and takes its end away.
    fn read_line(&mut self, deadline: Instant) -> Result<String, Failure> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                break end;
            }
            if self.buffer.len() > HEAD_SIZE_MAX_BYTES {
                return Err(Failure::Broken("line between chunks is too long".to_owned()));
            }
            if !self.fill(deadline)? {
                return Err(Failure::Broken("connection closed inside the body".to_owned()));
            }
        };
        let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn read_up_to(&mut self, limit: usize, deadline: Instant) -> Result<Vec<u8>, Failure> {
        if self.buffer.is_empty() && !self.fill(deadline)? {
            return Err(Failure::Broken("connection closed inside the body".to_owned()));
        }
        let n_bytes = limit.min(self.buffer.len());
        Ok(self.buffer.drain(..n_bytes).collect())
    }

    /// Reads once from the socket; `false` at the end of the connection.
    fn fill(&mut self, deadline: Instant) -> Result<bool, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::Timeout);
        }
        self.socket
            .set_read_timeout(Some(left))
            .map_err(|error| Failure::Broken(format!("set up the socket: {error}")))?;
        let mut chunk = [0; 16 * 1024];
        match self.socket.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(n_bytes) => {
                self.buffer.extend(chunk.iter().take(n_bytes));
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(Failure::Timeout)
            }
            Err(error) => Err(Failure::Broken(format!("read: {error}"))),
        }
    }
}

/// Writes the head of a request; `connection` is what its header of that name says.
fn request_head(address: SocketAddr, request: Request<'_>, connection: &str) -> String {
    let Request { method, target, headers, body } = request;
    let mut text =
        format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() || method == "POST" || method == "PATCH" {
        text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    text.push_str("\r\n");
    text
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
