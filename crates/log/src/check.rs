//! Looking through a log that is not open: every byte of it, changing nothing.
//!
//! A server trusts the index file of a complete segment. A check reads every record, compares the
//! index file with what it read, and goes on behind what is damaged, so that it can say what is
//! lost. [`crate::repair`] goes by what it found.

mod index_file;
mod read;
mod seed;
mod segment;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Bound;

use crate::disk::Disk;
use crate::log::{KEY_CLEAN, KEY_EPOCH, KEY_FLOOR, KEY_SESSION, KEY_TRIM};
use crate::meta::{self, Entries, MetaError, MetaSurvey};
use crate::record::{ChannelId, RecordKind, read_u64};
use crate::recovery::{Tail, base_of, segment_name};

pub use read::EventCopy;

/// Name of the file of the small settings.
const META_NAME: &str = "meta.log";

/// Why a log cannot be looked through.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A file was written by a version that this one does not know.
    #[error("{file} has format version {version}, which this program does not know")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// The disk failed.
    #[error("read {file}")]
    Io {
        /// The file, or `the folder`.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A record changed since the check, or is damaged.
    #[error("{file} is damaged at byte {position}")]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        position: u64,
    },
}

/// What damage costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// No event.
    Nothing,
    /// Events within these offsets; retention may have taken some of them before.
    Offsets {
        /// First.
        first: u64,
        /// Last.
        last: u64,
    },
    /// Events from an offset on; how many is not known.
    From(u64),
    /// Some of what stands beside the events: state values and small settings.
    Settings,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no event is lost"),
            Self::Offsets { first, last } if first == last => write!(f, "event {first} is lost"),
            Self::Offsets { first, last } => write!(f, "events {first} to {last} are lost"),
            Self::From(first) => write!(f, "the events from {first} on are lost"),
            Self::Settings => f.write_str("state values and settings may be lost"),
        }
    }
}

/// What mends damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The next start of the server.
    Start,
    /// A repair.
    Repair,
}

/// A place where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// Where in it, in bytes.
    pub position: u64,
    /// What is wrong.
    pub reason: &'static str,
    /// What it costs.
    pub lost: Lost,
    /// What mends it.
    pub remedy: Remedy,
    /// Where the good part before it ends.
    pub(crate) good: GoodEnd,
}

/// Where a log would end if it ended before some damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct GoodEnd {
    /// Position in the segment.
    pub position: u64,
    /// Last offset.
    pub head: u64,
}

/// Good records that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub from: u32,
    pub to: u64,
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its name.
    pub file: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Good events in it, those that retention has let go included.
    pub n_events: u64,
    /// Offset of the first of them.
    pub first: Option<u64>,
    /// Offset of the last of them.
    pub last: Option<u64>,
    /// Bytes at its end of a write that was cut short; the next start removes them.
    pub torn_bytes: u64,
    /// Whether it has an index file that fits.
    pub is_indexed: bool,
    /// What is wrong with it and its index file.
    pub damages: Vec<Damage>,
    /// Whether there is an index file, good or not.
    pub(crate) has_index: bool,
    pub(crate) base: u64,
    /// What the checksums of its records start from; `None` when that is lost.
    pub(crate) seed: Option<u32>,
    pub(crate) extents: Vec<Extent>,
    /// Whether good records stand behind bad ones, or bad ones where none may be.
    pub(crate) is_broken: bool,
    /// Channels whose events name it nowhere before: position and offset of the first, last offset.
    pub(crate) unnamed: HashMap<ChannelId, Unnamed>,
}

/// Events of a channel without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unnamed {
    pub position: u64,
    pub first: u64,
    pub last: u64,
    pub good: GoodEnd,
}

/// What `meta.log` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaReport {
    /// Its length in bytes; `None` when there is none, as in a copy of segments alone.
    pub size_bytes: Option<u64>,
    /// Values in it that can be read.
    pub n_values: usize,
    /// Bytes at its end of a write that was cut short; the next start removes them.
    pub torn_bytes: u64,
    /// What is wrong with it.
    pub damages: Vec<Damage>,
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// The segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// The small settings.
    pub meta: MetaReport,
    /// The random number that stands for this life of the log; `None` when the next start begins
    /// a new one.
    pub epoch: Option<u64>,
    /// Whether the last server closed it whole.
    pub is_clean: bool,
    /// Good events in it, those that retention has let go included.
    pub n_events: u64,
    /// Channels that the events name.
    pub n_channels: usize,
    /// Last offset that was given away.
    pub head: u64,
    /// Offset up to which a repair, or retention, may have left events out.
    pub floor: u64,
    /// The first good event.
    pub first: Option<EventCopy>,
    /// The last good event.
    pub last: Option<EventCopy>,
    pub(crate) settings: MetaSurvey,
    pub(crate) names: HashMap<ChannelId, Box<str>>,
    /// Offset up to which events of a channel are gone, by its name.
    pub(crate) trims: HashMap<Box<str>, u64>,
}

