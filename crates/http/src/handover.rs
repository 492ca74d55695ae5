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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use parking_lot::Mutex;
use tidings_hub::delivery::Subscription;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream between the route that opened it and whoever writes it.
#[derive(Debug, Clone)]
pub(crate) struct StreamSlot(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    subscription: Mutex<Option<Subscription>>,
    /// Whether the body yields nothing, because the socket will be handed over.
    is_held: AtomicBool,
}

impl StreamSlot {
    /// Puts a stream into a slot.
    pub(crate) fn new(subscription: Subscription) -> Self {
        let subscription = Mutex::new(Some(subscription));
        Self(Arc::new(Shared { subscription, is_held: AtomicBool::new(false) }))
    }

    /// Has the body yield nothing from now on.
    pub(crate) fn hold(&self) {
        self.0.is_held.store(true, Ordering::Release);
    }

    /// Takes the stream out.
    pub(crate) fn take(&self) -> Option<Subscription> {
        self.0.subscription.lock().take()
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
        let mut subscription = shared.subscription.lock();
        let Some(subscription) = subscription.as_mut() else { return Poll::Ready(None) };
        subscription.poll_batch(context).map(|batch| batch.map(|bytes| Ok(Frame::data(bytes))))
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
