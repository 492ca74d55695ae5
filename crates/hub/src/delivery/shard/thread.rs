//! The thread of a shard: one `epoll` over its sockets.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::oneshot;

use super::mailbox::{Adopted, Listing, Mailbox, Order, Shards};
use super::{Mode, Shard, Tick};
use crate::channel::ChannelPattern;
use crate::delivery::CloseReason;
use crate::hub::{Hub, PatchError};
use crate::registry::ClientKey;
use crate::stats::ConnectionStats;

/// The token of the mailbox; slots never come so far.
const MAIL: Token = Token(usize::MAX);
/// Socket events taken at once.
const EVENTS_MAX: usize = 1_024;
/// Longest sleep of a shard that has connections.
const TICK: Duration = Duration::from_millis(63);

/// The polls of the shards that are to be started, one each.
#[derive(Debug)]
pub(crate) struct Polls(Vec<Poll>);

impl Shards {
    /// Makes shards, whose threads are started later.
    pub(crate) fn make(n_shards: u16) -> io::Result<(Self, Polls)> {
        let (mut mailboxes, mut polls) = (Vec::new(), Vec::new());
        for _ in 0..n_shards {
            let poll = Poll::new()?;
            mailboxes.push(Arc::new(Mailbox::new(Waker::new(poll.registry(), MAIL)?)));
            polls.push(poll);
        }
        Ok((Self::new(mailboxes), Polls(polls)))
    }
}

/// Starts the threads.
pub(crate) fn start(hub: &Arc<Hub>, polls: Polls) -> io::Result<Vec<JoinHandle<()>>> {
    let mailboxes = hub.shards.mailboxes().iter().cloned();
    let shards = polls.0.into_iter().zip(mailboxes).zip(0..);
    let threads = shards.map(|((poll, mailbox), index)| {
        let hub = Arc::clone(hub);
        let thread = std::thread::Builder::new().name(format!("hub-shard-{index}"));
        thread.spawn(move || run(&hub, index, poll, &mailbox))
    });
    threads.collect()
}

/// Serves until told to stop. A shard that fails loses its connections, whose clients come back
/// and resume, and begins anew.
fn run(hub: &Arc<Hub>, index: u16, mut poll: Poll, mailbox: &Arc<Mailbox>) {
    loop {
        let served = catch_unwind(AssertUnwindSafe(|| serve(hub, index, &mut poll, mailbox)));
        match served {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::error!(shard = index, %error, "a shard failed"),
            Err(_) => tracing::error!(shard = index, "a shard panicked; its streams are cut"),
        }
        hub.state.lock().forget_shard(index);
        mailbox.restart();
    }
}

fn serve(hub: &Arc<Hub>, index: u16, poll: &mut Poll, mailbox: &Arc<Mailbox>) -> io::Result<()> {
    let mut shard: Shard<TcpStream> = Shard::new(hub, index, Arc::clone(mailbox));
    let mut events = Events::with_capacity(EVENTS_MAX);
    loop {
        let timeout = if shard.has_work() {
            Some(Duration::ZERO)
        } else {
            (!shard.wheel.is_empty()).then_some(TICK)
        };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        shard.take_signal();
        for event in &events {
            if event.token() != MAIL {
                let slot = u32::try_from(event.token().0).unwrap_or(u32::MAX);
                let is_closed =
                    event.is_read_closed() || event.is_write_closed() || event.is_error();
                shard.on_event(slot, is_closed, event.is_readable(), event.is_writable());
            }
        }
        for order in mailbox.take_orders() {
            match order {
                Order::Stop => return Ok(()),
                Order::Adopt(adopted) => shard.take_over(*adopted, poll),
                Order::Kick(key) => shard.kick(key),
                Order::Patch { key, add, remove, reply } => {
                    shard.patch(key, (add, remove), reply);
                }
                Order::List(reply) => _ = reply.send(shard.list()),
                Order::CloseAll => shard.close_all(),
                #[cfg(test)]
                Order::Panic => panic!("a test asked for it"),
            }
        }
        shard.turn();
    }
}

