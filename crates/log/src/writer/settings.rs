//! The small settings beside the segments: what a session notes, and what others keep there.

use super::{Batch, CommitError, LogWriter};
use crate::meta::{MetaError, MetaStore, Put};

impl LogWriter {
    /// Returns the small settings.
    #[must_use]
    pub fn meta(&self) -> &MetaStore {
        &self.meta
    }

    /// Puts small settings, all or none, on stable storage whatever the durability is.
    ///
    /// # Errors
    ///
    /// As [`LogWriter::commit`].
    pub fn put_durably(&mut self, puts: &[Put]) -> Result<(), CommitError> {
        self.commit(&Batch { puts: puts.to_vec(), ..Batch::default() })?;
        let synced = self.meta.sync().map_err(judge_meta);
        synced.map_err(|error| self.judge(error))
    }

    /// Notes durably what the next opening has to know of this session.
    ///
    /// # Errors
    ///
    /// [`MetaError::Full`] leaves what was noted last, and puts it off to the first commit.
    pub(crate) fn note_session(&mut self, puts: Vec<Put>) -> Result<(), MetaError> {
        self.session = puts;
        self.meta.put_all(&self.session)?;
        self.meta.sync()?;
        self.session.clear();
        Ok(())
    }

    /// Puts small settings.
    pub(super) fn put(&mut self, puts: &[Put]) -> Result<(), CommitError> {
        let put = self.meta.put_all(puts).map_err(judge_meta);
        put.map_err(|error| self.judge(error))
    }
}

pub(super) fn judge_meta(error: MetaError) -> CommitError {
    match error {
        MetaError::Full { source } => CommitError::Full(source),
        MetaError::TooLarge { size_bytes, .. } => {
            CommitError::TooLarge { size_bytes: usize::try_from(size_bytes).unwrap_or(usize::MAX) }
        }
        MetaError::Unknown { source } | MetaError::Io { source, .. } => {
            CommitError::Unknown(source)
        }
        MetaError::Poisoned | MetaError::Damaged { .. } | MetaError::Version { .. } => {
            CommitError::Poisoned
        }
    }
}
