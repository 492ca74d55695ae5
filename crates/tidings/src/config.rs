//! The configuration: every setting, its default, and the layers it may come from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tidings_dhcp::service::DhcpConfig;
use tidings_dns::config::DnsConfig;
use tidings_http::HttpConfig;
use tidings_hub::config::HubConfig;

pub(crate) mod keys;
pub(crate) mod load;
pub(crate) mod shown;

/// What the server is used for; the simulator is refused in production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Environment {
    /// Trying things out.
    #[default]
    Development,
    /// Real use.
    Production,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Every setting of the server.
///
/// A missing key takes its value from [`Config::default`]; an unknown key is refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What the server is used for.
    pub(crate) environment: Environment,
    /// Folder of what the server keeps.
    pub(crate) data: PathBuf,
    /// Where and how the server listens.
    pub(crate) server: ServerConfig,
    /// What is logged.
    pub(crate) log: LogConfig,
    /// Limits and timings of HTTP.
    pub(crate) http: HttpConfig,
    /// Limits and timings of the hub.
    pub(crate) hub: HubConfig,
    /// DHCP sources.
    pub(crate) dhcp: DhcpConfig,
    /// The resolver.
    pub(crate) dns: DnsConfig,
}

/// Where and how the server listens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerConfig {
    /// Addresses to listen on; port 0 lets the system choose.
    pub(crate) listen: Vec<SocketAddr>,
    /// Certificate chain and key; without them the server speaks plain HTTP.
    pub(crate) tls: Option<TlsConfig>,
    /// Longest time from the first signal to the end of the process.
    #[serde(with = "humantime_serde")]
    pub(crate) shutdown_grace: Duration,
}

/// Files of a TLS certificate, PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// Certificate chain, the server's own first.
    pub(crate) certificate: PathBuf,
    /// Private key.
    pub(crate) key: PathBuf,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// Form of a line.
    pub(crate) format: LogFormat,
    /// Least level, or directives as `info,tidings_dhcp=debug`.
    pub(crate) level: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            environment: Environment::default(),
            data: PathBuf::from("data"),
            server: ServerConfig::default(),
            log: LogConfig::default(),
            http: HttpConfig::default(),
            hub: HubConfig::default(),
            dhcp: DhcpConfig::default(),
            dns: DnsConfig::default(),
        }
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            tls: None,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: "info".to_owned() }
    }
}

impl Config {
    /// Checks the rules that a single value cannot tell.
    ///
    /// # Errors
    ///
    /// Names the key that breaks one and what would do.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.server.listen.is_empty(),
            "server.listen: must name at least one address"
        );
        anyhow::ensure!(
            !self.server.shutdown_grace.is_zero(),
            "server.shutdown_grace: must be more than 0s"
        );
        anyhow::ensure!(
            self.environment != Environment::Production || !self.dhcp.simulate.enabled,
            "dhcp.simulate.enabled: simulated changes are refused together with \
             environment = \"production\"; remove one of the two"
        );
        self.hub.check()?;
        self.http.check()?;
        self.dhcp.check()?;
        self.dns.check()?;
        Ok(())
    }
}
