//! Incremental decoder of the `text/event-stream` format; pure.
//!
//! Follows the WHATWG HTML standard, "Server-sent events", sections "Parsing an event stream" and
//! "Interpreting an event stream". Bytes may arrive in any chunking; the frames are the same.

#[cfg(test)]
mod tests;

/// Longest line accepted by [`Decoder::new`], in bytes without its end.
pub const LINE_SIZE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Largest event data accepted by [`Decoder::new`], in bytes.
pub const EVENT_SIZE_MAX_BYTES: usize = 8 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a stretch of an event stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A block with data, ended by its blank line.
    Event {
        /// The `id` field of this very block; empty resets the last id, `None` leaves it.
        id: Option<String>,
        /// The `event` field; `message` where the block has none.
        kind: String,
        /// The `data` fields, joined by newlines.
        data: String,
    },
    /// The server's reconnection time, in milliseconds.
    Retry(u64),
    /// A comment line, whose text means nothing.
    Comment,
    /// A block with an `id` but no data: it moves the last id and is no event.
    IdOnly(String),
}

/// Why a stream cannot be decoded further.
///
/// The decoder answers every later call with the same error; the last id stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// One line exceeds the limit.
    #[error("line of the event stream exceeds the limit of {limit_bytes} bytes")]
    LineTooLong {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// The data of one event exceeds the limit.
    #[error("data of one event exceeds the limit of {limit_bytes} bytes")]
    EventTooLarge {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
}

/// Turns the bytes of one connection into [`Frame`]s.
///
/// An unfinished block at the end of a connection is dropped with its decoder: it neither becomes
/// an event nor moves the last id, as in browsers.
#[derive(Debug, Clone)]
pub struct Decoder {
    line_size_max_bytes: usize,
    event_size_max_bytes: usize,
    /// The part of an unfinished line that earlier chunks brought.
    line: Vec<u8>,
    /// Whether the last byte was a CR, so that a LF now belongs to the same line end.
    is_after_carriage_return: bool,
    is_at_first_line: bool,
    block: Block,
    last_event_id: String,
    failure: Option<DecodeError>,
}

/// The fields of the block being read.
#[derive(Debug, Clone, Default)]
struct Block {
    id: Option<String>,
    kind: String,
    /// Each `data` field with a newline behind it, as the standard has it.
    data: String,
    has_data: bool,
}

impl Decoder {
    /// Creates a decoder with the default limits and no last id.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(LINE_SIZE_MAX_BYTES, EVENT_SIZE_MAX_BYTES)
    }

    /// Creates a decoder with limits for one line and for the data of one event, in bytes.
    #[must_use]
    pub fn with_limits(line_size_max_bytes: usize, event_size_max_bytes: usize) -> Self {
        Self {
            line_size_max_bytes,
            event_size_max_bytes,
            line: Vec::new(),
            is_after_carriage_return: false,
            is_at_first_line: true,
            block: Block::default(),
            last_event_id: String::new(),
            failure: None,
        }
    }

    /// Returns the id to resume from; empty while the stream has set none or has reset it.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Decodes the next bytes and appends the frames they complete to `frames`.
    ///
    /// # Errors
    ///
    /// A limit is exceeded; `frames` holds all that came before it.
    pub fn decode(&mut self, chunk: &[u8], frames: &mut Vec<Frame>) -> Result<(), DecodeError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let result = self.decode_lines(chunk, frames);
        self.failure = result.err();
        result
    }

    fn decode_lines(&mut self, chunk: &[u8], frames: &mut Vec<Frame>) -> Result<(), DecodeError> {
        let mut rest = chunk;
        while let Some((&first, tail)) = rest.split_first() {
            if self.is_after_carriage_return && first == b'\n' {
                self.is_after_carriage_return = false;
                rest = tail;
                continue;
            }
            self.is_after_carriage_return = false;
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + part.len() > self.line_size_max_bytes {
                return Err(DecodeError::LineTooLong { limit_bytes: self.line_size_max_bytes });
            }
            let Some((&line_end, after)) = after.split_first() else {
                self.line.extend_from_slice(part);
                return Ok(());
            };
            self.is_after_carriage_return = line_end == b'\r';
            rest = after;
            if self.line.is_empty() {
                self.interpret_line(part, frames)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(part);
                self.interpret_line(&line, frames)?;
                line.clear();
                self.line = line;
            }
        }
        Ok(())
    }

    fn interpret_line(&mut self, line: &[u8], frames: &mut Vec<Frame>) -> Result<(), DecodeError> {
        let mut line = line;
        if self.is_at_first_line {
            self.is_at_first_line = false;
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(frames);
            return Ok(());
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(0) => {
                frames.push(Frame::Comment);
                return Ok(());
            }
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                let value = value.strip_prefix(b":").unwrap_or(value);
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match name {
            b"data" => {
                // A line never holds a part of a character: the ends of lines are ASCII.
                let value = String::from_utf8_lossy(value);
                if self.block.data.len() + value.len() > self.event_size_max_bytes {
                    let limit_bytes = self.event_size_max_bytes;
                    return Err(DecodeError::EventTooLarge { limit_bytes });
                }
                self.block.has_data = true;
                self.block.data.push_str(&value);
                self.block.data.push('\n');
            }
            b"event" => self.block.kind = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => {
                self.block.id = Some(String::from_utf8_lossy(value).into_owned());
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let milliseconds = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                frames.extend(milliseconds.map(Frame::Retry));
            }
            // The standard ignores unknown fields and the bad values of known ones.
            _ => {}
        }
        Ok(())
    }

    /// Ends the block at its blank line.
    fn dispatch(&mut self, frames: &mut Vec<Frame>) {
        let Block { id, mut kind, mut data, has_data } = std::mem::take(&mut self.block);
        if let Some(id) = &id {
            self.last_event_id.clone_from(id);
        }
        if !has_data {
            frames.extend(id.map(Frame::IdOnly));
            return;
        }
        debug_assert!(data.ends_with('\n'), "every data field ends in a newline");
        data.pop();
        if kind.is_empty() {
            kind.push_str("message");
        }
        frames.push(Frame::Event { id, kind, data });
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
