//! Marks every event that is published with its number and the time when it was sent.

use std::io::Write;

use anyhow::Context;
use memchr::memmem::{self, Finder};
use tokio::time::Instant;

/// Size of a mark: four letters, 8 hexadecimal digits of the number and 12 of the time.
pub(crate) const MARK_BYTES: usize = PREFIX.len() + SEQUENCE_DIGITS + TIME_DIGITS;
const PREFIX: &[u8] = b"FANm";
const SEQUENCE_DIGITS: usize = 8;
const TIME_DIGITS: usize = 12;
/// Smallest payload: the mark and the JSON around it.
pub(crate) const PAYLOAD_MIN_BYTES: usize = MARK_BYTES + 16;

/// What an event says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Events of its sequence before it.
    pub sequence: u64,
    /// When it was sent, by the [`Stopwatch`].
    pub sent_ns: u64,
}

impl Mark {
    /// Overwrites the mark that begins at `place`.
    ///
    /// # Errors
    ///
    /// There is no room.
    pub(crate) fn write(self, mut place: &mut [u8]) -> anyhow::Result<()> {
        let Self { sequence, sent_ns } = self;
        place.write_all(PREFIX).context("no room for a mark")?;
        write!(place, "{sequence:0SEQUENCE_DIGITS$x}{sent_ns:0TIME_DIGITS$x}")
            .context("no room for a mark")
    }

    /// Reads what follows the letters of a mark; `None` if it is none.
    fn parse(digits: &[u8]) -> Option<Self> {
        let (sequence, sent) = digits.split_at_checked(SEQUENCE_DIGITS)?;
        Some(Self { sequence: number(sequence)?, sent_ns: number(sent.get(..TIME_DIGITS)?)? })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number: u64, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u64::from(value))
    })
}

/// Measures time from one moment on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the nanoseconds since the begin.
    pub(crate) fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Finds marks in the bytes of a stream, however they are framed.
#[derive(Debug)]
pub(crate) struct MarkFinder(Finder<'static>);

impl MarkFinder {
    /// Makes a finder.
    pub(crate) fn new() -> Self {
        Self(Finder::new(PREFIX))
    }

    /// Hands every mark to `take`, and returns where a mark that is cut short may begin.
    pub(crate) fn find(&self, bytes: &[u8], mut take: impl FnMut(Mark)) -> usize {
        let mut at = 0;
        while let Some(found) = bytes.get(at..).and_then(|rest| self.0.find(rest)) {
            let digits_at = at + found + PREFIX.len();
            let digits = bytes.get(digits_at..).unwrap_or_default();
            if digits.len() < SEQUENCE_DIGITS + TIME_DIGITS {
                return at + found;
            }
            if let Some(mark) = Mark::parse(digits) {
                take(mark);
            }
            at = digits_at;
        }
        let tails = (1..PREFIX.len()).rev().filter_map(|n_letters| PREFIX.get(..n_letters));
        let cut = tails.into_iter().find(|letters| bytes.ends_with(letters));
        bytes.len() - cut.map_or(0, <[u8]>::len)
    }
}

/// Returns a JSON object of `size_bytes` (at least [`PAYLOAD_MIN_BYTES`]) with room for a mark.
pub(crate) fn payload(size_bytes: usize) -> String {
    let zero = "0".repeat(SEQUENCE_DIGITS + TIME_DIGITS);
    let mut payload = format!("{{\"m\":\"FANm{zero}\",\"p\":\"");
    let n_padding = size_bytes.saturating_sub(payload.len() + 2);
    payload.extend((0..n_padding).map(|index| if index % 8 == 7 { ' ' } else { 'x' }));
    payload.push_str("\"}");
    payload
}

/// Returns where the marks of a request begin.
pub(crate) fn places(request: &[u8]) -> Vec<usize> {
    memmem::find_iter(request, PREFIX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_any_pieces() {
        let mut text = payload(200).into_bytes();
        assert_eq!(text.len(), 200);
        assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
        let mark = Mark { sequence: 0xabc, sent_ns: 0x1_2345 };
        let place = places(&text)[0];
        mark.write(&mut text[place..]).unwrap();
        text.extend_from_within(..);
        for size in [1, 3, 24, 100, 1_000] {
            let (finder, mut seen, mut rest) = (MarkFinder::new(), Vec::new(), Vec::new());
            for piece in text.chunks(size) {
                rest.extend_from_slice(piece);
                let cut = finder.find(&rest, |mark| seen.push(mark));
                rest.drain(..cut);
                assert!(rest.len() < MARK_BYTES, "pieces of {size}");
            }
            assert_eq!(seen, [mark, mark], "pieces of {size}");
        }
    }
}