impl Shard<TcpStream> {
    /// Takes over a connection; one that cannot be watched is dropped.
    fn take_over(&mut self, adopted: Adopted, poll: &Poll) {
        let Adopted { socket, subscription, permit } = adopted;
        let slot = self.adopt(TcpStream::from_std(socket), subscription, permit);
        let Some(conn) = self.conn_mut(slot) else { return };
        let token = Token(super::index(slot));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = poll.registry().register(&mut conn.socket, token, interest) {
            tracing::warn!(%error, "a connection cannot be watched");
            self.close(slot, None);
        }
    }
}

impl<S: super::conn::Socket> Shard<S> {
    /// Returns the slot of a parked stream.
    fn find(&self, key: ClientKey) -> Option<u32> {
        let state = self.hub.state.lock();
        let at = state.registry.parked_at(key)?;
        (at.shard == self.index).then_some(at.slot)
    }

    fn kick(&mut self, key: ClientKey) {
        match self.find(key) {
            Some(slot) => self.unpark(slot, Some(CloseReason::Kicked)),
            // It was unparked meanwhile.
            None => _ = self.hub.kick_own(&key.to_client_id(), CloseReason::Kicked),
        }
    }

    pub(super) fn patch(
        &mut self,
        key: ClientKey,
        (add, remove): (Vec<ChannelPattern>, Vec<ChannelPattern>),
        reply: oneshot::Sender<Result<Vec<ChannelPattern>, PatchError>>,
    ) {
        if let Some(slot) = self.find(key) {
            self.unpark(slot, None);
        }
        reply.send(self.hub.patch_own(&key.to_client_id(), add, &remove)).ok();
    }

    /// Asks every parked stream to end; those with a cursor of their own know already.
    fn close_all(&mut self) {
        for slot in 0..u32::try_from(self.conns.len()).unwrap_or(u32::MAX) {
            self.unpark(slot, None);
        }
    }

    /// Returns the figures of the streams.
    fn list(&self) -> Listing {
        let conns = self.conns.iter().flatten().filter(|conn| conn.is_blocked());
        let stalled = conns.filter_map(|conn| match &conn.mode {
            Mode::Own(own) => {
                let client_id = own.subscription.client_id().to_owned();
                Some((client_id, self.stalled_s(conn.blocked_since)))
            }
            Mode::Parked(_) => None,
        });
        Listing { stalled: stalled.collect(), parked: self.list_parked() }
    }

    fn list_parked(&self) -> Vec<ConnectionStats> {
        let state = self.hub.state.lock();
        let head_seq = state.journal.window.head().seq;
        let conns = self.conns.iter().flatten();
        let figures = conns.filter_map(|conn| {
            let Mode::Parked(member) = &conn.mode else { return None };
            let group = self.groups.get(member.group)?;
            let patterns = state.registry.patterns(group.key.interest);
            let seq = group.ring.before(member.next).map_or(head_seq, |(seq, _)| seq);
            Some(ConnectionStats {
                client_id: conn.key.to_client_id(),
                peer: conn.peer,
                format: group.key.format,
                patterns: patterns.iter().map(ToString::to_string).collect(),
                opened_at: conn.opened_at,
                n_delivered: member.n_delivered_base.wrapping_add(member.next),
                delivered_bytes: member
                    .bytes_base
                    .wrapping_add(group.ring.bytes_before(member.next)),
                lag: head_seq.saturating_sub(seq),
                stalled_s: self.stalled_s(conn.blocked_since),
                n_dropped: member.n_dropped.into(),
                n_resets: member.n_resets.into(),
            })
        });
        figures.collect()
    }

    /// Returns for how long a socket has taken nothing, in whole seconds.
    fn stalled_s(&self, since: Tick) -> u64 {
        if since == Tick::NEVER {
            return 0;
        }
        u64::from(Tick::at(self.start, self.now).0.saturating_sub(since.0)) / 16
    }
}
