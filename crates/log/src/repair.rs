//! Mending a damaged log that is not open, by what a [check](crate::check) found.
//!
//! There are two cures. One ends the log before the first damage: what is left is whole, but events
//! that were shown are taken back, so a new epoch begins. The other takes the damage out and keeps
//! what is good on both sides: the offsets between are gone, the floor is raised over them, and
//! whoever comes from below it is told.
//!
//! The settings are changed first and the segments then, so that a repair that is cut short is
//! followed by another one: until it is done, the log is damaged and does not open.

mod rewrite;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::check::{CheckError, Damage, Lost, Report, SegmentReport, number};
use crate::disk::{Disk, Durability};
use crate::log::{KEY_ACCOUNTED, KEY_CLEAN, KEY_EPOCH, KEY_FLOOR, KEY_SESSION, KEY_TRIM};
use crate::meta::{self, Entries, MetaError, MetaStore, Put};
use crate::record::{HEADER_BYTES, Header};
use crate::recovery::{index_name, segment_name};

/// Bytes copied at once.
const COPY_BYTES: usize = 1_048_576;

/// What is done with damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// The log ends before the first damage; a new epoch begins.
    Truncate,
    /// The damage is taken out, and what is good on both sides stays.
    Skip,
}

/// What becomes of the bytes that a repair takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// They stay beside, in files whose names end with `.damaged`.
    Keep,
    /// They are gone.
    None,
}

/// One change that a repair makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A new epoch begins with the next start.
    BeginEpoch,
    /// Events up to an offset may be missing from now on.
    RaiseFloor(u64),
    /// `meta.log` is made anew of so many values that can be read.
    RebuildSettings {
        /// Values kept.
        n_kept: usize,
    },
    /// An index file goes; the next start makes it anew.
    RemoveIndex {
        /// The file.
        file: String,
    },
    /// A segment goes, with its index file.
    RemoveSegment {
        /// The file.
        file: String,
        /// Good events in it.
        n_events: u64,
    },
    /// A segment is cut.
    CutSegment {
        /// The file.
        file: String,
        /// Its new length.
        position: u64,
        /// Bytes behind that.
        cut_bytes: u64,
    },
    /// A segment is written again without what is bad in it.
    RewriteSegment {
        /// The file.
        file: String,
        /// Good events in it.
        n_events: u64,
    },
    /// A segment is begun behind offsets that are lost.
    BeginSegment {
        /// The file.
        file: String,
        /// Its first offset.
        base: u64,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeginEpoch => f.write_str("begin a new epoch: every client is reset"),
            Self::RaiseFloor(to) => {
                write!(f, "note that events up to {to} may be missing: clients behind are reset")
            }
            Self::RebuildSettings { n_kept } => {
                write!(f, "make meta.log anew of the {n_kept} values that can be read")
            }
            Self::RemoveIndex { file } => {
                write!(f, "remove {file}; the next start makes it anew")
            }
            Self::RemoveSegment { file, n_events } => {
                write!(f, "remove {file} with {n_events} good events")
            }
            Self::CutSegment { file, position, cut_bytes } => {
                write!(f, "cut {file} at byte {position}: {cut_bytes} bytes go")
            }
            Self::RewriteSegment { file, n_events } => {
                write!(f, "write {file} again with the {n_events} good events in it")
            }
            Self::BeginSegment { file, base } => {
                write!(f, "make {file}: the next event gets offset {base}")
            }
        }
    }
}

/// What a repair would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The changes, in their order; none when nothing is to be repaired.
    pub steps: Vec<Step>,
    /// What they cost.
    pub lost: Vec<Lost>,
    cure: Cure,
    /// Last offset, where a new epoch begins.
    head: Option<u64>,
}

