//! The content of one simulated file: what reads see, and what a power cut may leave of it.

use std::collections::BTreeMap;
use std::io;

use super::random::Random;

/// The unit that a disk writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

/// Longest file; a test that asks for more has a bug.
const FILE_SIZE_MAX_BYTES: usize = 1 << 30;

/// One file's bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// What reads see.
    visible: Vec<u8>,
    /// What the disk held before all of `pending`.
    durable: Vec<u8>,
    /// Changes that are not folded into `durable`, oldest first.
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
struct Pending {
    change: Change,
    promise: Promise,
}

/// What the disk has said about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// No sync since.
    None,
    /// The first sync after it failed: no later sync says anything about it, because the system
    /// takes the bytes for written.
    Refused,
    /// A sync after it succeeded.
    Durable,
}

#[derive(Debug, Clone)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    SetLen { from: usize, to: usize },
}

impl Change {
    fn apply(&self, target: &mut Vec<u8>) {
        match self {
            Self::SetLen { to, .. } => target.resize(*to, 0),
            Self::Write { position, bytes } => {
                let end = position + bytes.len();
                if target.len() < end {
                    target.resize(end, 0);
                }
                if let Some(place) = target.get_mut(*position..end) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }

    fn len_after(&self, len_before: usize) -> usize {
        match self {
            Self::SetLen { to, .. } => *to,
            Self::Write { position, bytes } => len_before.max(position + bytes.len()),
        }
    }

    /// Returns the bytes whose content changes; an extension is zeros where zeros were.
    fn range(&self) -> std::ops::Range<usize> {
        match self {
            Self::SetLen { from, to } => *to..*from,
            Self::Write { position, bytes } => *position..position + bytes.len(),
        }
    }

    fn is_cut(&self) -> bool {
        matches!(self, Self::SetLen { from, to } if to < from)
    }
}

impl Content {
    /// Makes a file whose bytes are all durable.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { visible: bytes.clone(), durable: bytes, pending: Vec::new() }
    }

    pub(super) fn visible(&self) -> &[u8] {
        &self.visible
    }

    pub(super) fn write(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        let position =
            place(position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)))?
                - bytes.len();
        self.change(Change::Write { position, bytes: bytes.to_vec() });
        Ok(())
    }

    pub(super) fn set_len(&mut self, len_bytes: u64) -> io::Result<()> {
        let to = place(len_bytes)?;
        self.change(Change::SetLen { from: self.visible.len(), to });
        Ok(())
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.visible);
        self.pending.push(Pending { change, promise: Promise::None });
    }

    /// Makes durable what no failed sync has spoilt.
    pub(super) fn sync(&mut self) {
        for pending in &mut self.pending {
            if pending.promise == Promise::None {
                pending.promise = Promise::Durable;
            }
        }
        if self.pending.iter().all(|pending| pending.promise == Promise::Durable) {
            for pending in self.pending.drain(..) {
                pending.change.apply(&mut self.durable);
            }
        }
    }

    /// Notes that the sync of all changes since the last one failed.
    pub(super) fn refuse_sync(&mut self) {
        for pending in &mut self.pending {
            if pending.promise == Promise::None {
                pending.promise = Promise::Refused;
            }
        }
    }

    /// Flips a bit of the stored bytes; `false` when there is no such bit.
    pub(super) fn flip_bit(&mut self, bit_index: usize) -> bool {
        let mask = 1_u8 << (bit_index % 8);
        let mut is_there = false;
        for bytes in [&mut self.visible, &mut self.durable] {
            if let Some(byte) = bytes.get_mut(bit_index / 8) {
                *byte ^= mask;
                is_there = true;
            }
        }
        is_there
    }

    /// Returns bytes that a power cut may leave.
    ///
    /// A system writes a page as it is at that moment. So each sector is found as it was after
    /// some change to it, apart from all other sectors, but never older than the last sync; the
    /// length likewise, apart from the bytes.
    pub(super) fn crashed(&self, random: &mut Random) -> Vec<u8> {
        let (len_version, len) = self.crashed_len(random);
        let mut found = self.durable.clone();
        found.resize(len, 0);
        let mut changes_of_sector: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, pending) in self.pending.iter().enumerate() {
            let range = pending.change.range();
            if !range.is_empty() {
                for sector in range.start / SECTOR_BYTES..range.end.div_ceil(SECTOR_BYTES) {
                    changes_of_sector.entry(sector).or_default().push(index);
                }
            }
        }
        let keep = keep_in_8(random);
        for (sector, changes) in changes_of_sector {
            // What a kept cut has freed does not come back.
            let n_sure = changes
                .iter()
                .rposition(|index| {
                    self.pending.get(*index).is_some_and(|pending| {
                        pending.promise == Promise::Durable
                            || (pending.change.is_cut() && *index < len_version)
                    })
                })
                .map_or(0, |last| last + 1);
            let n_kept = draw_version(n_sure, changes.len(), keep, random);
            self.redo_sector(&mut found, sector, changes.get(..n_kept).unwrap_or_default());
        }
        found
    }

    /// Draws how many changes the length has seen, and the length.
    fn crashed_len(&self, random: &mut Random) -> (usize, usize) {
        let is_durable = |pending: &Pending| pending.promise == Promise::Durable;
        let n_sure = self.pending.iter().rposition(is_durable).map_or(0, |last| last + 1);
        let keep = keep_in_8(random);
        let version = draw_version(n_sure, self.pending.len(), keep, random);
        let mut before = self.durable.len();
        let mut len = before;
        for pending in self.pending.iter().take(version) {
            before = len;
            len = pending.change.len_after(before);
        }
        if version > n_sure && len > before && random.below(4) == 0 {
            // A file grows by the pages that have been written.
            let n_sectors = u64::try_from((len - before).div_ceil(SECTOR_BYTES)).unwrap_or(0);
            let n_more = usize::try_from(random.below(n_sectors)).unwrap_or(0);
            len = len.min((before / SECTOR_BYTES + n_more) * SECTOR_BYTES).max(before);
        }
        (version, len)
    }

    fn redo_sector(&self, found: &mut [u8], sector: usize, changes: &[usize]) {
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(found.len());
        for pending in changes.iter().filter_map(|index| self.pending.get(*index)) {
            let range = pending.change.range();
            let from = range.start.max(start);
            let to = range.end.min(end);
            let Some(target) = found.get_mut(from..to.max(from)) else { continue };
            match &pending.change {
                Change::SetLen { .. } => target.fill(0),
                Change::Write { position, bytes } => {
                    let skipped = from - position;
                    if let Some(part) = bytes.get(skipped..skipped + target.len()) {
                        target.copy_from_slice(part);
                    }
                }
            }
        }
    }
}

/// Draws how likely a change is to be kept: often all or none, else a mixture.
fn keep_in_8(random: &mut Random) -> u64 {
    match random.below(5) {
        0 => 0,
        1 => 1,
        2 => 4,
        3 => 7,
        _ => 8,
    }
}

/// Draws which version is found: the last that was written out, of `n_sure..=n`.
fn draw_version(n_sure: usize, n: usize, keep_in_8: u64, random: &mut Random) -> usize {
    (n_sure + 1..=n).rev().find(|_| random.below(8) < keep_in_8).unwrap_or(n_sure)
}

fn place(position: u64) -> io::Result<usize> {
    usize::try_from(position)
        .ok()
        .filter(|position| *position <= FILE_SIZE_MAX_BYTES)
        .ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}
