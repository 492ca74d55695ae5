//! The accept loop: sockets in, requests to the router.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::RwLock;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::config::HttpConfig;
use crate::stage::Stage;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Pause after the system has no file descriptor left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Unacknowledged data ends a connection after this time.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
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
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
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
}

impl Server {
    /// Makes a server; `tls` `None` is plain HTTP.
    #[must_use]
    pub fn new(router: Router, tls: Option<TlsHandle>, config: &HttpConfig) -> Self {
        Self {
            router,
            tls,
            header_timeout: config.header_timeout,
            sockets: Arc::new(Semaphore::new(config.sockets_max)),
        }
    }

    /// Accepts connections until `stop` is cancelled; every connection is a task of `stage`.
    pub async fn serve(self, listener: Listener, stage: Stage, stop: CancellationToken) {
        loop {
            let Ok(permit) = Arc::clone(&self.sockets).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.listener.accept() => accepted,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
            };
            let server = self.clone();
            let connections = stage.clone();
            stage.spawn(|stop| async move {
                server.connection(socket, peer, connections, stop).await;
                drop(permit);
            });
        }
    }

    /// Serves one socket.
    async fn connection(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
        stage: Stage,
        stop: CancellationToken,
    ) {
        let Some(tls) = &self.tls else {
            return self.http1(socket, peer, stop).await;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.0.read()));
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket));
        let stream = match handshake.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "tls handshake failed"),
            Err(_) => return tracing::debug!(%peer, "tls handshake took too long"),
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream, peer, stage, stop).await;
        } else {
            self.http1(stream, peer, stop).await;
        }
    }

    async fn http1<Io>(&self, io: Io, peer: SocketAddr, stop: CancellationToken)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(TokioIo::new(io), self.service(peer));
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }

    async fn http2<Io>(&self, io: Io, peer: SocketAddr, stage: Stage, stop: CancellationToken)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = http2::Builder::new(StageExecutor(stage))
            .timer(TokioTimer::new())
            .max_concurrent_streams(H2_STREAMS_MAX)
            .max_header_list_size(u32::try_from(HEAD_MAX_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(USER_TIMEOUT)
            .serve_connection(TokioIo::new(io), self.service(peer));
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }

    /// Returns the router as a service for the connections of one peer.
    fn service(
        &self,
        peer: SocketAddr,
    ) -> impl hyper::service::Service<
        hyper::Request<Incoming>,
        Response = hyper::Response<Body>,
        Error = Infallible,
        Future: Send,
    > + use<> {
        let router = self.router.clone();
        hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        })
    }
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
