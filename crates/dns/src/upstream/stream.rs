//! A connection of TCP or TLS to an upstream, shared by the questions under way (RFC 7766 §6.2).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

use super::AskError;

/// Time without a question after which a connection is closed.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Questions that may wait to be written.
const WAITING_MAX: usize = 64;
/// Questions under way on one connection.
const UNDER_WAY_MAX: usize = 1_000;

/// The connection to an upstream, made when it is needed.
#[derive(Debug)]
pub(super) struct Stream {
    requests: tokio::sync::Mutex<Option<mpsc::Sender<Request>>>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Request {
    message: Vec<u8>,
    reply: oneshot::Sender<Vec<u8>>,
}

/// Who waits for which id; the id is the connection's own.
type Waiting = Mutex<HashMap<u16, ([u8; 2], oneshot::Sender<Vec<u8>>)>>;

impl Stream {
    pub(super) fn new(tasks: TaskTracker) -> Self {
        Self { requests: tokio::sync::Mutex::new(None), tasks }
    }

    /// Sends a question and waits for what has its id; the caller checks the rest.
    ///
    /// A connection that was closed meanwhile is made once more.
    ///
    /// # Errors
    ///
    /// The connection cannot be made, or breaks.
    pub(super) async fn exchange(
        &self,
        message: &[u8],
        address: SocketAddr,
        tls: Option<(&str, &Arc<rustls::ClientConfig>)>,
    ) -> Result<Vec<u8>, AskError> {
        for is_last in [false, true] {
            let (requests, is_new) = self.connection(address, tls).await?;
            let (reply, replied) = oneshot::channel();
            let request = Request { message: message.to_vec(), reply };
            if requests.send(request).await.is_ok()
                && let Ok(answer) = replied.await
            {
                return Ok(answer);
            }
            self.requests.lock().await.take_if(|kept| kept.same_channel(&requests));
            if is_new || is_last {
                break;
            }
        }
        Err(AskError::Network(format!("{address}: the connection was closed")))
    }

    /// Lets go of a connection on which an answer failed to come: the next question makes another.
    pub(super) fn give_up(&self) {
        if let Ok(mut kept) = self.requests.try_lock() {
            *kept = None;
        }
    }

    async fn connection(
        &self,
        address: SocketAddr,
        tls: Option<(&str, &Arc<rustls::ClientConfig>)>,
    ) -> Result<(mpsc::Sender<Request>, bool), AskError> {
        let mut kept = self.requests.lock().await;
        if let Some(requests) = kept.as_ref().filter(|requests| !requests.is_closed()) {
            return Ok((requests.clone(), false));
        }
        let failed = |error: io::Error| AskError::Network(format!("{address}: {error}"));
        let socket = TcpStream::connect(address).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let (requests, received) = mpsc::channel(WAITING_MAX);
        match tls {
            None => {
                self.tasks.spawn(run(socket, received));
            }
            Some((host, config)) => {
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|_| AskError::Answer("the host is no name of a certificate"))?;
                let connector = TlsConnector::from(Arc::clone(config));
                let socket = connector.connect(name, socket).await.map_err(failed)?;
                self.tasks.spawn(run(socket, received));
            }
        }
        *kept = Some(requests.clone());
        Ok((requests, true))
    }
}

/// Serves one connection until it is idle or breaks; who waits then learns it by a dropped sender.
async fn run<Socket>(socket: Socket, requests: mpsc::Receiver<Request>)
where
    Socket: AsyncRead + AsyncWrite,
{
    let (reader, writer) = tokio::io::split(socket);
    let waiting = Waiting::default();
    let ended = tokio::select! {
        ended = read(reader, &waiting) => ended,
        ended = write(writer, requests, &waiting) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection to an upstream ended");
    }
}

async fn read(mut reader: impl AsyncRead + Unpin, waiting: &Waiting) -> io::Result<()> {
    loop {
        let length = reader.read_u16().await?;
        let mut message = vec![0; length.into()];
        reader.read_exact(&mut message).await?;
        let Some(id) = message.first_chunk_mut::<2>() else { continue };
        let waits = waiting.lock().remove(&u16::from_be_bytes(*id));
        if let Some((own, reply)) = waits {
            *id = own;
            // Whoever gave up does not want it any more.
            drop(reply.send(message));
        }
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut requests: mpsc::Receiver<Request>,
    waiting: &Waiting,
) -> io::Result<()> {
    let mut next_id: u16 = 0;
    loop {
        let request = match tokio::time::timeout(IDLE_MAX, requests.recv()).await {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(_) => {
                waiting.lock().retain(|_, (_, reply)| !reply.is_closed());
                if waiting.lock().is_empty() {
                    requests.close();
                    return Ok(());
                }
                continue;
            }
        };
        let Request { mut message, reply } = request;
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        let Some(id) = message.first_chunk_mut::<2>() else { continue };
        {
            let mut waiting = waiting.lock();
            if waiting.len() >= UNDER_WAY_MAX {
                waiting.retain(|_, (_, reply)| !reply.is_closed());
            }
            if waiting.len() >= UNDER_WAY_MAX {
                continue;
            }
            while waiting.contains_key(&next_id) {
                next_id = next_id.wrapping_add(1);
            }
            waiting.insert(next_id, (*id, reply));
            *id = next_id.to_be_bytes();
            next_id = next_id.wrapping_add(1);
        }
        // Length and message in one segment (RFC 7766 §8).
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend_from_slice(&message);
        writer.write_all(&frame).await?;
        writer.flush().await?;
    }
}
