//! What the DNS handlers share: resolver, query log, live filters, lists and events of the server.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tidings_dns::listed::{ListDriver, ListKind, Listed};
use tidings_dns::query_log::QueryLog;
use tidings_dns::query_log::filter::{Filter, FilterError, Names};
use tidings_dns::service::Dns;

pub mod actions;
pub mod content;
pub(crate) mod doh_media;
pub mod events;
pub mod export;
pub mod keep_cache;
pub mod live;
pub(crate) mod metrics;
pub mod open;
pub mod rules;
pub mod settings;
pub mod statistics;
pub mod wire;

use events::ServerEvents;
use live::LiveFilters;
use rules::Rules;
use settings::Settings;

/// Channel of the resolver's status.
pub const DNS_STATUS: &str = "dns/status";
/// Channel of settings and drivers.
pub const DNS_INFO: &str = "dns/info";
/// Channel of the log as it happens.
pub const DNS_LOG_EVENT: &str = "dns/log/event";
/// Channel of the newest entries of the log.
pub const DNS_LOG: &str = "dns/log/";
/// Channel of the newest entries of the cache.
pub const DNS_CACHE: &str = "dns/cache/";
/// Channel of what is blocked.
pub const DNS_BLACKLIST: &str = "dns/blacklist/";
/// Channel of what is let through.
pub const DNS_WHITELIST: &str = "dns/whitelist/";
/// Channel of the lists that are subscribed to, with how they stand.
pub const DNS_LISTS: &str = "dns/lists";
/// Channel of numbers that change with what people set up of the rules.
pub const DNS_RULES: &str = "dns/rules";
/// Channel of what is paused.
pub const DNS_PAUSES: &str = "dns/pauses";
/// What the channels of live filters begin with.
pub const DNS_LIVE: &str = "dns/log/live/";
/// Most entries of a content channel.
pub const CONTENT_ENTRIES_MAX: usize = 1_000;

/// The DNS side of the server.
pub struct DnsParts {
    /// The resolver.
    pub dns: Arc<Dns>,
    /// What it was asked.
    pub log: Arc<QueryLog>,
    /// Filters that somebody looks through.
    pub live: LiveFilters,
    /// What is blocked and let through by hand.
    pub listed: Listed,
    /// The rules in effect.
    pub rules: Rules,
    /// What people set while the server runs.
    pub settings: Settings,
    /// Starts, stops and failures.
    pub events: ServerEvents,
    /// Folder of what DNS keeps.
    pub folder: PathBuf,
    /// Whether the process may listen on ports below 1024.
    pub can_use_low_ports: bool,
    /// Wall clock, in milliseconds.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Random numbers that nobody can guess.
    pub entropy: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for DnsParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsParts").field("dns", &self.dns).finish_non_exhaustive()
    }
}

impl DnsParts {
    /// Returns whether DNS is part of this server: it runs, it is to run, or it has run before.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        let log = self.log.status();
        let has_run = log.n_entries > 0 || log.n_recent > 0;
        self.dns.status().is_running || self.dns.config().enabled || has_run
    }

    /// Takes changed lists and their mode into effect.
    pub fn rules_changed(&self) {
        rules::take_over(self);
    }

    /// Returns how a list is kept.
    #[must_use]
    pub fn list_driver(&self, kind: ListKind) -> ListDriver {
        self.listed.page(kind, 0, |_| true).driver
    }

    /// Parses a filter of the log.
    ///
    /// # Errors
    ///
    /// Says at which column what is wrong.
    pub fn filter(&self, text: &str, now_ms: u64) -> Result<Filter, FilterError> {
        let list = |name: &str| self.rules.list_id(name);
        Filter::parse(text, &Names { now_ms, list: &list })
    }
}

/// Puts a member into an object.
pub(crate) fn put_member(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// Returns the names of the whitelist.
fn whitelist(listed: &Listed) -> Vec<String> {
    let page = listed.page(ListKind::Whitelist, usize::MAX, |_| true);
    page.entries.into_iter().map(|entry| entry.domain).collect()
}
