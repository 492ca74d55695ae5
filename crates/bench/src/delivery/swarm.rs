//! Many subscribers in one thread: opened in batches, read by epoll or by sweeping over them.

use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;
use tokio::time::Instant;

use super::mark::Stopwatch;
use super::subscriber::{Subscriber, Subscription, Tally};

/// Connections whose answer is awaited at once, unless a bench wants more.
pub(crate) const BATCH: usize = 256;
/// Longest time that all connections together may take to get ready.
const OPEN_TIME_MAX: Duration = Duration::from_secs(90);
/// Events that epoll tells at once.
const EVENTS_MAX: usize = 1_024;

/// Subscribers, and what they saw.
pub(crate) struct Swarm {
    pub subscribers: Vec<Subscriber>,
    pub tally: Tally,
    stopwatch: Stopwatch,
    epoll: Option<OwnedFd>,
    events: Vec<epoll::Event>,
    n_live: usize,
}

impl Swarm {
    /// Makes a swarm without subscribers.
    ///
    /// # Errors
    ///
    /// The system has no epoll left.
    pub(crate) fn new(stopwatch: Stopwatch) -> anyhow::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("epoll")?;
        Ok(Self {
            subscribers: Vec::new(),
            tally: Tally::new(),
            stopwatch,
            epoll: Some(epoll),
            events: Vec::with_capacity(EVENTS_MAX),
            n_live: 0,
        })
    }

    /// Opens `count` streams, at most `batch` at once, and waits until they are ready.
    ///
    /// # Errors
    ///
    /// A stream is refused, ends, or does not get ready in time.
    pub(crate) fn open(
        &mut self,
        count: usize,
        batch: usize,
        mut subscription: impl FnMut(usize) -> Subscription,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + OPEN_TIME_MAX;
        let first = self.subscribers.len();
        while self.n_live < first + count {
            while self.subscribers.len() < (self.n_live + batch).min(first + count) {
                let index = self.subscribers.len();
                let subscriber = Subscriber::open(index, subscription(index))?;
                self.watch(index, &subscriber, EventFlags::OUT)?;
                self.subscribers.push(subscriber);
            }
            self.wait(Duration::from_millis(100))?;
            let n_live = self.n_live;
            ensure!(Instant::now() < end, "{n_live} of {count} streams are ready");
        }
        Ok(())
    }

    fn watch(&self, index: usize, of: &Subscriber, more: EventFlags) -> anyhow::Result<()> {
        let Some(epoll) = &self.epoll else { bail!("the swarm is not watched") };
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET | more;
        let data = EventData::new_u64(u64::try_from(index).context("index")?);
        epoll::add(epoll, of.socket(), data, flags).context("watch a socket")
    }

    /// Waits for anything to come, at most so long, and reads it.
    ///
    /// # Errors
    ///
    /// A stream ends.
    pub(crate) fn wait(&mut self, longest: Duration) -> anyhow::Result<()> {
        let Some(epoll) = &self.epoll else { bail!("the swarm is not watched") };
        let timeout = Timespec::try_from(longest).context("a time to wait")?;
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(epoll, room, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("wait for streams"),
        }
        let events = std::mem::take(&mut self.events);
        for event in &events {
            let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            self.read(index)?;
        }
        self.events = events;
        Ok(())
    }

    /// Reads all that came on a connection.
    fn read(&mut self, index: usize) -> anyhow::Result<()> {
        let Self { subscribers, tally, stopwatch, n_live, .. } = self;
        let subscriber = subscribers.get_mut(index).context("an event of no connection")?;
        let was_live = subscriber.is_live();
        if !was_live {
            subscriber.proceed().with_context(|| format!("stream {index}"))?;
        }
        tally.now_ns = stopwatch.now_ns();
        while subscriber.read(tally).with_context(|| format!("stream {index}"))? {}
        *n_live += usize::from(!was_live && subscriber.is_live());
        Ok(())
    }

    /// Lets epoll go: from now on the sockets are swept, which costs the server no wake-ups.
    pub(crate) fn unwatch(&mut self) {
        self.epoll = None;
    }

    /// Reads once from every subscriber that did not get all `n_published` events.
    ///
    /// # Errors
    ///
    /// A stream ends.
    pub(crate) fn sweep(&mut self, n_published: u64) -> anyhow::Result<()> {
        let Self { subscribers, tally, .. } = self;
        for (index, subscriber) in subscribers.iter_mut().enumerate() {
            if subscriber.expected != Some(n_published) {
                subscriber.read(tally).with_context(|| format!("stream {index}"))?;
            }
        }
        Ok(())
    }

    /// Returns how many of `n_published` events did not reach somebody.
    pub(crate) fn n_missing(&self, n_published: u64) -> u64 {
        let expected = self.subscribers.iter().map(|subscriber| subscriber.expected);
        expected.map(|expected| n_published.saturating_sub(expected.unwrap_or(0))).sum()
    }
}
