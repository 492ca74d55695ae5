//! A new `meta.log`: written under another name, made durable, then put in the old one's place.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile};

use super::format::{Before, FILE_HEADER_BYTES, FileHeader, RecordBuilder};
use super::{FILE_NAME, to_u64};

pub(super) const TEMPORARY_NAME: &str = "meta.tmp";

/// A snapshot's records are closed when they exceed this: 1 MiB.
const SNAPSHOT_RECORD_BYTES: usize = 1 << 20;

/// Writes a new file with all entries under the temporary name, and returns it with its length.
pub(super) fn write(
    disk: &dyn Disk,
    entries: &BTreeMap<Box<str>, Bytes>,
    salt: u64,
) -> io::Result<(Arc<dyn DiskFile>, u64)> {
    let file = disk.create(TEMPORARY_NAME)?;
    let mut end = to_u64(FILE_HEADER_BYTES);
    let mut entries = entries.iter().peekable();
    while entries.peek().is_some() {
        let mut record = RecordBuilder::new(Before::Unknown);
        while record.body_len() <= SNAPSHOT_RECORD_BYTES
            && let Some((key, value)) = entries.next()
        {
            record.push(key, Some(value));
        }
        let record = record.finish(salt, end);
        file.write_all_at(&record, end)?;
        end += to_u64(record.len());
    }
    file.write_all_at(&FileHeader { salt, snapshot_end: end }.encode(), 0)?;
    Ok((file, end))
}

/// Makes the file of the temporary name durable, and then the store's file.
pub(super) fn publish(disk: &dyn Disk, file: &dyn DiskFile) -> io::Result<()> {
    file.sync()?;
    disk.rename(TEMPORARY_NAME, FILE_NAME)?;
    disk.sync_folder()
}

/// Removes what an unfinished snapshot left.
pub(super) fn remove_leftover(disk: &dyn Disk) -> io::Result<()> {
    match disk.remove(TEMPORARY_NAME) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
