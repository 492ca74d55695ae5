//! The log as lines of JSON: one file that grows, and the one before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::line::Line;
use super::{Emit, Retention, StoreError};
use crate::query_log::Logged;
use crate::query_log::filter::Filter;

/// Bytes that are read at once, from the end of the file to its start.
const CHUNK_BYTES: u64 = 1 << 20;
/// Longest line; what is longer was not written by us.
const LINE_MAX_BYTES: usize = 64 << 10;

/// The file, open for writing.
#[derive(Debug)]
pub(crate) struct FileStore {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    last: Option<u64>,
    /// Time of the file's first entry.
    first_ms: Option<u64>,
}

/// Names what was being done when the file refused.
fn at(doing: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |source| StoreError::File { doing, source }
}

/// Returns the file before a file.
fn older(path: &Path) -> PathBuf {
    path.with_extension("1.jsonl")
}

impl FileStore {
    /// Opens a file, and makes it when it is missing; a line that was cut off is ended.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(at("make its folder"))?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(at("open"))?;
        let mut size_bytes = file.metadata().map_err(at("open"))?.len();
        if size_bytes > 0 {
            let mut end = [0];
            file.seek(SeekFrom::Start(size_bytes - 1)).map_err(at("read its end"))?;
            file.read_exact(&mut end).map_err(at("read its end"))?;
            if end != *b"\n" {
                file.write_all(b"\n").map_err(at("end a line"))?;
                size_bytes += 1;
            }
        }
        let mut last = None;
        search(path, &Filter::default(), u64::MAX, &mut |logged| {
            last = Some(logged.sequence);
            false
        })?;
        let first_ms = first_line(path).map_err(at("read its start"))?;
        Ok(Self { path: path.to_owned(), file, size_bytes, last, first_ms })
    }

    /// Returns the sequence number of the newest entry.
    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Keeps entries; after an error the file is as long as before.
    pub(crate) fn append(&mut self, entries: &[Logged]) -> Result<(), StoreError> {
        let mut lines = Vec::new();
        for logged in entries {
            serde_json::to_writer(&mut lines, &Line::of(logged))
                .map_err(|error| at("write")(error.into()))?;
            lines.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&lines) {
            self.file.set_len(self.size_bytes).map_err(at("take back what was half written"))?;
            return Err(at("write")(error));
        }
        self.size_bytes += u64::try_from(lines.len()).unwrap_or(0);
        self.last = entries.last().map(|logged| logged.sequence).or(self.last);
        self.first_ms = self.first_ms.or(entries.first().map(|logged| logged.entry.at_ms));
        Ok(())
    }

    /// Begins a new file when this one is half of what may be kept, or half as old; the one before
    /// goes.
    pub(crate) fn retain(&mut self, now_ms: u64, retention: Retention) -> Result<(), StoreError> {
        let age_ms = u64::try_from(retention.age_max.as_millis()).unwrap_or(u64::MAX);
        let is_old = self.first_ms.is_some_and(|first_ms| first_ms + age_ms / 2 < now_ms);
        if !is_old && self.size_bytes <= retention.size_max_bytes / 2 {
            return Ok(());
        }
        fs::rename(&self.path, older(&self.path)).map_err(at("begin a new one"))?;
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&self.path);
        self.file = opened.map_err(at("begin a new one"))?;
        self.size_bytes = 0;
        self.first_ms = None;
        Ok(())
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        match fs::remove_file(older(&self.path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at("clear")(error));
            }
            Ok(()) | Err(_) => {}
        }
        self.file.set_len(0).map_err(at("clear"))?;
        self.size_bytes = 0;
        self.first_ms = None;
        Ok(())
    }

    /// Returns bytes on disk and entries kept.
    pub(crate) fn size(&self) -> Result<(u64, u64), StoreError> {
        let of_older = fs::metadata(older(&self.path)).map_or(0, |found| found.len());
        let mut n_entries = 0;
        search(&self.path, &Filter::default(), u64::MAX, &mut |_| {
            n_entries += 1;
            true
        })?;
        Ok((self.size_bytes + of_older, n_entries))
    }
}

/// Returns the time of a file's first entry.
fn first_line(path: &Path) -> io::Result<Option<u64>> {
    let mut head = Vec::new();
    let limit = u64::try_from(LINE_MAX_BYTES).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut head)?;
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line: Option<Line<'_>> = serde_json::from_slice(line).ok();
    Ok(line.and_then(Line::logged).map(|logged| logged.entry.at_ms))
}

/// Hands over what a filter wants of the entries before a sequence number, newest first.
pub(crate) fn search(
    path: &Path,
    filter: &Filter,
    before: u64,
    emit: &mut Emit<'_>,
) -> Result<(), StoreError> {
    for path in [path.to_owned(), older(path)] {
        let is_wanted = lines_backwards(&path, &mut |line| {
            let line: Option<Line<'_>> = serde_json::from_slice(line).ok();
            match line.and_then(Line::logged) {
                Some(logged) if logged.sequence < before && filter.matches(&logged.entry) => {
                    emit(logged)
                }
                Some(_) | None => true,
            }
        });
        match is_wanted {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at("read")(error)),
        }
    }
    Ok(())
}

/// Hands over the lines of a file from its end to its start; false when no more are wanted.
fn lines_backwards(path: &Path, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut start = file.metadata()?.len();
    // The beginning of a line whose end is already known.
    let mut head: Vec<u8> = Vec::new();
    while start > 0 {
        let n_bytes = start.min(CHUNK_BYTES);
        start -= n_bytes;
        file.seek(SeekFrom::Start(start))?;
        let mut chunk = Vec::new();
        Read::by_ref(&mut file).take(n_bytes).read_to_end(&mut chunk)?;
        chunk.extend_from_slice(&head);
        let mut lines = chunk.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        for line in lines.rev().filter(|line| !line.is_empty()) {
            if !take(line) {
                return Ok(false);
            }
        }
        head = first.to_vec();
        if head.len() > LINE_MAX_BYTES {
            head.clear();
        }
    }
    Ok(head.is_empty() || take(&head))
}