impl Report {
    /// Returns all that is wrong, in the order of the files.
    pub fn damages(&self) -> impl Iterator<Item = &Damage> {
        let segments = self.segments.iter().flat_map(|segment| &segment.damages);
        self.meta.damages.iter().chain(segments)
    }

    /// Returns whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damages().next().is_none()
    }

    /// Returns the bytes of all files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let segments = self.segments.iter().map(|segment| segment.size_bytes).sum::<u64>();
        segments + self.meta.size_bytes.unwrap_or(0)
    }

    /// Returns the small settings whose keys start with a prefix, in order.
    pub fn settings<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let from = self.settings.all.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let with = from.take_while(move |(key, _)| key.starts_with(prefix));
        with.map(|(key, value)| (key.as_ref(), value.as_ref()))
    }
}

/// What is known from one segment to the next.
pub(crate) struct Context<'a> {
    pub names: HashMap<ChannelId, Box<str>>,
    /// Names that index files tell.
    pub index_names: HashMap<ChannelId, Box<str>>,
    pub trims: HashMap<Box<str>, u64>,
    /// Last offset that was seen, or must have been.
    pub head: u64,
    pub floor: u64,
    /// Offset at which the log was closed whole.
    pub clean: Option<u64>,
    /// Segment and position of the first and the last good event.
    pub first: Option<(u64, u32)>,
    pub last: Option<(u64, u32)>,
    /// Told the bytes that were read.
    pub progress: &'a mut dyn FnMut(u64),
}

