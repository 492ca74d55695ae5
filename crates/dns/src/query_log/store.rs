//! Where the log is kept when it is kept: nowhere, on standard output, in a file, in a database.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::query_log::Logged;
use crate::query_log::bytes::Cut;
use crate::query_log::filter::Filter;

mod file;
mod line;
mod sqlite;

/// How the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogDriver {
    /// Every entry is a line of the server's own log; there is no history.
    Console,
    /// Only the newest, in memory.
    #[serde(rename = "inmemory", alias = "memory")]
    Memory,
    /// Lines of JSON.
    File,
    /// A database of compact blocks.
    #[default]
    Sqlite,
}

impl LogDriver {
    /// Every driver.
    pub const ALL: [Self; 4] = [Self::Console, Self::Memory, Self::File, Self::Sqlite];

    /// Returns the word of the earlier systems for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Memory => "inmemory",
            Self::File => "file",
            Self::Sqlite => "sqlite",
        }
    }

    /// Finds the driver of a word; `memory` is understood.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        if word == "memory" {
            return Some(Self::Memory);
        }
        Self::ALL.into_iter().find(|driver| driver.word() == word)
    }

    /// Returns whether entries can be looked at later.
    #[must_use]
    pub const fn has_history(self) -> bool {
        !matches!(self, Self::Console)
    }
}

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Oldest age.
    pub age_max: Duration,
    /// Most bytes on disk.
    pub size_max_bytes: u64,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refuses; what it held it holds.
    #[error("the database of the query log: {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The database was made by a later version.
    #[error("the database of the query log has version {version}, made by a later Tidings")]
    Version {
        /// Its version.
        version: i64,
    },
    /// The file refuses; what it held it holds.
    #[error("the file of the query log: {doing}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A part of the log cannot be read.
    #[error("the query log from entry {first} on: {source}")]
    Damaged {
        /// Sequence number of the part's first entry.
        first: u64,
        /// What is wrong.
        source: Cut,
    },
}

/// A store that is open.
#[derive(Debug)]
pub(crate) enum Store {
    /// Keeps nothing.
    Nothing,
    /// Writes lines of the server's own log.
    Console,
    /// Lines of JSON.
    File(file::FileStore),
    /// A database.
    Sqlite(Box<sqlite::SqliteStore>),
}

/// Where a store's entries can be read while it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere.
    Nowhere,
    /// In a file.
    File(PathBuf),
    /// In a database.
    Sqlite(PathBuf),
}

/// What a search hands each hit to; false ends it.
pub(crate) type Emit<'a> = dyn FnMut(Logged) -> bool + 'a;

impl Store {
    /// Opens the store of a driver in a folder, and makes both when they are missing.
    pub(crate) fn open(driver: LogDriver, folder: &Path) -> Result<Self, StoreError> {
        match driver {
            LogDriver::Memory => Ok(Self::Nothing),
            LogDriver::Console => Ok(Self::Console),
            LogDriver::File => file::FileStore::open(&file_path(folder)).map(Self::File),
            LogDriver::Sqlite => {
                let opened = sqlite::SqliteStore::open(&database_path(folder));
                opened.map(|store| Self::Sqlite(Box::new(store)))
            }
        }
    }

    /// Returns the sequence number of the newest entry that is kept.
    pub(crate) fn last(&self) -> Option<u64> {
        match self {
            Self::Nothing | Self::Console => None,
            Self::File(store) => store.last(),
            Self::Sqlite(store) => store.last(),
        }
    }

    /// Keeps entries whose sequence numbers follow one another; all of them or none.
    pub(crate) fn append(&mut self, entries: &[Logged]) -> Result<(), StoreError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Console => {
                for Logged { entry, .. } in entries {
                    let kind = entry.kind.to_string();
                    let status = entry.status.word();
                    tracing::info!(client = %entry.client, name = %entry.name, kind, status, "query");
                }
                Ok(())
            }
            Self::File(store) => store.append(entries),
            Self::Sqlite(store) => store.append(entries),
        }
    }

    /// Removes what is too old or too much.
    pub(crate) fn retain(&mut self, now_ms: u64, retention: Retention) -> Result<(), StoreError> {
        match self {
            Self::Nothing | Self::Console => Ok(()),
            Self::File(store) => store.retain(now_ms, retention),
            Self::Sqlite(store) => store.retain(now_ms, retention),
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Nothing | Self::Console => Ok(()),
            Self::File(store) => store.clear(),
            Self::Sqlite(store) => store.clear(),
        }
    }

    /// Returns bytes on disk and entries kept.
    pub(crate) fn size(&self) -> Result<(u64, u64), StoreError> {
        match self {
            Self::Nothing | Self::Console => Ok((0, 0)),
            Self::File(store) => store.size(),
            Self::Sqlite(store) => store.size(),
        }
    }
}

impl Place {
    /// Returns where a driver keeps its entries.
    pub(crate) fn of(driver: LogDriver, folder: &Path) -> Self {
        match driver {
            LogDriver::Memory | LogDriver::Console => Self::Nowhere,
            LogDriver::File => Self::File(file_path(folder)),
            LogDriver::Sqlite => Self::Sqlite(database_path(folder)),
        }
    }

    /// Hands over what a filter wants of the entries before a sequence number, newest first.
    pub(crate) fn search(
        &self,
        filter: &Filter,
        before: u64,
        emit: &mut Emit<'_>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::File(path) => file::search(path, filter, before, emit),
            Self::Sqlite(path) => sqlite::search(path, filter, before, emit),
        }
    }
}

/// Returns whether a file is no sound database.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn file_path(folder: &Path) -> PathBuf {
    folder.join("query-log.jsonl")
}

fn database_path(folder: &Path) -> PathBuf {
    folder.join("query-log.db")
}

#[cfg(test)]
mod tests;
