//! A loopback server for tests that answers each connection as a script says.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the server does next on a connection whose request it has read.
pub(crate) enum Step {
    /// Writes these bytes.
    Write(String),
    /// Waits.
    Pause(Duration),
    /// Keeps the connection open for ever; without it the end of the script closes it.
    Hold,
}

/// A server with one script per connection; behind the last script it refuses connections.
pub(crate) struct Scripted {
    pub(crate) url: String,
    requests: mpsc::Receiver<String>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    pub(crate) async fn start(scripts: Vec<Vec<Step>>) -> Self {
        Self::serve(scripts, None).await
    }

    /// Starts with the certificate of the fixtures.
    pub(crate) async fn start_tls(scripts: Vec<Vec<Step>>) -> Self {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(fixture("server.pem")).unwrap()],
                PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap(),
            )
            .unwrap();
        Self::serve(scripts, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(scripts: Vec<Vec<Step>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel(32);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for script in scripts {
                let (socket, _) = listener.accept().await.unwrap();
                // A paused clock would jump over the time that the kernel holds bytes back.
                socket.set_nodelay(true).unwrap();
                let (sender, tls) = (sender.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => run(socket, script, sender).await,
                        Some(tls) => {
                            // A client that trusts nobody breaks the handshake: part of the test.
                            if let Ok(socket) = tls.accept(socket).await {
                                run(socket, script, sender).await;
                            }
                        }
                    }
                });
            }
            drop(listener);
            while connections.join_next().await.is_some() {}
        });
        Self { url, requests, _tasks: tasks }
    }

    /// Returns the next request in full.
    pub(crate) async fn request(&mut self) -> String {
        self.requests.recv().await.expect("a request came")
    }
}

async fn run(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    script: Vec<Step>,
    requests: mpsc::Sender<String>,
) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if socket.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    requests.send(String::from_utf8(request).unwrap()).await.ok();
    for step in script {
        match step {
            // A client that has gone is part of some tests.
            Step::Write(text) => {
                socket.write_all(text.as_bytes()).await.ok();
                socket.flush().await.ok();
            }
            Step::Pause(duration) => tokio::time::sleep(duration).await,
            Step::Hold => std::future::pending().await,
        }
    }
    socket.shutdown().await.ok();
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    body.len() >= length
}

/// A step that writes a whole answer with a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Step {
    let length = body.len();
    Step::Write(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"))
}

/// Returns the path of a fixture of this crate.
pub(crate) fn fixture(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}