/// Why a repair was not done, or not wholly; it can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The disk failed.
    #[error("{doing} {file}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The small settings cannot be changed.
    #[error("change meta.log")]
    Meta(#[source] MetaError),
    /// The log is no longer what the check found.
    #[error("the log changed since it was checked")]
    Changed(#[source] CheckError),
}

impl Plan {
    /// Decides what a cure does to the log that a check found.
    #[must_use]
    pub fn new(report: &Report, cure: Cure) -> Self {
        let mut plan = Self { steps: Vec::new(), lost: Vec::new(), cure, head: None };
        if !report.meta.damages.is_empty() {
            let kept = plan.salvaged(report);
            plan.steps.push(Step::RebuildSettings { n_kept: kept.len() });
            plan.steps.push(Step::BeginEpoch);
            plan.lost.push(Lost::Settings);
        }
        match cure {
            Cure::Truncate => plan.truncate(report),
            Cure::Skip => plan.skip(report),
        }
        plan
    }

    /// Returns whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn truncate(&mut self, report: &Report) {
        let first = report.segments.iter().enumerate().find_map(|(place, segment)| {
            let damages = segment.damages.iter().filter(|damage| !is_of_index(damage, segment));
            Some((
                place,
                segment,
                damages.map(|damage| damage.good).min_by_key(|good| good.position)?,
            ))
        });
        let n_kept = first.map_or(report.segments.len(), |(place, ..)| place);
        for segment in report.segments.iter().take(n_kept) {
            self.remove_bad_index(segment);
        }
        let Some((_, broken, good)) = first else { return };
        self.begin_epoch(good.head);
        if report.head > good.head {
            self.lost.push(Lost::Offsets { first: good.head + 1, last: report.head });
        }
        // The newest first, so that what is left at any moment has no hole.
        for segment in report.segments.iter().skip(n_kept + 1).rev() {
            self.remove(segment);
        }
        if good.position == 0 {
            self.remove(broken);
        } else if good.position < broken.size_bytes {
            let (file, position) = (broken.file.clone(), good.position);
            self.remove_index(broken);
            let cut_bytes = broken.size_bytes - position;
            self.steps.push(Step::CutSegment { file, position, cut_bytes });
        } else {
            self.remove_bad_index(broken);
        }
    }

    fn skip(&mut self, report: &Report) {
        let lost = report.segments.iter().flat_map(|segment| &segment.damages);
        let lost: Vec<Lost> = lost.map(|damage| damage.lost).collect();
        let floor = lost.iter().filter_map(|lost| match lost {
            Lost::Offsets { last, .. } => Some(*last),
            Lost::Nothing | Lost::From(_) | Lost::Settings => None,
        });
        if let Some(floor) = floor.max().filter(|floor| *floor > report.floor) {
            self.steps.push(Step::RaiseFloor(floor));
        }
        let unknown = lost.iter().find_map(|lost| match lost {
            Lost::From(first) => Some(first - 1),
            Lost::Nothing | Lost::Offsets { .. } | Lost::Settings => None,
        });
        if let Some(head) = unknown {
            self.begin_epoch(head);
        }
        self.lost.extend(lost.into_iter().filter(|lost| *lost != Lost::Nothing));
        let mut held = 0;
        for segment in &report.segments {
            if segment.is_broken && segment.seed.is_none() {
                self.remove(segment);
                continue;
            }
            held = segment.last.unwrap_or(segment.base.saturating_sub(1)).max(held);
            if segment.is_broken || !segment.unnamed.is_empty() {
                // The index file may be what tells how to read the segment, so it goes last.
                let (file, n_events) = (segment.file.clone(), segment.n_events);
                self.steps.push(Step::RewriteSegment { file, n_events });
                self.remove_index(segment);
            } else {
                self.remove_bad_index(segment);
            }
        }
        // Offsets that were given away must not be given to other events.
        if held < report.head && unknown.is_none() && !report.is_whole() {
            let base = report.head + 1;
            self.steps.push(Step::BeginSegment { file: segment_name(base), base });
        }
    }

    fn begin_epoch(&mut self, head: u64) {
        self.head = Some(head);
        if !self.steps.contains(&Step::BeginEpoch) {
            self.steps.insert(0, Step::BeginEpoch);
        }
    }

    fn remove(&mut self, segment: &SegmentReport) {
        let (file, n_events) = (segment.file.clone(), segment.n_events);
        self.steps.push(Step::RemoveSegment { file, n_events });
    }

    fn remove_bad_index(&mut self, segment: &SegmentReport) {
        if segment.damages.iter().any(|damage| is_of_index(damage, segment)) {
            self.remove_index(segment);
        }
    }

    fn remove_index(&mut self, segment: &SegmentReport) {
        if segment.has_index {
            self.steps.push(Step::RemoveIndex { file: index_name(segment.base) });
        }
    }

    /// Returns the values of a damaged `meta.log` that stay.
    fn salvaged(&self, report: &Report) -> Entries {
        let mut kept = match self.cure {
            Cure::Truncate => report.settings.before.clone(),
            Cure::Skip => report.settings.all.clone(),
        };
        for key in [KEY_EPOCH, KEY_SESSION, KEY_CLEAN] {
            kept.remove(key);
        }
        kept
    }

    /// Returns what changes in the settings, which are these.
    fn puts(&self, settings: &Entries) -> Vec<Put> {
        let mut puts: Vec<Put> = Vec::new();
        for step in &self.steps {
            match step {
                Step::BeginEpoch => {
                    let gone = [KEY_EPOCH, KEY_SESSION, KEY_CLEAN].map(|key| (key.into(), None));
                    puts.extend(gone);
                }
                Step::RaiseFloor(floor) => puts.push((KEY_FLOOR.into(), Some(bytes_of(*floor)))),
                Step::RebuildSettings { .. }
                | Step::RemoveIndex { .. }
                | Step::RemoveSegment { .. }
                | Step::CutSegment { .. }
                | Step::RewriteSegment { .. }
                | Step::BeginSegment { .. } => {}
            }
        }
        // What is noted of later offsets must not hold for the events that get them next.
        if let Some(head) = self.head {
            let is_offset =
                |key: &str| key.starts_with(KEY_TRIM) || key == KEY_FLOOR || key == KEY_ACCOUNTED;
            let keys = settings.keys().filter(|key| is_offset(key));
            let beyond = keys.filter(|key| number(settings, key) > Some(head));
            puts.extend(beyond.map(|key| (key.clone(), Some(bytes_of(head)))));
        }
        puts
    }
}

