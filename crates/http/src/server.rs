//! The accept loop: sockets in, requests to the router.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Version};

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::RwLock;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tidings_hub::Hub;
use tidings_hub::delivery::Subscription;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::config::HttpConfig;
use crate::handover::{HandOver, StreamSlot, Tap, Watch};
use crate::stage::Stage;
use crate::stream_writer;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Pause after the system has no file descriptor left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Unacknowledged data ends a connection after this time.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that the kernel takes for a client beyond what is on its way; what a slow client lacks
/// stays in the log.
#[cfg(target_os = "linux")]
const NOT_SENT_MAX_BYTES: u32 = 16_384;
/// Largest head of a request in bytes.
const HEAD_MAX_BYTES: usize = 16_384;
/// Most header fields of a request.
const HEADERS_MAX: usize = 100;
/// Most HTTP/2 streams of a connection.
const H2_STREAMS_MAX: u32 = 256;

/// The address of a request's client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// A certificate that can be replaced while the server runs.
#[derive(Debug, Clone)]
pub struct TlsHandle(Arc<RwLock<Arc<ServerConfig>>>);

impl TlsHandle {
    /// Makes a handle of the first certificate.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// Replaces the certificate for connections to come.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write() = config;
    }
}

/// A socket that is bound and not yet served.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds an address; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// The address is in use, not ours, or not allowed.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_mins(1))
            .with_interval(Duration::from_secs(15));
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        {
            socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
            socket.set_tcp_notsent_lowat(NOT_SENT_MAX_BYTES)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Returns the address with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What every connection is served with.
#[derive(Debug, Clone)]
pub struct Server {
    router: Router,
    tls: Option<TlsHandle>,
    header_timeout: Duration,
    sockets: Arc<Semaphore>,
    hub: Arc<Hub>,
}

impl Server {
    /// Makes a server; `tls` `None` is plain HTTP, whose streams the hub's shards write.
    #[must_use]
    pub fn new(router: Router, tls: Option<TlsHandle>, config: &HttpConfig, hub: Arc<Hub>) -> Self {
        Self {
            router,
            hub,
            tls,
            header_timeout: config.header_timeout,
            sockets: Arc::new(Semaphore::new(config.sockets_max)),
        }
    }

    /// Accepts connections until `stop` is cancelled; every connection is a task of `stage`.
    pub async fn serve(self, listener: Listener, stage: Stage, stop: CancellationToken) {
        let mut is_exhausted = false;
        loop {
            let Ok(permit) = Arc::clone(&self.sockets).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.listener.accept() => accepted,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                    continue;
                }
                Err(error) => {
                    if !is_exhausted {
                        is_exhausted = true;
                        tracing::warn!(
                            %error,
                            "connections cannot be accepted and wait; when file descriptors are \
                             short, raise LimitNOFILE= or lower http.sockets_max"
                        );
                    }
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
            };
            is_exhausted = false;
            let server = self.clone();
            let connections = stage.clone();
            stage.spawn(|stop| async move {
                server.connection((socket, permit), peer, connections, stop).await;
            });
        }
    }

    /// Serves one socket.
    async fn connection(
        &self,
        (socket, permit): (TcpStream, OwnedSemaphorePermit),
        peer: SocketAddr,
        stage: Stage,
        stop: CancellationToken,
    ) {
        let Some(tls) = &self.tls else {
            if let Some((socket, stream)) = self.http1(socket, peer, stop).await {
                match socket.into_std() {
                    Ok(socket) => self.hub.adopt(socket, stream, Some(permit)),
                    Err(error) => tracing::warn!(%peer, %error, "socket not handed over"),
                }
            }
            return;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.0.read()));
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
        let socket = match handshake.await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "tls handshake failed"),
            Err(_) => return tracing::debug!(%peer, "tls handshake took too long"),
        };
        if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(socket, peer, stage, stop).await;
        } else if let Some((socket, stream)) = self.http1(socket, peer, stop).await {
            // A task of its own, so that what the request needed is given back.
            let stall_timeout = self.hub.stall_timeout();
            stage.spawn(|_| async move {
                stream_writer::run(socket, stream, stall_timeout).await;
                drop(permit);
            });
        }
    }

    /// Serves an HTTP/1 connection, up to the head of a stream's response: then the socket is the
    /// stream's alone.
    async fn http1<Io>(
        &self,
        io: Io,
        peer: SocketAddr,
        stop: CancellationToken,
    ) -> Option<(Io, Subscription)>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hand_over = HandOver::default();
        let tap = Tap::new(io, hand_over.clone());
        let router = self.router.clone();
        let (has_shards, armed) = (self.hub.has_shards(), hand_over.clone());
        let watch = Watch::default();
        let watched = watch.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let is_eligible = has_shards
                && request.method() == Method::GET
                && request.version() == Version::HTTP_11;
            let (answer, armed) = (answer(router.clone(), peer, request), armed.clone());
            let watched = watched.clone();
            async move {
                let mut response = answer.await?;
                match response.extensions_mut().remove::<StreamSlot>() {
                    Some(slot) if is_eligible => armed.arm(slot),
                    Some(slot) => watched.add(&slot),
                    None => {}
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(TokioIo::new(tap), service);
        let mut stopped = std::pin::pin!(stop.cancelled());
        let mut is_stopping = false;
        let mut stalled = std::pin::pin!(watch.stalled(self.hub.stall_timeout()));
        let ended = std::future::poll_fn(|context| {
            if !is_stopping && stopped.as_mut().poll(context).is_ready() {
                is_stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            match Pin::new(&mut connection).poll(context) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if hand_over.is_due() => Poll::Ready(None),
                Poll::Pending if watch.is_empty() => Poll::Pending,
                Poll::Pending => stalled.as_mut().poll(context).map(|()| None),
            }
        });
        if let Some(ended) = ended.await {
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "connection ended");
            }
            return None;
        }
        // Bytes that came after the request are nobody's: the response closes.
        let io = connection.into_parts().io.into_inner().into_inner();
        Some((io, hand_over.take()?))
    }

    async fn http2<Io>(&self, io: Io, peer: SocketAddr, stage: Stage, stop: CancellationToken)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let watch = Watch::default();
        let watched = watch.clone();
        let service = hyper::service::service_fn(move |request| {
            let (answer, watched) = (answer(router.clone(), peer, request), watched.clone());
            async move {
                let mut response = answer.await?;
                if let Some(slot) = response.extensions_mut().remove::<StreamSlot>() {
                    watched.add(&slot);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let stall_timeout = self.hub.stall_timeout();
        let connection = http2::Builder::new(StageExecutor(stage))
            .timer(TokioTimer::new())
            .max_concurrent_streams(H2_STREAMS_MAX)
            .max_header_list_size(u32::try_from(HEAD_MAX_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(USER_TIMEOUT)
            .serve_connection(TokioIo::new(io), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = watch.stalled(stall_timeout) => return,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}

/// Whether accepting failed because of the connection that was to be accepted (accept(2)): the next
/// one may well be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}

/// Has the router answer a request of a peer.
fn answer(
    router: Router,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> impl Future<Output = Result<hyper::Response<Body>, Infallible>> + Send {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    router.oneshot(request)
}

/// Runs the tasks that an HTTP/2 connection needs in the stage of the connections.
#[derive(Debug, Clone)]
struct StageExecutor(Stage);

impl<Task> hyper::rt::Executor<Task> for StageExecutor
where
    Task: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: Task) {
        self.0.spawn(|_| async move {
            task.await;
        });
    }
}
