//! A stream over TLS: a small task that writes its frames as chunks of HTTP/1.1.
//!
//! It holds what TLS and the cursor need and nothing of the request that opened the stream.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tidings_hub::delivery::{CloseReason, Subscription};
use tidings_hub::frame::{LAST_CHUNK, push_chunk};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Bytes that a client may send after its request.
const EARLY_MAX_BYTES: usize = 4_096;

/// Writes a stream until it ends or its client is gone.
pub(crate) async fn run<Io>(mut io: Io, mut stream: Subscription, stall_timeout: Duration)
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut n_early = 0;
    loop {
        let next = poll_fn(|context| match discard(&mut io, context, &mut n_early) {
            Poll::Ready(()) => Poll::Ready(Next::Gone),
            Poll::Pending => stream.poll_batch(context).map(Next::Frames),
        });
        let chunk = match next.await {
            Next::Gone => return,
            Next::Frames(Some(frames)) => {
                let mut chunk = Vec::with_capacity(frames.len() + 20);
                push_chunk(&mut chunk, &frames);
                chunk
            }
            Next::Frames(None) => {
                write(&mut io, LAST_CHUNK, stall_timeout).await.ok();
                io.shutdown().await.ok();
                return;
            }
        };
        match write_held(&mut io, &stream, &chunk, stall_timeout).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return stream.cut(CloseReason::SlowConsumer);
            }
            Err(_) => return,
        }
    }
}

/// Writes all bytes; those that wait count, and a client for which they may not wait has timed
/// out, as one that takes nothing.
async fn write_held(
    io: &mut (impl AsyncWrite + Unpin),
    stream: &Subscription,
    bytes: &[u8],
    stall_timeout: Duration,
) -> io::Result<()> {
    let mut written = pin!(write(io, bytes, stall_timeout));
    let at_once = poll_fn(|context| Poll::Ready(written.as_mut().poll(context)));
    if let Poll::Ready(written) = at_once.await {
        return written;
    }
    let Some(_held) = stream.hold(bytes.len()) else { return Err(io::ErrorKind::TimedOut.into()) };
    written.await
}

/// What a stream's task goes on with.
enum Next {
    Frames(Option<Bytes>),
    Gone,
}

/// Writes all bytes; a client that takes nothing for `stall_timeout` is an error, unless that is
/// zero.
async fn write(
    io: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    stall_timeout: Duration,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let n_bytes = if stall_timeout.is_zero() {
            io.write(bytes).await?
        } else {
            tokio::time::timeout(stall_timeout, io.write(bytes)).await??
        };
        if n_bytes == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(n_bytes..).unwrap_or_default();
    }
    if stall_timeout.is_zero() {
        return io.flush().await;
    }
    tokio::time::timeout(stall_timeout, io.flush()).await?
}

/// Reads what the client sends after its request, and forgets it; ready when the client is gone or
/// sends too much.
fn discard(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    n_early: &mut usize,
) -> Poll<()> {
    let mut bytes = [0; 512];
    loop {
        let mut buffer = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *io).poll_read(context, &mut buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) => {
                *n_early += buffer.filled().len();
                if buffer.filled().is_empty() || *n_early > EARLY_MAX_BYTES {
                    return Poll::Ready(());
                }
            }
        }
    }
}
