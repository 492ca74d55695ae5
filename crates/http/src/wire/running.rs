//! Shapes of what the server runs with: its state, its settings, and what a first run finds.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{LeaseJson, SourceJson};

/// Versions, parts and health of the server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Status)]
pub struct StatusJson {
    /// Version of the server.
    pub version: &'static str,
    /// Version of the REST interface.
    pub api_version: &'static str,
    /// Build of the dashboard; null when the binary has none.
    pub dashboard: Option<&'static str>,
    /// What this is.
    pub description: &'static str,
    /// `development` or `production`.
    pub environment: &'static str,
    /// Parts that are on.
    pub modules: ModulesJson,
    /// Whether changes are made up.
    pub demo: bool,
    /// Whether some source is served from its last good state.
    pub stale: bool,
    /// Every DHCP source.
    pub sources: Vec<SourceJson>,
    /// Version of the leases.
    pub leases_version: u64,
    /// Leases known.
    pub leases: usize,
    /// Streams open.
    pub active_connections: usize,
    /// The server's clock, UTC.
    pub now: String,
}

/// Which parts are on; a dashboard hides the others.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Modules)]
pub struct ModulesJson {
    /// Channels and streams.
    pub hub: bool,
    /// Leases and pools.
    pub dhcp: bool,
    /// The resolver.
    pub dns: bool,
}

/// Some leases.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DhcpLeasePage)]
pub struct LeasePageJson {
    /// The leases of the page.
    pub leases: Vec<LeaseJson>,
    /// Leases that the filter covers in all.
    pub total: usize,
    /// `cursor` of the next page; null after the last.
    pub next_cursor: Option<String>,
    /// Version of the leases.
    pub version: u64,
}

/// Figures of the four cards of the lease page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DhcpStatistics)]
pub struct StatisticsJson {
    /// Leases held now.
    pub total_leases: usize,
    /// Addresses of all pools that nobody holds.
    pub available_ips: u64,
    /// Leases held now that end by the end of the day.
    pub expiring_today: usize,
    /// Distinct makers of hardware among the leases held now.
    pub device_types: usize,
    /// Time zone that the day is of.
    pub time_zone: String,
    /// Version of the leases.
    pub version: u64,
}

/// Every setting in effect.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct SettingsJson {
    /// Configuration file; null when none was read.
    pub config_file: Option<String>,
    /// The settings, in the order of the reference.
    pub settings: Vec<SettingJson>,
}

/// A setting in effect.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Setting)]
pub struct SettingJson {
    /// Dotted path in the configuration file.
    pub key: &'static str,
    /// `text`, `number`, `switch`, `duration`, `list` or `tables`.
    pub kind: &'static str,
    /// The value; null when there is none, and for a secret.
    pub value: Option<Value>,
    /// Value when nothing is said; null when there is none.
    pub default: Option<Value>,
    /// What it means.
    pub meaning: &'static str,
    /// Whether the value is never shown.
    pub is_secret: bool,
    /// Whether there is a value, also for a secret.
    pub is_set: bool,
    /// Where the value comes from.
    pub origin: OriginJson,
    /// Environment variable that would set it.
    pub variable: String,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Origin)]
pub struct OriginJson {
    /// `default`, `file`, `environment`, `flag`, `found` (in the usual places) or `demo`.
    pub kind: &'static str,
    /// Path of the file, name of the variable or the flag; null for a default.
    pub name: Option<String>,
}

/// What a first run finds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Setup)]
pub struct SetupJson {
    /// `development` or `production`.
    pub environment: &'static str,
    /// The simulator.
    pub demo: DemoJson,
    /// DHCP servers found in the usual places.
    pub candidates: Vec<CandidateJson>,
}

/// The simulator as it runs.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Demo)]
pub struct DemoJson {
    /// Whether changes are made up.
    pub enabled: bool,
    /// Whether it can be switched: not in production.
    pub is_allowed: bool,
    /// Seconds between two made-up changes; null when only calls make them.
    pub interval_seconds: Option<f64>,
}

/// Switches the simulator.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(as = DemoSwitch)]
#[serde(deny_unknown_fields)]
pub struct DemoSwitchJson {
    /// Whether changes are made up from now on.
    pub enabled: bool,
}

/// A DHCP server that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Candidate)]
pub struct CandidateJson {
    /// What keeps its files there.
    pub system: &'static str,
    /// The lease file.
    pub leases: String,
    /// The server's configuration; null when there is none.
    pub dnsmasq_conf: Option<String>,
    /// Whether it is watched.
    pub is_watched: bool,
    /// Leases in the file; null when it cannot be read.
    pub n_leases: Option<usize>,
    /// The first leases of the file.
    pub preview: Vec<LeaseJson>,
    /// Why the file cannot be read; null when it can.
    pub problem: Option<String>,
}
