//! The rules as the server has them: what people set up of them, kept beside the log, and what
//! carries it out.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use tidings_dns::client::Mac;
use tidings_dns::client::macs::Macs;
use tidings_dns::filter::Filter;
use tidings_dns::filter::suffixes::HashKey;
use tidings_dns::list::rulebook::{Rulebook, RulebookError};
use tidings_dns::listed::{ListKind, ListedEntry};
use tidings_dns::service::Dns;
use tidings_dns::verdict::ListId;
use tidings_hub::settings::Settings as KeptSettings;
use tokio::sync::Notify;

use crate::dns::DnsParts;
use crate::dns::settings::WhitelistMode;
use crate::problem::Problem;

pub(crate) mod lists;
pub(crate) mod people;
pub(crate) mod refuse;
pub mod wire;
pub mod work;

use people::People;
use wire::PausesJson;

/// Folder of the rules, in the folder of DNS.
const FOLDER: &str = "rules";

/// The rules, and everything that changes them.
pub struct Rules {
    /// Lists, own rules, groups, clients and pauses in effect.
    pub(crate) rulebook: Rulebook,
    /// Hardware addresses of clients.
    macs: Macs,
    /// What people set up.
    kept: KeptSettings,
    /// Held while somebody changes what is set up: one change is kept before the next is judged.
    edit: tokio::sync::Mutex<()>,
    pub(crate) people: Mutex<People>,
    versions: Mutex<Versions>,
    to_do: Mutex<ToDo>,
    wake: Notify,
}

/// Numbers that change when somebody changed what they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Versions {
    /// Lists, but not how they stand.
    pub lists: u64,
    /// Names that are blocked or let through one by one.
    pub rules: u64,
    /// The text of own rules.
    pub text: u64,
    /// Local names.
    pub rewrites: u64,
    /// Groups of clients.
    pub groups: u64,
    /// Clients.
    pub clients: u64,
}

/// What waits for the one that carries it out.
#[derive(Debug, Default)]
struct ToDo {
    /// Lists to look at, whether they are due or not; true takes even what seems broken.
    looks: BTreeSet<(ListId, bool)>,
    /// Since when the lists have to be compiled anew, milliseconds since 1970.
    stale_since_ms: Option<u64>,
}

impl Rules {
    /// Opens the rules below the folder of DNS, and puts them into effect.
    ///
    /// # Errors
    ///
    /// A file of the rules cannot be read.
    pub(crate) fn open(
        folder: &Path,
        key: [u64; 2],
        dns: &Arc<Dns>,
        kept: KeptSettings,
    ) -> Result<Self, RulebookError> {
        let target = Arc::clone(dns);
        let publish = Box::new(move |filter: Arc<Filter>| target.set_filter(filter));
        let rulebook = Rulebook::open(&folder.join(FOLDER), HashKey::new(key), publish)?;
        rulebook.set_subscriptions(lists::kept(&kept))?;
        if let Err(error) = rulebook.reload() {
            // The rest of the rules counts all the same; looks at the lists mend it.
            let cause: &dyn std::error::Error = &error;
            tracing::error!(cause, "the lists of rules do not count: a copy cannot be read");
        }
        let rules = Self {
            rulebook,
            macs: Macs::default(),
            people: Mutex::new(People::kept(&kept)),
            kept,
            edit: tokio::sync::Mutex::default(),
            versions: Mutex::default(),
            to_do: Mutex::default(),
            wake: Notify::new(),
        };
        if let Err(problem) = rules.apply_people() {
            let cause = problem.detail.unwrap_or_default();
            tracing::error!(cause, "clients and groups do not count: they do not fit together");
        }
        Ok(rules)
    }

    /// Takes the hardware addresses over that leases tell.
    pub fn replace_macs(&self, macs: HashMap<IpAddr, Mac>) {
        self.macs.replace(macs);
    }

    /// Returns a number that changes when a list, or how it stands, does.
    #[must_use]
    pub fn lists_version(&self) -> u64 {
        self.rulebook.version()
    }

    /// Returns numbers that change with what people set up.
    #[must_use]
    pub fn versions(&self) -> Versions {
        *self.versions.lock()
    }

    /// Notes that somebody changed something.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Versions)) {
        change(&mut self.versions.lock());
    }

    /// Waits until nobody else changes what is set up.
    pub(crate) async fn edit(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.edit.lock().await
    }

    /// Describes what is paused at `now_ms`.
    #[must_use]
    pub fn pauses_json(&self, now_ms: u64) -> PausesJson {
        let mut pauses = self.rulebook.pauses();
        pauses.drop_ended(now_ms);
        PausesJson::from(&pauses)
    }

    /// Finds a list by its name.
    pub(crate) fn list_id(&self, name: &str) -> Option<ListId> {
        match name {
            "own" | "blacklist" | "whitelist" => return Some(ListId::OWN),
            "safe-search" => return Some(ListId::SAFE_SEARCH),
            "strict" => return Some(ListId::STRICT),
            _ => {}
        }
        let name = name.to_lowercase();
        let lists = self.rulebook.lists().into_iter();
        let mut ids = lists.map(|list| (list.subscription.id, list.subscription.name));
        ids.find(|(_, called)| called.to_lowercase() == name).map(|(id, _)| id)
    }

    /// Asks for a look at a list, and for its rules to be compiled.
    pub(crate) fn want_look(&self, list: ListId, takes_all: bool) {
        self.to_do.lock().looks.insert((list, takes_all));
        self.wake.notify_one();
    }

    /// Asks for the lists to be compiled anew.
    pub(crate) fn want_compiling(&self, now_ms: u64) {
        self.to_do.lock().stale_since_ms.get_or_insert(now_ms);
        self.wake.notify_one();
    }

    /// Returns whether a look at a list was asked for and has not begun.
    pub(crate) fn is_look_waiting(&self, list: ListId) -> bool {
        self.to_do.lock().looks.iter().any(|(waiting, _)| *waiting == list)
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("rulebook", &self.rulebook).finish_non_exhaustive()
    }
}

/// Runs what waits for a disk or compiles aside of the threads that answer requests.
async fn aside<Answer: Send + 'static>(
    work: impl FnOnce() -> Answer + Send + 'static,
) -> Result<Answer, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "work on the rules panicked");
        Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR, "internal")
    })
}

/// Takes the names that are blocked and let through by hand into effect, and the mode of the
/// whitelist.
pub(crate) fn take_over(parts: &DnsParts) {
    let taken = parts.rules.rulebook.set_hand_rules(|| {
        let mut text = String::new();
        for kind in ListKind::ALL {
            let page = parts.listed.page(kind, usize::MAX, |_| true);
            page.entries.iter().for_each(|entry| write_rule(&mut text, kind, entry));
        }
        (text, parts.settings.contract().whitelist_mode == WhitelistMode::Strict)
    });
    parts.rules.note(|versions| versions.rules += 1);
    if let Err(error) = taken {
        let cause: &dyn std::error::Error = &error;
        tracing::error!(cause, "names by hand were not taken into effect: those before count");
    }
}

/// Writes a name as a rule in AdGuard's dialect.
fn write_rule(text: &mut String, kind: ListKind, entry: &ListedEntry) {
    let exception = match kind {
        ListKind::Blacklist => "",
        ListKind::Whitelist => "@@",
    };
    // `*.name` is a pattern of its own there; `||name^` is the name and everything below it.
    let below = if entry.domain.starts_with("*.") { "" } else { "||" };
    writeln!(text, "{exception}{below}{}^", entry.domain)
        .unwrap_or_else(|_| unreachable!("writing to a String cannot fail"));
}
