//! Puts the DNS side together: resolver, query log, lists, settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidings_dns::config::DnsConfig;
use tidings_dns::list::rulebook::RulebookError;
use tidings_dns::listed::Listed;
use tidings_dns::overrides::OverridesError;
use tidings_dns::query_log::{Batch, QueryLog, QueryLogParts, QueryLogThreads};
use tidings_dns::service::{Dns, DnsEnvironment};
use tidings_hub::settings::Settings as KeptSettings;
use tokio::sync::mpsc::Receiver;

use crate::dns::events::ServerEvents;
use crate::dns::keep_cache;
use crate::dns::live::LiveFilters;
use crate::dns::rules::Rules;
use crate::dns::settings::{Settings, SettingsError};
use crate::dns::{DnsParts, whitelist};

/// The DNS side, ready to run.
#[derive(Debug)]
pub struct Opened {
    /// What the handlers share.
    pub parts: Arc<DnsParts>,
    /// The threads of the query log.
    pub threads: QueryLogThreads,
    /// Entries for the live view.
    pub batches: Receiver<Batch>,
}

/// Why there is no DNS side.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What people set cannot be read.
    #[error("read what was set while the server ran")]
    Read(#[source] OverridesError),
    /// What people set fits the configuration no more.
    #[error("what was set while the server ran does not fit the configuration")]
    Unfit(#[source] SettingsError),
    /// The rules cannot be read.
    #[error("read the rules in {}", folder.display())]
    Rules {
        /// Their folder.
        folder: PathBuf,
        /// Why.
        source: RulebookError,
    },
    /// The system has no thread left.
    #[error("start the threads of the query log")]
    Threads(#[source] std::io::Error),
}

/// File of what people set, in the folder of DNS.
pub const SETTINGS_FILE: &str = "settings.json";

/// Opens what was kept in a folder and in `kept`, and makes the handles; nothing listens yet, but
/// the rules are in effect.
///
/// # Errors
///
/// What people set cannot be used, or no thread can be started.
pub fn open(
    config: &DnsConfig,
    folder: &Path,
    environment: DnsEnvironment,
    can_use_low_ports: bool,
    kept: KeptSettings,
) -> Result<Opened, OpenError> {
    let (clock, entropy) = (Arc::clone(&environment.clock), Arc::clone(&environment.entropy));
    let path = folder.join(SETTINGS_FILE);
    let settings = Settings::open(&path, config.clone()).map_err(OpenError::Read)?;
    let contract = settings.contract();
    let drivers = [contract.blacklist_driver, contract.whitelist_driver];
    let listed = Listed::open(folder, drivers, clock());
    let effective = settings.effective(&whitelist(&listed)).map_err(OpenError::Unfit)?.config;
    let log_config = effective.log.clone();
    let dns = Dns::new(effective, environment);
    keep_cache::load(&dns, contract.cache_driver, folder);
    let key = [entropy(), entropy()];
    let rules = Rules::open(folder, key, &dns, kept)
        .map_err(|source| OpenError::Rules { folder: folder.to_owned(), source })?;
    let parts = QueryLogParts {
        source: Box::new(dns.entries()),
        folder: folder.to_owned(),
        clock: Arc::clone(&clock),
    };
    let (log, threads, batches) =
        QueryLog::start(&log_config, parts).map_err(OpenError::Threads)?;
    let parts = Arc::new(DnsParts {
        dns,
        log,
        live: LiveFilters::default(),
        listed,
        rules,
        settings,
        events: ServerEvents::default(),
        folder: folder.to_owned(),
        can_use_low_ports,
        clock,
        entropy,
    });
    parts.rules_changed();
    Ok(Opened { parts, threads, batches })
}
