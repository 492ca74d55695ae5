//! What people set while the server runs, over the configuration and over restarts.

use std::path::Path;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidings_dns::config::{DnsConfig, ForwardConfig, RewriteConfig};
use tidings_dns::listed::ListDriver;
use tidings_dns::overrides::{Overrides, OverridesError};

/// Member of the file with the settings of the resolver.
const DNS: &str = "dns";
/// Member of the file with what the earlier systems called settings.
const CONTRACT: &str = "contract";
/// Member of the file with local names.
const REWRITES: &str = "rewrites";

/// What the whitelist does beyond letting names through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WhitelistMode {
    /// Nothing.
    #[default]
    Off,
    /// Listed names are asked at the first upstream, the others at the secondary one.
    Route,
    /// Names that are not listed are blocked.
    Strict,
}

/// Settings by the words of the earlier systems.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ContractSettings {
    /// Profile of `NextDNS`.
    pub nextdns_config_id: Option<String>,
    /// Upstreams by name, in the order in which they are asked; empty are those of the
    /// configuration.
    pub providers: Vec<String>,
    /// What the whitelist does.
    pub whitelist_mode: WhitelistMode,
    /// Upstream of the names that are not on the whitelist, in the mode `route`.
    pub secondary_dns: String,
    /// How the cache is kept.
    pub cache_driver: ListDriver,
    /// How the blacklist is kept.
    pub blacklist_driver: ListDriver,
    /// How the whitelist is kept.
    pub whitelist_driver: ListDriver,
}

impl Default for ContractSettings {
    fn default() -> Self {
        Self {
            nextdns_config_id: None,
            providers: Vec::new(),
            whitelist_mode: WhitelistMode::default(),
            secondary_dns: "cloudflare".to_owned(),
            cache_driver: ListDriver::Memory,
            blacklist_driver: ListDriver::default(),
            whitelist_driver: ListDriver::default(),
        }
    }
}

/// A local name that people set while the server runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeptRewrite {
    /// Its number.
    pub id: u32,
    /// The name and what it stands for.
    #[serde(flatten)]
    pub rewrite: RewriteConfig,
}

/// Why settings are as they were.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They do not fit.
    #[error("{0}")]
    Unfit(String),
    /// They cannot be kept.
    #[error("the settings cannot be kept")]
    Keep(#[source] OverridesError),
}

/// Settings and what they change.
#[derive(Debug)]
pub struct Settings {
    base: Mutex<DnsConfig>,
    overrides: Mutex<Overrides>,
}

/// Settings that are ready to be kept.
#[derive(Debug)]
pub struct Proposal {
    /// The configuration with them.
    pub config: DnsConfig,
    /// The words of the earlier systems.
    pub contract: ContractSettings,
    overrides: Overrides,
}

impl Settings {
    /// Reads what was set earlier; `base` is what the configuration says.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be used.
    pub fn open(path: &Path, base: DnsConfig) -> Result<Self, OverridesError> {
        let overrides = Overrides::open(path)?;
        Ok(Self { base: Mutex::new(base), overrides: Mutex::new(overrides) })
    }

    /// Takes another configuration, below what was set.
    pub fn replace_base(&self, base: DnsConfig) {
        *self.base.lock() = base;
    }

    /// Returns the settings in effect; `listed` are the names of the whitelist.
    ///
    /// # Errors
    ///
    /// What was set does not fit the configuration.
    pub fn effective(&self, listed: &[String]) -> Result<Proposal, SettingsError> {
        self.propose(&json!({}), listed)
    }

    /// Returns the settings as they would be with a patch; nothing is kept yet.
    ///
    /// # Errors
    ///
    /// The patch does not fit the configuration, and why.
    pub fn propose(&self, patch: &Value, listed: &[String]) -> Result<Proposal, SettingsError> {
        let overrides = self.overrides.lock().with(patch);
        let unfit = |error: OverridesError| SettingsError::Unfit(error.to_string());
        let base = self.base.lock().clone();
        let mut config: DnsConfig = overrides.applied_to(DNS, &base).map_err(unfit)?;
        let contract: ContractSettings =
            overrides.applied_to(CONTRACT, &ContractSettings::default()).map_err(unfit)?;
        contract.change(&mut config, listed);
        let own: Vec<KeptRewrite> = overrides.applied_to(REWRITES, &Vec::new()).map_err(unfit)?;
        config.local.rewrites.extend(own.into_iter().map(|own| own.rewrite));
        config.check().map_err(|error| SettingsError::Unfit(error.to_string()))?;
        Ok(Proposal { config, contract, overrides })
    }

    /// Keeps settings, on disk, too.
    ///
    /// # Errors
    ///
    /// The disk refuses; they count until the server ends.
    pub fn keep(&self, proposal: &Proposal) -> Result<(), SettingsError> {
        *self.overrides.lock() = proposal.overrides.clone();
        proposal.overrides.save().map_err(SettingsError::Keep)
    }

    /// Returns the settings by the words of the earlier systems.
    #[must_use]
    pub fn contract(&self) -> ContractSettings {
        let overrides = self.overrides.lock().clone();
        overrides.applied_to(CONTRACT, &ContractSettings::default()).unwrap_or_default()
    }
}

