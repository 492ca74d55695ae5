//! A small ordered key → value store in one file, for the state beside the log.
//!
//! All of it is in memory. The file is a snapshot and the batches since; a batch is one record
//! with a checksum, so it is there as a whole or not at all. When the batches outgrow the
//! snapshot, a new file with a new snapshot takes the name of the old one.

mod format;
mod recovery;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile, Durability, is_full, rewrite};

pub use format::{BATCH_SIZE_MAX_BYTES, KEY_SIZE_MAX_BYTES, VALUE_SIZE_MAX_BYTES};
use format::{Before, RecordBuilder};

/// Largest sum of keys and values of a store: 1 GiB.
pub const STORE_SIZE_MAX_BYTES: u64 = 1 << 30;

const FILE_NAME: &str = "meta.log";

/// A file is compacted when it exceeds twice what it needs and this: 1 MiB.
const COMPACTION_SLACK_BYTES: u64 = 1 << 20;

/// A change of one key: a value, or `None` to remove it.
pub type Put = (Box<str>, Option<Bytes>);

/// Why a [`MetaStore`] did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// The store could not be opened; the file holds what it held.
    #[error("{doing} meta.log")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that were durable have changed; nothing was written.
    #[error("{file} is damaged at byte {position}: {reason}")]
    Damaged {
        /// Name of the file.
        file: &'static str,
        /// Where the first bad bytes are.
        position: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The file was written by a later version; nothing was written.
    #[error("meta.log has format version {found}, known is {known}", known = format::FORMAT_VERSION)]
    Version {
        /// The file's version.
        found: u32,
    },
    /// A put exceeds a limit; nothing changed.
    #[error("{what} of {size_bytes} bytes exceeds the limit of {limit_bytes}")]
    TooLarge {
        /// What is too large: `key`, `value`, `batch` or `store`.
        what: &'static str,
        /// Its size.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The disk is full; nothing changed, and later puts may succeed.
    #[error("the disk is full")]
    Full {
        /// What the system said.
        source: io::Error,
    },
    /// A write or sync failed: after a restart the batch is there or not, and until then every
    /// put fails.
    #[error("whether meta.log was written is unknown")]
    Unknown {
        /// What the system said.
        source: io::Error,
    },
    /// An earlier write or sync failed; nothing changed.
    #[error("an earlier write of meta.log failed")]
    Poisoned,
}

/// An ordered key → value store; see the module.
pub struct MetaStore {
    disk: Arc<dyn Disk>,
    durability: Durability,
    file: Arc<dyn DiskFile>,
    salt: u64,
    entries: BTreeMap<Box<str>, Bytes>,
    /// What the entries take in a snapshot.
    live_bytes: u64,
    /// Position after the last record.
    end: u64,
    /// Everything before this position is durable.
    durable_end: u64,
    /// What the file may be too long; tests make it small.
    slack_bytes: u64,
    /// No compaction before the file is longer than this.
    compact_beyond_bytes: u64,
    torn_bytes: u64,
    last: Option<LastPut>,
    is_new: bool,
    is_poisoned: bool,
}

/// What stood there before the last batch.
struct LastPut {
    end: u64,
    live_bytes: u64,
    entries: Vec<Put>,
}

// Values may be secrets.
impl fmt::Debug for MetaStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MetaStore")
            .field("n_keys", &self.entries.len())
            .field("len_bytes", &self.end)
            .field("is_poisoned", &self.is_poisoned)
            .finish_non_exhaustive()
    }
}

