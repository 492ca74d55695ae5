//! Binds addresses, and says who holds one that cannot be had.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::holder;
use crate::entry::Transport;
use crate::service::StartError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;
/// Bytes of datagrams that may wait for a thread; the system may allow less.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Binds one socket of UDP per thread; port 0 lets the system choose one port for all.
///
/// The address is bound alone first: with `SO_REUSEPORT` a second instance of the same user would
/// get it, too, and take half of the questions.
///
/// # Errors
///
/// The address is in use, not ours, or not allowed; nothing is bound then.
pub(crate) fn bind_udp(
    address: SocketAddr,
    n_threads: usize,
) -> Result<Vec<UdpSocket>, StartError> {
    let bind = || -> io::Result<Vec<UdpSocket>> {
        let probe = udp_socket(address, Sharing::Alone)?;
        let address = probe.local_addr()?;
        drop(probe);
        (0..n_threads).map(|_| udp_socket(address, Sharing::Threads)).collect()
    };
    bind().map_err(|error| refused(address, Transport::Udp, &error))
}

/// Whether others of this process may bind the same address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Threads,
}

fn udp_socket(address: SocketAddr, sharing: Sharing) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if sharing == Sharing::Threads {
        socket.set_reuse_port(true)?;
        // The system caps it at net.core.rmem_max.
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Binds a socket of TCP and listens.
///
/// # Errors
///
/// The address is in use, not ours, or not allowed.
pub(crate) fn bind_tcp(
    address: SocketAddr,
    transport: Transport,
) -> Result<TcpListener, StartError> {
    let bind = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Connections of the instance before may still be closing.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|error| refused(address, transport, &error))
}

fn refused(address: SocketAddr, transport: Transport, error: &io::Error) -> StartError {
    let kind = error.kind();
    let reason = if kind == io::ErrorKind::AddrInUse {
        match holder::find(address, transport) {
            Some(holder) => format!("it is held by {holder}; stop that, or choose another port"),
            None => "another program holds it; stop that, or choose another port".to_owned(),
        }
    } else if kind == io::ErrorKind::PermissionDenied {
        "ports below 1024 need root or CAP_NET_BIND_SERVICE".to_owned()
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "no interface has this address".to_owned()
    } else {
        error.to_string()
    };
    StartError::Bind { address, transport, reason }
}
