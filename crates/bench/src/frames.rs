//! Counts the events of a stream in the named format, and sees to it that none is missing.

use anyhow::bail;

/// Type of every event that a bench publishes.
pub(crate) const EVENT_TYPE: &str = "bench";

/// Line of a frame that carries one of our events.
const EVENT_LINE: &[u8] = b"event: bench";
/// Longest line, in bytes.
const LINE_MAX_BYTES: usize = 65_536;

/// Reads a stream and counts; it takes the bytes in any pieces.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Beginning of a line whose end has not come.
    rest: Vec<u8>,
    /// Offset that the frame's `id` line told.
    offset: u64,
    /// Offset of the last event.
    last_offset: u64,
    /// What no healthy stream has.
    trouble: Option<&'static str>,
    /// Events seen.
    pub n_events: u64,
    /// Whether `ready` was seen.
    pub is_ready: bool,
}

impl Frames {
    /// Reads further bytes of the stream.
    ///
    /// # Errors
    ///
    /// The stream says that events are missing, ends, or is out of order.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = bytes.get(start..end).unwrap_or_default();
            if self.rest.is_empty() {
                self.line(line);
            } else {
                self.rest.extend_from_slice(line);
                let whole = std::mem::take(&mut self.rest);
                self.line(&whole);
            }
            start = end + 1;
        }
        self.rest.extend_from_slice(bytes.get(start..).unwrap_or_default());
        if self.rest.len() > LINE_MAX_BYTES {
            bail!("a line of more than {LINE_MAX_BYTES} bytes");
        }
        match self.trouble {
            Some(what) => bail!("after {} events: {what}", self.n_events),
            None => Ok(()),
        }
    }

    /// Keeps the first trouble, of which later ones may come.
    fn fail(&mut self, what: &'static str) {
        self.trouble.get_or_insert(what);
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(id) = line.strip_prefix(b"id: ") {
            match offset_of(id) {
                Some(offset) => self.offset = offset,
                None => self.fail("an id that is no position"),
            }
        } else if line == EVENT_LINE {
            if self.offset <= self.last_offset {
                self.fail("an event out of order");
            }
            self.last_offset = self.offset;
            self.n_events += 1;
        } else if line == b"event: ready" {
            self.is_ready = true;
        } else if line == b"event: reset" {
            self.fail("a reset: events are missing");
        } else if line == b"event: connection_close" {
            self.fail("the server ends the stream");
        }
    }
}

/// Returns the offset of `<epoch>-<offset>-<check>`.
fn offset_of(id: &[u8]) -> Option<u64> {
    let mut parts = id.split(|byte| *byte == b'-');
    let digits = parts.nth(1)?;
    digits.iter().try_fold(0_u64, |offset, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        offset.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: &str = "retry: 1000\n\nevent: connection_established\ndata: {}\n\n\
        id: abcdef-7-abcd\nevent: bench\ndata: {\"n\":1}\n\n\
        id: abcdef-9-abcd\nevent: bench\ndata: {\"n\":2}\n\n\
        id: abcdef-12-abcd\n\nevent: ready\ndata: {}\n\n";

    #[test]
    fn events_are_counted_in_any_pieces() {
        for size in [1, 2, 7, 50, 1_000] {
            let mut frames = Frames::default();
            for piece in HEALTHY.as_bytes().chunks(size) {
                frames.read(piece).unwrap();
            }
            assert_eq!((frames.n_events, frames.is_ready), (2, true), "pieces of {size}");
            assert_eq!(frames.last_offset, 9, "pieces of {size}");
        }
    }

    #[test]
    fn streams_that_miss_something_are_errors() {
        #[rustfmt::skip]
        let cases = [
            ("reset",        "id: abcdef-3-abcd\nevent: reset\ndata: {}\n\n",            "events are missing"),
            ("out of order", "id: abcdef-7-abcd\nevent: bench\n\nid: abcdef-7-abcd\nevent: bench\n\n", "out of order"),
            ("end",          "event: connection_close\ndata: {}\n\n",                    "ends the stream"),
            ("foreign id",   "id: 17\nevent: bench\n\n",                                 "no position"),
        ];
        for (name, text, expected) in cases {
            let error = Frames::default().read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "case: {name}: {error}");
        }
    }
}