impl MetaStore {
    /// Opens the store of a folder, making it if there is none.
    ///
    /// The tail of a batch that was never finished is cut off. What it then holds is durable. The
    /// number is the salt of a file that is made; it need not be secret, but new each time.
    ///
    /// # Errors
    ///
    /// [`MetaError::Damaged`], [`MetaError::Version`] or [`MetaError::Io`].
    pub fn open(
        disk: Arc<dyn Disk>,
        random: u64,
        durability: Durability,
    ) -> Result<Self, MetaError> {
        snapshot::remove_leftover(disk.as_ref()).map_err(opening("remove the leftover of"))?;
        let file = match disk.open(FILE_NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let entries = BTreeMap::new();
                let (file, end) =
                    snapshot::write(disk.as_ref(), &entries, random).map_err(opening("make"))?;
                snapshot::publish(disk.as_ref(), file.as_ref()).map_err(opening("make"))?;
                return Ok(Self {
                    disk,
                    durability,
                    file,
                    salt: random,
                    entries,
                    live_bytes: 0,
                    end,
                    durable_end: end,
                    slack_bytes: COMPACTION_SLACK_BYTES,
                    compact_beyond_bytes: 0,
                    torn_bytes: 0,
                    last: None,
                    is_new: true,
                    is_poisoned: false,
                });
            }
            Err(source) => return Err(MetaError::Io { doing: "open", source }),
        };
        let recovered = recovery::recover(file.as_ref())?;
        if recovered.torn_bytes > 0 {
            file.set_len(recovered.end).map_err(opening("cut"))?;
        }
        rewrite(file.as_ref(), recovered.unsure_from, recovered.end)
            .map_err(opening("write the end again of"))?;
        file.sync().map_err(opening("sync"))?;
        // The file may have got its name just before the last process died.
        disk.sync_folder().map_err(opening("sync the folder of"))?;
        let live_bytes = recovered.entries.iter().map(|(key, value)| entry_bytes(key, value)).sum();
        Ok(Self {
            disk,
            durability,
            file,
            salt: recovered.header.salt,
            entries: recovered.entries,
            live_bytes,
            end: recovered.end,
            durable_end: recovered.end,
            slack_bytes: COMPACTION_SLACK_BYTES,
            compact_beyond_bytes: 0,
            torn_bytes: recovered.torn_bytes,
            last: None,
            is_new: false,
            is_poisoned: false,
        })
    }

    /// Says whether there was no file: the log is fresh or was restored from its segments.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns how many bytes of an unfinished batch were cut off when the store was opened.
    #[must_use]
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Returns a key's value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Bytes> {
        self.entries.get(key)
    }

    /// Returns the keys that start with a prefix, in order, with their values.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Bytes)> {
        self.entries
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.as_ref(), value))
    }

    /// Puts all or none; of several puts of one key the last counts.
    ///
    /// With [`Durability::Fsync`] it is durable on return.
    ///
    /// # Errors
    ///
    /// [`MetaError::TooLarge`], [`MetaError::Full`] and [`MetaError::Poisoned`] change nothing.
    /// After [`MetaError::Unknown`] reads show the state before, and every later put fails.
    pub fn put_all(&mut self, puts: &[Put]) -> Result<(), MetaError> {
        if self.is_poisoned {
            return Err(MetaError::Poisoned);
        }
        self.last = None;
        if puts.is_empty() {
            return Ok(());
        }
        self.check(puts)?;
        self.compact_if_due();
        if self.is_poisoned {
            return Err(MetaError::Poisoned);
        }
        let is_durable = self.durable_end == self.end;
        let mut record =
            RecordBuilder::new(if is_durable { Before::Durable } else { Before::Unknown });
        for (key, value) in puts {
            record.push(key, value.as_ref());
        }
        let old = |(key, _): &Put| (key.clone(), self.entries.get(key).cloned());
        let last = LastPut {
            end: self.end,
            live_bytes: self.live_bytes,
            entries: puts.iter().map(old).collect(),
        };
        self.append(&record.finish(self.salt, self.end))?;
        self.last = Some(last);
        for (key, value) in puts {
            let old = self.entries.get(key).map_or(0, |old| entry_bytes(key, old));
            let new = value.as_ref().map_or(0, |new| entry_bytes(key, new));
            self.live_bytes = self.live_bytes + new - old;
            apply(&mut self.entries, &[(key.clone(), value.clone())]);
        }
        Ok(())
    }

    /// Undoes the last [`MetaStore::put_all`] if that succeeded; it needs no room on the disk.
    ///
    /// It is undone once, and durably on return.
    ///
    /// # Errors
    ///
    /// [`MetaError::Poisoned`] or [`MetaError::Unknown`]: the batch is there after a restart, or
    /// not, and every later put fails.
    pub fn take_back(&mut self) -> Result<(), MetaError> {
        if self.is_poisoned {
            return Err(MetaError::Poisoned);
        }
        let Some(last) = self.last.take() else { return Ok(()) };
        self.file.set_len(last.end).map_err(|source| self.poison(source))?;
        // What the next put overwrites must not come back.
        self.file.sync().map_err(|source| self.poison(source))?;
        (self.end, self.durable_end) = (last.end, last.end);
        self.live_bytes = last.live_bytes;
        apply(&mut self.entries, &last.entries);
        Ok(())
    }

    /// Makes all puts durable; with [`Durability::Fsync`] they are already.
    ///
    /// # Errors
    ///
    /// [`MetaError::Poisoned`] or [`MetaError::Unknown`]: every later put fails.
    pub fn sync(&mut self) -> Result<(), MetaError> {
        if self.is_poisoned {
            return Err(MetaError::Poisoned);
        }
        if self.durable_end < self.end {
            self.file.sync().map_err(|source| self.poison(source))?;
            self.durable_end = self.end;
        }
        Ok(())
    }

    /// Returns the length of the file.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.end
    }

    fn check(&self, puts: &[Put]) -> Result<(), MetaError> {
        let mut batch_bytes = 1;
        for (key, value) in puts {
            let value_len = value.as_ref().map_or(0, Bytes::len);
            check_size("key", key.len(), KEY_SIZE_MAX_BYTES)?;
            check_size("value", value_len, VALUE_SIZE_MAX_BYTES)?;
            batch_bytes += format::entry_bytes(key, value.as_ref());
        }
        check_size("batch", batch_bytes, BATCH_SIZE_MAX_BYTES)?;
        let store_bytes = self.live_bytes + to_u64(batch_bytes);
        // A removal must be possible in a full store.
        if store_bytes > STORE_SIZE_MAX_BYTES && puts.iter().any(|(_, value)| value.is_some()) {
            let limit_bytes = STORE_SIZE_MAX_BYTES;
            return Err(MetaError::TooLarge {
                what: "store",
                size_bytes: store_bytes,
                limit_bytes,
            });
        }
        Ok(())
    }

    fn append(&mut self, record: &[u8]) -> Result<(), MetaError> {
        if let Err(source) = self.file.write_all_at(record, self.end) {
            if !is_full(&source) {
                return Err(self.poison(source));
            }
            let cut = self.file.set_len(self.end).and_then(|()| self.file.sync());
            cut.map_err(|source| self.poison(source))?;
            self.durable_end = self.end;
            return Err(MetaError::Full { source });
        }
        if self.durability == Durability::Fsync {
            self.file.sync().map_err(|source| self.poison(source))?;
            self.durable_end = self.end + to_u64(record.len());
        }
        self.end += to_u64(record.len());
        Ok(())
    }

    /// Starts a new file when the old one has grown too long.
    ///
    /// All puts are in the old file already, so a failure concerns later puts alone.
    fn compact_if_due(&mut self) {
        let enough_bytes = 2 * self.live_bytes + self.slack_bytes;
        if self.end <= enough_bytes.max(self.compact_beyond_bytes) {
            return;
        }
        let salt = self.salt.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(self.end);
        let written = snapshot::remove_leftover(self.disk.as_ref())
            .and_then(|()| snapshot::write(self.disk.as_ref(), &self.entries, salt));
        let published = match written {
            Ok((file, end)) => {
                snapshot::publish(self.disk.as_ref(), file.as_ref()).map(|()| (file, end))
            }
            Err(error) if is_full(&error) => {
                tracing::warn!(file = FILE_NAME, "no room for compaction, trying later");
                self.compact_beyond_bytes = self.end + self.slack_bytes;
                if let Err(error) = snapshot::remove_leftover(self.disk.as_ref()) {
                    tracing::warn!(file = snapshot::TEMPORARY_NAME, %error, "file is left over");
                }
                return;
            }
            Err(error) => Err(error),
        };
        match published {
            Ok((file, end)) => {
                self.file = file;
                self.salt = salt;
                self.end = end;
                self.durable_end = end;
                self.compact_beyond_bytes = 0;
            }
            Err(error) => {
                tracing::error!(file = FILE_NAME, %error, "compaction failed, no further writes");
                self.is_poisoned = true;
            }
        }
    }

    fn poison(&mut self, source: io::Error) -> MetaError {
        self.is_poisoned = true;
        MetaError::Unknown { source }
    }
}

fn apply(entries: &mut BTreeMap<Box<str>, Bytes>, puts: &[Put]) {
    for (key, value) in puts {
        match value {
            Some(value) => entries.insert(key.clone(), value.clone()),
            None => entries.remove(key),
        };
    }
}

fn check_size(what: &'static str, size_bytes: usize, limit_bytes: usize) -> Result<(), MetaError> {
    if size_bytes > limit_bytes {
        let (size_bytes, limit_bytes) = (to_u64(size_bytes), to_u64(limit_bytes));
        return Err(MetaError::TooLarge { what, size_bytes, limit_bytes });
    }
    Ok(())
}

fn opening(doing: &'static str) -> impl Fn(io::Error) -> MetaError {
    move |source| MetaError::Io { doing, source }
}

fn entry_bytes(key: &str, value: &Bytes) -> u64 {
    to_u64(format::entry_bytes(key, Some(value)))
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
