//! How the rest of the hub reaches its shards.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Wake;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::stats::ShardStats;
use crate::channel::ChannelPattern;
use crate::delivery::Subscription;
use crate::hub::PatchError;
use crate::registry::ClientKey;
use crate::stats::ConnectionStats;

/// A connection that a shard takes over.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub socket: TcpStream,
    pub subscription: Subscription,
    pub permit: Option<OwnedSemaphorePermit>,
}

/// What a shard is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    Adopt(Box<Adopted>),
    /// End a stream.
    Kick(ClientKey),
    /// Change the channels of a stream.
    Patch {
        key: ClientKey,
        add: Vec<ChannelPattern>,
        remove: Vec<ChannelPattern>,
        reply: oneshot::Sender<Result<Vec<ChannelPattern>, PatchError>>,
    },
    /// Tell the figures of the streams.
    List(oneshot::Sender<Listing>),
    /// End every stream, since the hub closes.
    CloseAll,
    /// Drop what is left and end the thread.
    Stop,
    #[cfg(test)]
    Panic,
}

/// The streams of a shard.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub parked: Vec<ConnectionStats>,
    /// Ids of streams with a cursor of their own whose sockets take nothing, with the seconds.
    pub stalled: Vec<(String, u64)>,
}

/// What waits for a shard.
#[derive(Debug, Default)]
pub(super) struct Mail {
    pub orders: Vec<Order>,
    /// Streams with a cursor of their own that have something to show: slot and generation.
    pub ready: Vec<(u32, u32)>,
}

/// One shard as the others see it.
#[derive(Debug)]
pub(super) struct Mailbox {
    mail: Mutex<Mail>,
    /// Whether the shard was told to look already.
    is_signalled: AtomicBool,
    /// Whether something was published since the shard looked.
    is_news: AtomicBool,
    waker: mio::Waker,
    pub n_connections: AtomicUsize,
    pub stats: Mutex<ShardStats>,
}

impl Mailbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self {
            mail: Mutex::default(),
            is_signalled: AtomicBool::new(false),
            is_news: AtomicBool::new(false),
            waker,
            n_connections: AtomicUsize::new(0),
            stats: Mutex::default(),
        }
    }

    /// Tells the shard to look; several calls before it does are one.
    pub(super) fn wake(&self) {
        if !self.is_signalled.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a shard cannot be woken");
        }
    }

    /// Tells the shard that there are new publications.
    pub(super) fn wake_for_news(&self) {
        self.is_news.store(true, Ordering::Release);
        self.wake();
    }

    /// Begins to look: who fills the mailbox from now on gives a new signal.
    pub(super) fn take_signal(&self) {
        self.is_signalled.swap(false, Ordering::AcqRel);
    }

    /// Returns whether something was published since [`Self::take_news`].
    pub(super) fn has_news(&self) -> bool {
        self.is_news.load(Ordering::Relaxed)
    }

    /// Returns whether something was published since the last time.
    pub(super) fn take_news(&self) -> bool {
        self.is_news.swap(false, Ordering::AcqRel)
    }

    pub(super) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut self.mail.lock().orders)
    }

    /// Takes the streams that have something to show, as slot and generation.
    pub(super) fn take_ready(&self) -> Vec<(u32, u32)> {
        std::mem::take(&mut self.mail.lock().ready)
    }

    /// Forgets what the shard had; it begins anew.
    pub(super) fn restart(&self) {
        let mut mail = self.mail.lock();
        mail.ready.clear();
        let is_adoption = |order: &&Order| matches!(order, Order::Adopt(_));
        let n_waiting = mail.orders.iter().filter(is_adoption).count();
        self.n_connections.store(n_waiting, Ordering::Relaxed);
        drop(mail);
        let mut stats = self.stats.lock();
        *stats = ShardStats { n_restarts: stats.n_restarts + 1, ..ShardStats::default() };
    }

    fn order(&self, order: Order) {
        self.mail.lock().orders.push(order);
        self.wake();
    }
}

/// Wakes a stream that has a cursor of its own.
#[derive(Debug)]
pub(super) struct StreamWaker {
    pub mailbox: Arc<Mailbox>,
    pub slot: u32,
    pub generation: u32,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.mailbox.mail.lock().ready.push((self.slot, self.generation));
        self.mailbox.wake();
    }
}

/// The shards of a hub.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    mailboxes: Vec<Arc<Mailbox>>,
}

impl Shards {
    pub(super) fn new(mailboxes: Vec<Arc<Mailbox>>) -> Self {
        Self { mailboxes }
    }

    pub(super) fn mailboxes(&self) -> &[Arc<Mailbox>] {
        &self.mailboxes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.mailboxes.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// Tells the shards that there are new publications.
    pub(crate) fn wake(&self) {
        for mailbox in &self.mailboxes {
            mailbox.wake_for_news();
        }
    }

    /// Gives an order to one shard.
    pub(crate) fn order(&self, shard: u16, order: Order) {
        if let Some(mailbox) = self.mailboxes.get(usize::from(shard)) {
            mailbox.order(order);
        }
    }

    /// Gives an order to every shard.
    pub(crate) fn order_all(&self, mut order: impl FnMut() -> Order) {
        for mailbox in &self.mailboxes {
            mailbox.order(order());
        }
    }

    /// Hands a connection to the shard with the fewest; there is at least one shard.
    pub(crate) fn adopt(&self, adopted: Adopted) {
        let fewest = self
            .mailboxes
            .iter()
            .min_by_key(|mailbox| mailbox.n_connections.load(Ordering::Relaxed));
        if let Some(mailbox) = fewest {
            mailbox.n_connections.fetch_add(1, Ordering::Relaxed);
            mailbox.order(Order::Adopt(Box::new(adopted)));
        }
    }

    /// Returns the figures of all shards together.
    pub(crate) fn stats(&self) -> ShardStats {
        let mut sum = ShardStats::default();
        for mailbox in &self.mailboxes {
            sum.add(&mailbox.stats.lock());
        }
        sum
    }
}
