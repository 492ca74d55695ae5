//! One question by UDP, each from a socket of its own with a port by chance.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use super::AskError;
use super::check::{Checked, Fit, Sent};

/// Datagrams of others that are passed over before the question is given up: somebody guesses.
const FOREIGN_MAX: usize = 100;
/// Largest datagram that is taken.
const DATAGRAM_MAX_BYTES: usize = 4_096;

/// What came by UDP.
#[derive(Debug)]
pub(super) enum Datagram {
    /// The answer.
    Answer(Checked),
    /// Something that TCP has to tell.
    AskByTcp,
}

/// Asks one address and waits for its answer.
///
/// # Errors
///
/// The system refuses, or somebody sends wrong answers.
pub(super) async fn exchange(sent: &Sent, address: SocketAddr) -> Result<Datagram, AskError> {
    let failed = |error: std::io::Error| AskError::Network(format!("{address}: {error}"));
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // The system chooses a port by chance (RFC 6056), another for each question.
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(address).await.map_err(failed)?;
    socket.send(&sent.message).await.map_err(failed)?;
    let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
    for _ in 0..FOREIGN_MAX {
        let n_bytes = socket.recv(&mut buffer).await.map_err(failed)?;
        match sent.fit(buffer.get(..n_bytes).unwrap_or_default().to_vec()) {
            Fit::Answer(checked) => return Ok(Datagram::Answer(checked)),
            Fit::Cut | Fit::OtherCase => return Ok(Datagram::AskByTcp),
            Fit::Foreign => {}
        }
    }
    Err(AskError::Answer("too many wrong answers; somebody may be guessing"))
}
