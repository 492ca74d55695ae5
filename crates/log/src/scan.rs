//! Reading the records of one segment in order, through a buffer.

use std::io;
use std::sync::Arc;

use crate::disk::DiskFile;
use crate::record::{self, BadRecord, HEADER_BYTES, PREFIX_BYTES, Record};

/// Where a segment's bytes are, and what is needed to understand them.
#[derive(Debug, Clone)]
pub(crate) struct SegmentFile {
    pub file: Arc<dyn DiskFile>,
    pub base: u64,
    pub seed: u32,
}

impl SegmentFile {
    /// Reads the one record at a position, into `buffer`.
    pub(crate) fn record_at<'a>(
        &self,
        position: u32,
        buffer: &'a mut Vec<u8>,
    ) -> io::Result<Result<Record<'a>, BadRecord>> {
        /// What most records fit into.
        const FIRST_READ_BYTES: usize = 512;
        buffer.resize(FIRST_READ_BYTES, 0);
        let n_read = self.file.read_at(buffer, position.into())?;
        buffer.truncate(n_read);
        match record::size_of(buffer) {
            Ok(size) if size > n_read => {
                buffer.resize(size, 0);
                let n_read = self.file.read_at(buffer, position.into())?;
                buffer.truncate(n_read);
            }
            Ok(_) => {}
            Err(bad) => return Ok(Err(bad)),
        }
        Ok(record::decode(buffer, self.base, self.seed))
    }
}

/// What stands at a scanner's position.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// A record and where it starts.
    Record(u32, Record<'a>),
    /// The end that the scanner was given.
    End,
    /// No record; the scanner stays here.
    Bad(u32),
}

/// Walks the records from a position to an end.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    segment: &'a SegmentFile,
    buffer: Vec<u8>,
    /// Part of the buffer that is not consumed.
    from: usize,
    to: usize,
    /// Position in the file of `from`.
    position: u64,
    end: u64,
    read_bytes: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at a position, to end at another; reads about `read_bytes` at once.
    pub(crate) fn new(
        segment: &'a SegmentFile,
        position: u32,
        end: u64,
        read_bytes: usize,
    ) -> Self {
        let position = u64::from(position);
        Self { segment, buffer: Vec::new(), from: 0, to: 0, position, end, read_bytes }
    }

    /// Starts at a segment's first record.
    pub(crate) fn whole(segment: &'a SegmentFile, end: u64, read_bytes: usize) -> Self {
        let first = u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX);
        Self::new(segment, first, end, read_bytes)
    }

    /// Returns what comes next.
    pub(crate) fn step(&mut self) -> io::Result<Step<'_>> {
        if self.position >= self.end {
            return Ok(Step::End);
        }
        self.fill(PREFIX_BYTES)?;
        let position = u32::try_from(self.position).unwrap_or(u32::MAX);
        let Ok(size) = record::size_of(self.ahead()) else { return Ok(Step::Bad(position)) };
        self.fill(size)?;
        let bytes = self.buffer.get(self.from..self.to).unwrap_or_default();
        match record::decode(bytes, self.segment.base, self.segment.seed) {
            Ok(record) => {
                self.from += size;
                self.position += u64::try_from(size).unwrap_or(u64::MAX);
                Ok(Step::Record(position, record))
            }
            Err(_) => Ok(Step::Bad(position)),
        }
    }

    fn ahead(&self) -> &[u8] {
        self.buffer.get(self.from..self.to).unwrap_or_default()
    }

    /// Reads on until `needed` bytes are ahead, or the end.
    fn fill(&mut self, needed: usize) -> io::Result<()> {
        let ahead = self.to - self.from;
        if ahead >= needed {
            return Ok(());
        }
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, ahead);
        let position = self.position + u64::try_from(ahead).unwrap_or(u64::MAX);
        let left = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = self.read_bytes.max(needed - ahead).min(left);
        if self.buffer.len() < ahead + wanted {
            self.buffer.resize(ahead + wanted, 0);
        }
        let place = self.buffer.get_mut(ahead..ahead + wanted).unwrap_or_default();
        self.to = ahead + self.segment.file.read_at(place, position)?;
        Ok(())
    }
}
