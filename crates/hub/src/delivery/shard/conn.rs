//! What a shard holds of each connection.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::wheel::Tick;
use crate::delivery::{CloseReason, Grants, Subscription};
use crate::event::EpochMillis;
use crate::registry::ClientKey;

/// A stream socket that never blocks.
pub(super) trait Socket {
    /// Writes what there is room for.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Reads what the client sent.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Tells the client that nothing more comes.
    fn finish(&mut self);
}

impl Socket for mio::net::TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn finish(&mut self) {
        self.shutdown(Shutdown::Write).ok();
    }
}

/// One connection, in as little memory as it can have; docs/performance.md accounts for it.
#[derive(Debug)]
pub(super) struct Conn<S> {
    pub socket: S,
    /// Tells this connection from an earlier one in the same slot.
    pub generation: u32,
    /// Bytes that the client sent after its request.
    pub early_bytes: u16,
    /// Seconds between heartbeats.
    pub heartbeat_s: u16,
    pub opened: Tick,
    pub last_write: Tick,
    /// When the newest timer is due; others are stale.
    pub timer_at: Tick,
    /// Since when the socket takes nothing; [`Tick::NEVER`] while it does.
    pub blocked_since: Tick,
    /// When the stream ends by itself, and why.
    pub end: Option<(Tick, CloseReason)>,
    /// Rest of a write that the socket did not take.
    pub tail: Option<Box<Bytes>>,
    pub peer: Option<IpAddr>,
    pub key: ClientKey,
    pub opened_at: EpochMillis,
    pub grants: Option<Arc<Grants>>,
    /// Place among the sockets of the server, given back with the connection.
    #[expect(dead_code, reason = "it is given back when it is dropped")]
    pub permit: Option<OwnedSemaphorePermit>,
    pub mode: Mode,
}

impl<S> Conn<S> {
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since != Tick::NEVER
    }

    /// Bytes of the rest of a write.
    pub(super) fn tail_bytes(&self) -> usize {
        self.tail.as_ref().map_or(0, |tail| tail.len())
    }
}

/// Who says what comes next.
#[derive(Debug)]
pub(super) enum Mode {
    /// The stream has a cursor of its own.
    Own(Box<Own>),
    /// The stream shows what its group shows.
    Parked(Member),
}

/// A stream with a cursor of its own.
#[derive(Debug)]
pub(super) struct Own {
    pub subscription: Subscription,
    pub waker: Waker,
    /// Whether only the end of the response is left to write.
    pub is_ending: bool,
}

/// A stream's place in its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub group: u32,
    /// Place among the group's members.
    pub index: u32,
    /// Number of the next frame of the group's ring.
    pub next: u64,
    /// Publications written, less `next`; wraps.
    pub n_delivered_base: u64,
    /// Bytes written, less those of the ring before `next`; wraps.
    pub bytes_base: u64,
    /// Offset that the client was told last, but for the group's frames.
    pub told_offset: u64,
    pub heartbeats: u32,
    pub next_heartbeat: Tick,
    pub n_dropped: u32,
    pub n_resets: u32,
}

#[cfg(test)]
mod tests {
    use super::super::group::{Group, GroupKey};
    use super::super::wheel::Timer;
    use super::*;
    use crate::channel::ChannelPattern;
    use crate::interests::{Interest, InterestId};
    use crate::registry::ParkedAt;
    use crate::small_set::SmallSet;

    /// The table "Memory of a connection" of docs/performance.md.
    #[test]
    fn a_connection_takes_what_the_documentation_says() {
        let sizes = [
            ("place among the connections", size_of::<Option<Conn<mio::net::TcpStream>>>(), 192),
            ("of it: place in the group", size_of::<Member>(), 56),
            ("place among the group's members", size_of::<u32>(), 4),
            ("timer", size_of::<Timer>(), 12),
            ("entry by client id", size_of::<(ClientKey, ParkedAt)>(), 28),
            ("interest", size_of::<Option<Interest>>(), 56),
            ("entry by patterns", size_of::<(Arc<[ChannelPattern]>, InterestId)>(), 24),
            ("entry of a pattern", size_of::<(ChannelPattern, SmallSet<InterestId>)>(), 32),
            ("group", size_of::<Option<Group>>(), 128),
            ("entry by key", size_of::<(GroupKey, u32)>(), 32),
            ("entry by interest", size_of::<(InterestId, SmallSet<u32>)>(), 24),
        ];
        for (what, size, expected) in sizes {
            assert_eq!(size, expected, "bytes of {what}");
        }
    }
}
