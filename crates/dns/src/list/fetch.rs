//! The port to whatever fetches lists over HTTP; the binary gives one, tests another.

use std::io::{self, Write};

/// What to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchRequest<'a> {
    /// Where it is.
    pub url: &'a str,
    /// `ETag` of the copy at hand, for `If-None-Match`.
    pub etag: Option<&'a str>,
    /// `Last-Modified` of the copy at hand, for `If-Modified-Since`.
    pub last_modified: Option<&'a str>,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The copy at hand is still the newest (304).
    Unchanged,
    /// A new copy was written whole.
    New {
        /// Its `ETag`.
        etag: Option<String>,
        /// Its `Last-Modified`.
        last_modified: Option<String>,
    },
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server was not reached, or broke off.
    #[error("the server was not reached or broke off: {0}")]
    Transport(String),
    /// The server answered with another status than 200 or 304.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The server of ours ends; nothing is wrong with the list.
    #[error("the look was broken off: the program ends")]
    Stopped,
    /// What came could not be written, or was too large; the source says which.
    #[error("what came could not be kept: {0}")]
    Sink(io::Error),
}

/// Fetches lists.
///
/// It waits, so it is called on a thread of its own. It must end within a minute of silence, follow
/// no more than a few redirects, and unpack what the server packed.
pub trait Fetch: Send + Sync {
    /// Fetches into `sink`.
    ///
    /// # Errors
    ///
    /// Nothing came, or not all of it; `sink` may hold a part.
    fn fetch(&self, request: FetchRequest<'_>, sink: &mut dyn Write)
    -> Result<Fetched, FetchError>;
}

/// Passes bytes on up to a limit, counting and telling them.
pub(crate) struct LimitedWriter<'a, W: Write> {
    inner: W,
    n_bytes: u64,
    n_bytes_max: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a, W: Write> LimitedWriter<'a, W> {
    pub(crate) fn new(inner: W, n_bytes_max: u64, progress: &'a mut dyn FnMut(u64)) -> Self {
        Self { inner, n_bytes: 0, n_bytes_max, progress }
    }
}

impl<W: Write> Write for LimitedWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_after = self.n_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if n_after > self.n_bytes_max {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("the list is larger than {} bytes", self.n_bytes_max),
            ));
        }
        let n_written = self.inner.write(bytes)?;
        self.n_bytes += u64::try_from(n_written).unwrap_or_default();
        (self.progress)(self.n_bytes);
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
