//! Small settings of other parts of the program: kept durably beside the log, read from memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use tidings_log::meta::MetaStore;
use tidings_log::writer::{CommitError, LogWriter};
use tokio::sync::oneshot;

use crate::commit::Request;
use crate::hub::Hub;

/// Longest key of a setting, in bytes.
pub const SETTING_KEY_MAX_BYTES: usize = 512;
/// Longest value of a setting, in bytes: 4 MiB.
pub const SETTING_VALUE_MAX_BYTES: usize = 4 << 20;
/// Most settings of all parts together.
pub const SETTINGS_MAX: usize = 65_536;
/// Most bytes of keys and values of all parts together: 64 MiB.
pub const SETTINGS_SIZE_MAX_BYTES: usize = 64 << 20;

/// What the keys of settings start with in `meta.log`; the part and a slash follow.
const PREFIX: &str = "set/";

/// A change of one setting: a value, or `None` to delete it.
pub type SettingChange = (Box<str>, Option<Bytes>);

/// Why settings were not after; they are as they were, but for [`CommitError::Unknown`].
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A key is empty.
    #[error("the key of a setting is empty")]
    EmptyKey,
    /// A limit would be exceeded.
    #[error("{what} of {size} exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large: `key bytes`, `value bytes`, `settings` or `settings bytes`.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The log did not take them.
    #[error("the log did not take the settings")]
    Log(#[source] CommitError),
    /// Too much waits for the disk.
    #[error("too many changes wait for the disk")]
    Busy,
    /// The server stops.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// The settings of one part of the program; cheap to clone.
///
/// A change is on stable storage when it returns, whatever `hub.durability` says, and is read from
/// then on. Several changes of one call are kept all or none.
#[derive(Clone)]
pub struct Settings {
    hub: Arc<Hub>,
    prefix: Arc<str>,
}

// Values may be secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Hub {
    /// Returns the settings of a part of the program, such as `dns`; no other part sees them.
    #[must_use]
    pub fn settings(self: &Arc<Self>, part: &'static str) -> Settings {
        debug_assert!(!part.is_empty() && !part.contains('/'), "a part is one word");
        Settings { hub: Arc::clone(self), prefix: format!("{PREFIX}{part}/").into() }
    }
}

impl Settings {
    /// Returns a setting.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.hub.settings.read().get(self.full(key).as_ref()).cloned()
    }

    /// Returns the settings whose keys start with a text, ordered by key; all with the empty one.
    #[must_use]
    pub fn list(&self, start: &str) -> Vec<(String, Bytes)> {
        let from = self.full(start);
        let held = self.hub.settings.read();
        let range = held.range::<str, _>((Bound::Included(from.as_ref()), Bound::Unbounded));
        let own = range.take_while(|(key, _)| key.starts_with(from.as_ref()));
        own.map(|(key, value)| {
            (key.strip_prefix(self.prefix.as_ref()).unwrap_or(key).to_owned(), value.clone())
        })
        .collect()
    }

    /// Keeps a setting.
    ///
    /// Carried out also when it is dropped half way.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]
    pub async fn put(&self, key: &str, value: impl Into<Bytes>) -> Result<(), SettingsError> {
        self.change(vec![(key.into(), Some(value.into()))]).await
    }

    /// Deletes a setting; that there is none is no error.
    ///
    /// Carried out also when it is dropped half way.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]
    pub async fn delete(&self, key: &str) -> Result<(), SettingsError> {
        self.change(vec![(key.into(), None)]).await
    }

    /// Makes several changes, all or none; of several of one key the last counts.
    ///
    /// Carried out also when it is dropped half way.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]
    pub async fn change(&self, changes: Vec<SettingChange>) -> Result<(), SettingsError> {
        for (key, value) in &changes {
            let value_len = value.as_ref().map_or(0, Bytes::len);
            if key.is_empty() {
                return Err(SettingsError::EmptyKey);
            }
            check("key bytes", key.len(), SETTING_KEY_MAX_BYTES)?;
            check("value bytes", value_len, SETTING_VALUE_MAX_BYTES)?;
        }
        let changes = changes.into_iter().map(|(key, value)| (self.full(&key), value)).collect();
        let (reply, answer) = oneshot::channel();
        match self.hub.queue.push(Request::Settings(changes, reply)) {
            Ok(()) => answer.await.unwrap_or(Err(SettingsError::ShuttingDown)),
            Err(_) if self.hub.is_closing() => Err(SettingsError::ShuttingDown),
            Err(_) => Err(SettingsError::Busy),
        }
    }

    fn full(&self, key: &str) -> Box<str> {
        [self.prefix.as_ref(), key].concat().into()
    }
}

/// The settings of all parts, as they stand in `meta.log`.
pub(crate) type Held = RwLock<BTreeMap<Box<str>, Bytes>>;

/// Returns what an earlier process left.
pub(crate) fn restored(meta: &MetaStore) -> Held {
    let held = meta.with_prefix(PREFIX).map(|(key, value)| (key.into(), value.clone()));
    RwLock::new(held.collect())
}

/// Makes changes durable and then shows them; the one writer calls it.
pub(crate) fn apply(
    held: &Held,
    writer: &mut LogWriter,
    changes: &[SettingChange],
) -> Result<(), SettingsError> {
    let mut after = held.read().clone();
    for (key, value) in changes {
        match value {
            Some(value) => after.insert(key.clone(), value.clone()),
            None => after.remove(key),
        };
    }
    // A deletion must be possible when a limit was lowered by a later version.
    if changes.iter().any(|(_, value)| value.is_some()) {
        let size_bytes = after.iter().map(|(key, value)| key.len() + value.len()).sum();
        check("settings", after.len(), SETTINGS_MAX)?;
        check("settings bytes", size_bytes, SETTINGS_SIZE_MAX_BYTES)?;
    }
    writer.put_durably(changes).map_err(SettingsError::Log)?;
    *held.write() = after;
    Ok(())
}

fn check(what: &'static str, size: usize, limit: usize) -> Result<(), SettingsError> {
    if size > limit {
        return Err(SettingsError::TooLarge { what, size, limit });
    }
    Ok(())
}
