//! Writing a segment again without what is bad in it.

use std::collections::{HashMap, HashSet};
use std::io;

use super::{RepairError, failed};
use crate::check::{CheckError, Extent, SegmentReport, channel_of};
use crate::disk::{Disk, DiskFile};
use crate::record::{ChannelId, HEADER_BYTES, Header, Record, RecordKind, Writing};
use crate::scan::{Scanner, SegmentFile, Step};

/// Bytes read, and written, at once.
const CHUNK_BYTES: usize = 1_048_576;

/// A record of the group that is copied.
struct Held {
    kind: RecordKind,
    delta: u32,
    at: u64,
    correction_s: i32,
    body: Box<[u8]>,
}

/// Puts a new segment with the good records in the place of the old one.
pub(super) fn rewrite(
    disk: &dyn Disk,
    segment: &SegmentReport,
    names: &HashMap<ChannelId, Box<str>>,
    salt: u64,
) -> Result<(), RepairError> {
    let name = segment.file.as_str();
    let Some(seed) = segment.seed else { return Ok(()) };
    let old = disk.open(name).map_err(failed("open", name))?;
    let old = SegmentFile { file: old, base: segment.base, seed };
    let temporary = format!("{name}.tmp");
    remove_leftover(disk, &temporary).map_err(failed("remove", &temporary))?;
    let file = disk.create(&temporary).map_err(failed("make", &temporary))?;
    let header = Header { base: segment.base, salt };
    let mut output = Output {
        file: file.as_ref(),
        seed: header.seed(),
        position: 0,
        bytes: header.encode_segment().to_vec(),
        names,
        named: HashSet::new(),
    };
    debug_assert_eq!(output.bytes.len(), HEADER_BYTES, "records follow the header");
    for extent in &segment.extents {
        copy(&old, *extent, &mut output, name)?;
    }
    output.flush().map_err(failed("write", &temporary))?;
    file.sync().map_err(failed("sync", &temporary))?;
    disk.rename(&temporary, name).map_err(failed("rename", &temporary))?;
    disk.sync_folder().map_err(failed("sync", "the folder"))
}

fn remove_leftover(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Copies the records of an extent, group by group; damage may have cut the last one short.
fn copy(
    old: &SegmentFile,
    extent: Extent,
    output: &mut Output<'_>,
    name: &str,
) -> Result<(), RepairError> {
    let mut scanner = Scanner::new(old, extent.from, extent.to, CHUNK_BYTES);
    let mut group = Vec::new();
    loop {
        match scanner.step().map_err(failed("read", name))? {
            Step::Record(_, record) => {
                let is_last = !record.is_more;
                group.extend(output.hold(&record));
                if is_last {
                    output.push(&std::mem::take(&mut group)).map_err(failed("write", name))?;
                }
            }
            Step::End => return output.push(&group).map_err(failed("write", name)),
            Step::Bad(position) => {
                let (file, position) = (name.to_owned(), position.into());
                return Err(RepairError::Changed(CheckError::Damaged { file, position }));
            }
        }
    }
}

/// The segment that is written.
struct Output<'a> {
    file: &'a dyn DiskFile,
    seed: u32,
    /// Where `bytes` go.
    position: u64,
    bytes: Vec<u8>,
    names: &'a HashMap<ChannelId, Box<str>>,
    /// Channels whose names stand in the segment.
    named: HashSet<ChannelId>,
}

impl Output<'_> {
    /// Takes a record over; `None` when the name of its channel is lost.
    fn hold(&self, record: &Record<'_>) -> Option<Held> {
        if let Some(id) = channel_of(record.kind) {
            self.names.get(&id)?;
        }
        Some(Held {
            kind: record.kind,
            delta: record.delta,
            at: record.at,
            correction_s: record.correction_s,
            body: record.body.into(),
        })
    }

    fn push(&mut self, group: &[Held]) -> io::Result<()> {
        let start = self.position + u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        for (place, record) in group.iter().enumerate() {
            let id = channel_of(record.kind).filter(|id| self.named.insert(*id));
            let writing = Writing {
                batch: u32::try_from(start).unwrap_or(u32::MAX),
                delta: record.delta,
                kind: record.kind,
                at: record.at,
                correction_s: record.correction_s,
                is_more: place + 1 < group.len(),
                name: id.and_then(|id| self.names.get(&id)).map(AsRef::as_ref),
                body: &record.body,
            };
            writing.encode(self.seed, &mut self.bytes);
        }
        if self.bytes.len() >= CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.bytes, self.position)?;
        self.position += u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        self.bytes.clear();
        Ok(())
    }
}
