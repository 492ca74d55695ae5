//! What is blocked and let through by hand: two lists of names with a note at each, kept as the
//! chosen driver does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

mod store;

use store::Kept;
pub use store::ListedError;

/// Most names of a list; the lists of others are subscriptions.
pub const NAMES_MAX: usize = 100_000;
/// Longest name, reason or category in bytes.
pub const TEXT_MAX_BYTES: usize = 1_024;

/// Which of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// Names that are blocked.
    Blacklist,
    /// Names that are let through, whatever blocks them.
    Whitelist,
}

impl ListKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blacklist, Self::Whitelist];

    /// Returns the word of the earlier systems for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blacklist => "blacklist",
            Self::Whitelist => "whitelist",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Blacklist => 0,
            Self::Whitelist => 1,
        }
    }
}

/// How a list is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListDriver {
    /// Until the process ends.
    #[serde(rename = "inmemory", alias = "memory")]
    Memory,
    /// A file of JSON.
    File,
    /// A database.
    #[default]
    Sqlite,
}

impl ListDriver {
    /// Every driver.
    pub const ALL: [Self; 3] = [Self::Memory, Self::File, Self::Sqlite];

    /// Returns the word of the earlier systems for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
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
}

/// A name on a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedEntry {
    /// The name in lower case, or `*.` and a name, which leaves the name itself out.
    pub domain: String,
    /// When it was added, milliseconds since 1970.
    pub added_at: u64,
    /// Who added it: `manual`, `import`, `logs` or `api`.
    pub source: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// Why a list is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListedRefusal {
    /// The name cannot be one.
    #[error("`{0}` is no domain name: letters, digits, - and _ with dots between, `*.` before it")]
    Name(String),
    /// A text is too long.
    #[error("{0} has more than {TEXT_MAX_BYTES} bytes")]
    TooLong(&'static str),
    /// The list is full.
    #[error("the list has {NAMES_MAX} names already; longer ones are subscriptions")]
    Full,
}

/// One list.
#[derive(Debug)]
struct One {
    driver: ListDriver,
    kept: Kept,
    names: BTreeMap<String, ListedEntry>,
    changed_ms: u64,
    error: Option<String>,
}

/// Both lists; shared by everybody.
#[derive(Debug)]
pub struct Listed {
    folder: PathBuf,
    lists: [Mutex<One>; 2],
    changes: watch::Sender<u64>,
}

/// Names of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage {
    /// The names, in order.
    pub entries: Vec<ListedEntry>,
    /// Names of the list in all.
    pub n_all: usize,
    /// How it is kept.
    pub driver: ListDriver,
    /// When it changed last, milliseconds since 1970.
    pub changed_ms: u64,
    /// Why the last change is not on disk.
    pub error: Option<String>,
}

impl Listed {
    /// Opens both lists in a folder; one that cannot be read is empty and says so.
    #[must_use]
    pub fn open(folder: &Path, drivers: [ListDriver; 2], now_ms: u64) -> Self {
        let one = |kind: ListKind, driver| {
            let (kept, names, error) = match Kept::open(driver, folder, kind) {
                Ok((kept, names)) => (kept, names, None),
                Err(error) => {
                    let cause: &dyn std::error::Error = &error;
                    tracing::error!(cause, list = kind.word(), "a list cannot be read");
                    (Kept::Nowhere, BTreeMap::new(), Some(error.to_string()))
                }
            };
            Mutex::new(One { driver, kept, names, changed_ms: now_ms, error })
        };
        let [black, white] = drivers;
        Self {
            folder: folder.to_owned(),
            lists: [one(ListKind::Blacklist, black), one(ListKind::Whitelist, white)],
            changes: watch::Sender::new(0),
        }
    }

