//! Handing a stream's socket over to the hub: hyper reads the request and writes the response
//! head, and a shard writes what follows.
//!
//! ```text
//! route: response with a StreamBody and its StreamSlot
//!   plain HTTP/1.1 --> hold the body back, wait until the head has left whole, take the socket
//!   anything else  --> hyper polls the body
//! ```

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use parking_lot::Mutex;
use tidings_hub::delivery::{CloseReason, HeldBytes, Subscription};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A stream between the route that opened it and whoever writes it.
#[derive(Debug, Clone)]
pub(crate) struct StreamSlot(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    subscription: Mutex<Option<Subscription>>,
    /// What the body gave last, until hyper asks for more.
    given: Mutex<Option<Given>>,
    /// Whether the body yields nothing, because the socket will be handed over.
    is_held: AtomicBool,
}

impl StreamSlot {
    /// Puts a stream into a slot.
    pub(crate) fn new(subscription: Subscription) -> Self {
        let subscription = Mutex::new(Some(subscription));
        let (given, is_held) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Shared { subscription, given, is_held }))
    }

    /// Has the body yield nothing from now on.
    pub(crate) fn hold(&self) {
        self.0.is_held.store(true, Ordering::Release);
    }

    /// Takes the stream out.
    pub(crate) fn take(&self) -> Option<Subscription> {
        self.0.subscription.lock().take()
    }

    /// Whether the client has taken nothing of what hyper was given for so long.
    fn is_stalled(&self, stall_timeout: Duration) -> bool {
        let given = self.0.given.lock();
        given.as_ref().is_some_and(|given| given.at.elapsed() >= stall_timeout)
    }
}

/// A response body that a cursor of the hub fills, unless it is held back.
#[derive(Debug)]
pub(crate) struct StreamBody(pub(crate) StreamSlot);

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let shared = &self.0.0;
        if shared.is_held.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        *shared.given.lock() = None;
        let mut slot = shared.subscription.lock();
        let Some(subscription) = slot.as_mut() else { return Poll::Ready(None) };
        let Some(bytes) = std::task::ready!(subscription.poll_batch(context)) else {
            return Poll::Ready(None);
        };
        let Some(held) = subscription.hold(bytes.len()) else {
            if let Some(subscription) = slot.take() {
                subscription.cut(CloseReason::SlowConsumer);
            }
            return Poll::Ready(None);
        };
        *shared.given.lock() = Some(Given { _held: held, at: Instant::now() });
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

/// Frames that wait in hyper for the client to take them.
#[derive(Debug)]
struct Given {
    _held: HeldBytes,
    at: Instant,
}

/// The streams of one connection whose bodies hyper polls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Vec<Weak<Shared>>>>);

impl Watch {
    /// Adds a stream.
    pub(crate) fn add(&self, slot: &StreamSlot) {
        let mut streams = self.0.lock();
        streams.retain(|stream| stream.strong_count() > 0);
        streams.push(Arc::downgrade(&slot.0));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Waits until the client has taken nothing of a stream for so long, or up to twice that, and
    /// ends those streams; the connection is to be dropped then. Zero is no limit.
    pub(crate) async fn stalled(&self, stall_timeout: Duration) {
        if stall_timeout.is_zero() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(stall_timeout).await;
            let stalled: Vec<StreamSlot> = {
                let mut streams = self.0.lock();
                streams.retain(|stream| stream.strong_count() > 0);
                let slots = streams.iter().filter_map(|stream| stream.upgrade().map(StreamSlot));
                slots.filter(|slot| slot.is_stalled(stall_timeout)).collect()
            };
            for subscription in stalled.iter().filter_map(StreamSlot::take) {
                subscription.cut(CloseReason::SlowConsumer);
            }
            if !stalled.is_empty() {
                return;
            }
        }
    }
}

/// What a connection knows of the stream that its socket is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandOver(Arc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    slot: Mutex<Option<StreamSlot>>,
    is_armed: AtomicBool,
    is_written: AtomicBool,
    is_flushed: AtomicBool,
}

impl HandOver {
    /// Names the stream; the next bytes written are the response head.
    pub(crate) fn arm(&self, slot: StreamSlot) {
        slot.hold();
        *self.0.slot.lock() = Some(slot);
        self.0.is_armed.store(true, Ordering::Release);
    }

    /// Whether the response head has left whole.
    pub(crate) fn is_due(&self) -> bool {
        self.0.is_flushed.load(Ordering::Acquire)
    }

    /// Takes the stream.
    pub(crate) fn take(&self) -> Option<Subscription> {
        self.0.slot.lock().take()?.take()
    }
}

/// A socket that notes when what was written has left.
#[derive(Debug)]
pub(crate) struct Tap<Io> {
    io: Io,
    hand_over: HandOver,
}

impl<Io> Tap<Io> {
    pub(crate) fn new(io: Io, hand_over: HandOver) -> Self {
        Self { io, hand_over }
    }

    pub(crate) fn into_inner(self) -> Io {
        self.io
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        let progress = &self.hand_over.0;
        if matches!(written, Poll::Ready(Ok(n)) if *n > 0)
            && progress.is_armed.load(Ordering::Acquire)
        {
            progress.is_written.store(true, Ordering::Release);
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Tap<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Tap<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note_write(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        let progress = &self.hand_over.0;
        // hyper flushes only when its own buffer is empty.
        if flushed.is_ready() && progress.is_written.load(Ordering::Acquire) {
            progress.is_flushed.store(true, Ordering::Release);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
