//! All rules that people manage: subscriptions, own rules, groups, clients and pauses; every change
//! becomes a new [`Filter`].
//!
//! Lists are compiled on the caller's thread beside the filter that answers, which is replaced at
//! the end; own rules, clients and pauses leave the compiled lists alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::client::pause::{PauseScope, Pauses};
use crate::client::{Client, Directory, DirectoryError, Group, MacLookup};
use crate::filter::compile::{self, ListReport, ListSource, ListText};
use crate::filter::suffixes::{HashKey, hash_name};
use crate::filter::{Filter, image};
use crate::list::refresh::RefreshError;
use crate::list::state::ListState;
use crate::list::store::Store;
use crate::list::{FIRST_LIST, LAST_LIST, Subscription};
use crate::safe_search::SafeSearch;
use crate::verdict::{BlockAnswer, ListId};

mod own;
mod subscribed;

use own::Own;

/// Largest text of own rules, in bytes.
pub const OWN_RULES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a group of clients gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSettings {
    /// Its name.
    pub name: Arc<str>,
    /// Lists that do not apply to it.
    pub lists_off: Vec<ListId>,
    /// Its own rules, in AdGuard's dialect.
    pub rules: String,
    /// The set of upstreams that its questions go to.
    pub upstreams: Option<Arc<str>>,
    /// How its blocked questions are answered.
    pub block_answer: Option<BlockAnswer>,
    /// Its switches of safe search.
    pub safe_search: SafeSearch,
    /// Whether any rules apply to it.
    pub is_filtered: bool,
}

/// A subscription with how it stands.
#[derive(Debug, Clone)]
pub struct Subscribed {
    /// What is set up.
    pub subscription: Subscription,
    /// How it stands.
    pub state: ListState,
    /// Its ignored lines, from the last time that it was compiled.
    pub report: ListReport,
    /// Bytes that have come of a copy under way.
    pub loading_bytes: Option<u64>,
}

/// Why a change of the rules was not made.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// There is no list of this number.
    #[error("there is no list {}", .0.0)]
    NoSuchList(ListId),
    /// The number is not one of a subscription.
    #[error("{} is no number of a list: {} to {}", .0.0, FIRST_LIST.0, LAST_LIST.0)]
    BadNumber(ListId),
    /// The own rules are larger than [`OWN_RULES_BYTES_MAX`].
    #[error("own rules may have {OWN_RULES_BYTES_MAX} bytes: put more into a list")]
    TooLarge,
    /// More sets of upstreams were named since the start than the cache can tell apart.
    #[error("groups have named 65,535 sets of upstreams since the start: restart to name more")]
    TooManySets,
    /// Clients and groups do not fit.
    #[error("{0}")]
    Clients(DirectoryError),
    /// The list was not taken.
    #[error("{0}")]
    Refresh(RefreshError),
    /// A file could not be read or written.
    #[error("the rules could not be read or kept: {0}")]
    Store(io::Error),
}

/// Takes every new filter, and puts it in the place of the one before.
pub type Publish = Box<dyn Fn(Arc<Filter>) + Send + Sync>;

/// All rules that people manage.
pub struct Rulebook {
    store: Store,
    folder: PathBuf,
    key: HashKey,
    publish: Publish,
    inner: Mutex<Inner>,
    /// Held while own rules are compiled, so that no change gets lost.
    own: Mutex<Own>,
    /// Cache views by set of upstreams.
    views: Mutex<BTreeMap<Arc<str>, u16>>,
    /// Held while lists are compiled, so that only one more table is in memory.
    compiling: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    lists: BTreeMap<ListId, Subscribed>,
    pauses: Pauses,
    filter: Filter,
    version: u64,
}

impl Rulebook {
    /// Opens the rules of `folder`; nothing is fetched or published yet.
    ///
    /// # Errors
    ///
    /// The folder or a file in it cannot be read.
    pub fn open(folder: &Path, key: HashKey, publish: Publish) -> Result<Self, RulebookError> {
        let store = Store::open(folder).map_err(RulebookError::Store)?;
        let text = match std::fs::read_to_string(folder.join(own::FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(RulebookError::Store)?,
        };
        let pauses = Pauses::load(&folder.join("pauses.json")).map_err(RulebookError::Store)?;
        let (compiled, report) = own::compile(key, &text, "").map_err(RulebookError::Store)?;
        let own = Own { text, report, hand: String::new() };
        let filter = Filter { own: Arc::new(compiled), ..Filter::default() };
        filter.clients.set_pauses(&pauses);
        let inner = Inner { pauses, filter, ..Inner::default() };
        Ok(Self {
            store,
            folder: folder.to_owned(),
            key,
            publish,
            inner: Mutex::new(inner),
            own: Mutex::new(own),
            views: Mutex::default(),
            compiling: Mutex::default(),
        })
    }

    /// The lists with how they stand, by number.
    #[must_use]
    pub fn lists(&self) -> Vec<Subscribed> {
        self.inner.lock().lists.values().cloned().collect()
    }

    /// The filter as it is published.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.inner.lock().filter.clone()
    }

