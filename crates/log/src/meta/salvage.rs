//! Reading a `meta.log` that may be damaged, and making a new one of what was good in it.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;

use crate::disk::Disk;

use super::format::{FILE_HEADER_BYTES, FileHeader, HeaderError};
use super::recovery::{Found, Source};
use super::{FILE_NAME, MetaError, apply, snapshot, to_u64};

/// Keys with their values.
pub(crate) type Entries = BTreeMap<Box<str>, Bytes>;

/// What is in a file, good or not.
#[derive(Debug, Default)]
pub(crate) struct MetaSurvey {
    /// Length of the file; `None` when there is none.
    pub len_bytes: Option<u64>,
    /// What the good batches before the first damage say.
    pub before: Entries,
    /// What all good batches say.
    pub all: Entries,
    /// Positions of damage, with what is wrong there.
    pub damages: Vec<(u64, &'static str)>,
    /// Bytes at the end of a batch that was never finished.
    pub torn_bytes: u64,
}

/// Reads a folder's `meta.log`, changing nothing.
///
/// # Errors
///
/// [`MetaError::Version`], and [`MetaError::Io`] when the disk fails.
pub(crate) fn survey(disk: &dyn Disk) -> Result<MetaSurvey, MetaError> {
    let file = match disk.open(FILE_NAME) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(MetaSurvey::default()),
        Err(source) => return Err(MetaError::Io { doing: "open", source }),
    };
    let reading = |source| MetaError::Io { doing: "read", source };
    let len_bytes = file.len_bytes().map_err(reading)?;
    let mut survey = MetaSurvey { len_bytes: Some(len_bytes), ..MetaSurvey::default() };
    let mut header = [0; FILE_HEADER_BYTES];
    file.read_at(&mut header, 0).map_err(reading)?;
    let header = match FileHeader::decode(&header) {
        Ok(header) => header,
        Err(HeaderError::Version(found)) => return Err(MetaError::Version { found }),
        Err(HeaderError::Damaged) => {
            // Without the salt nothing can be told from anything else.
            survey.damages.push((0, "the file header is not valid"));
            return Ok(survey);
        }
    };
    let source = Source { file: file.as_ref(), len_bytes, salt: header.salt };
    let mut end = to_u64(FILE_HEADER_BYTES);
    while let Some(found) = source.record_at(end)? {
        apply(&mut survey.before, &found.puts);
        end = found.end;
    }
    survey.all.clone_from(&survey.before);
    let mut is_damaged = end < header.snapshot_end;
    let mut bad = vec![end];
    let mut search_from = end + 1;
    let mut good_end = None;
    while let Some(found) = source.record_from(search_from)? {
        let Found { position, end, before, puts } = found;
        is_damaged |= before == super::Before::Durable;
        apply(&mut survey.all, &puts);
        bad.extend(good_end.filter(|good_end| position > *good_end));
        good_end = Some(end);
        search_from = end;
    }
    if !is_damaged {
        // As at the start of the server: what follows a write that was cut short was not synced.
        survey.all.clone_from(&survey.before);
        survey.torn_bytes = len_bytes - end;
        return Ok(survey);
    }
    survey.damages.extend(bad.into_iter().map(|position| (position, "a record is not valid")));
    Ok(survey)
}

/// Puts a new `meta.log` in the place of the folder's; the salt is a random number.
///
/// # Errors
///
/// The disk failed; the old file is there, or the new one.
pub(crate) fn rebuild(disk: &dyn Disk, entries: &Entries, salt: u64) -> io::Result<()> {
    snapshot::remove_leftover(disk)?;
    let (file, _) = snapshot::write(disk, entries, salt)?;
    snapshot::publish(disk, file.as_ref())
}
