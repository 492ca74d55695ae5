//! The cache as bytes, to outlive a restart.
//!
//! | part | bytes |
//! |---|---|
//! | mark `TIDINGSC`, version 1 | 8 + 4 |
//! | fingerprint of the settings that say who is asked | 8 |
//! | number of answers | 4 |
//! | each: key, when (ms since 1970), facts, upstream, wire form | 2 + n, 8, 4, 2 + n, 2 + n |
//! | CRC32C of all before | 4 |
//!
//! Numbers are little-endian. What the facts do not say is read from the wire form again.

use std::sync::Arc;

use super::{Cache, Key, Stored};
use crate::query_log::bytes::{Cut, Reader, put_count, put_text, put_u16};

const MARK: &[u8; 8] = b"TIDINGSC";
const VERSION: u32 = 1;
/// Stands for no extended error.
const NO_ERROR: u16 = u16::MAX;

/// An answer of a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) key: Box<[u8]>,
    /// When it came, milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) is_authentic: bool,
    pub(crate) extended_error: Option<u16>,
    pub(crate) upstream: Arc<str>,
    pub(crate) wire: Box<[u8]>,
}

impl Cache {
    /// Writes the good answers of the usual upstreams; `now_ms` is the time of the cache, `wall_ms`
    /// the same in milliseconds since 1970.
    pub(crate) fn to_bytes(&self, fingerprint: u64, now_ms: u64, wall_ms: u64) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&fingerprint.to_le_bytes());
        let (mut body, mut n_answers) = (Vec::new(), 0);
        for shard in &self.shards {
            for slot in shard.lock().slots() {
                // Other views are of sets of upstreams, whose numbers do not outlive the process.
                let is_usual = Key::view_of(&slot.key) == super::ViewId::default();
                if is_usual && slot.stored.is_good() {
                    let age_ms = now_ms.saturating_sub(slot.stored_at_ms);
                    put(&mut body, &slot.key, wall_ms.saturating_sub(age_ms), &slot.stored);
                    n_answers += 1;
                }
            }
        }
        put_count(&mut bytes, n_answers);
        bytes.append(&mut body);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }
}

fn put(to: &mut Vec<u8>, key: &[u8], at_ms: u64, stored: &Stored) {
    put_bytes(to, key);
    to.extend_from_slice(&at_ms.to_le_bytes());
    put_u16(to, u16::from(stored.is_authentic));
    put_u16(to, stored.extended_error.unwrap_or(NO_ERROR));
    put_text(to, stored.upstream.as_deref().unwrap_or_default());
    put_bytes(to, &stored.wire);
}

/// Adds bytes with their length; keys and messages have fewer than 65,536.
fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(u16::try_from(bytes.len()).is_ok(), "keys and messages are short");
    put_u16(to, u16::try_from(bytes.len()).unwrap_or(0));
    to.extend_from_slice(bytes);
}

/// Reads a snapshot.
///
/// # Errors
///
/// It is damaged, of another version, or of settings that ask others.
pub(crate) fn read(bytes: &[u8], fingerprint: u64) -> Result<Vec<Kept>, Cut> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(Cut)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
        return Err(Cut);
    }
    let mut reader = Reader::new(body);
    let is_ours = reader.take(MARK.len())? == MARK && reader.u32()? == VERSION;
    if !is_ours || reader.u64()? != fingerprint {
        return Err(Cut);
    }
    reader.many(|reader| {
        Ok(Kept {
            key: take_bytes(reader)?,
            at_ms: reader.u64()?,
            is_authentic: reader.u16()? != 0,
            extended_error: Some(reader.u16()?).filter(|code| *code != NO_ERROR),
            upstream: reader.text()?.into(),
            wire: take_bytes(reader)?,
        })
    })
}

fn take_bytes(reader: &mut Reader<'_>) -> Result<Box<[u8]>, Cut> {
    let n_bytes = reader.u16()?.into();
    Ok(reader.take(n_bytes)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{KeyFlags, ViewId};
    use crate::config::CacheConfig;
    use crate::name::Name;
    use crate::record_type::RecordType;

    #[test]
    fn a_snapshot_holds_the_usual_view_and_nothing_damaged_is_read() {
        let cache = Cache::new(&CacheConfig::default());
        let name = Name::parse("www.example").unwrap();
        let mut question = name.as_wire().to_vec();
        question.extend([0, 1, 0, 1]);
        let key = |view| Key::new(name.as_wire(), RecordType::A, KeyFlags::default(), ViewId(view));
        let absent = Stored::code(&question, &name, (3, 0, 60));
        cache.insert(&key(0), Arc::new(absent.clone()), 5_000);
        cache.insert(&key(1), Arc::new(absent.clone()), 5_000);
        let bytes = cache.to_bytes(7, 6_000, 1_000_000);
        let kept = read(&bytes, 7).unwrap();
        assert_eq!(kept.len(), 1, "the other view is of others' upstreams");
        assert_eq!(Key::from_bytes(&kept[0].key).unwrap().as_bytes(), key(0).as_bytes());
        assert_eq!((kept[0].at_ms, &kept[0].wire), (999_000, &absent.wire));
        assert!(read(&bytes, 8).is_err(), "others are asked");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged, 7).is_err(), "byte {at}");
            assert!(read(&bytes[..at], 7).is_err(), "cut at {at}");
        }
    }
}