    /// A number that changes when a list, or how it stands, does.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.inner.lock().version
    }

    /// The list whose look is due at `now_ms`, the longest due first.
    #[must_use]
    pub fn due(&self, now_ms: u64) -> Option<ListId> {
        let inner = self.inner.lock();
        let due = inner.lists.values().filter(|list| list.subscription.is_on);
        let due = due.filter(|list| list.state.next_at_ms.unwrap_or(0) <= now_ms);
        due.min_by_key(|list| list.state.next_at_ms).map(|list| list.subscription.id)
    }

    /// When the next look is due, in milliseconds since 1970; `None` when no list is on.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        let inner = self.inner.lock();
        let on = inner.lists.values().filter(|list| list.subscription.is_on);
        on.map(|list| list.state.next_at_ms.unwrap_or(0)).min()
    }

    /// Where the texts of lists are kept.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Publishes the lists as they are kept: from the compiled file when it is of the same lists,
    /// else compiled anew. Questions are answered by the former ones meanwhile.
    ///
    /// # Errors
    ///
    /// A copy cannot be read; the rules are as before.
    pub fn reload(&self) -> Result<(), RulebookError> {
        let _one_at_a_time = self.compiling.lock();
        let (sources, fingerprint) = self.sources();
        let path = self.store.image_path();
        let compiled = if let Ok(compiled) = image::load(&path, fingerprint) {
            compiled
        } else {
            let (compiled, reports) = compile::compile(self.key, &sources, &mut |_, _| {})
                .map_err(RulebookError::Store)?;
            // Without the file the next start takes longer, and nothing else.
            image::save(&path, &compiled, &sources, fingerprint).ok();
            let mut inner = self.inner.lock();
            for (source, report) in sources.iter().zip(reports) {
                if let Some(entry) = inner.lists.get_mut(&source.list) {
                    entry.report = report;
                }
            }
            inner.version += 1;
            compiled
        };
        self.change(|filter| filter.lists = Arc::new(compiled));
        Ok(())
    }

    /// Replaces groups and clients; pauses go on.
    ///
    /// # Errors
    ///
    /// They do not fit together; the former ones stay.
    pub fn set_clients(
        &self,
        groups: &[GroupSettings],
        clients: &[Client],
        mac_lookup: Option<MacLookup>,
    ) -> Result<(), RulebookError> {
        let mut made = Vec::with_capacity(groups.len());
        for group in groups {
            made.push(self.group(group)?);
        }
        let directory =
            Directory::new(made, clients, mac_lookup).map_err(RulebookError::Clients)?;
        directory.set_pauses(&self.inner.lock().pauses);
        self.change(|filter| filter.clients = Arc::new(directory));
        Ok(())
    }

    /// Pauses blocking for some minutes, or ends a pause with zero; it holds over a restart.
    ///
    /// # Errors
    ///
    /// It cannot be kept; it is not made either.
    pub fn pause(
        &self,
        scope: PauseScope<'_>,
        minutes: u32,
        now_ms: u64,
    ) -> Result<Pauses, RulebookError> {
        let mut inner = self.inner.lock();
        let mut pauses = inner.pauses.clone();
        pauses.drop_ended(now_ms);
        pauses.pause(scope, minutes, now_ms);
        pauses.save(&self.folder.join("pauses.json")).map_err(RulebookError::Store)?;
        inner.filter.clients.set_pauses(&pauses);
        inner.pauses = pauses.clone();
        Ok(pauses)
    }

    /// What is paused.
    #[must_use]
    pub fn pauses(&self) -> Pauses {
        self.inner.lock().pauses.clone()
    }

    fn group(&self, settings: &GroupSettings) -> Result<Group, RulebookError> {
        let (own, _) = own::compile(self.key, &settings.rules, "").map_err(RulebookError::Store)?;
        let view = self.view(settings.upstreams.as_ref())?;
        let mut group = Group {
            name: Arc::clone(&settings.name),
            view,
            upstreams: settings.upstreams.clone(),
            block_answer: settings.block_answer,
            own: Arc::new(own),
            safe_search: settings.safe_search,
            is_filtered: settings.is_filtered,
            ..Group::default()
        };
        settings.lists_off.iter().for_each(|list| group.lists.remove(*list));
        Ok(group)
    }

    /// The cache view of a set of upstreams: the same one as long as the program runs, so that no
    /// group ever sees what was kept of others' upstreams.
    fn view(&self, set: Option<&Arc<str>>) -> Result<u16, RulebookError> {
        let Some(set) = set else { return Ok(0) };
        let mut views = self.views.lock();
        if let Some(view) = views.get(set) {
            return Ok(*view);
        }
        let view = u16::try_from(views.len() + 1).map_err(|_| RulebookError::TooManySets)?;
        views.insert(Arc::clone(set), view);
        Ok(view)
    }

    /// Changes the filter and publishes it, one change after the other.
    fn change(&self, make: impl FnOnce(&mut Filter)) {
        let mut inner = self.inner.lock();
        make(&mut inner.filter);
        (self.publish)(Arc::new(inner.filter.clone()));
    }

    /// The lists that count and have a copy, and what stands for their state.
    fn sources(&self) -> (Vec<ListSource>, u64) {
        let inner = self.inner.lock();
        let (mut sources, mut described) = (Vec::new(), String::new());
        for Subscribed { subscription, state, .. } in inner.lists.values() {
            let source = self.source(subscription);
            let is_there = matches!(&source.text, ListText::File(path) if path.exists());
            if subscription.is_on && is_there {
                let Subscription { id, kind, dialect, .. } = subscription;
                let ListState { n_bytes, updated_at_ms, .. } = state;
                write!(described, "{} {kind:?} {dialect} {n_bytes} {updated_at_ms:?};", id.0)
                    .expect("writing to a String cannot fail");
                sources.push(source);
            }
        }
        (sources, hash_name(HashKey::new([0, 0]), &described))
    }

    fn source(&self, subscription: &Subscription) -> ListSource {
        ListSource {
            list: subscription.id,
            kind: subscription.kind,
            dialect: subscription.dialect,
            text: ListText::File(self.store.text_path(subscription.id)),
        }
    }
}

impl std::fmt::Debug for Rulebook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rulebook").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
