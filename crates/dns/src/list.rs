//! Lists of rules that are subscribed to: where they come from, and how they stand.

use std::sync::Arc;
use std::time::Duration;

use crate::filter::compile::ListKind;
use crate::filter::dialect::Dialect;
use crate::verdict::ListId;

pub mod fetch;
pub mod http;
pub mod refresh;
pub mod rulebook;
pub mod state;
pub mod store;

/// Shortest time between two looks at a list.
pub const REFRESH_MIN: Duration = Duration::from_mins(10);
/// Longest time between two looks at a list.
pub const REFRESH_MAX: Duration = Duration::from_hours(30 * 24);
/// Largest list in bytes, as it is unpacked, unless the setting says otherwise.
pub const LIST_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// First number that a subscription can have; those below are kept for own rules.
pub const FIRST_LIST: ListId = ListId(1);
/// Last number that a subscription can have.
pub const LAST_LIST: ListId = ListId(crate::filter::list_mask::LISTS_MAX - 1);

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A server, asked again from time to time.
    Url(Arc<str>),
    /// A file of this machine, looked at from time to time.
    File(std::path::PathBuf),
    /// Text that was pasted; it is in the store.
    Pasted,
}

/// One list as it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its number, from [`FIRST_LIST`] to [`LAST_LIST`].
    pub id: ListId,
    /// What people call it.
    pub name: Arc<str>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it blocks or allows.
    pub kind: ListKind,
    /// How its rules are written.
    pub dialect: Dialect,
    /// Whether it counts.
    pub is_on: bool,
    /// Time between two looks, from [`REFRESH_MIN`] to [`REFRESH_MAX`].
    pub refresh: Duration,
}