fn is_of_index(damage: &Damage, segment: &SegmentReport) -> bool {
    damage.file == index_name(segment.base)
}

fn bytes_of(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}

/// Carries a plan out.
///
/// The caller holds the lock of the folder since before the check. `random` seeds the salts of new
/// files.
///
/// # Errors
///
/// The disk failed; a check and a repair can be tried again.
pub fn repair(
    disk: &Arc<dyn Disk>,
    report: &Report,
    plan: &Plan,
    (copies, random): (Copies, u64),
) -> Result<(), RepairError> {
    change_settings(disk, report, plan, (copies, random))?;
    let mut salt = random;
    for step in &plan.steps {
        salt = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        match step {
            Step::BeginEpoch | Step::RaiseFloor(_) | Step::RebuildSettings { .. } => {}
            Step::RemoveIndex { file } => remove(disk.as_ref(), file, copies)?,
            Step::RemoveSegment { file, .. } => {
                let index = file.replace(".log", ".idx");
                remove(disk.as_ref(), &index, copies)?;
                remove(disk.as_ref(), file, copies)?;
            }
            Step::CutSegment { file, position, .. } => {
                keep_copy(disk.as_ref(), file, copies)?;
                cut(disk.as_ref(), file, *position).map_err(failed("cut", file))?;
            }
            Step::RewriteSegment { file, .. } => {
                let held = report.segments.iter().find(|segment| segment.file == *file);
                let Some(segment) = held else { continue };
                keep_copy(disk.as_ref(), file, copies)?;
                rewrite::rewrite(disk.as_ref(), segment, &report.names, salt)?;
            }
            Step::BeginSegment { file, base } => {
                begin(disk.as_ref(), file, Header { base: *base, salt })
                    .map_err(failed("make", file))?;
            }
        }
        disk.sync_folder().map_err(failed("sync", "the folder"))?;
    }
    Ok(())
}

