//! Little-endian numbers, texts and addresses in byte strings.

use std::net::IpAddr;

/// The bytes end early, or hold what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the block is damaged")]
pub struct Cut;

/// Adds a number of two bytes.
pub(crate) fn put_u16(to: &mut Vec<u8>, number: u16) {
    to.extend_from_slice(&number.to_le_bytes());
}

/// Adds a count of four bytes.
pub(crate) fn put_count(to: &mut Vec<u8>, count: usize) {
    to.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Adds a text with its length before it; what is beyond 65,535 bytes is left out.
pub(crate) fn put_text(to: &mut Vec<u8>, text: &str) {
    let end = text.floor_char_boundary(usize::from(u16::MAX));
    let text = text.get(..end).unwrap_or_default();
    put_u16(to, u16::try_from(text.len()).unwrap_or(u16::MAX));
    to.extend_from_slice(text.as_bytes());
}

/// Adds an address: its family and its octets.
pub(crate) fn put_address(to: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => {
            to.push(4);
            to.extend_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            to.push(6);
            to.extend_from_slice(&v6.octets());
        }
    }
}

/// Reads bytes from the front.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Begins at the start of some bytes.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes some bytes.
    pub(crate) fn take(&mut self, n_bytes: usize) -> Result<&'a [u8], Cut> {
        let (head, tail) = self.0.split_at_checked(n_bytes).ok_or(Cut)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Cut> {
        self.take(N)?.try_into().map_err(|_| Cut)
    }

    /// Takes a number of one byte.
    pub(crate) fn u8(&mut self) -> Result<u8, Cut> {
        self.array().map(u8::from_le_bytes)
    }

    /// Takes a number of two bytes.
    pub(crate) fn u16(&mut self) -> Result<u16, Cut> {
        self.array().map(u16::from_le_bytes)
    }

    /// Takes a number of four bytes.
    pub(crate) fn u32(&mut self) -> Result<u32, Cut> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes a number of eight bytes.
    pub(crate) fn u64(&mut self) -> Result<u64, Cut> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes a count.
    pub(crate) fn count(&mut self) -> Result<usize, Cut> {
        usize::try_from(self.u32()?).map_err(|_| Cut)
    }

    /// Takes a text with its length before it.
    pub(crate) fn text(&mut self) -> Result<&'a str, Cut> {
        let n_bytes = self.u16()?.into();
        std::str::from_utf8(self.take(n_bytes)?).map_err(|_| Cut)
    }

    /// Takes an address.
    pub(crate) fn address(&mut self) -> Result<IpAddr, Cut> {
        match self.u8()? {
            4 => self.array::<4>().map(IpAddr::from),
            6 => self.array::<16>().map(IpAddr::from),
            _ => Err(Cut),
        }
    }

    /// Takes a count and so many things; each is at least one byte, which bounds the memory.
    pub(crate) fn many<Thing>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<Thing, Cut>,
    ) -> Result<Vec<Thing>, Cut> {
        let count = self.count()?;
        if count > self.0.len() {
            return Err(Cut);
        }
        (0..count).map(|_| one(self)).collect()
    }
}
