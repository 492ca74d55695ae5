//! What an answer is found by: name, type, the client's wishes, and whose view it is.

use crate::name::{self, NAME_MAX_BYTES};
use crate::record_type::RecordType;

/// Bytes after the name: type, flags, view.
const TAIL_BYTES: usize = 5;

/// Whose answers are kept apart: 0 is everybody without upstreams of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ViewId(pub(crate) u16);

/// What the client asks for beside the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KeyFlags {
    /// Records of DNSSEC, too (DO, RFC 4035 §3.2.1).
    pub(crate) wants_dnssec: bool,
    /// Answers that fail validation, too (CD, RFC 4035 §3.2.2).
    pub(crate) takes_unchecked: bool,
}

/// Bytes that are equal for equal questions.
#[derive(Clone)]
pub(crate) struct Key {
    bytes: [u8; NAME_MAX_BYTES + TAIL_BYTES],
    length: usize,
}

impl Key {
    /// Makes the key of a question; `name` is in wire form and lower case.
    pub(crate) fn new(name: &[u8], kind: RecordType, flags: KeyFlags, view: ViewId) -> Self {
        debug_assert!(name.len() <= NAME_MAX_BYTES, "a walked name fits");
        let mut bytes = [0; NAME_MAX_BYTES + TAIL_BYTES];
        let [k0, k1] = kind.0.to_be_bytes();
        let [v0, v1] = view.0.to_be_bytes();
        let flags = u8::from(flags.wants_dnssec) | (u8::from(flags.takes_unchecked) << 1);
        let length = name.len() + TAIL_BYTES;
        if let Some((head, tail)) = bytes.split_at_mut_checked(name.len()) {
            head.copy_from_slice(name);
            if let Some(tail) = tail.first_chunk_mut() {
                *tail = [k0, k1, flags, v0, v1];
            }
        }
        Self { bytes, length }
    }

    /// Returns the bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }

    /// Returns the name in wire form.
    pub(crate) fn name(&self) -> &[u8] {
        Self::name_of(self.as_bytes())
    }

    /// Returns the name in the bytes of a key.
    pub(crate) fn name_of(bytes: &[u8]) -> &[u8] {
        bytes.get(..bytes.len().saturating_sub(TAIL_BYTES)).unwrap_or_default()
    }

    /// Returns the type in the bytes of a key.
    pub(crate) fn kind_of(bytes: &[u8]) -> RecordType {
        let tail = bytes.last_chunk::<TAIL_BYTES>().unwrap_or(&[0; TAIL_BYTES]);
        RecordType(u16::from_be_bytes([tail[0], tail[1]]))
    }

    /// Returns the flags in the bytes of a key.
    pub(crate) fn flags_of(bytes: &[u8]) -> KeyFlags {
        let tail = bytes.last_chunk::<TAIL_BYTES>().unwrap_or(&[0; TAIL_BYTES]);
        KeyFlags { wants_dnssec: tail[2] & 1 != 0, takes_unchecked: tail[2] & 2 != 0 }
    }

    /// Returns the view of a key's bytes.
    pub(crate) fn view_of(bytes: &[u8]) -> ViewId {
        let tail = bytes.last_chunk::<TAIL_BYTES>().unwrap_or(&[0; TAIL_BYTES]);
        ViewId(u16::from_be_bytes([tail[3], tail[4]]))
    }

    /// Makes a key of bytes that were one; `None` when they hold no name.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let name = Self::name_of(bytes);
        if name.len() > NAME_MAX_BYTES || !name::is_whole(name) {
            return None;
        }
        let (kind, flags) = (Self::kind_of(bytes), Self::flags_of(bytes));
        Some(Self::new(name, kind, flags, Self::view_of(bytes)))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = name::to_text(self.name());
        write!(f, "Key({name} {})", Self::kind_of(self.as_bytes()))
    }
}
