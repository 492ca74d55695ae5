//! Takes the chunks of a body apart (RFC 9112 §7.1).

use anyhow::{Context, bail};

/// Largest chunk, in bytes.
const CHUNK_MAX_BYTES: usize = 16 * 1_048_576;

/// Where in the chunks a reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunked {
    /// In the line that tells the size; `size` is what was read of it.
    Size { size: usize },
    /// In an extension, after the size.
    Extension { size: usize },
    /// In the data, of which `left` bytes are to come.
    Data { left: usize },
    /// In the line end after the data.
    End,
    /// After the last chunk.
    Over,
}

impl Default for Chunked {
    fn default() -> Self {
        Self::Size { size: 0 }
    }
}

impl Chunked {
    /// Hands the data among `bytes` to `take`.
    ///
    /// # Errors
    ///
    /// The bytes are no chunks, the body is over, or `take` fails.
    pub(super) fn decode(
        &mut self,
        mut bytes: &[u8],
        take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            if let Self::Data { left } = *self {
                let (data, rest) = bytes.split_at(left.min(bytes.len()));
                take(data)?;
                let left = left - data.len();
                *self = if left == 0 { Self::End } else { Self::Data { left } };
                bytes = rest;
                continue;
            }
            *self = self.step(*first)?;
            bytes = rest;
        }
        if *self == Self::Over {
            bail!("the body is over");
        }
        Ok(())
    }

    /// Reads one byte that is not data.
    fn step(self, byte: u8) -> anyhow::Result<Self> {
        let sized = |size| if size == 0 { Self::Over } else { Self::Data { left: size } };
        Ok(match (self, byte) {
            (Self::Size { size } | Self::Extension { size }, b'\n') => sized(size),
            (Self::Size { size }, b';' | b'\r') | (Self::Extension { size }, _) => {
                Self::Extension { size }
            }
            (Self::Size { size }, digit) => {
                let value = char::from(digit).to_digit(16).context("a chunk without a size")?;
                let size = size * 16 + usize::try_from(value).unwrap_or(usize::MAX);
                if size > CHUNK_MAX_BYTES {
                    bail!("a chunk of {size} bytes");
                }
                Self::Size { size }
            }
            (Self::End, b'\r') => Self::End,
            (Self::End, b'\n') => Self::default(),
            (Self::End, _) => bail!("a chunk is longer than its size"),
            (Self::Over | Self::Data { .. }, _) => self,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str, piece_bytes: usize) -> anyhow::Result<String> {
        let mut chunked = Chunked::default();
        let mut data = Vec::new();
        for piece in body.as_bytes().chunks(piece_bytes) {
            chunked.decode(piece, &mut |bytes| {
                data.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        Ok(String::from_utf8(data)?)
    }

    #[test]
    fn chunks_in_any_pieces() {
        #[rustfmt::skip]
        let cases = [
            ("two",       "5\r\nhello\r\n7\r\n, world\r\n", Some("hello, world")),
            ("long size", "00A\r\n0123456789\r\n",          Some("0123456789")),
            ("extension", "1;x=y\r\na\r\n",                 Some("a")),
            ("line ends", "4\r\n\r\n\r\n\r\n",              Some("\r\n\r\n")),
            ("cut short", "5\r\nhel",                       Some("hel")),
            ("end",       "1\r\na\r\n0\r\n\r\n",            None),
            ("no size",   "x\r\n",                          None),
            ("too long",  "1\r\nab\r\n",                    None),
            ("huge",      "fffffffff\r\n",                  None),
        ];
        for (name, body, expected) in cases {
            for piece_bytes in [1, 3, 1_000] {
                let decoded = decoded(body, piece_bytes).ok();
                assert_eq!(decoded.as_deref(), expected, "case: {name}, pieces of {piece_bytes}");
            }
        }
    }
}
