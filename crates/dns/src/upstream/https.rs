//! DNS over HTTPS to an upstream: one HTTP/2 connection for all questions (RFC 8484).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

use super::AskError;
use crate::wire::MESSAGE_MAX_BYTES;

/// Media type of messages (RFC 8484 §6).
const MEDIA_TYPE: &str = "application/dns-message";

/// The connection to an upstream, made when it is needed.
#[derive(Debug)]
pub(super) struct Https {
    sender: tokio::sync::Mutex<Option<SendRequest<Full<Bytes>>>>,
    tasks: TaskTracker,
}

impl Https {
    pub(super) fn new(tasks: TaskTracker) -> Self {
        Self { sender: tokio::sync::Mutex::new(None), tasks }
    }

    /// Posts a question and returns the body of the answer; the caller checks it.
    ///
    /// # Errors
    ///
    /// The connection cannot be made or breaks, or what came is no message.
    pub(super) async fn exchange(
        &self,
        message: &[u8],
        (host, path, address): (&str, &str, SocketAddr),
        tls: &Arc<rustls::ClientConfig>,
    ) -> Result<Vec<u8>, AskError> {
        let failed = |error: hyper::Error| AskError::Network(format!("{address}: {error}"));
        let host_in_uri = match host.parse() {
            Ok(std::net::IpAddr::V6(address)) => format!("[{address}]"),
            Ok(std::net::IpAddr::V4(_)) | Err(_) => host.to_owned(),
        };
        let authority = match address.port() {
            443 => host_in_uri,
            port => format!("{host_in_uri}:{port}"),
        };
        let request = Request::post(format!("https://{authority}{path}"))
            .header(header::CONTENT_TYPE, MEDIA_TYPE)
            .header(header::ACCEPT, MEDIA_TYPE)
            .body(Full::new(Bytes::copy_from_slice(message)))
            .map_err(|_| AskError::Answer("the path is none of HTTP"))?;
        let mut sender = self.connection(host, address, tls).await?;
        let response = sender.send_request(request).await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(AskError::Network(format!("{address}: HTTP status {}", response.status())));
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_none_or(|kind| !kind.as_bytes().starts_with(MEDIA_TYPE.as_bytes())) {
            return Err(AskError::Answer("what came by HTTPS is no DNS message"));
        }
        let body = Limited::new(response.into_body(), MESSAGE_MAX_BYTES).collect().await;
        let body = body.map_err(|error| AskError::Network(format!("{address}: {error}")))?;
        Ok(body.to_bytes().to_vec())
    }

    /// Lets go of a connection on which an answer failed to come: the next question makes another.
    pub(super) fn give_up(&self) {
        if let Ok(mut kept) = self.sender.try_lock() {
            *kept = None;
        }
    }

    async fn connection(
        &self,
        host: &str,
        address: SocketAddr,
        tls: &Arc<rustls::ClientConfig>,
    ) -> Result<SendRequest<Full<Bytes>>, AskError> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let failed = |error: io::Error| AskError::Network(format!("{address}: {error}"));
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| AskError::Answer("the host is no name of a certificate"))?;
        let mut config = rustls::ClientConfig::clone(tls);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = TcpStream::connect(address).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let connector = TlsConnector::from(Arc::new(config));
        let socket = connector.connect(name, socket).await.map_err(failed)?;
        if socket.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(AskError::Answer("the upstream does not speak HTTP/2"));
        }
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| AskError::Network(format!("{address}: {error}")))?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to an upstream ended");
            }
        });
        *kept = Some(sender.clone());
        Ok(sender)
    }
}
