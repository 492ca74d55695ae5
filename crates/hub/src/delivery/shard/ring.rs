//! The newest frames of one interest, back to back, as HTTP/1.1 chunks.
//!
//! A stream's cursor is the number of its next frame, so what it lacks is one piece of bytes.

use std::collections::VecDeque;
use std::ops::Range;

use tokio::time::Instant;

use crate::frame::push_chunk;

/// Frames that streams of one interest may still lack.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// Number of the first frame held.
    first: u64,
    /// Bytes before the first one held, since the ring was made.
    base: u64,
    held: Option<Box<Held>>,
}

/// The bytes and where each frame ends; kept for the next ring when this one is empty.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    frames: VecDeque<FrameEnd>,
}

/// One frame of a ring.
#[derive(Debug, Clone, Copy)]
struct FrameEnd {
    /// Bytes up to and with the frame, since the ring was made.
    end: u64,
    /// Number of the publication before it, in the shared sequence.
    seq_before: u64,
    /// Offset of the last logged publication before it.
    offset_before: u64,
    /// When its publication was accepted.
    accepted: Instant,
}

/// How far a write came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Number of the next frame that is untouched.
    pub next: u64,
    /// What is left of a frame that was begun.
    pub tail: Option<Box<[u8]>>,
}

impl Ring {
    /// Number that the next frame will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.held.as_ref().map_or(0, |held| to_u64(held.frames.len()))
    }

    /// Bytes held.
    pub(super) fn size_bytes(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.bytes.len())
    }

    /// Appends a frame that stands after a place of the shared sequence, of a publication that was
    /// accepted at a time.
    pub(super) fn push(
        &mut self,
        frame: &[u8],
        before: (u64, u64),
        accepted: Instant,
        pool: &mut Vec<Held>,
    ) {
        let held = self.held.get_or_insert_with(|| Box::new(pool.pop().unwrap_or_default()));
        push_chunk(&mut held.bytes, frame);
        let end = self.base + to_u64(held.bytes.len());
        let (seq_before, offset_before) = before;
        held.frames.push_back(FrameEnd { end, seq_before, offset_before, accepted });
    }

    /// Returns the bytes from a frame on; nothing when there are none.
    pub(super) fn from(&self, next: u64) -> Option<&[u8]> {
        let held = self.held.as_ref()?;
        let start = usize::try_from(self.start_of(next)? - self.base).ok()?;
        held.bytes.get(start..).filter(|bytes| !bytes.is_empty())
    }

    /// Returns how far a write of so many bytes came, that began with a frame.
    pub(super) fn written(&self, next: u64, n_bytes: usize) -> Written {
        let (Some(held), Some(start)) = (self.held.as_ref(), self.start_of(next)) else {
            return Written { next, tail: None };
        };
        let reached = start + to_u64(n_bytes);
        let n_whole = held.frames.partition_point(|frame| frame.end <= reached);
        let whole_end = match n_whole.checked_sub(1).and_then(|last| held.frames.get(last)) {
            Some(frame) => frame.end.max(start),
            None => start,
        };
        let next = self.first + to_u64(n_whole);
        if reached == whole_end {
            return Written { next, tail: None };
        }
        let tail = held.frames.get(n_whole).and_then(|frame| {
            let from = usize::try_from(reached - self.base).ok()?;
            let to = usize::try_from(frame.end - self.base).ok()?;
            held.bytes.get(from..to).map(Box::from)
        });
        Written { next: next + u64::from(tail.is_some()), tail }
    }

    /// Iterates over the times when the publications of the frames of a range were accepted,
    /// oldest first.
    pub(super) fn accepted(
        &self,
        frames: Range<u64>,
    ) -> impl DoubleEndedIterator<Item = Instant> + '_ {
        let place =
            |number: u64| usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let held = self.held.as_ref().map(|held| &held.frames);
        let frames = held.map(|held| {
            let end = place(frames.end).min(held.len());
            held.range(place(frames.start).min(end)..end)
        });
        frames.into_iter().flatten().map(|frame| frame.accepted)
    }

    /// Returns number and offset of the publication before a frame that is held.
    pub(super) fn before(&self, next: u64) -> Option<(u64, u64)> {
        let index = usize::try_from(next.checked_sub(self.first)?).ok()?;
        let frame = self.held.as_ref()?.frames.get(index)?;
        Some((frame.seq_before, frame.offset_before))
    }

    /// Bytes of all frames before a frame, since the ring was made.
    pub(super) fn bytes_before(&self, next: u64) -> u64 {
        self.start_of(next).unwrap_or(self.base)
    }

    /// Forgets the frames before one; the memory of an empty ring goes back to the pool.
    pub(super) fn trim(&mut self, next: u64, pool: &mut Vec<Held>) {
        let Some(start) = self.start_of(next) else { return };
        if next >= self.end() {
            self.first = self.end();
            self.base = start;
            if let Some(mut held) = self.held.take()
                && is_worth_keeping(held.bytes.capacity(), pool.len())
            {
                held.bytes.clear();
                held.frames.clear();
                pool.push(*held);
            }
            return;
        }
        let Some(held) = self.held.as_mut() else { return };
        let n_frames = usize::try_from(next.saturating_sub(self.first)).unwrap_or(0);
        let n_bytes = usize::try_from(start - self.base).unwrap_or(0);
        held.frames.drain(..n_frames.min(held.frames.len()));
        held.bytes.drain(..n_bytes.min(held.bytes.len()));
        self.first = next;
        self.base = start;
    }

    /// Bytes before a frame, since the ring was made; nothing for one that is gone.
    fn start_of(&self, next: u64) -> Option<u64> {
        let index = usize::try_from(next.checked_sub(self.first)?).ok()?;
        let Some(before) = index.checked_sub(1) else { return Some(self.base) };
        let held = self.held.as_ref()?;
        held.frames.get(before).map(|frame| frame.end)
    }
}