/// Looks through the log in a folder.
///
/// The caller has locked the folder, or knows that nobody writes to it. `boot_id` is the identity
/// of this run of the operating system; `progress` is told how many bytes more were read.
///
/// # Errors
///
/// The disk failed, or a file is of a later version; damage is no error.
pub fn check(
    disk: &dyn Disk,
    boot_id: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, CheckError> {
    let settings = meta::survey(disk).map_err(meta_error)?;
    let number = |key| number(&settings.all, key);
    let clean = number(KEY_CLEAN).filter(|_| settings.damages.is_empty());
    let tail = tail(&settings.all, clean, boot_id);
    let mut names = disk.list().map_err(folder_error)?;
    names.sort_unstable();
    let bases: Vec<u64> = names.iter().filter_map(|name| base_of(name)).collect();
    let mut context = Context {
        names: HashMap::new(),
        index_names: HashMap::new(),
        trims: HashMap::new(),
        head: bases.first().map_or(0, |first| first.saturating_sub(1)),
        floor: number(KEY_FLOOR).unwrap_or(0),
        clean,
        first: None,
        last: None,
        progress,
    };
    let mut segments = Vec::with_capacity(bases.len());
    for (place, base) in bases.iter().enumerate() {
        let next = bases.get(place + 1).copied();
        let tail = if next.is_some() { Tail::Whole } else { tail };
        segments.push(segment::walk(disk, (*base, next), tail, &mut context)?);
    }
    for (id, name) in std::mem::take(&mut context.index_names) {
        context.names.entry(id).or_insert(name);
    }
    for segment in &mut segments {
        segment.tell_unnamed(&context.names);
    }
    let epoch = number(KEY_EPOCH)
        .filter(|_| settings.damages.is_empty() && tail != Tail::Unsynced && !segments.is_empty());
    let Context { names, mut trims, head, floor, first, last, .. } = context;
    note_trims(&settings.all, &mut trims);
    let copy =
        |place: Option<(u64, u32)>| place.map(|place| read::copy(disk, place, &segments, &names));
    Ok(Report {
        meta: report_of(&settings),
        epoch,
        is_clean: clean.is_some(),
        n_events: segments.iter().map(|segment| segment.n_events).sum(),
        n_channels: names.len(),
        head,
        floor,
        first: copy(first).transpose()?,
        last: copy(last).transpose()?,
        segments,
        settings,
        names,
        trims,
    })
}

/// Returns the bytes of all segments: how much a check will read.
///
/// # Errors
///
/// The folder cannot be read.
pub fn size_bytes(disk: &dyn Disk) -> Result<u64, CheckError> {
    let names = disk.list().map_err(folder_error)?;
    let bases = names.iter().filter_map(|name| base_of(name));
    let size = |base| {
        let file = disk.open(&segment_name(base));
        file.and_then(|file| file.len_bytes()).map_err(file_error(base))
    };
    bases.map(size).sum()
}

/// Decides what may stand at the end of the last segment.
fn tail(settings: &Entries, clean: Option<u64>, boot_id: &str) -> Tail {
    let session = settings.get(KEY_SESSION).map(AsRef::as_ref).unwrap_or_default();
    match session.strip_prefix(b"os ") {
        _ if clean.is_some() => Tail::Whole,
        Some(boot) if boot.is_empty() || boot != boot_id.as_bytes() => Tail::Unsynced,
        Some(_) | None => Tail::Torn,
    }
}

fn report_of(settings: &MetaSurvey) -> MetaReport {
    let damage = |(position, reason): &(u64, &'static str)| Damage {
        file: META_NAME.to_owned(),
        position: *position,
        reason,
        lost: Lost::Settings,
        remedy: Remedy::Repair,
        good: GoodEnd::default(),
    };
    MetaReport {
        size_bytes: settings.len_bytes,
        n_values: settings.all.len(),
        torn_bytes: settings.torn_bytes,
        damages: settings.damages.iter().map(damage).collect(),
    }
}

/// Takes over what the settings say of what channels trimmed.
fn note_trims(settings: &Entries, trims: &mut HashMap<Box<str>, u64>) {
    for (key, value) in settings {
        let Some(name) = key.strip_prefix(KEY_TRIM) else { continue };
        let trimmed_to = trims.entry(name.into()).or_default();
        *trimmed_to = (*trimmed_to).max(read_u64(value, 0).unwrap_or(0));
    }
}

impl SegmentReport {
    fn new(base: u64, size_bytes: u64) -> Self {
        Self {
            file: segment_name(base),
            size_bytes,
            n_events: 0,
            first: None,
            last: None,
            torn_bytes: 0,
            is_indexed: false,
            damages: Vec::new(),
            has_index: false,
            base,
            seed: None,
            extents: Vec::new(),
            is_broken: false,
            unnamed: HashMap::new(),
        }
    }

    /// Adds the events without a name to the damage, now that all names are known.
    fn tell_unnamed(&mut self, names: &HashMap<ChannelId, Box<str>>) {
        let mut unnamed: Vec<(&ChannelId, &Unnamed)> = self.unnamed.iter().collect();
        unnamed.sort_unstable_by_key(|(_, events)| events.position);
        for (id, events) in unnamed {
            let lost = if names.contains_key(id) {
                Lost::Nothing
            } else {
                Lost::Offsets { first: events.first, last: events.last }
            };
            self.damages.push(Damage {
                file: self.file.clone(),
                position: events.position,
                reason: "a channel's name is missing",
                lost,
                remedy: Remedy::Repair,
                good: events.good,
            });
        }
        // The index file's come last.
        self.damages.sort_by_key(|damage| (damage.file != self.file, damage.position));
    }
}

pub(crate) fn number(settings: &Entries, key: &str) -> Option<u64> {
    settings.get(key).and_then(|value| read_u64(value, 0))
}

/// Returns the channel of a record that is an event.
pub(crate) fn channel_of(kind: RecordKind) -> Option<ChannelId> {
    match kind {
        RecordKind::Event(id) => Some(id),
        RecordKind::Note => None,
    }
}

fn meta_error(error: MetaError) -> CheckError {
    let file = META_NAME.to_owned();
    match error {
        MetaError::Version { found } => CheckError::Version { file, version: found },
        MetaError::Damaged { position, .. } => CheckError::Damaged { file, position },
        MetaError::Io { source, .. }
        | MetaError::Full { source }
        | MetaError::Unknown { source } => CheckError::Io { file, source },
        MetaError::TooLarge { .. } | MetaError::Poisoned => {
            CheckError::Io { file, source: io::ErrorKind::Other.into() }
        }
    }
}

fn folder_error(source: io::Error) -> CheckError {
    CheckError::Io { file: "the folder".to_owned(), source }
}

pub(crate) fn file_error(base: u64) -> impl Fn(io::Error) -> CheckError {
    move |source| CheckError::Io { file: segment_name(base), source }
}
