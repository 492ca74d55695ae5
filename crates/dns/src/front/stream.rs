//! Answers over TCP and TLS: many questions at once on each connection, in any order (RFC 7766).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::LimitsConfig;
use crate::entry::Transport;
use crate::resolver::Resolver;
use crate::service::TlsServer;

/// Pause after the system has no file descriptor left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that a client may take nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that are read at once.
const READ_BYTES: usize = 4_096;

/// What all connections together may use.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    connections: Arc<Semaphore>,
    per_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    per_address_max: usize,
    pipelined_max: usize,
    idle_timeout: Duration,
}

/// A listener and what ends it.
#[derive(Debug)]
pub(crate) struct StreamListener {
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
    stop: CancellationToken,
}

/// A place among the connections, given back when dropped.
struct Place {
    limits: Limits,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Limits {
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(config.connections_max)),
            per_address: Arc::default(),
            per_address_max: config.connections_per_address_max,
            pipelined_max: config.pipelined_max,
            idle_timeout: config.idle_timeout,
        }
    }

    /// Takes a place for a connection of an address; `None` when there is none left.
    fn place(&self, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        let mut per_address = self.per_address.lock();
        let n_connections = per_address.entry(address).or_default();
        if *n_connections >= self.per_address_max {
            return None;
        }
        *n_connections += 1;
        Some(Place { limits: self.clone(), address, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut per_address = self.limits.per_address.lock();
        if let Some(n_connections) = per_address.get_mut(&self.address) {
            *n_connections -= 1;
            if *n_connections == 0 {
                per_address.remove(&self.address);
            }
        }
    }
}

impl StreamListener {
    /// Starts to accept connections; must be called within the runtime.
    ///
    /// # Errors
    ///
    /// The system does not take the socket.
    pub(crate) fn start(
        listener: std::net::TcpListener,
        tls: Option<TlsServer>,
        resolver: &Arc<Resolver>,
        limits: Limits,
    ) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let stop = CancellationToken::new();
        let server = Accepting {
            tls,
            transport,
            resolver: Arc::clone(resolver),
            limits,
            stop: stop.clone(),
        };
        resolver.tasks.spawn(server.run(listener));
        Ok(Self { address, transport, stop })
    }

    /// Ends the listener and its connections, those with questions under way after their answers.
    pub(crate) fn end(&self) {
        self.stop.cancel();
    }
}

#[derive(Clone)]
struct Accepting {
    tls: Option<TlsServer>,
    transport: Transport,
    resolver: Arc<Resolver>,
    limits: Limits,
    stop: CancellationToken,
}

impl Accepting {
    async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (socket, client) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = self.limits.place(client.ip().to_canonical()) else {
                tracing::debug!(%client, "no place for another connection");
                continue;
            };
            let server = self.clone();
            self.resolver.tasks.spawn(async move {
                if let Err(error) = server.connection(socket, client).await {
                    tracing::debug!(%client, %error, "connection ended");
                }
                drop(place);
            });
        }
    }

    async fn connection(&self, socket: TcpStream, client: SocketAddr) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return self.serve(socket, client).await };
        // The certificate as it is now: it may have been replaced since the last connection.
        let acceptor = tls.acceptor().ok_or_else(|| io::Error::other("there is no certificate"))?;
        let socket = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await??;
        self.serve(socket, client).await
    }

    /// Reads questions and writes answers until the client goes, is idle, or the listener ends.
    async fn serve<Socket>(&self, socket: Socket, client: SocketAddr) -> io::Result<()>
    where
        Socket: AsyncRead + AsyncWrite,
    {
        let (mut reader, mut writer) = tokio::io::split(socket);
        let mut received = Received::default();
        let mut under_way = FuturesUnordered::new();
        let mut is_open = true;
        let mut idle_at = Instant::now() + self.limits.idle_timeout;
        while is_open || !under_way.is_empty() {
            while is_open && under_way.len() < self.limits.pipelined_max {
                let Some(message) = received.next() else { break };
                let asker = self.resolver.asker(client, self.transport);
                idle_at = Instant::now() + self.limits.idle_timeout;
                let resolver = Arc::clone(&self.resolver);
                under_way.push(async move { resolver.handle(&message, asker).await });
            }
            let may_read = is_open && under_way.len() < self.limits.pipelined_max;
            tokio::select! {
                Some(answer) = under_way.next() => {
                    if let Some(answer) = answer {
                        timeout(WRITE_TIMEOUT, write(&mut writer, &answer)).await??;
                    }
                    idle_at = Instant::now() + self.limits.idle_timeout;
                }
                n_bytes = reader.read_buf(&mut received.bytes), if may_read => {
                    is_open = n_bytes? > 0;
                }
                () = tokio::time::sleep_until(idle_at), if under_way.is_empty() => is_open = false,
                () = self.stop.cancelled(), if is_open => is_open = false,
            }
        }
        timeout(WRITE_TIMEOUT, writer.shutdown()).await?
    }
}

/// Writes length and message at once (RFC 7766 §8).
async fn write(writer: &mut (impl AsyncWrite + Unpin), answer: &[u8]) -> io::Result<()> {
    let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(answer.len() + 2);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(answer);
    writer.write_all(&frame).await?;
    writer.flush().await
}

/// Bytes that came, cut into messages.
#[derive(Debug)]
struct Received {
    bytes: bytes::BytesMut,
}

impl Default for Received {
    fn default() -> Self {
        Self { bytes: bytes::BytesMut::with_capacity(READ_BYTES) }
    }
}

impl Received {
    /// Takes the next whole message out.
    fn next(&mut self) -> Option<Vec<u8>> {
        let length = usize::from(u16::from_be_bytes(*self.bytes.first_chunk()?));
        if self.bytes.len() < length + 2 {
            self.bytes.reserve(length + 2 - self.bytes.len());
            return None;
        }
        let frame = self.bytes.split_to(length + 2);
        frame.get(2..).map(<[u8]>::to_vec)
    }
}
