//! A log: what it is made of, and opening it.

mod load;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::disk::{Disk, Durability};
use crate::index::{Index, Retention, Segment};
use crate::meta::{MetaError, MetaStore};
use crate::record::{ChannelId, RecordKind};
use crate::writer::LogWriter;

use load::{LastSession, number};

/// Epoch of the log.
pub(crate) const KEY_EPOCH: &str = "log/epoch";
/// Offset up to which events of forgotten channels may be missing.
pub(crate) const KEY_FLOOR: &str = "log/floor";
/// Offset up to which removed segments are accounted for by the channels' `trim/` keys.
pub(crate) const KEY_ACCOUNTED: &str = "log/accounted";
/// Durability of the running, or last, session, with the boot in which it ran.
pub(crate) const KEY_SESSION: &str = "log/session";
/// Last offset at a clean stop; absent while the log is open.
pub(crate) const KEY_CLEAN: &str = "log/clean";
/// What a channel trimmed; the name follows.
pub(crate) const KEY_TRIM: &str = "trim/";

/// What is done when the disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFull {
    /// The commit is refused; nothing is lost.
    Refuse,
    /// The oldest segment goes, and the commit is tried once more.
    TrimOldest,
}

/// Limits of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// Bytes after which a new segment is begun; at most 1 GiB.
    pub segment_size_max_bytes: u64,
    /// Bytes of all segments; over it the oldest goes.
    pub size_max_bytes: u64,
    /// When a commit counts as done.
    pub durability: Durability,
    /// What is done when the disk is full.
    pub on_full: OnFull,
    /// Time for which notes are kept: only the ceiling takes a segment that may hold younger ones.
    pub notes_age_max: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_size_max_bytes: 64 * 1_048_576,
            size_max_bytes: 1_073_741_824,
            durability: Durability::Fsync,
            on_full: OnFull::Refuse,
            notes_age_max: Duration::ZERO,
        }
    }
}

/// What a log takes from outside.
#[derive(Clone, PartialEq, Eq)]
pub struct LogEnvironment {
    /// Random numbers: the epoch, if one begins, and the seed of the segments' salts.
    pub random: [u64; 2],
    /// Identity of this run of the operating system; empty when it is not known.
    pub boot_id: String,
}

impl fmt::Debug for LogEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The salts are not for anybody who publishes.
        f.debug_struct("LogEnvironment").field("boot_id", &self.boot_id).finish_non_exhaustive()
    }
}

/// Why a log cannot be opened; nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the log is in use by another process")]
    Locked,
    /// A file was written by a version that this one does not know.
    #[error("{file} has format version {version}, which this program does not know")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u8,
    },
    /// What was durable once has changed.
    #[error("{file} is damaged at byte {position}, after offset {after}: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// Where the damage begins.
        position: u64,
        /// Last offset before it.
        after: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The small settings beside the segments cannot be read.
    #[error("the settings of the log")]
    Meta(#[source] MetaError),
    /// The disk failed.
    #[error("open the log")]
    Io(#[source] io::Error),
}

/// What the writer and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub index: RwLock<Index>,
    pub epoch: u64,
    pub next_channel: AtomicU32,
    pub is_poisoned: AtomicBool,
    pub n_commits: AtomicU64,
    pub n_events: AtomicU64,
    pub n_full: AtomicU64,
}

/// A reader's end of a log; cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    pub(crate) shared: Arc<Shared>,
}

/// What a log holds of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSummary {
    /// Its number.
    pub id: ChannelId,
    /// Its name.
    pub name: Arc<str>,
    /// Offset up to which its events are gone.
    pub trimmed_to: u64,
    /// Events held.
    pub n_held: u64,
    /// Bytes of records held.
    pub bytes_held: u64,
}

/// What retention took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Events of channels that are forgotten may be missing up to here.
    pub floor: u64,
    /// Channels with the last offset that each lost.
    pub channels: Vec<(ChannelId, u64)>,
}

/// Figures of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStats {
    /// Last offset.
    pub head: u64,
    /// First offset of the oldest segment.
    pub first: u64,
    /// Segments.
    pub n_segments: usize,
    /// Bytes of the segments and their index files.
    pub size_bytes: u64,
    /// Bytes of memory of the index, but for names and maps.
    pub index_memory_bytes: u64,
    /// Commits since it was opened.
    pub n_commits: u64,
    /// Events committed since it was opened.
    pub n_events: u64,
    /// Commits refused since then because the disk was full.
    pub n_full: u64,
    /// Whether a sync failed: nothing more is committed.
    pub is_poisoned: bool,
}

