//! Threads that answer datagrams: each has a socket of its own and does everything of a hit itself.

use std::io;
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::{RecvFlags, recvfrom};
use socket2::SockRef;

use crate::entry::Transport;
use crate::resolver::{Resolver, Scratch, Step};

/// Largest question that is taken; a longer one is cut by the system and so malformed.
const QUESTION_MAX_BYTES: usize = 4_096;
/// Longest time that a thread waits before it looks whether it should end.
const LOOK: Duration = Duration::from_secs(1);
/// Pause after the system fails to hand out a datagram, so that no thread spins.
const FAILED_PAUSE: Duration = Duration::from_millis(10);

/// The threads of one address.
#[derive(Debug)]
pub(crate) struct UdpListener {
    pub(crate) address: SocketAddr,
    sockets: Vec<Arc<UdpSocket>>,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl UdpListener {
    /// Starts a thread for each socket of an address.
    ///
    /// # Errors
    ///
    /// The system gives no more threads; what was started ends again.
    pub(crate) fn start(
        sockets: Vec<UdpSocket>,
        resolver: &Arc<Resolver>,
        entries_max: usize,
    ) -> io::Result<Self> {
        let address = match sockets.first() {
            Some(socket) => socket.local_addr()?,
            None => return Err(io::Error::other("no socket")),
        };
        let mut listener =
            Self { address, sockets: Vec::new(), ends: Arc::default(), threads: Vec::new() };
        for socket in sockets {
            socket.set_read_timeout(Some(LOOK))?;
            let socket = Arc::new(socket);
            let mut worker = Worker {
                socket: Arc::clone(&socket),
                resolver: Arc::clone(resolver),
                ends: Arc::clone(&listener.ends),
            };
            let ring = resolver.rings.writer(entries_max);
            listener.sockets.push(socket);
            let started =
                thread::Builder::new().name("dns".to_owned()).spawn(move || worker.run(&ring));
            match started {
                Ok(thread) => listener.threads.push(thread),
                Err(error) => {
                    listener.end();
                    return Err(error);
                }
            }
        }
        Ok(listener)
    }

    /// Tells the threads to end and waits for them; what waits in the sockets is lost.
    pub(crate) fn end(self) {
        self.ends.store(true, Ordering::Release);
        for socket in &self.sockets {
            // On a socket without a peer it fails with ENOTCONN and wakes the thread all the same;
            // where it does not, the thread looks within a second.
            SockRef::from(&**socket).shutdown(Shutdown::Read).unwrap_or_default();
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!(address = %self.address, "a thread that answers has panicked");
            }
        }
    }
}

struct Worker {
    socket: Arc<UdpSocket>,
    resolver: Arc<Resolver>,
    ends: Arc<AtomicBool>,
}

impl Worker {
    fn run(&mut self, ring: &crate::ring::RingWriter) {
        let mut buffer = vec![0; QUESTION_MAX_BYTES];
        let mut scratch = Scratch::default();
        while !self.ends.load(Ordering::Acquire) {
            // Not by the standard library, which panics on the nothing from nobody that a socket
            // gives when it is shut down.
            let received = recvfrom(&*self.socket, &mut buffer[..], RecvFlags::empty());
            let (n_bytes, client) = match received.map_err(io::Error::from) {
                Ok((n_bytes, _, Some(client))) => (n_bytes, client),
                Ok((_, _, None)) => continue,
                Err(error) => {
                    let is_look = matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    );
                    if !is_look && !self.ends.load(Ordering::Acquire) {
                        tracing::debug!(%error, "a datagram was not received");
                        thread::sleep(FAILED_PAUSE);
                    }
                    continue;
                }
            };
            let Ok(client) = SocketAddr::try_from(client) else { continue };
            // Nothing that comes from port 0 can be answered.
            if client.port() == 0 {
                continue;
            }
            let message = buffer.get(..n_bytes).unwrap_or_default();
            let asker = self.resolver.asker(client, Transport::Udp);
            match self.resolver.answer(message, asker, &mut scratch, ring) {
                Step::Send => send(&self.socket, &scratch.out, client),
                Step::Silence => {}
                Step::Ask(miss) => {
                    let socket = Arc::clone(&self.socket);
                    let send = move |answer: &[u8]| send(&socket, answer, client);
                    self.resolver.finish_later(*miss, send);
                }
            }
        }
    }
}

fn send(socket: &UdpSocket, answer: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(answer, client) {
        tracing::debug!(%client, %error, "an answer was not sent");
    }
}
