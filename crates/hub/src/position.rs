//! Where in the log of a hub a publication stands.

use std::fmt;

/// Most bits of the check that a position carries.
const CHECK_BITS: u32 = 20;
/// Letters of epoch and check: RFC 4648 §6 base32 in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Letters of an epoch.
const EPOCH_LETTERS: usize = 6;
/// Letters of a check.
const CHECK_LETTERS: usize = 4;

/// Identity of one life of a log; a new one starts only when the log was lost, restored or reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u32);

impl Epoch {
    /// Makes an epoch of 30 random bits.
    #[must_use]
    pub fn from_random(random: u64) -> Self {
        Self(u32::try_from(random & 0x3fff_ffff).unwrap_or_default())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base32(f, self.0, EPOCH_LETTERS)
    }
}

/// Short hash of a publication, so that a rewound or restored log is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Check(u32);

impl Check {
    /// Hashes channel, event type and data: the first 20 bits of their CRC32C.
    #[must_use]
    pub fn of(channel: &str, kind: &str, data: &str) -> Self {
        let crc = crc32c::crc32c(channel.as_bytes());
        let crc = crc32c::crc32c_append(crc, &[0]);
        let crc = crc32c::crc32c_append(crc, kind.as_bytes());
        let crc = crc32c::crc32c_append(crc, &[0]);
        Self(crc32c::crc32c_append(crc, data.as_bytes()) >> (32 - CHECK_BITS))
    }

    /// Returns the 20 bits.
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// Makes a check of the low 20 bits.
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits & ((1 << CHECK_BITS) - 1))
    }
}

/// Place of a publication in the one total order of a hub.
///
/// On the wire an opaque text `<epoch>-<offset>-<check>`; offset 0 stands before the first
/// publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Life of the log.
    pub epoch: Epoch,
    /// Count of logged publications up to and with this one.
    pub offset: u64,
    /// Check of the publication at `offset`.
    pub check: Check,
}

impl Position {
    /// Parses the wire form; `None` when the text is not a position.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let epoch = read_base32(parts.next()?, EPOCH_LETTERS)?;
        let offset_text = parts.next()?;
        let check = read_base32(parts.next()?, CHECK_LETTERS)?;
        let is_canonical = offset_text.bytes().all(|b| b.is_ascii_digit())
            && (offset_text == "0" || !offset_text.starts_with('0'));
        if parts.next().is_some() || !is_canonical {
            return None;
        }
        Some(Self { epoch: Epoch(epoch), offset: offset_text.parse().ok()?, check: Check(check) })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-", self.epoch, self.offset)?;
        write_base32(f, self.check.0, CHECK_LETTERS)
    }
}

fn write_base32(f: &mut fmt::Formatter<'_>, value: u32, n_letters: usize) -> fmt::Result {
    use fmt::Write;
    for index in (0..n_letters).rev() {
        let digit = usize::try_from((value >> (5 * index)) & 31).unwrap_or_default();
        let letter = ALPHABET.get(digit).copied().unwrap_or(b'a');
        f.write_char(char::from(letter))?;
    }
    Ok(())
}

fn read_base32(text: &str, n_letters: usize) -> Option<u32> {
    if text.len() != n_letters {
        return None;
    }
    text.bytes().try_fold(0_u32, |value, byte| {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        Some((value << 5) | u32::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_the_wire() {
        for (random, offset, data) in [(0, 0, ""), (u64::MAX, u64::MAX, "x"), (12345, 42, "{}")] {
            let position = Position {
                epoch: Epoch::from_random(random),
                offset,
                check: Check::of("a/b", "t", data),
            };
            assert_eq!(Position::parse(&position.to_string()), Some(position));
        }
    }

    #[test]
    fn parse_refuses_what_is_no_position() {
        #[rustfmt::skip]
        let cases = [
            ("empty",           ""),
            ("plain number",    "17"),
            ("short epoch",     "abcde-1-abcd"),
            ("upper case",      "ABCDEF-1-abcd"),
            ("bad letter",      "abcde1-1-abcd"),
            ("negative",        "abcdef--1-abcd"),
            ("leading zero",    "abcdef-01-abcd"),
            ("plus",            "abcdef-+1-abcd"),
            ("too large",       "abcdef-18446744073709551616-abcd"),
            ("short check",     "abcdef-1-abc"),
            ("trailing part",   "abcdef-1-abcd-"),
            ("no offset",       "abcdef--abcd"),
        ];
        for (name, text) in cases {
            assert_eq!(Position::parse(text), None, "case: {name}");
        }
    }
}
