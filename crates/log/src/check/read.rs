//! Reading the events of a log that was checked.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::{CheckError, Report, SegmentReport, channel_of, file_error};
use crate::disk::Disk;
use crate::record::{ChannelId, Record};
use crate::recovery::segment_name;
use crate::scan::{Scanner, SegmentFile, Step};

/// Bytes read at once.
const READ_BYTES: usize = 1_048_576;

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCopy {
    /// Its offset.
    pub offset: u64,
    /// Name of its channel; empty when that is lost.
    pub channel: Box<str>,
    /// Wall clock when it was written, in milliseconds since 1970.
    pub at: u64,
    /// Its owner's bytes.
    pub body: Box<[u8]>,
}

impl Report {
    /// Shows the good events after an offset, in order, each with the name of its channel; those
    /// that are known to be trimmed are left out.
    ///
    /// # Errors
    ///
    /// The disk failed, or the log is no longer what the check found.
    pub fn read_events(
        &self,
        disk: &dyn Disk,
        after: u64,
        visit: &mut dyn FnMut(&str, &Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), CheckError> {
        for segment in self.segments.iter().filter(|segment| segment.last > Some(after)) {
            let Some(file) = open(disk, segment)? else { continue };
            for extent in &segment.extents {
                let mut scanner = Scanner::new(&file, extent.from, extent.to, READ_BYTES);
                loop {
                    match scanner.step().map_err(file_error(segment.base))? {
                        Step::Record(_, record) => {
                            if self.show(&record, after, visit).is_break() {
                                return Ok(());
                            }
                        }
                        Step::End => break,
                        Step::Bad(position) => {
                            let (file, position) = (segment.file.clone(), position.into());
                            return Err(CheckError::Damaged { file, position });
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn show(
        &self,
        record: &Record<'_>,
        after: u64,
        visit: &mut dyn FnMut(&str, &Record<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let name = channel_of(record.kind).and_then(|id| self.names.get(&id));
        let Some(name) = name.filter(|_| record.offset > after) else {
            return ControlFlow::Continue(());
        };
        if self.trims.get(name).is_some_and(|trimmed_to| record.offset <= *trimmed_to) {
            return ControlFlow::Continue(());
        }
        visit(name, record)
    }
}

fn open(disk: &dyn Disk, segment: &SegmentReport) -> Result<Option<SegmentFile>, CheckError> {
    let Some(seed) = segment.seed else { return Ok(None) };
    let file = disk.open(&segment.file).map_err(file_error(segment.base))?;
    Ok(Some(SegmentFile { file, base: segment.base, seed }))
}

/// Copies the event at a place, which was good a moment ago.
pub(super) fn copy(
    disk: &dyn Disk,
    (base, position): (u64, u32),
    segments: &[SegmentReport],
    names: &HashMap<ChannelId, Box<str>>,
) -> Result<EventCopy, CheckError> {
    let damaged = || CheckError::Damaged { file: segment_name(base), position: position.into() };
    let segment = segments.iter().find(|segment| segment.base == base).ok_or_else(damaged)?;
    let file = open(disk, segment)?.ok_or_else(damaged)?;
    let mut buffer = Vec::new();
    let record = file.record_at(position, &mut buffer).map_err(file_error(base))?;
    let record = record.map_err(|_| damaged())?;
    let name = channel_of(record.kind).and_then(|id| names.get(&id));
    Ok(EventCopy {
        offset: record.offset,
        channel: name.cloned().unwrap_or_default(),
        at: record.at,
        body: record.body.into(),
    })
}