/// Whether an empty buffer is kept beside so many others: many small ones, for many channels with
/// few subscribers each, and few large ones.
fn is_worth_keeping(size_bytes: usize, n_kept: usize) -> bool {
    const SMALL_MAX: usize = 1_024;
    const SMALL_BYTES: usize = 4_096;
    const LARGE_MAX: usize = 64;
    const LARGE_BYTES: usize = 262_144;
    (n_kept < SMALL_MAX && size_bytes <= SMALL_BYTES)
        || (n_kept < LARGE_MAX && size_bytes <= LARGE_BYTES)
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(frames: &[&str]) -> (Ring, Vec<Held>) {
        let (mut ring, mut pool) = (Ring::default(), Vec::new());
        for (n, frame) in frames.iter().enumerate() {
            ring.push(frame.as_bytes(), (to_u64(n) + 10, to_u64(n)), Instant::now(), &mut pool);
        }
        (ring, pool)
    }

    #[test]
    fn a_short_write_leaves_whole_frames_and_the_tail_of_one() {
        // Each frame is 3 + 2 + 2 = 7 bytes on the wire.
        let (ring, _) = ring(&["aa", "bb", "cc"]);
        let tail = |text: &str| Some(Box::from(text.as_bytes()));
        #[rustfmt::skip]
        let cases = [
            ("nothing",             0, 0,  Written { next: 0, tail: None }),
            ("part of the first",   0, 4,  Written { next: 1, tail: tail("a\r\n") }),
            ("the first",           0, 7,  Written { next: 1, tail: None }),
            ("part of the last",    0, 20, Written { next: 3, tail: tail("\n") }),
            ("everything",          0, 21, Written { next: 3, tail: None }),
            ("from the second",     1, 7,  Written { next: 2, tail: None }),
            ("within the third",    1, 8,  Written { next: 3, tail: tail("\r\ncc\r\n") }),
            ("nothing of the last", 2, 0,  Written { next: 2, tail: None }),
        ];
        for (name, next, n_bytes, expected) in cases {
            assert_eq!(ring.written(next, n_bytes), expected, "case: {name}");
        }
    }

    #[test]
    fn trimming_keeps_numbers_and_bytes() {
        let (mut ring, mut pool) = ring(&["aa", "bb", "cc"]);
        ring.trim(1, &mut pool);
        assert_eq!(ring.from(0), None);
        assert_eq!(ring.from(1), Some(&b"2\r\nbb\r\n2\r\ncc\r\n"[..]));
        assert_eq!(ring.before(2), Some((12, 2)));
        assert_eq!(ring.bytes_before(2), 14);
        ring.trim(3, &mut pool);
        assert_eq!((ring.end(), ring.size_bytes(), ring.from(3)), (3, 0, None));
        assert_eq!(pool.len(), 1);
        let accepted = Instant::now();
        ring.push(b"dd", (13, 3), accepted, &mut pool);
        assert_eq!(ring.accepted(3..4).collect::<Vec<_>>(), [accepted]);
        assert_eq!((ring.accepted(0..3).count(), ring.accepted(0..9).count()), (0, 1));
        assert_eq!(ring.from(3), Some(&b"2\r\ndd\r\n"[..]));
        assert_eq!((ring.bytes_before(4), pool.len()), (28, 0));
    }
}