impl Settings {
    /// Returns the local names that people set.
    #[must_use]
    pub fn rewrites(&self) -> Vec<KeptRewrite> {
        let overrides = self.overrides.lock().clone();
        overrides.applied_to(REWRITES, &Vec::new()).unwrap_or_default()
    }
}

impl ContractSettings {
    /// Writes a provider as the resolver's settings do; `None` for one that lacks its profile.
    fn upstream(&self, provider: &str) -> Option<String> {
        if provider == "nextdns" {
            return self.nextdns_config_id.as_ref().map(|id| format!("nextdns/{id}"));
        }
        Some(provider.to_owned())
    }

    /// Changes the settings of the resolver as these say.
    fn change(&self, config: &mut DnsConfig, listed: &[String]) {
        if !self.providers.is_empty() {
            let servers = self.providers.iter().filter_map(|name| self.upstream(name));
            config.upstream.servers = servers.collect();
        } else if let Some(first) = self.upstream("nextdns") {
            config.upstream.servers.retain(|server| !server.starts_with("nextdns/"));
            config.upstream.servers.insert(0, first);
        }
        if self.whitelist_mode == WhitelistMode::Route {
            let listed: Vec<String> =
                listed.iter().map(|name| name.trim_start_matches("*.").to_owned()).collect();
            if !listed.is_empty() {
                let upstreams = config.upstream.servers.clone();
                config.forwards.push(ForwardConfig { domains: listed, upstreams });
            }
            config.upstream.servers = vec![self.secondary_dns.clone()];
        }
    }
}

/// Puts a patch of one part into the form that [`Settings::propose`] takes.
#[must_use]
pub fn patch_of_dns(patch: &Value) -> Value {
    json!({ DNS: patch })
}

/// Puts local names into the form that [`Settings::propose`] takes.
#[must_use]
pub fn patch_of_rewrites(rewrites: &[KeptRewrite]) -> Value {
    json!({ REWRITES: rewrites })
}

/// Puts a patch by the words of the earlier systems into the form that [`Settings::propose`]
/// takes; the port is that of every address of UDP and TCP.
#[must_use]
pub fn patch_of_contract(contract: &Value, listen: Option<Vec<String>>) -> Value {
    match listen {
        None => json!({ CONTRACT: contract }),
        Some(listen) => json!({ CONTRACT: contract, DNS: { "listen": listen } }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let settings = Settings::open(&path, DnsConfig::default()).unwrap();
        (folder, settings)
    }

    fn servers(settings: &Settings, patch: &Value) -> Vec<String> {
        let patch = patch_of_contract(patch, None);
        let proposal = settings.propose(&patch, &["good.example".to_owned()]).unwrap();
        proposal.config.upstream.servers
    }

    #[test]
    fn providers_become_upstreams_and_nextdns_needs_its_profile() {
        let (_folder, settings) = settings();
        let all = json!({"providers": ["nextdns", "cloudflare", "system"]});
        assert_eq!(servers(&settings, &all), ["cloudflare", "system"]);
        let mut with_id = all.clone();
        with_id["nextdnsConfigId"] = json!("abc123");
        assert_eq!(servers(&settings, &with_id), ["nextdns/abc123", "cloudflare", "system"]);
        let id_alone = json!({"nextdnsConfigId": "abc123"});
        assert_eq!(servers(&settings, &id_alone)[0], "nextdns/abc123");
    }

    #[test]
    fn route_asks_listed_names_elsewhere() {
        let (_folder, settings) = settings();
        let patch = json!({
            "providers": ["nextdns"], "nextdnsConfigId": "abc123",
            "whitelistMode": "route", "secondaryDns": "google",
        });
        let listed = ["*.good.example".to_owned()];
        let proposal = settings.propose(&patch_of_contract(&patch, None), &listed).unwrap();
        assert_eq!(proposal.config.upstream.servers, ["google"]);
        let forward = proposal.config.forwards.last().unwrap();
        assert_eq!(forward.domains, ["good.example"]);
        assert_eq!(forward.upstreams, ["nextdns/abc123"]);
    }

    #[test]
    fn what_is_kept_counts_again_after_a_restart() {
        let (folder, settings) = settings();
        let patch = patch_of_contract(&json!({"secondaryDns": "google"}), None);
        settings.keep(&settings.propose(&patch, &[]).unwrap()).unwrap();
        let file = folder.path().join("settings.json");
        let again = Settings::open(&file, DnsConfig::default()).unwrap();
        assert_eq!(again.contract().secondary_dns, "google");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (_folder, settings) = settings();
        for patch in [
            patch_of_contract(&json!({"secondary": "google"}), None),
            patch_of_contract(&json!({"whitelistMode": "maybe"}), None),
            patch_of_dns(&json!({"listen": ["nowhere"]})),
            patch_of_dns(&json!({"upstream": {"servers": ["not an upstream"]}})),
        ] {
            let refused = settings.propose(&patch, &[]);
            assert!(matches!(refused, Err(SettingsError::Unfit(_))), "case: {patch}");
        }
    }
}
