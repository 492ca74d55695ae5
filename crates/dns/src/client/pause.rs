//! Pauses of blocking, for all, a group or a client, which survive a restart.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Longest pause, in minutes: thirty days.
pub const PAUSE_MINUTES_MAX: u32 = 30 * 24 * 60;
/// Largest file of pauses that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1_048_576;

/// Until when what is paused, in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pauses {
    /// Everything.
    pub all_until_ms: Option<u64>,
    /// Groups by their names.
    pub groups: BTreeMap<Box<str>, u64>,
    /// Clients by their names.
    pub clients: BTreeMap<Box<str>, u64>,
}

/// What to pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseScope<'a> {
    /// Everything.
    All,
    /// A group by its name.
    Group(&'a str),
    /// A client by its name.
    Client(&'a str),
}

impl Pauses {
    /// Pauses `scope` from `now_ms` on, at most [`PAUSE_MINUTES_MAX`]; zero minutes end its pause.
    pub fn pause(&mut self, scope: PauseScope<'_>, minutes: u32, now_ms: u64) {
        let minutes = u64::from(minutes.min(PAUSE_MINUTES_MAX));
        let until_ms = (minutes > 0).then(|| now_ms.saturating_add(minutes * 60_000));
        match scope {
            PauseScope::All => self.all_until_ms = until_ms,
            PauseScope::Group(name) => set(&mut self.groups, name, until_ms),
            PauseScope::Client(name) => set(&mut self.clients, name, until_ms),
        }
    }

    /// Forgets what has ended at `now_ms`.
    pub fn drop_ended(&mut self, now_ms: u64) {
        self.all_until_ms = self.all_until_ms.filter(|until_ms| *until_ms > now_ms);
        self.groups.retain(|_, until_ms| *until_ms > now_ms);
        self.clients.retain(|_, until_ms| *until_ms > now_ms);
    }

    /// Reads the pauses of `path`; a file that is not there has none.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is none of ours.
    pub fn load(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
                return Err(io::Error::other("the file of pauses is larger than 1 MiB"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        }
        let value: Value = serde_json::from_slice(&fs::read(path)?)?;
        Self::from_json(&value).ok_or_else(|| io::Error::other("the file has no pauses"))
    }

    /// Writes the pauses to `path`, whole or not at all.
    ///
    /// # Errors
    ///
    /// The file cannot be written; the former one is still there.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let text = json!({
            "all_until_ms": self.all_until_ms,
            "groups": to_json(&self.groups),
            "clients": to_json(&self.clients),
        });
        crate::list::store::write_whole(path, text.to_string().as_bytes())
    }

    fn from_json(value: &Value) -> Option<Self> {
        let value = value.as_object()?;
        Some(Self {
            all_until_ms: value.get("all_until_ms")?.as_u64(),
            groups: from_json(value.get("groups")?)?,
            clients: from_json(value.get("clients")?)?,
        })
    }
}

fn set(pauses: &mut BTreeMap<Box<str>, u64>, name: &str, until_ms: Option<u64>) {
    match until_ms {
        Some(until_ms) => drop(pauses.insert(name.into(), until_ms)),
        None => drop(pauses.remove(name)),
    }
}

fn to_json(pauses: &BTreeMap<Box<str>, u64>) -> Map<String, Value> {
    pauses.iter().map(|(name, until_ms)| (name.to_string(), Value::from(*until_ms))).collect()
}

fn from_json(value: &Value) -> Option<BTreeMap<Box<str>, u64>> {
    let entries = value.as_object()?.iter();
    entries.map(|(name, until_ms)| Some((name.as_str().into(), until_ms.as_u64()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_survive_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pauses.json");
        assert_eq!(Pauses::load(&path).expect("none yet"), Pauses::default());
        let mut pauses = Pauses::default();
        pauses.pause(PauseScope::All, 5, 1_000);
        pauses.pause(PauseScope::Group("kids"), 1, 1_000);
        pauses.pause(PauseScope::Client("tv"), u32::MAX, 1_000);
        pauses.save(&path).expect("written");
        let mut loaded = Pauses::load(&path).expect("read");
        assert_eq!(loaded, pauses);
        loaded.drop_ended(61_000);
        assert!(loaded.groups.is_empty() && loaded.all_until_ms == Some(301_000));
        loaded.pause(PauseScope::All, 0, 61_000);
        assert_eq!(loaded.all_until_ms, None);
    }

    #[test]
    fn foreign_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pauses.json");
        for text in
            ["", "[]", "{}", "{\"all_until_ms\":null,\"groups\":{\"a\":\"x\"},\"clients\":{}}"]
        {
            fs::write(&path, text).expect("written");
            assert!(Pauses::load(&path).is_err(), "case: {text}");
        }
    }
}