fn change_settings(
    disk: &Arc<dyn Disk>,
    report: &Report,
    plan: &Plan,
    (copies, random): (Copies, u64),
) -> Result<(), RepairError> {
    let is_rebuilt = plan.steps.iter().any(|step| matches!(step, Step::RebuildSettings { .. }));
    if is_rebuilt {
        let mut entries = plan.salvaged(report);
        for (key, value) in plan.puts(&entries) {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
        let file = "meta.log";
        keep_copy(disk.as_ref(), file, copies)?;
        return meta::rebuild(disk.as_ref(), &entries, random).map_err(failed("make", file));
    }
    let puts = plan.puts(&report.settings.all);
    if puts.is_empty() {
        return Ok(());
    }
    let store = MetaStore::open(Arc::clone(disk), random, Durability::Fsync);
    store.and_then(|mut store| store.put_all(&puts)).map_err(RepairError::Meta)
}

/// Takes a file away, if it is there.
fn remove(disk: &dyn Disk, file: &str, copies: Copies) -> Result<(), RepairError> {
    let removed = match copies {
        Copies::Keep => {
            let name = free_name(disk, file).map_err(failed("list", "the folder"))?;
            disk.rename(file, &name)
        }
        Copies::None => disk.remove(file),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", file)(error)),
        Ok(()) | Err(_) => disk.sync_folder().map_err(failed("sync", "the folder")),
    }
}

/// Copies a file that is going to be changed.
fn keep_copy(disk: &dyn Disk, file: &str, copies: Copies) -> Result<(), RepairError> {
    let copy = || {
        let (from, to) = (disk.open(file)?, disk.create(&free_name(disk, file)?)?);
        let mut buffer = vec![0; COPY_BYTES];
        let mut position = 0;
        loop {
            let n_read = from.read_at(&mut buffer, position)?;
            if n_read == 0 {
                break;
            }
            to.write_all_at(buffer.get(..n_read).unwrap_or_default(), position)?;
            position += u64::try_from(n_read).unwrap_or(u64::MAX);
        }
        to.sync()?;
        disk.sync_folder()
    };
    match copies {
        Copies::Keep => copy().map_err(failed("copy", file)),
        Copies::None => Ok(()),
    }
}

/// Returns a name for what was damaged that no file has.
fn free_name(disk: &dyn Disk, file: &str) -> io::Result<String> {
    let names = disk.list()?;
    let first = format!("{file}.damaged");
    let others = (2_u32..).map(|n| format!("{file}.damaged-{n}"));
    let mut candidates = std::iter::once(first).chain(others);
    let free = candidates.find(|candidate| !names.contains(candidate));
    free.ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

fn cut(disk: &dyn Disk, file: &str, position: u64) -> io::Result<()> {
    let file = disk.open(file)?;
    file.set_len(position)?;
    file.sync()
}

fn begin(disk: &dyn Disk, file: &str, header: Header) -> io::Result<()> {
    let file = disk.create(file)?;
    let bytes: [u8; HEADER_BYTES] = header.encode_segment();
    file.write_all_at(&bytes, 0)?;
    file.sync()
}

pub(crate) fn failed(doing: &'static str, file: &str) -> impl Fn(io::Error) -> RepairError {
    move |source| RepairError::Io { doing, file: file.to_owned(), source }
}
