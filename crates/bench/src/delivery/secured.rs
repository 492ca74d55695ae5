//! Streams over TLS, in HTTP/1.1 or HTTP/2: opened, and held while their cost is measured.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use memchr::memmem;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::contender::Contender;
use crate::role;

/// A certificate for `localhost` and its authority, made for tests.
const AUTHORITY: &str = include_str!("../../../client/fixtures/authority.pem");
const CERTIFICATE: &str = include_str!("../../../client/fixtures/server.pem");
const KEY: &str = include_str!("../../../client/fixtures/server.key");
/// Streams that are opened at once.
const BATCH: usize = 64;
/// Most bytes before a stream is ready.
const HEAD_MAX_BYTES: usize = 65_536;
/// Longest time that a stream may take to get ready.
const OPEN_TIME_MAX: Duration = Duration::from_secs(20);

/// How a stream is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 over TLS.
    Http1,
    /// HTTP/2 over TLS, one stream on each connection.
    Http2,
}

/// Writes the files that the server needs for TLS, and returns the settings that name them.
///
/// # Errors
///
/// The folder cannot be written to.
pub(crate) fn settings(folder: &Path) -> anyhow::Result<[(&'static str, String); 2]> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        anyhow::Ok(path.display().to_string())
    };
    Ok([
        ("TIDINGS_SERVER_TLS_CERTIFICATE", write("server.pem", CERTIFICATE)?),
        ("TIDINGS_SERVER_TLS_KEY", write("server.key", KEY)?),
    ])
}

/// A stream that is open.
#[expect(dead_code, reason = "the streams are only held open")]
enum Held {
    Http1(Box<TlsStream<TcpStream>>),
    Http2 { sender: SendRequest<Empty<Bytes>>, body: Incoming },
}

/// Streams that are open.
pub(crate) struct Secured {
    runtime: Runtime,
    connector: TlsConnector,
    address: SocketAddr,
    protocol: Protocol,
    held: Vec<Held>,
    /// What drives HTTP/2 connections.
    drivers: JoinSet<()>,
}

impl Secured {
    /// Makes a client without streams.
    ///
    /// # Errors
    ///
    /// The address is not of this machine.
    pub(crate) fn new(address: SocketAddr, protocol: Protocol) -> anyhow::Result<Self> {
        ensure!(address.ip().is_loopback(), "{address}: load goes to this machine only");
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(AUTHORITY.as_bytes());
        roots.add(authority.context("the authority")?).context("the authority")?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().context("TLS versions")?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        Ok(Self {
            runtime: role::current_thread()?,
            connector: TlsConnector::from(Arc::new(config)),
            address,
            protocol,
            held: Vec::new(),
            drivers: JoinSet::new(),
        })
    }

    /// Opens `count` more streams of channels (separated by commas), until they are ready.
    ///
    /// # Errors
    ///
    /// A stream is refused, or does not get ready.
    pub(crate) fn open(&mut self, count: usize, channels: &str) -> anyhow::Result<()> {
        let Self { runtime, connector, address, protocol, held, drivers } = self;
        runtime.block_on(async {
            let mut n_left = count;
            while n_left > 0 {
                let mut tasks = JoinSet::new();
                for _ in 0..n_left.min(BATCH) {
                    let stream = connect(connector.clone(), *address);
                    let (protocol, channels) = (*protocol, channels.to_owned());
                    tasks.spawn(tokio::time::timeout(OPEN_TIME_MAX, async move {
                        let stream = stream.await?;
                        match protocol {
                            Protocol::Http1 => http_1(stream, &channels).await,
                            Protocol::Http2 => http_2(stream, &channels).await,
                        }
                    }));
                }
                n_left -= tasks.len();
                while let Some(task) = tasks.join_next().await {
                    let opened = task.context("a task panicked")?.context("a stream's time")??;
                    held.push(opened.held);
                    if let Some(driver) = opened.driver {
                        drivers.spawn(driver);
                    }
                }
            }
            Ok(())
        })
    }

    /// Holds the streams for some time.
    pub(crate) fn hold(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }
}

/// A stream that just got ready.
struct Opened {
    held: Held,
    driver: Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>,
}

async fn connect(
    connector: TlsConnector,
    address: SocketAddr,
) -> anyhow::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await.context("connect")?;
    socket.set_nodelay(true).context("set TCP_NODELAY")?;
    let name = ServerName::try_from("localhost").context("server name")?;
    connector.connect(name, socket).await.context("shake hands")
}

async fn http_1(mut stream: TlsStream<TcpStream>, channels: &str) -> anyhow::Result<Opened> {
    let request = Contender::Tidings.subscribe(channels, "");
    stream.write_all(&request).await.context("subscribe")?;
    let mut head = Vec::new();
    while !is_ready(&head)? {
        let n_read = stream.read_buf(&mut head).await.context("read a stream")?;
        ensure!(n_read > 0, "the server closed a stream");
    }
    Ok(Opened { held: Held::Http1(Box::new(stream)), driver: None })
}

async fn http_2(stream: TlsStream<TcpStream>, channels: &str) -> anyhow::Result<Opened> {
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.context("begin HTTP/2")?;
    let target =
        format!("https://localhost/api/sse/stream?format=named&heartbeat=30&channels={channels}");
    let request = Request::get(target).body(Empty::new()).context("a request")?;
    let mut driver = Box::pin(async move {
        // The stream's end shows to whoever reads it.
        connection.await.ok();
    });
    let opening = async {
        let response = sender.send_request(request).await.context("subscribe")?;
        ensure!(response.status().is_success(), "a stream is refused: {}", response.status());
        let mut body = response.into_body();
        let mut head = Vec::new();
        while !is_ready(&head)? {
            let frame = body.frame().await.context("the server closed a stream")?;
            let data = frame.context("read a stream")?.into_data();
            head.extend_from_slice(&data.unwrap_or_default());
        }
        anyhow::Ok(Held::Http2 { sender, body })
    };
    let held = tokio::select! {
        held = opening => held?,
        () = &mut driver => anyhow::bail!("the connection ended"),
    };
    Ok(Opened { held, driver: Some(driver) })
}

fn is_ready(head: &[u8]) -> anyhow::Result<bool> {
    ensure!(head.len() <= HEAD_MAX_BYTES, "a stream that does not get ready");
    Ok(memmem::find(head, Contender::Tidings.ready_mark()).is_some())
}