impl Log {
    /// Opens a log, or makes one in an empty folder.
    ///
    /// A new epoch begins when the folder held no log, when it held segments without `meta.log`
    /// (a restored copy), and after the machine died under [`Durability::Os`].
    ///
    /// # Errors
    ///
    /// Says what is wrong and where.
    pub fn open(
        disk: Arc<dyn Disk>,
        config: LogConfig,
        environment: &LogEnvironment,
    ) -> Result<(Self, LogWriter), OpenError> {
        let lock = disk.lock().map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                OpenError::Locked
            } else {
                OpenError::Io(error)
            }
        })?;
        let [epoch_seed, salt_seed] = environment.random;
        let meta = MetaStore::open(Arc::clone(&disk), salt_seed, config.durability)
            .map_err(OpenError::Meta)?;
        let last = LastSession::read(&meta, environment);
        let mut index = Index { floor: number(&meta, KEY_FLOOR), ..Index::default() };
        let is_empty = load::load_segments(disk.as_ref(), &mut index, last.tail())?;
        load::check_clean(&meta, &index)?;
        load::load_trims(&meta, &mut index);
        let is_new_epoch = meta.is_new()
            || is_empty
            || last == LastSession::Unsynced
            || meta.get(KEY_EPOCH).is_none();
        let epoch = if is_new_epoch { epoch_seed } else { number(&meta, KEY_EPOCH) };
        let mut puts = load::lower_beyond_head(&meta, index.head);
        puts.extend(load::session_puts(epoch, config.durability, environment));
        let next_channel = index.channels.keys().max().map_or(0, |id| id + 1);
        let shared = Arc::new(Shared {
            index: RwLock::new(index),
            epoch,
            next_channel: AtomicU32::new(next_channel),
            is_poisoned: AtomicBool::new(false),
            n_commits: AtomicU64::new(0),
            n_events: AtomicU64::new(0),
            n_full: AtomicU64::new(0),
        });
        let log = Self { shared };
        let mut writer = LogWriter::new(log.clone(), config, meta, salt_seed, (disk, lock));
        // What only the page cache holds must not be shown before it is durable, nor may the note
        // say that this session syncs before it has.
        writer.settle(last.rewriting()).map_err(OpenError::Io)?;
        match writer.note_session(puts) {
            // A full disk can be read; what was noted last time still holds.
            Err(MetaError::Full { .. }) if !is_new_epoch => {}
            noted => noted.map_err(OpenError::Meta)?,
        }
        Ok((log, writer))
    }

    /// Returns the random number that stands for this life of the log.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    /// Returns the last committed offset, 0 before the first.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.shared.index.read().head
    }

    /// Returns the greatest time, on the clock that only runs forward, of any record.
    #[must_use]
    pub fn kept_max(&self) -> u64 {
        let index = self.shared.index.read();
        index.segments.iter().map(|segment| segment.kept_max).max().unwrap_or(0)
    }

    /// Returns the offset up to which events of forgotten channels may be missing.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.shared.index.read().floor
    }

    /// Returns what of some channels is gone after an offset.
    pub fn gone_after(&self, offset: u64, channels: &mut dyn Iterator<Item = ChannelId>) -> Gone {
        let index = self.shared.index.read();
        let floor = index.floor;
        if index.trimmed_high <= offset {
            return Gone { floor, channels: Vec::new() };
        }
        let trimmed = channels.filter_map(|id| Some((id, index.channels.get(&id)?.trimmed_to)));
        Gone { floor, channels: trimmed.filter(|(_, to)| *to > offset).collect() }
    }

    /// Returns the number of a channel: its own if the log knows it, else one never used.
    #[must_use]
    pub fn channel_id(&self, name: &str) -> ChannelId {
        if let Some(id) = self.shared.index.read().by_name.get(name) {
            return *id;
        }
        self.shared.next_channel.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns whether an event of a channel needs no [`NewChannel`] beside it.
    #[must_use]
    pub fn is_known(&self, channel: ChannelId) -> bool {
        let index = self.shared.index.read();
        index.channels.get(&channel).is_some_and(|known| !known.is_forgotten)
    }

    /// Returns what the log holds of every channel, in no order.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelSummary> {
        let index = self.shared.index.read();
        let summaries = index.channels.iter().map(|(id, channel)| ChannelSummary {
            id: *id,
            name: Arc::clone(&channel.name),
            trimmed_to: channel.trimmed_to,
            n_held: channel.n_held,
            bytes_held: channel.bytes_held,
        });
        summaries.collect()
    }

    /// Returns what the log holds of one channel.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<ChannelSummary> {
        let index = self.shared.index.read();
        index.channels.get(&id).map(|channel| ChannelSummary {
            id,
            name: Arc::clone(&channel.name),
            trimmed_to: channel.trimmed_to,
            n_held: channel.n_held,
            bytes_held: channel.bytes_held,
        })
    }

    /// Returns whether the disk has failed, so that nothing more is committed.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.shared.is_poisoned.load(Ordering::Acquire)
    }

    /// Returns the figures of the log.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        let shared = &self.shared;
        let index = shared.index.read();
        LogStats {
            head: index.head,
            first: index.segments.front().map_or(index.head + 1, Segment::base),
            n_segments: index.segments.len(),
            size_bytes: index.size_bytes(),
            index_memory_bytes: index.memory_bytes(),
            n_commits: shared.n_commits.load(Ordering::Relaxed),
            n_events: shared.n_events.load(Ordering::Relaxed),
            n_full: shared.n_full.load(Ordering::Relaxed),
            is_poisoned: shared.is_poisoned.load(Ordering::Acquire),
        }
    }
}

/// What is appended to a channel, or noted beside the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// What it is.
    pub kind: RecordKind,
    /// Wall clock, in milliseconds since 1970.
    pub at: u64,
    /// Seconds that bring `at` onto the clock that only runs forward.
    pub correction_s: i32,
    /// Its owner's bytes.
    pub body: Bytes,
}

/// A channel that the log may not know yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChannel {
    /// Its number, from [`Log::channel_id`].
    pub id: ChannelId,
    /// Its name, at most 65,535 bytes.
    pub name: Arc<str>,
    /// What it keeps.
    pub retention: Retention,
}

/// What is committed at once: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Channels of the events that the log does not know, as [`Log::is_known`] says; others may
    /// stand here, too.
    pub channels: Vec<NewChannel>,
    /// Small settings that change; durable before the records are.
    pub puts: Vec<(Box<str>, Option<Bytes>)>,
    /// Records; those of one group are all there after a crash, or none of them.
    pub groups: Vec<Vec<NewRecord>>,
}
