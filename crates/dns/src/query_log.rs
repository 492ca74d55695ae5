//! The log of what was asked: what is kept, where, and how it is searched.
//!
//! ```text
//! rings ─▶ collector: privacy ─▶ statistics
//!                        │
//!                        ├─▶ the newest, in memory ─▶ search, live view
//!                        └─▶ waiting ─▶ keeper: store (file, database) ─▶ search
//! ```
//!
//! Two threads: one collects and never waits for a disk, the other one keeps.

use std::sync::Arc;

use crate::entry::Entry;

pub mod block;
pub(crate) mod bytes;
mod collect;
mod config;
pub mod filter;
mod keep;
mod privacy;
mod recent;
pub mod samples;
mod scan;
mod service;
mod store;
pub mod words;

pub use config::{IGNORED_MAX, Privacy, QueryLogConfig};
pub use service::{
    Batch, EntrySource, LogStatus, PAGE_ENTRIES_MAX, Page, PageRequest, QueryLog, QueryLogParts,
    QueryLogThreads, SearchError, SwapError,
};
pub(crate) use store::is_damage;
pub use store::{LogDriver, Retention, StoreError};

/// An entry with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Grows from entry to entry, over restarts, too; at most 2⁵³.
    pub sequence: u64,
    /// The entry.
    pub entry: Arc<Entry>,
}

impl Logged {
    /// Gives an entry its place.
    #[must_use]
    pub fn new(sequence: u64, entry: Entry) -> Self {
        Self { sequence, entry: Arc::new(entry) }
    }
}