    /// Returns a number that changes with every list.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn with<Answer>(&self, kind: ListKind, act: impl FnOnce(&mut One) -> Answer) -> Answer {
        let [black, white] = &self.lists;
        let list = if kind.index() == 0 { black } else { white };
        act(&mut list.lock())
    }

    /// Returns the names that a test wants, at most `n_max`.
    #[must_use]
    pub fn page(
        &self,
        kind: ListKind,
        n_max: usize,
        is_wanted: impl Fn(&ListedEntry) -> bool,
    ) -> ListedPage {
        self.with(kind, |one| ListedPage {
            entries: one
                .names
                .values()
                .filter(|entry| is_wanted(entry))
                .take(n_max)
                .cloned()
                .collect(),
            n_all: one.names.len(),
            driver: one.driver,
            changed_ms: one.changed_ms,
            error: one.error.clone(),
        })
    }

    /// Returns a name of a list.
    #[must_use]
    pub fn find(&self, kind: ListKind, domain: &str) -> Option<ListedEntry> {
        let domain = clean(domain).ok()?;
        self.with(kind, |one| one.names.get(&domain).cloned())
    }

    /// Adds names, or replaces what is noted at them, all or none; returns how many are new.
    ///
    /// # Errors
    ///
    /// A name or a note that cannot be, or no room; the list is as it was.
    pub fn put(
        &self,
        kind: ListKind,
        entries: Vec<ListedEntry>,
        now_ms: u64,
    ) -> Result<usize, ListedRefusal> {
        let cleaned: Result<Vec<ListedEntry>, ListedRefusal> = entries
            .into_iter()
            .map(|entry| {
                for (what, text) in [("reason", &entry.reason), ("category", &entry.category)] {
                    if text.as_ref().is_some_and(|text| text.len() > TEXT_MAX_BYTES) {
                        return Err(ListedRefusal::TooLong(what));
                    }
                }
                Ok(ListedEntry { domain: clean(&entry.domain)?, ..entry })
            })
            .collect();
        let cleaned = cleaned?;
        let n_new = self.with(kind, |one| {
            let is_new = |entry: &&ListedEntry| !one.names.contains_key(&entry.domain);
            let n_new = cleaned.iter().filter(is_new).count();
            if one.names.len() + n_new > NAMES_MAX {
                return Err(ListedRefusal::Full);
            }
            for entry in &cleaned {
                one.names.insert(entry.domain.clone(), entry.clone());
            }
            one.keep(now_ms, |kept, names| kept.put(&cleaned, names));
            Ok(n_new)
        })?;
        self.tell();
        Ok(n_new)
    }

    /// Removes a name; false when it was not there.
    pub fn remove(&self, kind: ListKind, domain: &str, now_ms: u64) -> bool {
        let Ok(domain) = clean(domain) else { return false };
        let is_removed = self.with(kind, |one| {
            let is_removed = one.names.remove(&domain).is_some();
            if is_removed {
                one.keep(now_ms, |kept, names| kept.remove(&domain, names));
            }
            is_removed
        });
        if is_removed {
            self.tell();
        }
        is_removed
    }

    /// Removes every name.
    pub fn clear(&self, kind: ListKind, now_ms: u64) {
        self.with(kind, |one| {
            one.names.clear();
            one.keep(now_ms, Kept::replace);
        });
        self.tell();
    }

    /// Goes on with what another driver holds.
    ///
    /// # Errors
    ///
    /// It cannot be opened; the list goes on as it was.
    pub fn swap(&self, kind: ListKind, driver: ListDriver, now_ms: u64) -> Result<(), ListedError> {
        let (kept, names) = Kept::open(driver, &self.folder, kind)?;
        self.with(kind, |one| {
            *one = One { driver, kept, names, changed_ms: now_ms, error: None };
        });
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

impl One {
    /// Notes the change, and keeps it; what the disk refuses is told and stays in memory.
    fn keep(
        &mut self,
        now_ms: u64,
        act: impl FnOnce(&mut Kept, &BTreeMap<String, ListedEntry>) -> Result<(), ListedError>,
    ) {
        self.changed_ms = now_ms;
        self.error = act(&mut self.kept, &self.names).err().map(|error| {
            let cause: &dyn std::error::Error = &error;
            tracing::error!(cause, "a list is not kept on disk; it counts until the server ends");
            error.to_string()
        });
    }
}

/// Returns a name in the form that the lists have.
fn clean(domain: &str) -> Result<String, ListedRefusal> {
    let refuse = || ListedRefusal::Name(domain.chars().take(64).collect());
    let lower = domain.trim().to_lowercase();
    let lower = lower.strip_suffix('.').unwrap_or(&lower);
    let name = lower.strip_prefix("*.").unwrap_or(lower);
    let is_label = |label: &str| {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(is_good)
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(refuse());
    }
    Ok(lower.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(domain: &str) -> ListedEntry {
        ListedEntry {
            domain: domain.to_owned(),
            added_at: 5,
            source: "manual".to_owned(),
            reason: Some("why".to_owned()),
            category: None,
        }
    }

    fn names(listed: &Listed, kind: ListKind) -> Vec<String> {
        let page = listed.page(kind, usize::MAX, |_| true);
        page.entries.into_iter().map(|entry| entry.domain).collect()
    }

    #[test]
    fn what_is_kept_outlives_a_restart_and_what_is_not_does_not() {
        for driver in ListDriver::ALL {
            let folder = tempfile::tempdir().unwrap();
            let listed = Listed::open(folder.path(), [driver; 2], 1);
            let added =
                vec![entry("Ads.Example."), entry("*.track.example"), entry("gone.example")];
            assert_eq!(listed.put(ListKind::Blacklist, added, 2), Ok(3));
            assert_eq!(listed.put(ListKind::Blacklist, vec![entry("ads.example")], 2), Ok(0));
            assert!(listed.remove(ListKind::Blacklist, "gone.example", 3));
            assert!(!listed.remove(ListKind::Blacklist, "gone.example", 3));
            listed.put(ListKind::Whitelist, vec![entry("good.example")], 4).unwrap();
            let page = listed.page(ListKind::Blacklist, usize::MAX, |_| true);
            assert_eq!((page.n_all, page.error, page.changed_ms), (2, None, 3));
            drop(listed);
            let again = Listed::open(folder.path(), [driver; 2], 9);
            let expected: &[&str] = if driver == ListDriver::Memory {
                &[]
            } else {
                &["*.track.example", "ads.example"]
            };
            assert_eq!(names(&again, ListKind::Blacklist), expected, "case: {driver:?}");
            let found = again.find(ListKind::Whitelist, "GOOD.example");
            assert_eq!(found.is_some(), driver != ListDriver::Memory, "case: {driver:?}");
            again.clear(ListKind::Whitelist, 9);
            drop(again);
            let again = Listed::open(folder.path(), [driver; 2], 9);
            assert!(names(&again, ListKind::Whitelist).is_empty());
        }
    }

    #[test]
    fn another_driver_has_its_own_names() {
        let folder = tempfile::tempdir().unwrap();
        let listed = Listed::open(folder.path(), [ListDriver::File; 2], 1);
        let mut changes = listed.changes();
        listed.put(ListKind::Blacklist, vec![entry("a.example")], 1).unwrap();
        listed.swap(ListKind::Blacklist, ListDriver::Sqlite, 1).unwrap();
        assert!(names(&listed, ListKind::Blacklist).is_empty());
        listed.swap(ListKind::Blacklist, ListDriver::File, 1).unwrap();
        assert_eq!(names(&listed, ListKind::Blacklist), ["a.example"]);
        assert!(changes.has_changed().unwrap());
        assert_eq!(*changes.borrow_and_update(), 3);
    }

    #[test]
    fn what_is_no_name_is_refused_and_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let listed = Listed::open(folder.path(), [ListDriver::Memory; 2], 1);
        let long = "a".repeat(64);
        for bad in ["", ".", "a..b", "a b.example", "http://x.example", "*.*.example", &long] {
            let both = vec![entry("fine.example"), entry(bad)];
            let refused = listed.put(ListKind::Blacklist, both, 1);
            assert!(matches!(refused, Err(ListedRefusal::Name(_))), "case: {bad}");
        }
        let reason = Some("x".repeat(TEXT_MAX_BYTES + 1));
        let refused = ListedEntry { reason, ..entry("fine.example") };
        let refused = listed.put(ListKind::Blacklist, vec![refused], 1);
        assert_eq!(refused, Err(ListedRefusal::TooLong("reason")));
        assert!(names(&listed, ListKind::Blacklist).is_empty());
        let many = (0..=NAMES_MAX).map(|n| entry(&format!("n{n}.example"))).collect();
        assert_eq!(listed.put(ListKind::Blacklist, many, 1), Err(ListedRefusal::Full));
    }

    #[test]
    fn a_failing_disk_leaves_the_list_in_effect_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("dns");
        let listed = Listed::open(&place, [ListDriver::File; 2], 1);
        std::fs::remove_dir_all(&place).unwrap();
        std::fs::write(&place, "").unwrap();
        listed.put(ListKind::Blacklist, vec![entry("a.example")], 1).unwrap();
        let page = listed.page(ListKind::Blacklist, 10, |_| true);
        assert_eq!(page.n_all, 1);
        assert!(page.error.is_some());
    }
}
